//! Makes an item, or changes its description and its total.

use crate::{
    Error,
    domain::{Committed, Entry, Existing, Item},
    store::{Store, Tx},
};

/// Makes or changes. Of an item that is there already, what is held or sold stays so.
///
/// # Errors
/// When the provider is unknown, the item must be new and is not, it is another provider's, it or its provider came
/// the other way, or more than the new total is held or sold.
pub async fn upsert_item(store: &Store, item: Item, existing: Existing) -> Result<Item, Error> {
    store
        .transact(move |tx| {
            let item = item.clone();
            Box::pin(async move { make_or_change(tx, item, existing).await })
        })
        .await
}

async fn make_or_change(tx: Tx<'_>, item: Item, existing: Existing) -> Result<Item, Error> {
    let Some(origin) = tx.origin_of_provider(&item.provider).await? else {
        return Err(Error::ProviderNotFound(item.provider));
    };
    origin.admit(item.origin, || Entry::Provider(item.provider.clone()))?;
    match (tx.insert_item(&item).await?, existing) {
        (true, _) => Ok(item),
        (false, Existing::Refuse) => Err(Error::Exists(Entry::Item(item.id))),
        (false, Existing::Change) => change(tx, item).await,
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
