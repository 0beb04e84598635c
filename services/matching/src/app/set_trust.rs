//! Sets trust, for seeding.

use p2p_domain::{ProviderId, Trust};

use crate::{error::Error, store::Store};

/// Makes the trust in a provider what it shall be, known before or not.
///
/// # Errors
/// When the database fails.
pub async fn set_trust(store: &Store, provider: &ProviderId, trust: Trust) -> Result<(), Error> {
    store.set_trust(provider, trust).await
}
