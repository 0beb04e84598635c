//! What an action asks for, whichever profile says it.

use p2p_domain::{self as domain, Energy, Money};
use p2p_proto::common::TimeWindow;

use super::{Action, Envelope, ErrorBody, Invalid, Profile, filter::Expression, lts, seed};

/// What an action asks for.
#[derive(Debug)]
pub enum Asked {
    /// Offers.
    Discover(Search),
    /// A price.
    Select(Vec<AskedLine>),
    /// An order.
    Init {
        /// Its lines.
        lines: Vec<AskedLine>,
        /// Who the buyer says sells; empty when it does not say.
        provider_id: String,
    },
    /// That an order is bought.
    Confirm {
        /// Which; the newest of the trade when empty.
        order_id: String,
        /// What the buyer says of it.
        told: Confirmed,
    },
    /// How an order is.
    Status {
        /// Which.
        order_id: String,
    },
    /// That an order is given up.
    Cancel {
        /// Which; the newest of the trade when empty.
        order_id: String,
        /// Why; may be empty.
        reason: String,
    },
    /// That catalogs are put into the index.
    Publish(Vec<lts::published::Publication>),
}

/// What a discover looks for.
#[derive(Debug)]
pub struct Search {
    /// Which offers qualify.
    pub expression: Expression,
    /// Only offers whose window overlaps.
    pub window: Option<TimeWindow>,
    /// Continues an answer that was cut.
    pub cursor: String,
}

/// A line of a select or init.
#[derive(Debug)]
pub struct AskedLine {
    /// The item; empty when only the offer is named.
    pub item_id: String,
    /// The offer.
    pub offer_id: String,
    /// All of it.
    pub quantity: Energy,
    /// How much in which delivery interval, where the profile says it.
    pub parts: Vec<Part>,
}

/// What is asked for of one delivery interval of an offer.
#[derive(Debug)]
pub struct Part {
    /// The offer of ours that stands for the interval.
    pub offer_id: String,
    /// How much of it.
    pub quantity: Energy,
    /// When it is wanted, where that is said.
    pub window: Option<domain::TimeWindow>,
}

/// What a confirm says of the order that it is about; nothing in the seed profile.
#[derive(Debug, Default)]
pub struct Confirmed {
    /// What it costs, wherever that is said.
    pub prices: Vec<Money>,
    /// How much it is, where that is said.
    pub quantity: Option<Energy>,
    /// Of which offers.
    pub offers: Vec<String>,
    /// What is delivered when, of offers that are sold by the interval.
    pub parts: Vec<Part>,
}

/// Reads what an action asks for: or the refusal that its sender gets, when that is to be kept.
///
/// # Errors
/// When it cannot be read.
pub fn read(action: Action, envelope: &Envelope<'_>) -> Result<Result<Asked, ErrorBody>, Invalid> {
    match envelope.context.profile {
        Profile::Seed => seed::request::asked(action, envelope),
        Profile::Lts => lts::request::asked(action, envelope),
    }
}
