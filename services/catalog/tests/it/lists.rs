//! Lists, oldest first, page by page.

use p2p_proto::catalog::{ListItemsRequest, ListOffersRequest, ListProvidersRequest, Offer};
use tonic::Status;

use crate::service::{Catalog, item, offer, reason};

impl Catalog {
    async fn providers(&self, request: ListProvidersRequest) -> Result<(Vec<String>, String), Status> {
        let page = self.client.clone().list_providers(request).await?.into_inner();
        Ok((page.providers.into_iter().map(|provider| provider.id).collect(), page.next_cursor))
    }

    async fn items(&self, request: ListItemsRequest) -> Result<(Vec<String>, String), Status> {
        let page = self.client.clone().list_items(request).await?.into_inner();
        Ok((page.items.into_iter().map(|item| item.id).collect(), page.next_cursor))
    }

    async fn offers(&self, request: ListOffersRequest) -> Result<(Vec<String>, String), Status> {
        let page = self.client.clone().list_offers(request).await?.into_inner();
        Ok((page.offers.into_iter().map(|offer| offer.id).collect(), page.next_cursor))
    }
}

fn texts(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

/// Providers p and a, items i, x of p and b of a, in this order; offers z, y of i and c of b.
async fn catalog_of_two() -> Catalog {
    let catalog = Catalog::with_item(100).await;
    catalog.provider("a").await.unwrap();
    catalog.item(item("x", "p", 5)).await.unwrap();
    catalog.item(item("b", "a", 5)).await.unwrap();
    for id in ["z", "y"] {
        catalog.offer(offer(id, 5)).await.unwrap();
    }
    let of_a = Offer { provider_id: "a".into(), item_id: "b".into(), ..offer("c", 5) };
    catalog.offer(of_a).await.unwrap();
    catalog
}

#[tokio::test]
async fn lists_are_oldest_first_and_may_be_a_providers() {
    let catalog = catalog_of_two().await;
    assert_eq!(catalog.providers(ListProvidersRequest::default()).await.unwrap().0, ["p", "a"]);
    assert_eq!(catalog.items(ListItemsRequest::default()).await.unwrap().0, ["i", "x", "b"]);
    assert_eq!(catalog.offers(ListOffersRequest::default()).await.unwrap().0, ["z", "y", "c"]);
    let items = |of: &str| ListItemsRequest { provider_id: of.into(), ..Default::default() };
    assert_eq!(catalog.items(items("p")).await.unwrap().0, ["i", "x"]);
    assert_eq!(catalog.items(items("nobody")).await.unwrap().0, [""; 0]);
    let offers = |of: &str| ListOffersRequest { provider_id: of.into(), ..Default::default() };
    assert_eq!(catalog.offers(offers("p")).await.unwrap().0, ["z", "y"]);
    assert_eq!(catalog.offers(offers("a")).await.unwrap().0, ["c"]);
}

#[tokio::test]
async fn a_list_of_ids_has_those_that_are_known() {
    let catalog = catalog_of_two().await;
    let providers = |ids: &[&str]| ListProvidersRequest { ids: texts(ids), ..Default::default() };
    assert_eq!(catalog.providers(providers(&["a", "no such", "p"])).await.unwrap().0, ["p", "a"]);
    assert_eq!(catalog.providers(providers(&["\0"])).await.unwrap().0, [""; 0], "not all");
    let items = |ids: &[&str], of: &str| ListItemsRequest {
        ids: texts(ids),
        provider_id: of.into(),
        ..Default::default()
    };
    assert_eq!(catalog.items(items(&["b", "i", "?"], "")).await.unwrap().0, ["i", "b"]);
    assert_eq!(catalog.items(items(&["b", "i", "?"], "a")).await.unwrap().0, ["b"]);
    let crowd = ListProvidersRequest { ids: vec!["p".into(); 1_001], ..Default::default() };
    assert_eq!(reason(catalog.providers(crowd).await), "INVALID_IDS");
}

#[tokio::test]
async fn pages_follow_one_another_without_gap_even_when_made_at_the_same_moment() {
    let catalog = Catalog::with_item(100).await;
    for n in 0..7 {
        catalog.offer(offer(&format!("o{n}"), 5)).await.unwrap();
        catalog.item(item(&format!("i{n}"), "p", 5)).await.unwrap();
        catalog.provider(&format!("p{n}")).await.unwrap();
    }
    for table in ["providers", "catalog_items", "catalog_offers"] {
        let sql = format!("UPDATE {table} SET created_at = date_trunc('day', now())");
        sea_orm::ConnectionTrait::execute_unprepared(&catalog.db, &sql).await.unwrap();
    }
    let (mut seen, mut cursors) = ([vec![], vec![], vec![]], [const { String::new() }; 3]);
    for page in 0..4 {
        let [provider, item, offer] = cursors;
        let providers = ListProvidersRequest { page_size: 2, cursor: provider, ids: vec![] };
        let items = ListItemsRequest { page_size: 2, cursor: item, ..Default::default() };
        let offers = ListOffersRequest { page_size: 2, cursor: offer, provider_id: "p".into() };
        let answers = [
            catalog.providers(providers).await.unwrap(),
            catalog.items(items).await.unwrap(),
            catalog.offers(offers).await.unwrap(),
        ];
        cursors = answers.map(|(ids, next)| {
            let list =
                &mut seen[usize::from(ids[0].starts_with('i')) + 2 * usize::from(ids[0].starts_with('o'))];
            list.extend(ids);
            next
        });
        assert_eq!(cursors[2].is_empty(), page == 3);
    }
    assert_eq!(seen[0], texts(&["p", "p0", "p1", "p2", "p3", "p4", "p5", "p6"]));
    assert_eq!(seen[1], texts(&["i", "i0", "i1", "i2", "i3", "i4", "i5", "i6"]));
    assert_eq!(seen[2], texts(&["o0", "o1", "o2", "o3", "o4", "o5", "o6"]));
    assert_eq!(cursors, [const { String::new() }; 3]);
}

#[tokio::test]
async fn a_bad_list_is_refused_with_its_reason() {
    let catalog = Catalog::start().await;
    for bad in ["x", "00", "deadbeef"] {
        let offers = ListOffersRequest { cursor: bad.into(), ..Default::default() };
        assert_eq!(reason(catalog.offers(offers).await), "INVALID_CURSOR");
    }
    let long = ListItemsRequest { page_size: 1_001, ..Default::default() };
    assert_eq!(reason(catalog.items(long).await), "INVALID_PAGE_SIZE");
    let nobody = ListItemsRequest { provider_id: "a\0".into(), ..Default::default() };
    assert_eq!(reason(catalog.items(nobody).await), "INVALID_MESSAGE");
}
