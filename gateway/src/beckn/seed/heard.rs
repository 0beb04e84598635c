//! Reads callbacks of the seed profile: as far as something is decided by them, the rest is kept to the letter.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::beckn::{Action, Envelope, Fault, Invalid, Told, ToldOrder, lts_code as code};

#[derive(Deserialize)]
struct CatalogMessage<'a> {
    #[serde(borrow)]
    catalog: &'a RawValue,
}

#[derive(Deserialize)]
struct OrderMessage<'a> {
    #[serde(borrow)]
    order: &'a RawValue,
    #[serde(borrow, default)]
    fulfillment: Option<&'a RawValue>,
}

/// What of an order decides the buyer's state.
#[derive(Deserialize)]
struct ReceivedOrder {
    id: String,
    #[serde(default)]
    status: Option<String>,
}

/// Reads what a callback tells.
///
/// # Errors
/// When it is not what the action says.
pub fn told<'a>(action: Action, envelope: &Envelope<'a>) -> Result<Told<'a>, Invalid> {
    if let Some(error) = envelope.error.clone().filter(|_| envelope.message.is_none()) {
        return Ok(Told::Failed(error));
    }
    match action {
        Action::Discover => {
            let message: CatalogMessage<'a> = envelope.message()?;
            Ok(Told::Catalog(message.catalog.get().into()))
        }
        Action::Select => {
            let message: OrderMessage<'a> = envelope.message()?;
            Ok(Told::Quote(order(envelope, &message).ok()))
        }
        Action::Init | Action::Confirm | Action::Status | Action::Cancel | Action::Publish => {
            let message: OrderMessage<'a> = envelope.message()?;
            order(envelope, &message).map(Told::Order)
        }
    }
}

fn order<'a>(envelope: &Envelope<'a>, message: &OrderMessage<'a>) -> Result<ToldOrder<'a>, Invalid> {
    let received: ReceivedOrder = serde_json::from_str(message.order.get()).map_err(|e| {
        let why = format!("message.order cannot be read: {e}");
        envelope.invalid(Fault::at(code::SCH_SCHEMA_VALIDATION_FAILED, "message.order", why))
    })?;
    let name = |raw: &RawValue| {
        let fulfillment: Value = serde_json::from_str(raw.get()).ok()?;
        Some(fulfillment.pointer("/state/descriptor/name")?.as_str()?.to_owned())
    };
    Ok(ToldOrder {
        text: message.order.get().into(),
        id: received.id,
        status: received.status,
        fulfillment: message.fulfillment.and_then(name),
    })
}
