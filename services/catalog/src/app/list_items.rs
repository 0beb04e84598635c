//! Items, oldest first.

use p2p_domain::{ItemId, ProviderId};

use crate::{
    Error,
    domain::{Item, Page, PageSize, Place},
    store::Store,
};

/// Those of the ids that are known on one page, or without ids a page of all; of one provider only, if one is named.
///
/// # Errors
/// When the database fails.
pub async fn list_items(
    store: &Store,
    ids: Option<Vec<ItemId>>,
    of: Option<ProviderId>,
    after: Place,
    size: PageSize,
) -> Result<Page<Item>, Error> {
    match ids {
        None => {
            Ok(Page::cut(store.list_items(of.as_ref(), &after, size).await?, size, |item| &item.published))
        }
        Some(ids) => Ok(Page { rows: store.items(&ids, of.as_ref()).await?, next: None }),
    }
}
