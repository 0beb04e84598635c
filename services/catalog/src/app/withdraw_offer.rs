//! Takes an offer off sale.

use p2p_domain::{OfferId, ProviderId};

use crate::{
    Error,
    domain::{Entry, Listing, Origin},
    store::{Store, Tx},
};

/// Takes off. What is held or sold of it stays so, and what is held can still be sold. Whoever reserves waits for the
/// same lock: either they hold their blocks or they are refused.
///
/// # Errors
/// When the offer is unknown, another's than the owner's that must have it, withdrawn already, or came the other way.
pub async fn withdraw_offer(
    store: &Store,
    offer: OfferId,
    owner: Option<ProviderId>,
    caller: Origin,
) -> Result<Listing, Error> {
    let id = offer.clone();
    store
        .transact(move |tx| {
            let (offer, owner) = (offer.clone(), owner.clone());
            Box::pin(async move { withdraw(tx, offer, owner, caller).await })
        })
        .await?;
    store.written_offer(&id).await
}

async fn withdraw(tx: Tx<'_>, id: OfferId, owner: Option<ProviderId>, caller: Origin) -> Result<(), Error> {
    let Some(known) = tx.lock_offer(&id).await? else { return Err(Error::OfferNotFound(id)) };
    if owner.is_some_and(|owner| owner != known.provider) {
        return Err(Error::OfferNotFound(id));
    }
    known.origin.admit(caller, || Entry::Offer(id.clone()))?;
    if known.withdrawn {
        return Err(Error::OfferNotFound(id));
    }
    tx.withdraw(&id).await
}
