//! What our buyer's side asks for, whichever profile writes it.

use p2p_domain::{Energy, ProviderId};
use serde_json::value::RawValue;

use super::{Context, Profile, lts, seed};

/// What our buyer's side asks for.
#[derive(Debug)]
pub enum Wanted {
    /// Offers.
    Discover(Box<seed::request::Discover>),
    /// A price of what was selected.
    Select(Selection),
    /// An order of what was selected.
    Init(Selection),
    /// That an order is bought.
    Confirm(Ordered),
    /// How an order is.
    Status(Ordered),
    /// That an order is given up, and why.
    Cancel(Ordered, Option<String>),
}

/// An offer of a catalog that was found, and how much of it is wanted.
#[derive(Debug)]
pub struct Selection {
    /// The offer, as the buyer's state has it.
    pub offer: Box<RawValue>,
    /// Its id.
    pub offer_id: String,
    /// Its item.
    pub item_id: String,
    /// Who sells it.
    pub provider_id: ProviderId,
    /// How much.
    pub quantity: Energy,
}

/// An order of the buyer's state.
#[derive(Debug)]
pub struct Ordered {
    /// Its id.
    pub order_id: String,
    /// The order, as the buyer's state has it; none when it has none.
    pub order: Option<Box<RawValue>>,
}

/// A request's text: with this context, in its profile.
///
/// # Errors
/// A sentence for the client, when its state does not hold what the profile needs.
pub fn request(context: &Context, wanted: &Wanted) -> Result<String, String> {
    match context.profile {
        Profile::Seed => seed::request::written(context, wanted),
        Profile::Lts => lts::wanted::written(context, wanted),
    }
}
