//! Which way things came into the catalog. They are changed only the way they came, and stand only under what came the
//! same way.

use std::fmt;

use p2p_domain::{ItemId, OfferId, ProviderId};

/// A way into the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Made by the seller here.
    Seller,
    /// Published by another BPP through the CDS's sync.
    Sync,
}

/// One thing in the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A seller.
    Provider(ProviderId),
    /// What is produced.
    Item(ItemId),
    /// What is sold of it.
    Offer(OfferId),
}

/// Somebody came another way than the thing that they want to change or build upon.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{entry} {origin}")]
pub struct OriginFixed {
    /// What it is about.
    pub entry: Entry,
    /// Which way it came.
    pub origin: Origin,
}

/// Whether something may be there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Then it is changed.
    Change,
    /// Then nothing is done.
    Refuse,
}

impl Origin {
    /// Lets those through who come the same way as the entry did.
    ///
    /// # Errors
    /// When they do not.
    pub fn admit(self, caller: Self, entry: impl FnOnce() -> Entry) -> Result<(), OriginFixed> {
        if self == caller { Ok(()) } else { Err(OriginFixed { entry: entry(), origin: self }) }
    }

    /// The other way.
    pub fn other(self) -> Self {
        match self {
            Self::Seller => Self::Sync,
            Self::Sync => Self::Seller,
        }
    }
}

/// Ends a sentence that begins with what came.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seller => "was made by its seller here",
            Self::Sync => "was synced by another BPP",
        })
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider(id) => write!(f, "provider {id}"),
            Self::Item(id) => write!(f, "item {id}"),
            Self::Offer(id) => write!(f, "offer {id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_admits_its_own_and_names_what_came_the_other() {
        let provider = || Entry::Provider("p-x".parse().unwrap());
        for origin in [Origin::Seller, Origin::Sync] {
            assert_eq!(origin.admit(origin, provider), Ok(()));
        }
        let refused = |here: Origin| here.admit(here.other(), provider).unwrap_err().to_string();
        assert_eq!(refused(Origin::Sync), "provider p-x was synced by another BPP");
        assert_eq!(refused(Origin::Seller), "provider p-x was made by its seller here");
    }
}
