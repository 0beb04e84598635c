//! How offers are ranked, as the operator wants it.

use std::fmt;

use crate::domain::{Share, Weights};

/// Weights, and the trust that an offer's provider must have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// What price, trust and time fit count for.
    pub weights: Weights,
    /// Trust below which no offer is matched.
    pub min_trust: Share,
}

impl Default for Policy {
    fn default() -> Self {
        Self { weights: Weights::default(), min_trust: Share::MIN_TRUST }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, trust at least {}", self.weights, self.min_trust)
    }
}
