//! Sets trust, for seeding.

use p2p_domain::{ProviderId, Trust};

use crate::{error::Error, store::Store};

/// What becomes of a provider whose orders were counted here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Its trust is replaced all the same.
    Replaced,
    /// Its trust stays as it is: what was counted here is worth more than what is said elsewhere.
    Kept,
}

/// Makes the trust in a provider what it shall be, known before or not. Returns the trust as it is then.
///
/// # Errors
/// When the database fails.
pub async fn set_trust(
    store: &Store,
    provider: &ProviderId,
    trust: Trust,
    counted: Counted,
) -> Result<Trust, Error> {
    match counted {
        Counted::Replaced => store.set_trust(provider, trust).await.map(|()| trust),
        Counted::Kept => store.set_trust_unless_counted(provider, trust).await,
    }
}
