//! What a callback tells the buyer's side, whichever profile says it, as the buyer's state keeps it: in the JSON of the
//! seed profile.

use std::borrow::Cow;

use super::{Action, Envelope, ErrorBody, Invalid, Profile, lts, seed};

/// What a callback tells.
#[derive(Debug)]
pub enum Told<'a> {
    /// A catalog.
    Catalog(Cow<'a, str>),
    /// A price, and of which order as far as that can be read.
    Quote(Option<ToldOrder<'a>>),
    /// An order.
    Order(ToldOrder<'a>),
    /// Failure.
    Failed(ErrorBody),
}

/// An order, as a callback tells it.
#[derive(Debug)]
pub struct ToldOrder<'a> {
    /// All of it.
    pub text: Cow<'a, str>,
    /// Which.
    pub id: String,
    /// DRAFT, PENDING, ACTIVE, COMPLETED or CANCELLED; absent in on_select.
    pub status: Option<String>,
    /// How its delivery goes, for people.
    pub fulfillment: Option<String>,
}

/// Reads what a callback tells. `criteria` is what the buyer looked for, where the catalog is to be what was looked for.
///
/// # Errors
/// When it is not what the action says.
pub fn told<'a>(
    action: Action,
    envelope: &Envelope<'a>,
    criteria: Option<&str>,
) -> Result<Told<'a>, Invalid> {
    match envelope.context.profile {
        Profile::Seed => seed::heard::told(action, envelope),
        Profile::Lts => lts::heard::told(action, envelope, criteria),
    }
}
