//! An offer with what belongs to it.

use p2p_domain::Energy;

use super::{Item, Offer, Provider};

/// An offer, what it sells and who sells it, as they were at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The offer.
    pub offer: Offer,
    /// What it sells.
    pub item: Item,
    /// Who sells it.
    pub provider: Provider,
}

impl Listing {
    /// What can still be sold of the offer.
    pub fn sellable(&self) -> Energy {
        self.offer.sellable(self.item.stock.available)
    }
}
