//! Makes an offer with all its blocks free, or changes its price, window and total.

use crate::{
    Error, Quotas,
    domain::{Committed, Entry, Existing, Listing, Offer, resize},
    store::{Store, Tx},
};

/// Makes or changes. Of an offer that is there already, what is held or sold stays so; one that was withdrawn is on
/// sale again.
///
/// # Errors
/// When provider or item is unknown or they do not belong together, when the offer must be new and is not, when it has
/// another item or other blocks, when it, its item or its provider came the other way, when more than the new total
/// is held or sold, or when the provider has as many on sale as it may.
pub async fn upsert_offer(store: &Store, offer: Offer, existing: Existing) -> Result<Listing, Error> {
    let (id, quotas) = (offer.id.clone(), store.quotas());
    store
        .transact(move |tx| {
            let offer = offer.clone();
            Box::pin(async move { make_or_change(tx, offer, existing, quotas).await })
        })
        .await?;
    store.written_offer(&id).await
}

async fn make_or_change(tx: Tx<'_>, offer: Offer, existing: Existing, quotas: Quotas) -> Result<(), Error> {
    let Some(origin) = tx.origin_of_provider(&offer.provider).await? else {
        return Err(Error::ProviderNotFound(offer.provider));
    };
    origin.admit(offer.origin, || Entry::Provider(offer.provider.clone()))?;
    // Not yours answers like not found.
    let Some((_, origin)) = tx.provider_of(&offer.item).await?.filter(|(whose, _)| *whose == offer.provider)
    else {
        return Err(Error::ItemNotFound(offer.item));
    };
    origin.admit(offer.origin, || Entry::Item(offer.item.clone()))?;
    match (tx.insert_offer(&offer).await?, existing) {
        (true, _) => {
            within(tx, quotas, &offer, None).await?;
            let runs = resize(&[], offer.blocks(offer.total)).unwrap_or_default();
            tx.replace_runs(&offer.id, &[], &runs).await
        }
        (false, Existing::Refuse) => Err(Error::Exists(Entry::Offer(offer.id))),
        (false, Existing::Change) => change(tx, offer, quotas).await,
    }
}

/// Refuses an offer that was not on sale before it was written, if its provider has too many on sale now. One that was
/// on sale may change, however many there are.
async fn within(tx: Tx<'_>, quotas: Quotas, offer: &Offer, known: Option<&Offer>) -> Result<(), Error> {
    let Some(most) = quotas.offers else { return Ok(()) };
    if let Some(known) = known.filter(|known| !known.withdrawn)
        && (known.window == offer.window || !tx.is_over(known.window.end()).await?)
    {
        return Ok(());
    }
    if tx.has_more_offers(&offer.provider, most).await? {
        return Err(Error::QuotaExceeded { provider: offer.provider.clone(), most, what: "offers on sale" });
    }
    Ok(())
}

async fn change(tx: Tx<'_>, offer: Offer, quotas: Quotas) -> Result<(), Error> {
    let fixed = |field| Error::OfferFixed { offer: offer.id.clone(), field };
    // It conflicted, and none is ever deleted.
    let Some(known) = tx.lock_offer(&offer.id).await? else { return Err(fixed("id")) };
    known.origin.admit(offer.origin, || Entry::Offer(offer.id.clone()))?;
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
    within(tx, quotas, &changed, Some(&known)).await?;
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
