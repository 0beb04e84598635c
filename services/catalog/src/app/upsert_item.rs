//! Makes an item, or changes its description and its total.

use crate::{
    Error,
    domain::{Committed, Item},
    store::{Store, Tx},
};

/// Makes or changes. Of an item that is there already, what is held or sold stays so.
///
/// # Errors
/// When the provider is unknown, the item is another provider's, or more than the new total is held or sold.
pub async fn upsert_item(store: &Store, item: Item) -> Result<Item, Error> {
    store
        .transact(move |tx| {
            let item = item.clone();
            Box::pin(async move { make_or_change(tx, item).await })
        })
        .await
}

async fn make_or_change(tx: Tx<'_>, item: Item) -> Result<Item, Error> {
    if !tx.has_provider(&item.provider).await? {
        return Err(Error::ProviderNotFound(item.provider));
    }
    if tx.insert_item(&item).await? {
        return Ok(item);
    }
    // It conflicted, and none is ever deleted.
    let Some(known) = tx.lock_item(&item.id).await? else { return Err(Error::ItemNotFound(item.id)) };
    if known.provider != item.provider {
        return Err(Error::ItemFixed(item.id));
    }
    let stock = known
        .stock
        .with_total(item.total)
        .map_err(|Committed(committed)| Error::ItemBelowCommitted { item: item.id.clone(), committed })?;
    let changed = Item { stock, ..item };
    tx.update_item(&changed).await?;
    Ok(changed)
}
