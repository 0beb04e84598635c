//! What sellers of one system have, published to the CDS of another: found there, followed, and never lost.

use std::collections::BTreeSet;

use p2p_proto::{
    catalog::{GetOffersRequest, Offer, UpsertOfferRequest},
    common::Money,
};
use p2p_testkit::Specification;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::{ALPHA_PROVIDER, order_id, until, window},
    receiver::Receiver,
    seller::{ask, made, newcomer, offer_of},
    system::{Setup, System},
};

const BPP: &str = "bpp.elsewhere.example";

/// A system of the LTS profile whose sellers' catalogs go to that CDS.
async fn publishing_to(cds: &str, again_seconds: &str) -> System {
    let more = [
        ("BECKN_PROFILE", "lts"),
        ("CDS_URI", cds),
        ("PUBLISH", "on"),
        ("PUBLISH_SECONDS", "1"),
        ("PUBLISH_AGAIN_SECONDS", again_seconds),
        ("BPP_ID", BPP),
    ];
    let more = more.map(|(name, value)| (name, value.to_owned())).into();
    System::with(Setup { more, ..Setup::default() }).await
}

/// One with a CDS, one that publishes there.
async fn two_systems(again_seconds: &str) -> (System, System) {
    let cds = System::start().await;
    let seller = publishing_to(&cds.client.cds, again_seconds).await;
    (cds, seller)
}

/// The offers of a provider as the catalog shows them, and the provider's BPP.
async fn shown(cds: &System, provider: &str) -> (Vec<Value>, Value) {
    let catalog = cds.send(Method::GET, &format!("{}/catalog", cds.client.cds), None).await.json;
    let providers = catalog["catalog"]["providers"].as_array().unwrap();
    let Some(found) = providers.iter().find(|known| known["id"] == provider) else {
        return Default::default();
    };
    let items = found["items"].as_array().unwrap();
    let offers = items.iter().flat_map(|item| item["offers"].as_array().unwrap().clone()).collect();
    (offers, json!([found["bpp_id"], found["bpp_uri"]]))
}

/// Waits until exactly these offers are shown, each with its price and quantity. Returns the BPP.
async fn shows(cds: &System, provider: &str, wanted: &[(&str, f64, f64)]) -> Value {
    let wanted: Vec<Value> = wanted.iter().map(|(id, price, kwh)| json!([id, price, kwh])).collect();
    until(&format!("{wanted:?} of {provider}"), async || {
        let (offers, bpp) = shown(cds, provider).await;
        let offers: Vec<Value> = offers
            .iter()
            .map(|offer| {
                json!([offer["id"], number(&offer["price"]["value"]), number(&offer["maxQuantity"])])
            })
            .collect();
        if offers == wanted { Ok(bpp) } else { Err(format!("{offers:?}")) }
    })
    .await
}

/// However it is written: 60 is 60.0.
fn number(written: &Value) -> f64 {
    written.to_string().parse().unwrap()
}

/// A newcomer's provider, item, and offer of 60 kWh.
async fn offering(seller: &System) -> (String, String, String) {
    let (provider, item) = newcomer(seller).await;
    let offer = made(seller, "offer", "offers", &offer_of(&provider, &item, 60)).await;
    (provider, item, offer)
}

async fn withdraw(seller: &System, offer: &str) {
    let answer = ask(seller, Method::DELETE, &format!("offers/{offer}"), "").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// Sells an offer at another price, over gRPC.
async fn reprice(seller: &System, offer: &str, units: i64) {
    let mut catalog = seller.catalog().await;
    let request = GetOffersRequest { offer_ids: vec![offer.to_owned()] };
    let offer = catalog.get_offers(request).await.unwrap().into_inner().offers.remove(0);
    let price = Money { currency_code: "USD".into(), units, nanos: 0 };
    let offer = Offer { price_per_kwh: Some(price), ..offer };
    let request = UpsertOfferRequest { offer: Some(offer), must_be_new: false };
    catalog.upsert_offer(request).await.unwrap();
}

#[tokio::test]
async fn an_offer_is_followed_by_a_cds_elsewhere_until_it_is_withdrawn_and_after() {
    let (cds, seller) = two_systems("600").await;
    let (provider, item, offer) = offering(&seller).await;
    let bpp = shows(&cds, &provider, &[(&offer, 0.07, 60.0)]).await;
    assert_eq!(bpp, json!([BPP, seller.bap]));
    reprice(&seller, &offer, 2).await;
    shows(&cds, &provider, &[(&offer, 2.0, 60.0)]).await;
    // Less of the item is less of the offer.
    let quantity = json!({"quantity": 40}).to_string();
    let answer = ask(&seller, Method::PUT, &format!("items/{item}/quantity"), &quantity).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    shows(&cds, &provider, &[(&offer, 2.0, 40.0)]).await;

    withdraw(&seller, &offer).await;
    shows(&cds, &provider, &[]).await;
    let next = made(&seller, "offer", "offers", &offer_of(&provider, &item, 30)).await;
    shows(&cds, &provider, &[(&next, 0.07, 30.0)]).await;
    // What is sold here by the CDS's own sellers is nobody else's.
    assert_eq!(shown(&cds, ALPHA_PROVIDER).await.1, json!([null, null]));
    cds.is_sound().await;
    seller.is_sound().await;
}

#[tokio::test]
async fn what_is_sold_out_leaves_the_cds_and_comes_back_when_the_order_is_given_up() {
    let (cds, seller) = two_systems("600").await;
    let (provider, _item, offer) = offering(&seller).await;
    shows(&cds, &provider, &[(&offer, 0.07, 60.0)]).await;

    // Bought over the network, by the other system's buyer.
    let trade = cds.discover_wind().await;
    trade.ordered(&offer, 60).await;
    let order = order_id(&trade.bought().await);
    shows(&cds, &provider, &[]).await;
    assert_eq!(seller.tables.stock(&offer).await, [0, 0, 60]);

    let answer = ask(&seller, Method::POST, &format!("orders/{order}/cancel"), "{}").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    trade.status("CANCELLED").await;
    shows(&cds, &provider, &[(&offer, 0.07, 60.0)]).await;
    cds.is_sound().await;
    seller.is_sound().await;
}

#[tokio::test]
async fn a_cds_that_lost_its_data_gets_it_back() {
    let (cds, seller) = two_systems("1").await;
    let (provider, _item, offer) = offering(&seller).await;
    shows(&cds, &provider, &[(&offer, 0.07, 60.0)]).await;
    cds.tables
        .change(
            "BEGIN;
             LOCK TABLE catalog.providers, catalog.catalog_items, catalog.catalog_offers, catalog.block_runs
                 IN SHARE ROW EXCLUSIVE MODE;
             DELETE FROM catalog.block_runs WHERE offer_id IN (SELECT id FROM catalog.catalog_offers WHERE origin = 'SYNC');
             DELETE FROM catalog.catalog_offers WHERE origin = 'SYNC';
             DELETE FROM catalog.catalog_items WHERE origin = 'SYNC';
             DELETE FROM catalog.providers WHERE origin = 'SYNC';
             COMMIT",
        )
        .await;
    shows(&cds, &provider, &[(&offer, 0.07, 60.0)]).await;
}

/// The newest message that is about the provider.
async fn newest(cds: &Receiver, provider: &str, what: &str, holds: impl Fn(&Value) -> bool) -> String {
    until(what, async || {
        let bodies = cds.bodies();
        let newest = bodies.into_iter().rfind(|body| body.contains(provider)).unwrap_or_default();
        let json: Value = serde_json::from_str(&newest).unwrap_or_default();
        if holds(&json["message"]["catalogs"][0]) { Ok(newest) } else { Err(newest) }
    })
    .await
}

#[tokio::test]
async fn what_is_published_is_as_beckn_has_it() {
    let Some(specification) = Specification::open() else {
        eprintln!("skipped: SPEC_DIR is not set");
        return;
    };
    // It says neither ACK nor NACK: everything is published again and again.
    let cds = Receiver::start().await;
    let seller = publishing_to(&cds.uri, "600").await;
    let (provider, item, offer) = offering(&seller).await;

    let text = newest(&cds, &provider, "the offer", |catalog| catalog["offers"][0]["id"] == *offer).await;
    assert_eq!(specification.check_request("/catalog/publish", &text), Ok(()), "{text}");
    let json: Value = serde_json::from_str(&text).unwrap();
    let context = &json["context"];
    assert_eq!(
        (&context["action"], &context["bppId"], &context["bppUri"], &context["ttl"]),
        (&json!("catalog/publish"), &json!(BPP), &json!(seller.bap), &json!("PT30S")),
    );
    assert!(context.get("bapId").is_none() && context.get("bapUri").is_none(), "{context}");
    assert!(context["schemaContext"].as_array().unwrap().len() >= 3, "{context}");
    let catalog = &json["message"]["catalogs"][0];
    assert_eq!(json["message"]["catalogs"].as_array().unwrap().len(), 1);
    assert!(catalog.get("isActive").is_none() && catalog["resources"][0]["id"] == *item, "{catalog}");

    withdraw(&seller, &offer).await;
    let text = newest(&cds, &provider, "nothing", |catalog| catalog["isActive"] == false).await;
    assert_eq!(specification.check_request("/catalog/publish", &text), Ok(()), "{text}");
    let json: Value = serde_json::from_str(&text).unwrap();
    let closed = &json["message"]["catalogs"][0];
    assert_eq!(
        (&closed["id"], &closed["resources"], &closed["offers"]),
        (&catalog["id"], &json!([]), &json!([]))
    );
    // No two messages are taken for one.
    let id = |body: &String| {
        let json: Value = serde_json::from_str(body).unwrap();
        json["context"]["messageId"].to_string()
    };
    let ids: Vec<String> = cds.bodies().iter().map(id).collect();
    let distinct: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len());
}

#[tokio::test]
async fn what_was_published_is_kept_when_the_seeds_sync_tells_less() {
    let (cds, seller) = two_systems("600").await;
    let (provider, item, offer) = offering(&seller).await;
    shows(&cds, &provider, &[(&offer, 0.07, 60.0)]).await;
    withdraw(&seller, &offer).await;
    shows(&cds, &provider, &[]).await;
    let kept = async || {
        let rows = "SELECT profile FROM catalog.providers WHERE origin = 'SYNC'
            UNION ALL SELECT published FROM catalog.catalog_items WHERE origin = 'SYNC'
            UNION ALL SELECT published FROM catalog.catalog_offers WHERE origin = 'SYNC'";
        cds.tables.texts(rows).await
    };
    let before = kept().await;
    assert_eq!(before.len(), 3, "{before:?}");
    let whole_item = json!({
        "id": item, "provider_id": provider, "source_type": "WIND", "delivery_mode": "SCHEDULED",
        "available_qty": 80, "production_windows": [window()], "meter_id": "m-1",
    });
    let whole_offer = json!({
        "id": offer, "item_id": item, "provider_id": provider, "price_value": 0.5, "currency": "USD", "max_qty": 70,
        "time_window": window(),
        "offer_attributes": {"pricingModel": "PER_KWH", "settlementType": "DAILY"},
    });
    for (noun, body) in
        [("provider", json!({"id": provider, "name": "Gamma"})), ("item", whole_item), ("offer", whole_offer)]
    {
        let url = format!("{}/sync/{noun}", cds.client.cds);
        let answer = cds.send(Method::POST, &url, Some(body.to_string().into())).await;
        assert_eq!(answer.status, 200, "{noun} {}", answer.text);
    }
    assert_eq!(kept().await, before);
    shows(&cds, &provider, &[(&offer, 0.5, 70.0)]).await;
}
