//! Offers that are not withdrawn, oldest first.

use p2p_domain::ProviderId;

use crate::{
    Error,
    domain::{Listing, Page, PageSize, Place},
    store::Store,
};

/// A page of all, or of a provider's.
///
/// # Errors
/// When the database fails.
pub async fn list_offers(
    store: &Store,
    of: Option<ProviderId>,
    after: Place,
    size: PageSize,
) -> Result<Page<Listing>, Error> {
    Ok(Page::cut(store.list_offers(of.as_ref(), &after, size).await?, size, |listing| {
        &listing.offer.published
    }))
}
