//! The parts of a state, and how they change.

use std::sync::Arc;

/// A part's JSON; the cache, the state in memory and the answers share it.
pub type Text = Arc<str>;

/// A part of the state, kept as JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// What was looked for.
    Criteria,
    /// What was found.
    Catalog,
    /// Who sells: provider id -> provider.
    Providers,
    /// How the offers rank.
    Matching,
    /// What was chosen.
    Offer,
    /// How much of it, kWh.
    Quantity,
    /// What was ordered.
    Order,
}

impl Part {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 7] = [
        Self::Criteria,
        Self::Catalog,
        Self::Providers,
        Self::Matching,
        Self::Offer,
        Self::Quantity,
        Self::Order,
    ];
    /// Those that a request can put aside.
    pub const PENDING: [Self; 4] = [Self::Criteria, Self::Matching, Self::Offer, Self::Quantity];

    /// The name that the client sees.
    pub fn name(self) -> &'static str {
        match self {
            Self::Criteria => "discoveryCriteria",
            Self::Catalog => "catalog",
            Self::Providers => "providers",
            Self::Matching => "matchingResults",
            Self::Offer => "selectedOffer",
            Self::Quantity => "selectedQuantity",
            Self::Order => "order",
        }
    }
}

/// A change of the parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// The part is this now.
    Set(Part, Text),
    /// The part is set aside for the newest turn.
    SetPending(Part, Text),
    /// What was set aside moves in, if anything was.
    Promote(Part),
    /// What was set aside is dropped.
    DropPending(Part),
    /// The part is gone.
    Clear(Part),
}
