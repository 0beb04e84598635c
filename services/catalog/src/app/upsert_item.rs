//! Makes an item, or changes its description and its total.

use crate::{
    Error, Quotas,
    domain::{Committed, Entry, Existing, Item},
    store::{Store, Tx},
};

/// Makes or changes. Of an item that is there already, what is held or sold stays so.
///
/// # Errors
/// When the provider is unknown or has as many items as it may, the item must be new and is not, it is another
/// provider's, it or its provider came the other way, or more than the new total is held or sold.
pub async fn upsert_item(store: &Store, item: Item, existing: Existing) -> Result<Item, Error> {
    let quotas = store.quotas();
    store
        .transact(move |tx| {
            let item = item.clone();
            Box::pin(async move { make_or_change(tx, item, existing, quotas).await })
        })
        .await
}

async fn make_or_change(tx: Tx<'_>, item: Item, existing: Existing, quotas: Quotas) -> Result<Item, Error> {
    let Some(origin) = tx.origin_of_provider(&item.provider).await? else {
        return Err(Error::ProviderNotFound(item.provider));
    };
    origin.admit(item.origin, || Entry::Provider(item.provider.clone()))?;
    match (tx.insert_item(&item).await?, existing) {
        (true, _) => within(tx, quotas, item).await,
        (false, Existing::Refuse) => Err(Error::Exists(Entry::Item(item.id))),
        (false, Existing::Change) => change(tx, item).await,
    }
}

/// A new item, unless its provider has too many now.
async fn within(tx: Tx<'_>, quotas: Quotas, item: Item) -> Result<Item, Error> {
    match quotas.items {
        Some(most) if tx.has_more_items(&item.provider, most).await? => {
            Err(Error::QuotaExceeded { provider: item.provider, most, what: "items" })
        }
        _ => Ok(item),
    }
}

async fn change(tx: Tx<'_>, item: Item) -> Result<Item, Error> {
    // It conflicted, and none is ever deleted.
    let Some(known) = tx.lock_item(&item.id).await? else { return Err(Error::ItemNotFound(item.id)) };
    if known.provider != item.provider {
        return Err(Error::ItemFixed(item.id));
    }
    known.origin.admit(item.origin, || Entry::Item(item.id.clone()))?;
    let stock = known
        .stock
        .with_total(item.total)
        .map_err(|Committed(committed)| Error::ItemBelowCommitted { item: item.id.clone(), committed })?;
    let changed = Item { stock, ..item };
    tx.update_item(&changed).await?;
    Ok(changed)
}
