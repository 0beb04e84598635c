//! Takes an offer off sale.

use p2p_domain::OfferId;

use crate::{
    Error,
    domain::{Entry, Listing, Origin},
    store::{Store, Tx},
};

/// Takes off. What is held or sold of it stays so, and what is held can still be sold. Whoever reserves waits for the
/// same lock: either they hold their blocks or they are refused.
///
/// # Errors
/// When the offer is unknown, withdrawn already, or came the other way.
pub async fn withdraw_offer(store: &Store, offer: OfferId, caller: Origin) -> Result<Listing, Error> {
    let id = offer.clone();
    store
        .transact(move |tx| {
            let offer = offer.clone();
            Box::pin(async move { withdraw(tx, offer, caller).await })
        })
        .await?;
    store.written_offer(&id).await
}

async fn withdraw(tx: Tx<'_>, id: OfferId, caller: Origin) -> Result<(), Error> {
    let Some(known) = tx.lock_offer(&id).await? else { return Err(Error::OfferNotFound(id)) };
    known.origin.admit(caller, || Entry::Offer(id.clone()))?;
    if known.withdrawn {
        return Err(Error::OfferNotFound(id));
    }
    tx.withdraw(&id).await
}
