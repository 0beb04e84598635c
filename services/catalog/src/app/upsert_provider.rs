//! Makes a provider, or renames it.

use crate::{Error, domain::Provider, store::Store};

/// Makes or renames.
///
/// # Errors
/// When the database fails.
pub async fn upsert_provider(store: &Store, provider: Provider) -> Result<Provider, Error> {
    store.upsert_provider(&provider).await?;
    Ok(provider)
}
