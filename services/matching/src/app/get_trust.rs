//! Reads trust.

use p2p_domain::{ProviderId, Trust};

use crate::{error::Error, store::Store};

/// Most providers that one question may name.
const MOST_PROVIDERS: usize = 10_000;

/// The trust in each provider, in the order asked for.
///
/// # Errors
/// When too many are asked for or the database fails.
pub async fn get_trust(store: &Store, providers: Vec<ProviderId>) -> Result<Vec<(ProviderId, Trust)>, Error> {
    if providers.len() > MOST_PROVIDERS {
        return Err(Error::TooManyProviders { most: MOST_PROVIDERS, asked: providers.len() });
    }
    let known = store.trust_in(&providers).await?;
    let with_trust = |provider: ProviderId| {
        let trust = known.of(&provider);
        (provider, trust)
    };
    Ok(providers.into_iter().map(with_trust).collect())
}
