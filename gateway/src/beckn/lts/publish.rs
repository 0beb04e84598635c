//! `catalog/publish`, as our seller's side says it.

use p2p_proto::{
    InvalidMessage,
    catalog::{Item, Listing, Offer, Provider, SearchCatalogResponse},
};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{catalog::Catalogs, context::Wire, draft::written, schema};
use crate::beckn::Context;

pub use super::published::MOST_OFFERS;

/// What a catalog of ours is written in.
const SCHEMAS: [&str; 5] = [
    schema::ENERGY_TRADE_OFFER,
    schema::TIME_SERIES,
    schema::ENERGY_RESOURCE,
    schema::ENERGY_CUSTOMER,
    schema::DEG_CONTRACT,
];

/// All that a provider of ours sells at one time.
#[derive(Debug)]
pub struct Sale {
    message: Box<RawValue>,
    is_active: bool,
}

#[derive(Serialize)]
struct Publication<'a> {
    context: Wire<'a>,
    message: &'a RawValue,
}

impl Sale {
    /// Of the offers that can be bought, with the items that they sell. `ours` are id and URI of our BPP.
    ///
    /// # Errors
    /// When a message is not what it should be.
    pub fn of(
        provider: &Provider,
        offers: Vec<Offer>,
        items: Vec<Item>,
        ours: (&str, &str),
    ) -> Result<Self, InvalidMessage> {
        let is_active = !offers.is_empty();
        let listing = |offer| Listing { offer: Some(offer), cursor: String::new() };
        let found = SearchCatalogResponse {
            listings: offers.into_iter().map(listing).collect(),
            items,
            providers: vec![provider.clone()],
            next_cursor: String::new(),
        };
        let catalogs =
            if is_active { Catalogs::whole(&found, ours)? } else { Catalogs::closed(provider, ours) };
        Ok(Self { message: written(&catalogs), is_active })
    }

    /// Whether there is anything to buy.
    pub fn is_active(&self) -> bool {
        self.is_active
    }

    /// What of the message tells one sale from another: the same for the same.
    pub fn text(&self) -> &str {
        self.message.get()
    }

    /// The whole message.
    pub fn publication(&self, mut context: Context) -> String {
        if self.is_active {
            context.carried.schema_context = SCHEMAS.map(str::to_owned).into();
        }
        let publication = Publication { context: Wire::from(&context), message: &self.message };
        written(&publication).get().to_owned()
    }
}
