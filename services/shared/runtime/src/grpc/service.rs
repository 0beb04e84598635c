//! The services that programs of ours call.

/// A service. Its name is also what its certificate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Providers, items, offers, stock.
    Catalog,
    /// Trust and ranking.
    Matching,
    /// Orders and the mailbox.
    Order,
}

impl Service {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Catalog => "catalog",
            Self::Matching => "matching",
            Self::Order => "order",
        }
    }
}
