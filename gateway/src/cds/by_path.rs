//! Offers chosen by a JSONPath, which no index serves: page by page of what the catalog would show.

use std::collections::HashSet;

use p2p_proto::{
    catalog::{Filter, Listing, SearchCatalogRequest, SearchCatalogResponse},
    common::TimeWindow,
};
use tokio::{sync::Semaphore, task::spawn_blocking};
use tonic::Status;

use super::search as search_catalog;
use crate::{
    beckn::{
        filter::jsonpath::{Path, PathError},
        lts::published::base,
    },
    exchange::Exchange,
    services::broken,
};

/// Most offers that one request looks at.
const MOST_LOOKED_AT: u32 = 10_000;
/// One evaluation at once: others wait, and the rest of the gateway goes on.
static EVALUATIONS: Semaphore = Semaphore::const_new(1);

/// The first offers from the cursor on that overlap the window and that the path keeps, as many as one on_discover
/// has.
///
/// # Errors
/// `INVALID_ARGUMENT` when too many offers would have to be looked at, or what the path says cannot be evaluated; else
/// the catalog's own.
pub async fn search(
    exchange: &Exchange,
    path: Path,
    window: Option<TimeWindow>,
    mut cursor: String,
) -> Result<SearchCatalogResponse, Status> {
    let limit = usize::try_from(exchange.config.discover_limit).unwrap_or(usize::MAX);
    let mut found = SearchCatalogResponse::default();
    for _ in 0..MOST_LOOKED_AT / path.page_size() {
        let filter = Some(Filter { window, ..Filter::default() });
        let page_size = path.page_size();
        let page = search_catalog(exchange, SearchCatalogRequest { filter, page_size, cursor }).await?;
        cursor = keep(&mut found, limit, evaluate(path.clone(), page).await?);
        if found.listings.len() == limit || cursor.is_empty() {
            return Ok(SearchCatalogResponse { next_cursor: cursor, ..found });
        }
    }
    Err(Status::invalid_argument(format!(
        "the expression keeps too few of the first {MOST_LOOKED_AT} offers to fill an answer, and no more are looked at: \
         say when the energy is wanted (intent.fulfillment.time), or use sourceType='...' && availableQuantity>=..."
    )))
}

/// A page, each listing with whether it is kept.
struct Evaluated {
    page: SearchCatalogResponse,
    kept: HashSet<String>,
}

async fn evaluate(path: Path, page: SearchCatalogResponse) -> Result<Evaluated, Status> {
    let _permit = EVALUATIONS.acquire().await.map_err(broken)?;
    let evaluated = spawn_blocking(move || {
        let kept = path.kept(&page).map_err(|e| match e {
            PathError::Pattern(why) => Status::invalid_argument(why.to_string()),
            PathError::Catalog(why) => broken(why),
        })?;
        Ok(Evaluated { page, kept: kept.into_iter().collect() })
    });
    evaluated.await.map_err(broken)?
}

/// Adds what is kept until there is enough. Returns where to go on: behind the page, or behind the last offer that
/// was added; nowhere when nothing follows.
fn keep(found: &mut SearchCatalogResponse, limit: usize, Evaluated { page, kept }: Evaluated) -> String {
    let SearchCatalogResponse { listings, items, providers, next_cursor } = page;
    found.items.extend(items);
    found.providers.extend(providers);
    // An interval is kept with the offer that it belongs to.
    let is_it = |id: &str| kept.contains(id) || kept.contains(base(id).0);
    let is_kept = |listing: &Listing| listing.offer.as_ref().is_some_and(|offer| is_it(&offer.id));
    let mut listings = listings.into_iter().peekable();
    while let Some(listing) = listings.next() {
        if !is_kept(&listing) {
            continue;
        }
        found.listings.push(listing);
        if found.listings.len() < limit {
            continue;
        }
        let last = found.listings.last().map(|listing| listing.cursor.clone());
        return last.filter(|_| listings.peek().is_some()).unwrap_or(next_cursor);
    }
    next_cursor
}

#[cfg(test)]
mod tests {
    use p2p_proto::catalog::Offer;

    use super::*;

    fn listing(id: &str) -> Listing {
        Listing { offer: Some(Offer { id: id.into(), ..Offer::default() }), cursor: format!("behind {id}") }
    }

    fn page(ids: &[&str], kept: &[&str], next_cursor: &str) -> Evaluated {
        let listings = ids.iter().map(|id| listing(id)).collect();
        let page = SearchCatalogResponse { listings, next_cursor: next_cursor.into(), ..Default::default() };
        Evaluated { page, kept: kept.iter().map(|id| (*id).to_owned()).collect() }
    }

    #[test]
    fn an_answer_goes_on_right_behind_the_last_offer_that_was_kept() {
        for (limit, kept, next, ids, cursor) in [
            (2, &["a", "c", "d"][..], "behind d", &["a", "c"][..], "behind c"),
            (2, &["a", "d"], "behind d", &["a", "d"], "behind d"),
            (2, &["a", "d"], "", &["a", "d"], ""),
            (2, &["a"], "behind d", &["a"], "behind d"),
            (2, &["a"], "", &["a"], ""),
            (1, &["d"], "", &["d"], ""),
        ] {
            let mut found = SearchCatalogResponse::default();
            let cursor_found = keep(&mut found, limit, page(&["a", "b", "c", "d"], kept, next));
            assert_eq!(cursor_found, cursor, "{kept:?}");
            let found: Vec<_> = found.listings.into_iter().map(|listing| listing.offer.unwrap().id).collect();
            assert_eq!(found, ids);
        }
    }
}
