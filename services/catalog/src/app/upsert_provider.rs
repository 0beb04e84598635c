//! Makes a provider, or changes its name and where its BPP is.

use crate::{
    Error,
    domain::{Existing, Provider},
    store::Store,
};

/// Makes or changes.
///
/// # Errors
/// When it must be new and is not, or came the other way.
pub async fn upsert_provider(
    store: &Store,
    provider: Provider,
    existing: Existing,
) -> Result<Provider, Error> {
    store.upsert_provider(&provider, existing).await
}
