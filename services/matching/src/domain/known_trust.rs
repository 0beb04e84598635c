//! What is known of providers' trust.

use std::collections::HashMap;

use p2p_domain::{ProviderId, Trust};

/// Trust by provider. Whoever is not in it has [`Trust::UNKNOWN`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KnownTrust(HashMap<ProviderId, Trust>);

impl KnownTrust {
    /// The trust in one provider.
    pub fn of(&self, provider: &ProviderId) -> Trust {
        self.0.get(provider).copied().unwrap_or(Trust::UNKNOWN)
    }
}

impl FromIterator<(ProviderId, Trust)> for KnownTrust {
    fn from_iter<I: IntoIterator<Item = (ProviderId, Trust)>>(trust: I) -> Self {
        Self(trust.into_iter().collect())
    }
}
