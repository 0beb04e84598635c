//! Callbacks as the seed profile writes them.

use p2p_proto::InvalidMessage;
use serde::Serialize;

use super::{
    catalog::Catalog,
    context::Wire,
    order::{Fulfillment, Order, QuotedOrder},
};
use crate::beckn::{Context, ErrorBody, Said};

/// A callback: what was asked for, or what went wrong.
#[derive(Debug, Serialize)]
struct Callback<'a> {
    context: Wire,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a ErrorBody>,
}

/// What a callback says.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Message {
    /// on_discover.
    Catalog {
        /// What was found.
        catalog: Catalog,
    },
    /// on_select.
    Quoted {
        /// What it would cost.
        order: QuotedOrder,
    },
    /// on_init, on_confirm, on_cancel.
    Order {
        /// As it is now.
        order: Box<Order>,
    },
    /// on_status.
    Status {
        /// As it is now.
        order: Box<Order>,
        /// How the delivery goes.
        fulfillment: Fulfillment,
    },
}

impl Message {
    /// Of what a callback says; none of a failure, and of what this profile does not have.
    fn of(said: &Said) -> Result<Option<Self>, InvalidMessage> {
        Ok(Some(match said {
            Said::Found(found) => Self::Catalog { catalog: Catalog::of(found)? },
            Said::Quoted(quote, _) => Self::Quoted { order: QuotedOrder::of(quote)? },
            Said::Order(order) => Self::Order { order: Box::new(Order::of(order.as_ref().clone())?) },
            Said::Status(order) => Self::Status {
                fulfillment: Fulfillment::of(order),
                order: Box::new(Order::of(order.as_ref().clone())?),
            },
            Said::Published(_) | Said::Failed(_) => return Ok(None),
        }))
    }
}

/// A callback's text.
///
/// # Errors
/// When what a service said is not what it should be.
pub fn written(context: &Context, said: &Said) -> Result<String, InvalidMessage> {
    let error = match said {
        Said::Failed(error) => Some(error),
        _ => None,
    };
    let callback = Callback { context: Wire::from(context), message: Message::of(said)?, error };
    // Numbers and strings: nothing here can fail to be written.
    Ok(serde_json::to_string(&callback).unwrap_or_default())
}
