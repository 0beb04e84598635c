//! Providers, oldest first.

use p2p_domain::ProviderId;

use crate::{
    Error,
    domain::{Page, PageSize, Place, Provider},
    store::Store,
};

/// Those of the ids that are known on one page, or without ids a page of all.
///
/// # Errors
/// When the database fails.
pub async fn list_providers(
    store: &Store,
    ids: Option<Vec<ProviderId>>,
    after: Place,
    size: PageSize,
) -> Result<Page<Provider>, Error> {
    match ids {
        None => {
            Ok(Page::cut(store.list_providers(&after, size).await?, size, |provider| &provider.published))
        }
        Some(ids) => Ok(Page { rows: store.providers(&ids).await?, next: None }),
    }
}
