//! Making and changing providers, items and offers.

use p2p_proto::{
    catalog::{GetOffersRequest, Item, Offer, Origin, Provider, ReleaseBlocksRequest, UpsertOfferRequest},
    common::Money,
    metadata,
};
use tonic::Code;

use crate::service::{Catalog, hours, item, offer, order, reason, usd};

#[tokio::test]
async fn an_offer_is_stored_as_given_with_the_usual_defaults() {
    let catalog = Catalog::with_item(100).await;
    let given = offer("o", 50);
    let stored = catalog.offer(given.clone()).await.unwrap();
    let expected = Offer {
        block_wh: 1_000,
        available_wh: 50_000,
        sellable_wh: 50_000,
        pricing_model: "PER_KWH".into(),
        settlement_type: "DAILY".into(),
        origin: Origin::Seller.into(),
        ..given
    };
    assert_eq!(stored, expected);
    assert_eq!(catalog.get("o").await, expected);
}

#[tokio::test]
async fn an_item_keeps_what_is_committed_when_its_total_changes() {
    let catalog = Catalog::with_item(100).await;
    catalog.offer(offer("o", 50)).await.unwrap();
    catalog.reserve(order(), &[("o", 30_000)]).await.unwrap();

    let changed = catalog.item(Item { meter_id: String::new(), ..item("i", "p", 40) }).await.unwrap();
    assert_eq!((changed.total_wh, changed.available_wh, changed.reserved_wh), (40_000, 10_000, 30_000));
    assert_eq!(catalog.get("o").await.sellable_wh, 10_000);

    let short = catalog.item(item("i", "p", 29)).await.unwrap_err();
    assert_eq!(short.code(), Code::FailedPrecondition);
    assert_eq!(metadata(&short, "item_id").as_deref(), Some("i"));
    assert_eq!(reason::<()>(Err(short)), "STOCK_BELOW_COMMITTED");
    assert_eq!(catalog.item(item("i", "p", 30)).await.unwrap().available_wh, 0);
    catalog.assert_sound().await;
}

#[tokio::test]
async fn an_offer_keeps_what_is_committed_when_its_total_changes() {
    let catalog = Catalog::with_item(100).await;
    catalog.offer(offer("o", 50)).await.unwrap();
    let id = order();
    catalog.reserve(id, &[("o", 30_000)]).await.unwrap();

    catalog.offer(offer("o", 60)).await.unwrap();
    assert_eq!(catalog.runs("o").await, ["(0,20,AVAILABLE)", "(20,30,RESERVED)", "(50,10,AVAILABLE)"]);
    catalog.offer(offer("o", 40)).await.unwrap();
    assert_eq!(catalog.runs("o").await, ["(0,10,AVAILABLE)", "(10,30,RESERVED)"]);
    assert_eq!(reason(catalog.offer(offer("o", 29)).await), "STOCK_BELOW_COMMITTED");
    let full = catalog.offer(offer("o", 30)).await.unwrap();
    assert_eq!((full.available_wh, full.sellable_wh), (0, 0));
    catalog.release(id, "").await.unwrap();
    assert_eq!(catalog.runs("o").await, ["(0,30,AVAILABLE)"]);
    assert_eq!(reason(catalog.offer(offer("o", 0)).await), "INVALID_QUANTITY");
    catalog.offer(offer("o", 1)).await.unwrap();
    assert_eq!(catalog.runs("o").await, ["(0,1,AVAILABLE)"]);
    catalog.assert_sound().await;
}

#[tokio::test]
async fn price_and_window_of_an_offer_can_change() {
    let catalog = Catalog::with_item(100).await;
    catalog.offer(offer("o", 50)).await.unwrap();
    let changed = Offer { price_per_kwh: usd(70_000_000), window: Some(hours(3, 4)), ..offer("o", 50) };
    let stored = catalog.offer(changed.clone()).await.unwrap();
    assert_eq!((&stored.price_per_kwh, &stored.window), (&changed.price_per_kwh, &changed.window));
}

#[tokio::test]
async fn what_an_offer_is_of_never_changes() {
    let catalog = Catalog::with_item(100).await;
    catalog.item(item("i2", "p", 100)).await.unwrap();
    catalog.offer(offer("o", 50)).await.unwrap();
    assert_eq!(reason(catalog.offer(Offer { item_id: "i2".into(), ..offer("o", 50) }).await), "OFFER_FIXED");
    assert_eq!(reason(catalog.offer(Offer { block_wh: 5_000, ..offer("o", 50) }).await), "OFFER_FIXED");
    catalog.provider("q").await.unwrap();
    assert_eq!(reason(catalog.item(item("i", "q", 100)).await), "ITEM_FIXED");
}

#[tokio::test]
async fn an_offer_needs_its_own_providers_item() {
    let catalog = Catalog::with_item(100).await;
    catalog.provider("q").await.unwrap();
    let of = |provider: &str, item: &str| Offer {
        provider_id: provider.into(),
        item_id: item.into(),
        ..offer("o", 50)
    };
    assert_eq!(reason(catalog.offer(of("x", "i")).await), "PROVIDER_NOT_FOUND");
    assert_eq!(reason(catalog.offer(of("p", "x")).await), "ITEM_NOT_FOUND");
    let not_yours = catalog.offer(of("q", "i")).await.unwrap_err();
    assert_eq!((not_yours.code(), not_yours.message()), (Code::NotFound, "item i is unknown"));
    assert_eq!(reason(catalog.item(item("new", "x", 1)).await), "PROVIDER_NOT_FOUND");
}

#[tokio::test]
async fn a_bad_offer_is_refused_with_its_reason() {
    let catalog = Catalog::with_item(100).await;
    let money = |units, nanos, code: &str| Some(Money { units, nanos, currency_code: code.into() });
    let good = || offer("o", 50);
    let bad = [
        (Offer { id: String::new(), ..good() }, "INVALID_MESSAGE"),
        (Offer { id: "a\0b".into(), ..good() }, "INVALID_MESSAGE"),
        (Offer { price_per_kwh: None, ..good() }, "INVALID_MESSAGE"),
        (Offer { price_per_kwh: usd(0), ..good() }, "INVALID_PRICE"),
        (Offer { price_per_kwh: usd(-1_000_000), ..good() }, "INVALID_PRICE"),
        (Offer { price_per_kwh: usd(100), ..good() }, "INVALID_PRICE"),
        (Offer { price_per_kwh: money(1_000_000_000_000, 0, "USD"), ..good() }, "INVALID_PRICE"),
        (Offer { price_per_kwh: money(1, 0, "usd"), ..good() }, "INVALID_MESSAGE"),
        (Offer { total_wh: 1_500, ..good() }, "INVALID_QUANTITY"),
        (Offer { total_wh: -1_000, ..good() }, "INVALID_QUANTITY"),
        (Offer { total_wh: 1_000_000_001_000, ..good() }, "INVALID_QUANTITY"),
        (Offer { block_wh: -1, ..good() }, "INVALID_QUANTITY"),
        (Offer { window: None, ..good() }, "INVALID_MESSAGE"),
        (Offer { window: Some(hours(5, 1)), ..good() }, "INVALID_MESSAGE"),
        (Offer { window: Some(hours(0, 90_000_000)), ..good() }, "INVALID_WINDOW"),
        (Offer { pricing_model: "x".repeat(256), ..good() }, "INVALID_TEXT"),
    ];
    for (offer, expected) in bad {
        let status = catalog.offer(offer.clone()).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{offer:?}");
        assert_eq!(reason::<()>(Err(status)), expected, "{offer:?}");
    }
    let nothing =
        catalog.client.clone().upsert_offer(UpsertOfferRequest { offer: None, must_be_new: false }).await;
    assert_eq!(reason(nothing), "INVALID_MESSAGE");
}

#[tokio::test]
async fn other_bad_requests_are_refused_with_their_reason() {
    let catalog = Catalog::with_item(100).await;
    assert_eq!(
        reason(catalog.item(Item { source_type: " ".into(), ..item("i", "p", 1) }).await),
        "INVALID_TEXT"
    );
    let windows = vec![hours(0, 1); 101];
    let crowded = Item { production_windows: windows, ..item("i", "p", 1) };
    assert_eq!(reason(catalog.item(crowded).await), "INVALID_WINDOW");
    assert_eq!(reason(catalog.reserve(order(), &[]).await), "INVALID_LINES");
    assert_eq!(reason(catalog.reserve(order(), &[("", 1_000)]).await), "INVALID_MESSAGE");
    let ids = GetOffersRequest { offer_ids: vec!["o".into(); 1_001] };
    assert_eq!(reason(catalog.client.clone().get_offers(ids).await), "INVALID_IDS");
    let odd = |order_id: &str, reason: &str| ReleaseBlocksRequest {
        order_id: order_id.into(),
        reason: reason.into(),
    };
    assert_eq!(reason(catalog.client.clone().release_blocks(odd("no uuid", "")).await), "INVALID_MESSAGE");
    let id = order().to_string();
    assert_eq!(reason(catalog.client.clone().release_blocks(odd(&id, "a\0b")).await), "INVALID_TEXT");
}

#[tokio::test]
async fn what_is_refused_names_its_field_and_rule() {
    let catalog = Catalog::with_item(100).await;
    let (long, bell) = ("n".repeat(10_000), "n\u{7}".to_owned());
    let text = "must be at most 255 characters without control characters";
    for name in [long.clone(), bell] {
        let provider = Provider { id: "q".into(), name: name.clone(), ..Default::default() };
        let refused = catalog.upsert_provider(provider, false).await.unwrap_err();
        assert_eq!(refused.message(), format!("provider.name {text}"));
        let refused = catalog.item(Item { meter_id: name, ..item("i", "p", 1) }).await.unwrap_err();
        assert_eq!(refused.message(), format!("item.meter_id {text}"));
    }
    let nameless = Provider { id: "q".into(), name: " ".into(), ..Default::default() };
    let refused = catalog.upsert_provider(nameless, false).await.unwrap_err();
    assert_eq!(refused.message(), "provider.name must not be empty");

    let id = "must be 1 to 255 printable ASCII characters without spaces around them";
    let price = "price_per_kwh must be above 0, below 1000000000000, and have at most 6 decimals";
    let good = || offer("o", 50);
    let bad = [
        (Offer { id: long.clone(), ..good() }, format!("offer_id {id}")),
        (Offer { item_id: "a\nb".into(), ..good() }, format!("item_id {id}")),
        (Offer { provider_id: String::new(), ..good() }, format!("provider_id {id}")),
        (Offer { price_per_kwh: usd(0), ..good() }, price.to_owned()),
        (Offer { price_per_kwh: usd(-1_000_000), ..good() }, price.to_owned()),
        (Offer { price_per_kwh: usd(100), ..good() }, price.to_owned()),
        (
            Offer { total_wh: 0, ..good() },
            "total_wh must be a positive whole number of blocks of block_wh".to_owned(),
        ),
        (
            Offer { total_wh: 1_500, ..good() },
            "total_wh must be a positive whole number of blocks of block_wh".to_owned(),
        ),
        (
            Offer { total_wh: i64::MAX, ..good() },
            "offer.total_wh: energy must be at most 1000000000 kWh".to_owned(),
        ),
        (Offer { block_wh: -1, ..good() }, "offer.block_wh: energy must not be negative".to_owned()),
        (Offer { window: Some(hours(5, 1)), ..good() }, "a time window must end after it starts".to_owned()),
        (Offer { origin: -1, ..good() }, "offer.origin is -1, which means nothing".to_owned()),
    ];
    for (offer, expected) in bad {
        let refused = catalog.offer(offer).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, expected.as_str()));
    }
    let refused = catalog.item(Item { total_wh: i64::MIN, ..item("i", "p", 1) }).await.unwrap_err();
    assert_eq!(refused.message(), "item.total_wh: energy must not be negative");
    assert_eq!(
        catalog.item(item("empty", "p", 0)).await.unwrap().total_wh,
        0,
        "an item may have nothing yet"
    );
}

#[tokio::test]
async fn a_row_that_cannot_be_is_an_internal_error_that_tells_the_client_nothing() {
    let catalog = Catalog::with_item(100).await;
    catalog.offer(offer("o", 50)).await.unwrap();
    sea_orm::ConnectionTrait::execute_unprepared(
        &catalog.db,
        "UPDATE catalog_offers SET currency = 'dollars'",
    )
    .await
    .unwrap();
    let request = GetOffersRequest { offer_ids: vec!["o".into()] };
    let status = catalog.client.clone().get_offers(request).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Internal, "the catalog failed"));
    assert_eq!(reason::<()>(Err(status)), "IMPOSSIBLE_ROW");
}
