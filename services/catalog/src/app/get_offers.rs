//! Offers by id, whether or not anything of them can still be sold.

use std::collections::HashMap;

use p2p_domain::OfferId;

use crate::{Error, domain::Listing, store::Store};

/// Those that are known, each once, in the order asked for.
///
/// # Errors
/// When the database fails.
pub async fn get_offers(store: &Store, ids: Vec<OfferId>) -> Result<Vec<Listing>, Error> {
    let found = store.listings(&ids).await?;
    let mut by_id: HashMap<OfferId, Listing> =
        found.into_iter().map(|listing| (listing.offer.id.clone(), listing)).collect();
    Ok(ids.iter().filter_map(|id| by_id.remove(id)).collect())
}
