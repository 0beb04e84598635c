//! Takes an offer off sale.

use p2p_domain::OfferId;

use crate::{
    Error,
    domain::{Caller, Entry, Listing},
    store::{Store, Tx},
};

/// Takes off. What is held or sold of it stays so, and what is held can still be sold. Whoever reserves waits for the
/// same lock: either they hold their blocks or they are refused.
///
/// # Errors
/// When the offer is unknown, another's than the caller's, withdrawn already, or came the other way.
pub async fn withdraw_offer(store: &Store, offer: OfferId, caller: Caller) -> Result<Listing, Error> {
    let id = offer.clone();
    store
        .transact(move |tx| {
            let (offer, caller) = (offer.clone(), caller.clone());
            Box::pin(async move { withdraw(tx, offer, caller).await })
        })
        .await?;
    store.written_offer(&id).await
}

async fn withdraw(tx: Tx<'_>, id: OfferId, caller: Caller) -> Result<(), Error> {
    let Some(known) = tx.lock_offer(&id).await?.filter(|known| caller.may_see(&known.provider)) else {
        return Err(Error::OfferNotFound(id));
    };
    known.origin.admit(caller.origin, || Entry::Offer(id.clone()))?;
    if known.withdrawn {
        return Err(Error::OfferNotFound(id));
    }
    tx.withdraw(&id).await
}
