//! What a network's catalog said of what was synced: kept to the letter, and shown wherever the thing itself is.

use p2p_proto::catalog::{
    BlockStatus, GetOffersRequest, Item, ListItemsRequest, ListOffersRequest, ListProvidersRequest, Offer,
    Origin, Profile, Provider, SearchCatalogRequest, SearchCatalogResponse, SetItemQuantityRequest,
    WithdrawOfferRequest, catalog_service_client::CatalogServiceClient,
};
use p2p_runtime::grpc::MOST_ANSWER;
use sea_orm::ConnectionTrait;
use tonic::{Code, transport::Channel};

use crate::service::{Catalog, item, offer, order, reason};

const SYNC: i32 = Origin::Sync as i32;
const LTS: i32 = Profile::Lts as i32;
/// Neither order nor spaces nor numbers come back from a parser as they are here.
const OF_PROVIDER: &str = r#"{ "id":"s", "descriptor":{"name":"Elsewhere"}, "b":1, "a":1.50 }"#;
const OF_ITEM: &str = "{\"id\": \"t\",\n\t\"resourceAttributes\": {\"type\": \"SOLAR\"}}\r\n";
const OF_OFFER: &str = r#"{"id":"u","price":12.50,"name":"₹ \u20b9 \u0000","a":1,"a":2}"#;

fn provider(published: &str) -> Provider {
    Provider {
        id: "s".into(),
        name: "Elsewhere".into(),
        origin: SYNC,
        bpp_id: "bpp.example.org".into(),
        bpp_uri: "https://bpp.example.org/beckn".into(),
        profile: LTS,
        published: published.into(),
        ..Provider::default()
    }
}

fn item_t(published: &str) -> Item {
    Item { origin: SYNC, published: published.into(), ..item("t", "s", 100) }
}

fn offer_u(published: &str) -> Offer {
    let of_t = Offer { provider_id: "s".into(), item_id: "t".into(), ..offer("u", 50) };
    Offer { origin: SYNC, published: published.into(), ..of_t }
}

/// Provider `s`, item `t` and offer `u`, with what was published of them.
async fn catalog_with(of: [&str; 3]) -> Catalog {
    let catalog = Catalog::start().await;
    catalog.publish(of).await;
    catalog
}

impl Catalog {
    /// Each answer shows what was given.
    async fn publish(&self, [of_provider, of_item, of_offer]: [&str; 3]) {
        assert_eq!(self.upsert_provider(provider(of_provider), false).await.unwrap().published, of_provider);
        assert_eq!(self.item(item_t(of_item)).await.unwrap().published, of_item);
        assert_eq!(self.offer(offer_u(of_offer)).await.unwrap().published, of_offer);
    }

    /// As the gateway asks.
    fn patient(&self) -> CatalogServiceClient<Channel> {
        self.client.clone().max_decoding_message_size(MOST_ANSWER)
    }

    async fn shown(&self, page_size: u32, cursor: &str) -> SearchCatalogResponse {
        let request = SearchCatalogRequest { filter: None, page_size, cursor: cursor.into() };
        self.patient().search_catalog(request).await.unwrap().into_inner()
    }

    async fn offers_of_s(&self, page_size: u32, cursor: &str) -> (Vec<String>, String) {
        let request = ListOffersRequest { provider_id: "s".into(), page_size, cursor: cursor.into() };
        let page = self.patient().list_offers(request).await.unwrap().into_inner();
        (page.offers.into_iter().map(|offer| offer.id).collect(), page.next_cursor)
    }

    /// What every read says was published of provider, item and offer.
    async fn assert_published(&self, [of_provider, of_item, of_offer]: [&str; 3]) {
        let client = || self.client.clone();
        let got = GetOffersRequest { offer_ids: vec!["u".into()] };
        let got = client().get_offers(got).await.unwrap().into_inner();
        let found = self.shown(0, "").await;
        let ids = ListProvidersRequest { ids: vec!["s".into()], ..Default::default() };
        for provider in [
            got.providers,
            found.providers,
            client().list_providers(ListProvidersRequest::default()).await.unwrap().into_inner().providers,
            client().list_providers(ids).await.unwrap().into_inner().providers,
        ]
        .map(|mut providers| providers.remove(0))
        {
            assert_eq!((provider.profile, provider.published.as_str()), (LTS, of_provider));
        }
        let ids = ListItemsRequest { ids: vec!["t".into()], ..Default::default() };
        let of_s = ListItemsRequest { provider_id: "s".into(), ..Default::default() };
        for item in [
            got.items,
            found.items,
            client().list_items(ListItemsRequest::default()).await.unwrap().into_inner().items,
            client().list_items(of_s).await.unwrap().into_inner().items,
            client().list_items(ids).await.unwrap().into_inner().items,
        ]
        .map(|mut items| items.remove(0))
        {
            assert_eq!(item.published, of_item);
        }
        let of_s = ListOffersRequest { provider_id: "s".into(), ..Default::default() };
        for offer in [
            got.offers,
            found.listings.into_iter().filter_map(|listing| listing.offer).collect(),
            client().list_offers(ListOffersRequest::default()).await.unwrap().into_inner().offers,
            client().list_offers(of_s).await.unwrap().into_inner().offers,
        ]
        .map(|mut offers: Vec<Offer>| offers.remove(0))
        {
            assert_eq!(offer.published, of_offer);
        }
    }
}

#[tokio::test]
async fn what_is_published_is_kept_to_the_letter_in_every_read() {
    let catalog = catalog_with([OF_PROVIDER, OF_ITEM, OF_OFFER]).await;
    catalog.assert_published([OF_PROVIDER, OF_ITEM, OF_OFFER]).await;
    catalog.publish(["{}", "[1]", "no JSON at all"]).await;
    catalog.assert_published(["{}", "[1]", "no JSON at all"]).await;
    catalog.publish([""; 3]).await;
    catalog.assert_published([""; 3]).await;
    for table in ["providers", "catalog_items", "catalog_offers"] {
        assert_eq!(catalog.rows(&format!("SELECT published IS NULL FROM {table}")).await, ["(t)"]);
    }
}

#[tokio::test]
async fn stock_that_moves_leaves_it_as_it_is() {
    let catalog = catalog_with([OF_PROVIDER, OF_ITEM, OF_OFFER]).await;
    let id = order();
    catalog.reserve(id, &[("u", 3_000)]).await.unwrap();
    catalog.sell(id).await.unwrap();
    catalog.tell("u", &[9], BlockStatus::Sold).await.unwrap();
    let unsold = SetItemQuantityRequest {
        item_id: "t".into(),
        unsold_wh: 90_000,
        origin: SYNC,
        provider_id: "s".into(),
    };
    let set = catalog.client.clone().set_item_quantity(unsold).await.unwrap().into_inner();
    assert_eq!(set.item.unwrap().published, OF_ITEM);
    catalog.assert_published([OF_PROVIDER, OF_ITEM, OF_OFFER]).await;
    let request = WithdrawOfferRequest { offer_id: "u".into(), origin: SYNC, provider_id: "s".into() };
    let withdrawn = catalog.client.clone().withdraw_offer(request).await.unwrap().into_inner().offer.unwrap();
    assert_eq!((withdrawn.withdrawn, withdrawn.published.as_str()), (true, OF_OFFER));
    catalog.assert_sound().await;
}

#[tokio::test]
async fn a_providers_profile_is_the_seeds_unless_said_otherwise() {
    let catalog = Catalog::start().await;
    let upsert = |provider| catalog.upsert_provider(provider, false);
    let unsaid = Provider { profile: Profile::Unspecified.into(), ..provider("") };
    for (given, stored) in [
        (unsaid.clone(), Profile::Seed),
        (provider(""), Profile::Lts),
        (Provider { profile: Profile::Seed.into(), ..provider("") }, Profile::Seed),
        (provider(""), Profile::Lts),
        (unsaid, Profile::Seed),
    ] {
        assert_eq!(upsert(given).await.unwrap().profile(), stored);
    }
    assert_eq!(catalog.provider("p").await.unwrap().profile(), Profile::Seed);
    let odd = upsert(Provider { profile: 3, ..provider("") }).await.unwrap_err();
    assert_eq!(odd.message(), "provider.profile is 3, which means nothing");
    assert_eq!(reason::<()>(Err(odd)), "INVALID_ENUM");
}

#[tokio::test]
async fn only_what_is_synced_was_published_and_in_another_profile() {
    let catalog = Catalog::with_item(100).await;
    let ours = Provider { id: "p".into(), name: "P".into(), ..Provider::default() };
    let refused = [
        (
            catalog.upsert_provider(Provider { profile: LTS, ..ours.clone() }, false).await.map(drop),
            "INVALID_PROFILE",
        ),
        (
            catalog.upsert_provider(Provider { published: "{}".into(), ..ours }, false).await.map(drop),
            "INVALID_PUBLISHED",
        ),
        (
            catalog.item(Item { published: "{}".into(), ..item("i", "p", 1) }).await.map(drop),
            "INVALID_PUBLISHED",
        ),
        (
            catalog.offer(Offer { published: "{}".into(), ..offer("o", 1) }).await.map(drop),
            "INVALID_PUBLISHED",
        ),
    ];
    for (refused, expected) in refused {
        assert_eq!(refused.as_ref().unwrap_err().code(), Code::InvalidArgument);
        assert_eq!(reason(refused), expected);
    }
    for update in [
        "UPDATE providers SET profile = 'LTS'",
        "UPDATE providers SET published = '{}'",
        "UPDATE catalog_items SET published = '{}'",
        "UPDATE providers SET origin = 'SYNC', profile = 'ONDC'",
    ] {
        assert!(catalog.db.execute_unprepared(update).await.is_err(), "{update}");
    }
}

#[tokio::test]
async fn it_is_at_most_64_kib_and_has_no_nul() {
    let longest = "é".repeat(32_768);
    let catalog = catalog_with([&longest; 3]).await;
    catalog.assert_published([&longest; 3]).await;
    for bad in [format!("{longest}x"), "{\0}".to_owned()] {
        let refused = [
            catalog.upsert_provider(provider(&bad), false).await.map(drop),
            catalog.item(item_t(&bad)).await.map(drop),
            catalog.offer(offer_u(&bad)).await.map(drop),
        ];
        for (refused, field) in refused.into_iter().zip(["provider", "item", "offer"]) {
            let refused = refused.unwrap_err();
            assert_eq!(
                refused.message(),
                format!("{field}.published must be at most 65536 bytes without NUL")
            );
            assert_eq!(reason::<()>(Err(refused)), "INVALID_PUBLISHED");
        }
    }
    catalog.assert_published([&longest; 3]).await;
}

#[tokio::test]
async fn a_search_reads_it_only_of_what_it_shows() {
    let catalog = catalog_with([OF_PROVIDER, OF_ITEM, OF_OFFER]).await;
    catalog.item(Item { id: "none-left".into(), total_wh: 0, ..item_t("") }).await.unwrap();
    let cheaper = Offer { id: "v".into(), item_id: "none-left".into(), ..offer_u("") };
    catalog.offer(Offer { price_per_kwh: crate::service::usd(1_000_000), ..cheaper }).await.unwrap();
    // Whoever reads such a text fails.
    for update in [
        "UPDATE catalog_items SET published = repeat('x', 65537) WHERE id = 'none-left'",
        "UPDATE catalog_offers SET published = repeat('x', 65537) WHERE id = 'v'",
    ] {
        catalog.db.execute_unprepared(update).await.unwrap();
    }
    let found = catalog.shown(0, "").await.listings;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].offer.as_ref().unwrap().published, OF_OFFER);
    let all = catalog.client.clone().list_offers(ListOffersRequest::default()).await;
    assert_eq!(reason(all), "IMPOSSIBLE_ROW");
}

/// 299 offers more, of 64 KiB each like item and provider: 256 times that is 16 MiB.
const MANY: &str = "
    INSERT INTO catalog_offers (id, item_id, provider_id, source_type, price_value, currency, block_qty, max_qty,
                                available_qty, time_window_start, time_window_end, pricing_model, settlement_type,
                                origin, published, created_at)
    SELECT 'v' || n, item_id, provider_id, source_type, price_value, currency, block_qty, max_qty, available_qty,
           time_window_start, time_window_end, pricing_model, settlement_type, origin, published,
           created_at + n * interval '1 second'
    FROM catalog_offers CROSS JOIN generate_series(1, 299) n";

#[tokio::test]
async fn a_page_with_so_much_of_it_that_it_would_not_fit_into_an_answer_is_shorter() {
    let longest = "x".repeat(65_536);
    let catalog = catalog_with([&longest; 3]).await;
    catalog.db.execute_unprepared(MANY).await.unwrap();

    let first = catalog.shown(1_000, "").await;
    assert_eq!((first.listings.len(), first.items.len(), first.providers.len()), (254, 1, 1));
    let second = catalog.shown(1_000, &first.next_cursor).await;
    assert_eq!((second.listings.len(), second.next_cursor.as_str()), (46, ""));
    let found = first.listings.into_iter().chain(second.listings);
    let ids: std::collections::BTreeSet<String> =
        found.filter_map(|listing| Some(listing.offer?.id)).collect();
    assert_eq!(ids.len(), 300);

    let (listed, cursor) = catalog.offers_of_s(1_000, "").await;
    assert_eq!(listed.len(), 256);
    let (rest, cursor) = catalog.offers_of_s(1_000, &cursor).await;
    assert_eq!((rest.len(), cursor.as_str()), (44, ""));
    let (hundred, _cursor) = catalog.offers_of_s(100, "").await;
    assert_eq!(hundred, listed[..100]);
}

#[tokio::test]
async fn a_synced_providers_offers_are_listed_page_by_page_while_some_are_withdrawn() {
    let catalog = catalog_with([OF_PROVIDER, OF_ITEM, ""]).await;
    catalog.provider("p").await.unwrap();
    catalog.item(item("i", "p", 100)).await.unwrap();
    for n in 1..=6 {
        catalog.offer(offer(&format!("ours-{n}"), 5)).await.unwrap();
        catalog.offer(Offer { id: format!("u{n}"), ..offer_u("") }).await.unwrap();
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for _ in 0..4 {
        let (ids, next) = catalog.offers_of_s(2, &cursor).await;
        for offer_id in ids {
            let request =
                WithdrawOfferRequest { offer_id: offer_id.clone(), origin: SYNC, provider_id: "s".into() };
            if offer_id != "u3" {
                catalog.client.clone().withdraw_offer(request).await.unwrap();
            }
            seen.push(offer_id);
        }
        cursor = next;
    }
    assert_eq!(seen, ["u", "u1", "u2", "u3", "u4", "u5", "u6"]);
    assert_eq!(cursor, "");
    assert_eq!(catalog.offers_of_s(2, "").await, (vec!["u3".to_owned()], String::new()));
}
