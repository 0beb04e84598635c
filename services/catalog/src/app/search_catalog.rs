//! The live offers that pass a filter, page by page.

use crate::{
    Error,
    domain::{Cursor, Listing, Search},
    store::Store,
};

/// A page of what was found.
#[derive(Debug)]
pub struct Page {
    /// By price, then offer id.
    pub listings: Vec<Listing>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

/// Searches.
///
/// # Errors
/// When the database fails.
pub async fn search_catalog(store: &Store, search: &Search) -> Result<Page, Error> {
    let mut listings = store.search(search).await?;
    let more = listings.len() > search.page.listings();
    listings.truncate(search.page.listings());
    let next = listings.last().filter(|_| more).map(Cursor::behind);
    Ok(Page { listings, next })
}
