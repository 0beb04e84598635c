//! What sellers and the CDS's sync do to the catalog: each to its own, and to what is there under stock that is held.

use futures::future::join_all;
use p2p_proto::{
    catalog::{
        GetBlockStatsRequest, GetOffersRequest, Item, ListOffersRequest, Offer, Origin, Profile, Provider,
        ReservationStatus, SearchCatalogRequest, SetItemQuantityRequest, UpsertItemRequest,
        UpsertOfferRequest, UpsertProviderRequest, WithdrawOfferRequest,
    },
    metadata,
};
use tonic::{Code, Status};

use crate::service::{Catalog, item, offer, order, reason};

const SYNC: i32 = Origin::Sync as i32;

fn synced(id: &str) -> Provider {
    Provider {
        id: id.into(),
        name: "Elsewhere".into(),
        origin: SYNC,
        bpp_id: "bpp.example.org".into(),
        bpp_uri: "https://bpp.example.org/beckn".into(),
        profile: Profile::Seed.into(),
        ..Default::default()
    }
}

impl Catalog {
    pub async fn upsert_provider(&self, provider: Provider, must_be_new: bool) -> Result<Provider, Status> {
        let request = UpsertProviderRequest { provider: Some(provider), must_be_new };
        Ok(self.client.clone().upsert_provider(request).await?.into_inner().provider.unwrap())
    }

    async fn listed(&self) -> Vec<String> {
        let page = self.client.clone().list_offers(ListOffersRequest::default()).await.unwrap();
        page.into_inner().offers.into_iter().map(|offer| offer.id).collect()
    }

    async fn live(&self) -> Vec<String> {
        let page = self.client.clone().search_catalog(SearchCatalogRequest::default()).await.unwrap();
        page.into_inner().listings.into_iter().map(|listing| listing.offer.unwrap().id).collect()
    }

    /// Provider `s`, item `t` and offer `u` of so many kWh, by sync.
    pub async fn sync(&self, kwh: i64) {
        self.upsert_provider(synced("s"), false).await.unwrap();
        self.item(Item { origin: SYNC, ..item("t", "s", kwh) }).await.unwrap();
        let of_t = Offer { origin: SYNC, provider_id: "s".into(), item_id: "t".into(), ..offer("u", kwh) };
        self.offer(of_t).await.unwrap();
    }
}

#[tokio::test]
async fn a_provider_is_stored_with_its_bpp_and_when_it_was_made() {
    let catalog = Catalog::start().await;
    let made = catalog.upsert_provider(synced("s"), true).await.unwrap();
    assert!(made.created_at.is_some());
    assert_eq!(made, Provider { created_at: made.created_at, ..synced("s") });
    let changed = Provider { bpp_uri: "http://127.0.0.1:9000".into(), name: "Moved".into(), ..synced("s") };
    let changed = catalog.upsert_provider(changed, false).await.unwrap();
    assert_eq!((changed.created_at, changed.name.as_str()), (made.created_at, "Moved"));
    let ours = Provider { bpp_id: String::new(), bpp_uri: String::new(), ..synced("s") };
    assert_eq!(catalog.upsert_provider(ours, false).await.unwrap().bpp_uri, "");
}

#[tokio::test]
async fn what_was_synced_and_what_a_seller_made_do_not_touch_each_other() {
    let catalog = Catalog::with_item(100).await;
    catalog.offer(offer("o", 50)).await.unwrap();
    catalog.sync(10).await;

    let taken = catalog.provider("s").await.unwrap_err();
    assert_eq!(taken.code(), Code::FailedPrecondition);
    assert_eq!(taken.message(), "provider s was synced by another BPP");
    assert_eq!(metadata(&taken, "provider_id").as_deref(), Some("s"));
    assert_eq!(reason::<()>(Err(taken)), "ORIGIN_FIXED");
    let taken = catalog.upsert_provider(synced("p"), false).await.unwrap_err();
    assert_eq!(taken.message(), "provider p was made by its seller here");

    let of_s = |id: &str| Offer { item_id: "t".into(), provider_id: "s".into(), ..offer(id, 5) };
    let refused = [
        catalog.item(item("t", "s", 10)).await.map(drop),
        catalog.item(item("new", "s", 10)).await.map(drop),
        catalog.item(Item { origin: SYNC, ..item("i", "p", 10) }).await.map(drop),
        catalog.offer(of_s("u")).await.map(drop),
        catalog.offer(of_s("new")).await.map(drop),
        catalog.offer(Offer { origin: SYNC, ..offer("o", 50) }).await.map(drop),
        catalog.withdraw("u").await.map(drop),
        catalog.set_unsold("t", 1_000).await.map(drop),
        // The id is another way's, under a provider of one's own.
        catalog.offer(offer("u", 50)).await.map(drop),
    ];
    for refused in refused {
        assert_eq!(reason(refused), "ORIGIN_FIXED");
    }
    let by_sync = WithdrawOfferRequest { offer_id: "o".into(), origin: SYNC, provider_id: String::new() };
    assert_eq!(reason(catalog.client.clone().withdraw_offer(by_sync).await), "ORIGIN_FIXED");
    let by_sync = SetItemQuantityRequest {
        item_id: "i".into(),
        unsold_wh: 1,
        origin: SYNC,
        provider_id: String::new(),
    };
    assert_eq!(reason(catalog.client.clone().set_item_quantity(by_sync).await), "ORIGIN_FIXED");
    assert_eq!(catalog.get("o").await.origin(), Origin::Seller);
    assert_eq!(catalog.get("u").await.origin(), Origin::Sync);
}

#[tokio::test]
async fn what_is_anothers_is_answered_like_what_is_not_there() {
    let catalog = Catalog::with_item(100).await;
    catalog.offer(offer("o", 50)).await.unwrap();
    let client = || catalog.client.clone();
    let withdraw = async |id: &str, of: &str| {
        let request = WithdrawOfferRequest {
            offer_id: id.into(),
            origin: Origin::Seller.into(),
            provider_id: of.into(),
        };
        client().withdraw_offer(request).await.map(drop)
    };
    let set = async |id: &str, of: &str| {
        let request = SetItemQuantityRequest {
            item_id: id.into(),
            unsold_wh: 90_000,
            origin: Origin::Seller.into(),
            provider_id: of.into(),
        };
        client().set_item_quantity(request).await.map(drop)
    };
    let pairs = [
        (withdraw("o", "q").await, withdraw("x", "q").await, ("\"o\"", "\"x\"")),
        (set("i", "q").await, set("x", "q").await, ("\"i\"", "\"x\"")),
    ];
    for (anothers, nobodys, _ids) in pairs {
        let (anothers, nobodys) = (anothers.unwrap_err(), nobodys.unwrap_err());
        assert_eq!(
            (anothers.code(), reason::<()>(Err(anothers))),
            (nobodys.code(), reason::<()>(Err(nobodys)))
        );
    }
    set("i", "p").await.unwrap();
    withdraw("o", "p").await.unwrap();
}

#[tokio::test]
async fn what_must_be_new_and_is_not_exists() {
    let catalog = Catalog::with_item(100).await;
    catalog.offer(offer("o", 50)).await.unwrap();
    let provider = Provider { id: "p".into(), name: "Another".into(), ..Default::default() };
    let item = UpsertItemRequest { item: Some(item("i", "p", 7)), must_be_new: true };
    let new_offer = UpsertOfferRequest { offer: Some(offer("o", 7)), must_be_new: true };
    let client = || catalog.client.clone();
    let answers = [
        (catalog.upsert_provider(provider, true).await.map(drop), "PROVIDER_EXISTS"),
        (client().upsert_item(item.clone()).await.map(drop), "ITEM_EXISTS"),
        (client().upsert_offer(new_offer.clone()).await.map(drop), "OFFER_EXISTS"),
    ];
    for (answer, expected) in answers {
        let status = answer.unwrap_err();
        assert_eq!(status.code(), Code::AlreadyExists);
        assert_eq!(reason::<()>(Err(status)), expected);
    }
    assert_eq!(catalog.get("o").await.total_wh, 50_000);
    catalog.withdraw("o").await.unwrap();
    assert_eq!(reason(client().upsert_offer(new_offer).await), "OFFER_EXISTS");
    let fresh =
        UpsertItemRequest { item: item.item.map(|i| Item { id: "j".into(), ..i }), must_be_new: true };
    assert_eq!(client().upsert_item(fresh).await.unwrap().into_inner().item.unwrap().total_wh, 7_000);
}

#[tokio::test]
async fn of_sixteen_that_must_be_new_one_is() {
    let catalog = Catalog::with_item(100).await;
    let made = |n: i64| {
        let (mut client, offer) = (catalog.client.clone(), offer("o", n + 1));
        async move { client.upsert_offer(UpsertOfferRequest { offer: Some(offer), must_be_new: true }).await }
    };
    let made = join_all((0..16).map(made)).await;
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
    for refused in made.into_iter().filter(Result::is_err) {
        assert_eq!(reason(refused), "OFFER_EXISTS");
    }
    catalog.assert_sound().await;
}

#[tokio::test]
async fn a_bad_bpp_is_refused_with_its_rule() {
    let catalog = Catalog::start().await;
    let long = format!("http://b/{}", "x".repeat(2_048));
    let bad = [
        Provider { origin: 0, ..synced("s") },
        Provider { bpp_id: String::new(), ..synced("s") },
        Provider { bpp_uri: String::new(), ..synced("s") },
        Provider { bpp_id: " b".into(), ..synced("s") },
        Provider { bpp_uri: "ftp://b".into(), ..synced("s") },
        Provider { bpp_uri: "http://b/\u{1}".into(), ..synced("s") },
        Provider { bpp_uri: long, ..synced("s") },
    ];
    for provider in bad {
        let status = catalog.upsert_provider(provider.clone(), false).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{provider:?}");
        assert!(status.message().contains("bpp_"), "{}", status.message());
        assert_eq!(reason::<()>(Err(status)), "INVALID_BPP", "{provider:?}");
    }
    let odd = Provider { origin: 7, ..synced("s") };
    let status = catalog.upsert_provider(odd, false).await.unwrap_err();
    assert_eq!(status.message(), "provider.origin is 7, which means nothing");
}

#[tokio::test]
async fn a_withdrawn_offer_is_off_sale_and_keeps_what_is_held_and_sold() {
    let catalog = Catalog::with_item(100).await;
    for id in ["o", "other"] {
        catalog.offer(offer(id, 50)).await.unwrap();
    }
    let (held, sold, released) = (order(), order(), order());
    for id in [held, sold, released] {
        catalog.reserve(id, &[("o", 10_000)]).await.unwrap();
    }
    catalog.sell(sold).await.unwrap();

    let withdrawn = catalog.withdraw("o").await.unwrap();
    assert!(withdrawn.withdrawn);
    assert_eq!((withdrawn.available_wh, withdrawn.sellable_wh), (20_000, 0));
    assert_eq!((catalog.listed().await, catalog.live().await), (vec!["other".into()], vec!["other".into()]));
    assert_eq!(catalog.get("o").await, withdrawn);
    let stats = GetBlockStatsRequest { offer_ids: vec!["o".into()] };
    let stats = catalog.client.clone().get_block_stats(stats).await.unwrap().into_inner().stats;
    assert_eq!((stats[0].available, stats[0].reserved, stats[0].sold), (20, 20, 10));
    catalog.assert_sound().await;

    let refused = catalog.reserve(order(), &[("other", 1_000), ("o", 1_000)]).await.unwrap();
    assert_eq!(refused.status(), ReservationStatus::Refused);
    assert_eq!(refused.reason, "offer o is no longer offered");
    assert_eq!(catalog.reserve(held, &[("o", 10_000)]).await.unwrap().status(), ReservationStatus::Held);
    assert_eq!(catalog.sell(held).await.unwrap().status(), ReservationStatus::Sold);
    assert_eq!(catalog.release(released, "late").await.unwrap().status(), ReservationStatus::Released);
    assert_eq!(catalog.give_back(sold).await.unwrap().status(), ReservationStatus::Returned);
    let stored = catalog.get("o").await;
    assert_eq!((stored.available_wh, stored.sold_wh, stored.sellable_wh), (40_000, 10_000, 0));
    assert_eq!(catalog.live().await, ["other"]);
    catalog.assert_sound().await;
}

#[tokio::test]
async fn an_offer_is_withdrawn_once_and_is_on_sale_again_when_it_is_upserted() {
    let catalog = Catalog::with_item(100).await;
    catalog.offer(offer("o", 50)).await.unwrap();
    assert_eq!(reason(catalog.withdraw("x").await), "OFFER_NOT_FOUND");
    catalog.withdraw("o").await.unwrap();
    let again = catalog.withdraw("o").await.unwrap_err();
    assert_eq!((again.code(), metadata(&again, "offer_id").as_deref()), (Code::NotFound, Some("o")));
    assert_eq!(reason::<()>(Err(again)), "OFFER_NOT_FOUND");

    let back = catalog.offer(offer("o", 40)).await.unwrap();
    assert_eq!((back.withdrawn, back.sellable_wh), (false, 40_000));
    assert_eq!((catalog.listed().await, catalog.live().await), (vec!["o".into()], vec!["o".into()]));
    let held = catalog.reserve(order(), &[("o", 40_000)]).await.unwrap();
    assert_eq!(held.status(), ReservationStatus::Held);
    catalog.assert_sound().await;
}

#[tokio::test]
async fn an_items_unsold_quantity_is_set_but_never_below_what_is_held() {
    let catalog = Catalog::with_item(100).await;
    catalog.offer(offer("o", 50)).await.unwrap();
    let (held, sold) = (order(), order());
    catalog.reserve(sold, &[("o", 20_000)]).await.unwrap();
    catalog.sell(sold).await.unwrap();
    catalog.reserve(held, &[("o", 10_000)]).await.unwrap();

    let set = catalog.set_unsold("i", 15_000).await.unwrap();
    assert_eq!(
        (set.total_wh, set.available_wh, set.reserved_wh, set.sold_wh),
        (35_000, 5_000, 10_000, 20_000)
    );
    assert_eq!(catalog.get("o").await.sellable_wh, 5_000);
    let short = catalog.set_unsold("i", 9_999).await.unwrap_err();
    assert_eq!((short.code(), short.message()), (Code::FailedPrecondition, "10 kWh of item i are held"));
    assert_eq!(reason::<()>(Err(short)), "STOCK_BELOW_COMMITTED");
    assert_eq!(catalog.set_unsold("i", 10_000).await.unwrap().available_wh, 0);
    catalog.release(held, "").await.unwrap();
    assert_eq!(catalog.set_unsold("i", 0).await.unwrap().total_wh, 20_000);

    assert_eq!(reason(catalog.set_unsold("x", 1_000).await), "ITEM_NOT_FOUND");
    assert_eq!(reason(catalog.set_unsold("i", 1_000_000_000_000).await), "INVALID_QUANTITY");
    let negative = catalog.set_unsold("i", -1).await.unwrap_err();
    assert_eq!(negative.message(), "unsold_wh: energy must not be negative");
    catalog.assert_sound().await;
    let ids = GetOffersRequest { offer_ids: vec!["o".into()] };
    let items = catalog.client.clone().get_offers(ids).await.unwrap().into_inner().items;
    assert_eq!((items[0].total_wh, items[0].sold_wh), (20_000, 20_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_offers_are_withdrawn_and_reserved_at_once_and_each_has_one_winner() {
    let catalog = Catalog::with_item(1_000).await;
    let ids: Vec<String> = (0..200).map(|n| format!("o{n}")).collect();
    for id in &ids {
        catalog.offer(offer(id, 5)).await.unwrap();
    }
    let race = async |id: &String| {
        let (order, lines) = (order(), [(id.as_str(), 5_000)]);
        let (reserved, withdrawn) = tokio::join!(catalog.reserve(order, &lines), catalog.withdraw(id));
        let (reserved, withdrawn) = (reserved.unwrap(), withdrawn.unwrap());
        match reserved.status() {
            ReservationStatus::Held => {
                assert_eq!(catalog.sell(order).await.unwrap().status(), ReservationStatus::Sold);
            }
            status => {
                assert_eq!(status, ReservationStatus::Refused);
                assert_eq!(reserved.reason, format!("offer {id} is no longer offered"));
                assert_eq!(withdrawn.reserved_wh, 0);
            }
        }
        reserved.status() == ReservationStatus::Held
    };
    let held = join_all(ids.iter().map(race)).await;
    let sold = i64::try_from(held.iter().filter(|held| **held).count()).unwrap() * 5_000;
    assert_eq!(
        catalog.rows("SELECT (sold_qty * 1000)::bigint FROM catalog_items").await,
        [format!("({sold})")]
    );
    assert_eq!(catalog.listed().await, [""; 0]);
    catalog.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_items_quantity_is_set_while_it_is_reserved() {
    let catalog = Catalog::with_item(100).await;
    for id in ["a", "b"] {
        catalog.offer(offer(id, 1_000)).await.unwrap();
    }
    for round in 0..20 {
        let offer = if round % 2 == 0 { "a" } else { "b" };
        let lines = [(offer, 7_000)];
        let reservations = join_all((0..4).map(|_| catalog.reserve(order(), &lines)));
        let (reserved, set) = tokio::join!(reservations, catalog.set_unsold("i", 20_000));
        let held = |r: &Result<p2p_proto::catalog::Reservation, Status>| {
            r.as_ref().unwrap().status() == ReservationStatus::Held
        };
        if let Err(refused) = set {
            assert_eq!(reason::<()>(Err(refused)), "STOCK_BELOW_COMMITTED");
        }
        catalog.assert_sound().await;
        for reservation in reserved.iter().filter(|r| held(r)) {
            let id = reservation.as_ref().unwrap().order_id.parse().unwrap();
            catalog.release(id, "").await.unwrap();
        }
        assert!(reserved.iter().filter(|r| held(r)).count() >= 2, "20 kWh are enough for two");
    }
    assert_eq!(catalog.set_unsold("i", 3_000).await.unwrap().total_wh, 3_000);
    catalog.assert_sound().await;
}

/// All that a status says, but for the id.
fn words(status: &Status, id: &str) -> (Code, String, Option<String>) {
    (status.code(), status.message().replace(id, "<id>"), p2p_proto::reason(status))
}

#[tokio::test]
async fn what_is_another_providers_is_answered_as_what_is_not_there() {
    let catalog = Catalog::with_item(100).await;
    catalog.provider("q").await.unwrap();
    catalog.offer(offer("o", 50)).await.unwrap();
    catalog.sync(10).await;
    let withdraw = async |offer: &str, provider: &str| {
        let request = WithdrawOfferRequest {
            offer_id: offer.into(),
            origin: Origin::Seller.into(),
            provider_id: provider.into(),
        };
        catalog.client.clone().withdraw_offer(request).await
    };
    let set = async |item: &str, provider: &str| {
        let request = SetItemQuantityRequest {
            item_id: item.into(),
            unsold_wh: 1_000,
            origin: Origin::Seller.into(),
            provider_id: provider.into(),
        };
        catalog.client.clone().set_item_quantity(request).await
    };
    let of_q = |item: &str| Offer { provider_id: "q".into(), item_id: item.into(), ..offer("new", 5) };
    // A seller's here, and one that came the other way.
    for (item, offer) in [("i", "o"), ("t", "u")] {
        let pairs = [
            (withdraw(offer, "q").await.map(drop), withdraw("none", "q").await.map(drop), offer),
            (set(item, "q").await.map(drop), set("none", "q").await.map(drop), item),
            (catalog.offer(of_q(item)).await.map(drop), catalog.offer(of_q("none")).await.map(drop), item),
        ];
        for (anothers, unknown, id) in pairs {
            let (anothers, unknown) = (anothers.unwrap_err(), unknown.unwrap_err());
            assert_eq!(words(&anothers, &format!(" {id} ")), words(&unknown, " none "));
            assert_eq!(unknown.code(), Code::NotFound);
        }
    }
    assert_eq!(reason(withdraw("o", "\u{e9}").await), "INVALID_MESSAGE");
    assert_eq!(reason(catalog.item(item("new", "none", 1)).await), "PROVIDER_NOT_FOUND");
    assert_eq!(set("i", "p").await.unwrap().into_inner().item.unwrap().total_wh, 1_000);
    assert!(withdraw("o", "p").await.unwrap().into_inner().offer.unwrap().withdrawn);
    catalog.assert_sound().await;
}
