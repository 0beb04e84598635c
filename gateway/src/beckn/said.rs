//! What a callback says, whichever profile writes it.

use std::collections::BTreeMap;

use p2p_domain::Energy;
use p2p_proto::{InvalidMessage, catalog::SearchCatalogResponse, order as proto};

use super::{Context, ErrorBody, Profile, lts, seed};

/// What a callback says.
#[derive(Debug)]
pub enum Said {
    /// on_discover: what was found.
    Found(Box<SearchCatalogResponse>),
    /// on_select: what it would cost, and how much there is of each offer where that is known.
    Quoted(Box<proto::Quote>, BTreeMap<String, Energy>),
    /// on_init, on_confirm, on_cancel: the order as it is now.
    Order(Box<proto::Order>),
    /// on_status: the order as it is now, and how its delivery goes.
    Status(Box<proto::Order>),
    /// catalog/on_publish: what became of each catalog.
    Published(Vec<lts::published::Outcome>),
    /// What went wrong.
    Failed(ErrorBody),
}

impl Said {
    /// The provider of what it says, where there is one.
    pub fn provider(&self) -> Option<&str> {
        let quote = match self {
            Self::Quoted(quote, _) => Some(quote.as_ref()),
            Self::Order(order) | Self::Status(order) => order.quote.as_ref(),
            Self::Found(_) | Self::Published(_) | Self::Failed(_) => None,
        };
        quote.map(|quote| quote.provider_id.as_str())
    }
}

/// A callback's text: with this context, in its profile. `request` is the text of what it answers, or of what began the
/// order that it is about.
///
/// # Errors
/// When what a service said is not what it should be.
pub fn callback(context: &Context, request: &str, said: &Said) -> Result<String, InvalidMessage> {
    match context.profile {
        Profile::Seed => seed::callback::written(context, said),
        Profile::Lts => lts::callback::written(context, request, said),
    }
}
