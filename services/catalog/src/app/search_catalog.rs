//! The live offers that pass a filter, page by page.

use std::collections::HashSet;

use crate::{
    Error,
    domain::{Cursor, Listing, PageSize, Published, Search, Walk, fitting},
    store::{End, Stage, Store},
};

/// How often a walk goes on when too little can still be sold of what it found. Each time twice as many offers are
/// read, so that a page of 100 reads at most 6,363 each way.
const STAGES: u32 = 6;

/// A page of what was found.
#[derive(Debug)]
pub struct Page {
    /// By price, then offer id.
    pub listings: Vec<Listing>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

impl Page {
    /// Of at least one listing more than the page has, if there are so many.
    fn of(mut listings: Vec<Listing>, size: PageSize) -> Self {
        let more = listings.len() > size.listings();
        listings.truncate(size.listings());
        let next = listings.last().filter(|_| more).map(Cursor::behind);
        Self { listings, next }
    }

    /// Of the first ones, where looking for more would take too long; none without any.
    fn cut_short(listings: Vec<Listing>) -> Option<Self> {
        let next = Some(Cursor::behind(listings.last()?));
        Some(Self { listings, next })
    }

    /// As many as fit into one answer with what was published of them.
    fn fitted(mut self) -> Self {
        let mut seen = HashSet::new();
        let mut once = |entry: (&'static str, &str), published: &Published| {
            if seen.insert((entry.0, entry.1.to_owned())) { published.bytes() } else { 0 }
        };
        let bytes = self.listings.iter().map(|Listing { offer, item, provider }| {
            offer.published.bytes()
                + once(("item", item.id.as_str()), &item.published)
                + once(("provider", provider.id.as_str()), &provider.published)
        });
        let most = fitting(bytes);
        if most < self.listings.len() {
            self.listings.truncate(most);
            self.next = self.listings.last().map(Cursor::behind);
        }
        self
    }
}

/// How a walk ended.
enum Walked {
    /// With the page.
    Page(Page),
    /// At its bound, with what it had found by then: the first ones, or nothing.
    Bound(Vec<Listing>),
}

/// Searches: by price first, and if that sees too little within its bound, among the few that a window or a quantity
/// leaves. If that does not help either, the page is short, and the next one goes on behind it.
///
/// # Errors
/// When too many offers would have to be looked at to find the first, or the database fails.
pub async fn search_catalog(store: &Store, search: &Search) -> Result<Page, Error> {
    let mut page = find(store, search).await?;
    store.add_published(&mut page.listings).await?;
    Ok(page.fitted())
}

async fn find(store: &Store, search: &Search) -> Result<Page, Error> {
    let mut first_ones = Vec::new();
    for walk in search.walks() {
        match along(store, search, walk).await? {
            Walked::Page(page) => return Ok(page),
            Walked::Bound(found) if first_ones.is_empty() => first_ones = found,
            Walked::Bound(_) => {}
        }
    }
    Page::cut_short(first_ones).ok_or(Error::SearchTooBroad)
}

async fn along(store: &Store, search: &Search, walk: Walk) -> Result<Walked, Error> {
    let wanted = search.page.listings() + 1;
    let mut found = Vec::new();
    let mut stage = Stage {
        walk,
        after: search.after.clone(),
        most_entries: walk.most_entries(search.page),
        most_listings: wanted,
    };
    for _ in 0..STAGES {
        let seen = store.walk(&search.filter, &stage).await?;
        let last = seen.listings.last().map(Cursor::behind);
        found.extend(seen.listings.into_iter().filter(|listing| search.filter.admits(listing)));
        match seen.end {
            End::Open if found.len() < wanted => {
                stage = Stage { after: last, most_listings: stage.most_listings * 2, ..stage };
            }
            End::Cut if found.len() < wanted => break,
            End::Open | End::Whole | End::Cut => return Ok(Walked::Page(Page::of(found, search.page))),
        }
    }
    // Whatever way it went, what was found comes first: each stage had looked for the first ones behind the last.
    Ok(Walked::Bound(found))
}
