//! What a buyer finds.

use p2p_proto::catalog::{
    Filter, GetOffersRequest, Item, Offer, SearchCatalogRequest, SearchCatalogResponse,
};
use tonic::Status;

use crate::service::{Catalog, hours, item, offer, order, reason, usd};

impl Catalog {
    async fn search(&self, request: SearchCatalogRequest) -> Result<SearchCatalogResponse, Status> {
        Ok(self.client.clone().search_catalog(request).await?.into_inner())
    }

    async fn found(&self, filter: Filter) -> Vec<String> {
        let request = SearchCatalogRequest { filter: Some(filter), ..SearchCatalogRequest::default() };
        ids(&self.search(request).await.unwrap())
    }
}

fn ids(answer: &SearchCatalogResponse) -> Vec<String> {
    answer.listings.iter().map(|listing| listing.offer.clone().unwrap().id).collect()
}

/// Offers a, b, c at 0.10, 0.08, 0.08 USD.
async fn catalog_of_three() -> Catalog {
    let catalog = Catalog::with_item(100).await;
    catalog.provider("q").await.unwrap();
    catalog.item(Item { source_type: "wind".into(), ..item("w", "q", 30) }).await.unwrap();
    catalog.offer(offer("a", 50)).await.unwrap();
    catalog
        .offer(Offer { price_per_kwh: usd(80_000_000), window: Some(hours(6, 9)), ..offer("c", 20) })
        .await
        .unwrap();
    let wind = Offer { item_id: "w".into(), provider_id: "q".into(), ..offer("b", 40) };
    catalog.offer(Offer { price_per_kwh: usd(80_000_000), ..wind }).await.unwrap();
    catalog
}

#[tokio::test]
async fn offers_come_by_price_then_id_with_each_item_and_provider_once() {
    let catalog = catalog_of_three().await;
    let all = catalog.search(SearchCatalogRequest::default()).await.unwrap();
    assert_eq!(ids(&all), ["b", "c", "a"]);
    assert_eq!(all.next_cursor, "");
    let items: Vec<_> = all.items.iter().map(|i| (i.id.as_str(), i.source_type.as_str())).collect();
    assert_eq!(items, [("w", "WIND"), ("i", "SOLAR")]);
    let providers: Vec<_> = all.providers.iter().map(|p| (p.id.as_str(), p.name.as_str())).collect();
    assert_eq!(providers, [("q", "Provider q"), ("p", "Provider p")]);
    let sellable: Vec<_> = all.listings.iter().map(|l| l.offer.as_ref().unwrap().sellable_wh).collect();
    assert_eq!(sellable, [30_000, 20_000, 50_000], "b is bounded by its item");
}

#[tokio::test]
async fn filters_narrow_the_search() {
    let catalog = catalog_of_three().await;
    let source = |text: &str| Filter { source_type: Some(text.into()), ..Filter::default() };
    assert_eq!(catalog.found(source("Wind")).await, ["b"]);
    assert_eq!(catalog.found(source("HYDRO")).await, [""; 0]);
    let least = |wh| Filter { min_available_wh: Some(wh), ..Filter::default() };
    assert_eq!(catalog.found(least(30_000)).await, ["b", "a"]);
    assert_eq!(catalog.found(least(30_001)).await, ["a"]);
    let during = |start, end| Filter { window: Some(hours(start, end)), ..Filter::default() };
    assert_eq!(catalog.found(during(0, 2)).await, ["b", "a"]);
    assert_eq!(catalog.found(during(7, 8)).await, ["c"]);
    assert_eq!(catalog.found(during(9, 20)).await, [""; 0], "windows that only touch do not overlap");
    assert_eq!(catalog.found(during(-5, 50)).await, ["b", "c", "a"]);
}

#[tokio::test]
async fn an_item_that_changes_its_source_is_found_under_the_new_one() {
    let catalog = catalog_of_three().await;
    catalog.item(Item { source_type: "HYDRO".into(), ..item("i", "p", 100) }).await.unwrap();
    let source = |text: &str| Filter { source_type: Some(text.into()), ..Filter::default() };
    assert_eq!(catalog.found(source("SOLAR")).await, [""; 0]);
    assert_eq!(catalog.found(source("HYDRO")).await, ["c", "a"]);
    catalog.offer(offer("d", 5)).await.unwrap();
    assert_eq!(catalog.found(source("HYDRO")).await, ["c", "a", "d"]);
}

#[tokio::test]
async fn pages_continue_where_the_last_one_or_any_listing_ended() {
    let catalog = Catalog::with_item(100).await;
    for n in 0..7 {
        catalog.offer(offer(&format!("o{n}"), 5)).await.unwrap();
    }
    let page = |cursor: &str| SearchCatalogRequest { page_size: 3, cursor: cursor.into(), filter: None };
    let first = catalog.search(page("")).await.unwrap();
    assert_eq!(ids(&first), ["o0", "o1", "o2"]);
    let second = catalog.search(page(&first.next_cursor)).await.unwrap();
    assert_eq!(ids(&second), ["o3", "o4", "o5"]);
    let last = catalog.search(page(&second.next_cursor)).await.unwrap();
    assert_eq!((ids(&last), last.next_cursor.as_str()), (vec!["o6".to_owned()], ""));
    let midway = catalog.search(page(&first.listings[0].cursor)).await.unwrap();
    assert_eq!(ids(&midway), ["o1", "o2", "o3"]);
}

#[tokio::test]
async fn sold_out_and_past_offers_are_invisible_but_can_be_read() {
    let catalog = catalog_of_three().await;
    catalog.reserve(order(), &[("b", 30_000)]).await.unwrap();
    catalog.offer(Offer { window: Some(hours(-5, -1)), ..offer("a", 50) }).await.unwrap();
    assert_eq!(catalog.found(Filter::default()).await, ["c"]);
    let c = order();
    catalog.reserve(c, &[("c", 20_000)]).await.unwrap();
    assert_eq!(catalog.found(Filter::default()).await, [""; 0]);
    catalog.release(c, "").await.unwrap();
    assert_eq!(catalog.found(Filter::default()).await, ["c"]);

    let request = GetOffersRequest { offer_ids: ["b", "no such", "\0", "a", "b"].map(Into::into).into() };
    let read = catalog.client.clone().get_offers(request).await.unwrap().into_inner();
    let offers: Vec<_> = read.offers.iter().map(|o| (o.id.as_str(), o.sellable_wh)).collect();
    assert_eq!(offers, [("b", 0), ("a", 50_000)]);
    assert_eq!((read.items.len(), read.providers.len()), (2, 2));
}

#[tokio::test]
async fn a_bad_search_is_refused_with_its_reason() {
    let catalog = Catalog::start().await;
    let cursor = |text: &str| SearchCatalogRequest { cursor: text.into(), ..SearchCatalogRequest::default() };
    for bad in ["x", "00", "deadbeef", "é"] {
        assert_eq!(reason(catalog.search(cursor(bad)).await), "INVALID_CURSOR");
    }
    let long = SearchCatalogRequest { page_size: 1_001, ..SearchCatalogRequest::default() };
    assert_eq!(reason(catalog.search(long).await), "INVALID_PAGE_SIZE");
    let filter = |filter| SearchCatalogRequest { filter: Some(filter), ..SearchCatalogRequest::default() };
    let backwards = Filter { window: Some(hours(5, 1)), ..Filter::default() };
    assert_eq!(reason(catalog.search(filter(backwards)).await), "INVALID_MESSAGE");
    let negative = Filter { min_available_wh: Some(-1), ..Filter::default() };
    assert_eq!(reason(catalog.search(filter(negative)).await), "INVALID_QUANTITY");
}
