//! Makes an offer with all its blocks free, or changes its price, window and total.

use crate::{
    Error,
    domain::{Committed, Listing, Offer, resize},
    store::{Store, Tx},
};

/// Makes or changes. Of an offer that is there already, what is held or sold stays so.
///
/// # Errors
/// When provider or item is unknown or they do not belong together, when the offer has another item or other
/// blocks, or when more than the new total is held or sold.
pub async fn upsert_offer(store: &Store, offer: Offer) -> Result<Listing, Error> {
    let id = offer.id.clone();
    store
        .transact(move |tx| {
            let offer = offer.clone();
            Box::pin(async move { make_or_change(tx, offer).await })
        })
        .await?;
    let listing = store.listings(std::slice::from_ref(&id)).await?.pop();
    listing.ok_or_else(|| Error::Impossible {
        table: "catalog_offers",
        id: id.to_string(),
        why: "gone right after it was written".to_owned(),
    })
}

async fn make_or_change(tx: Tx<'_>, offer: Offer) -> Result<(), Error> {
    if !tx.has_provider(&offer.provider).await? {
        return Err(Error::ProviderNotFound(offer.provider));
    }
    // Not yours answers like not found.
    if tx.provider_of(&offer.item).await?.as_ref() != Some(&offer.provider) {
        return Err(Error::ItemNotFound(offer.item));
    }
    if tx.insert_offer(&offer).await? {
        let runs = resize(&[], offer.blocks(offer.total)).unwrap_or_default();
        return tx.replace_runs(&offer.id, &[], &runs).await;
    }
    change(tx, offer).await
}

async fn change(tx: Tx<'_>, offer: Offer) -> Result<(), Error> {
    let fixed = |field| Error::OfferFixed { offer: offer.id.clone(), field };
    // It conflicted, and none is ever deleted.
    let Some(known) = tx.lock_offer(&offer.id).await? else { return Err(fixed("id")) };
    if known.item != offer.item {
        return Err(fixed("item"));
    }
    if known.block != offer.block {
        return Err(fixed("block"));
    }
    let stock = known
        .stock
        .with_total(offer.total)
        .map_err(|Committed(committed)| Error::OfferBelowCommitted { offer: offer.id.clone(), committed })?;
    let changed = Offer { stock, ..offer };
    tx.update_offer(&changed).await?;
    resize_runs(tx, &known, &changed).await
}

/// Growing looks at the last run only; shrinking may have to move the taken ones.
async fn resize_runs(tx: Tx<'_>, known: &Offer, changed: &Offer) -> Result<(), Error> {
    let old = match known.total.cmp(&changed.total) {
        std::cmp::Ordering::Equal => return Ok(()),
        std::cmp::Ordering::Less => tx.last_run(&known.id).await?,
        std::cmp::Ordering::Greater => tx.all_runs(&known.id).await?,
    };
    let new = resize(&old, changed.blocks(changed.total)).ok_or_else(|| Error::Impossible {
        table: "block_runs",
        id: known.id.to_string(),
        why: "the runs do not sum to the offer's counters".to_owned(),
    })?;
    tx.replace_runs(&known.id, &old, &new).await
}
