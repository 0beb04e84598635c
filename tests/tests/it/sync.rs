//! The CDS's sync: what another BPP publishes is found, changed and withdrawn, and no seller here can touch it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::{ALPHA_PROVIDER, Answer, Trade, tomorrow, window},
    system::System,
};

async fn send(system: &System, method: Method, path: &str, body: &str) -> Answer {
    let body = Some(body.as_bytes().to_vec()).filter(|body| !body.is_empty());
    system.send(method, &format!("{}{path}", system.cds), body).await
}

async fn sync(system: &System, noun: &str, body: &Value) -> Answer {
    send(system, Method::POST, &format!("/sync/{noun}"), &body.to_string()).await
}

async fn synced(system: &System, noun: &str, body: &Value) {
    let answer = sync(system, noun, body).await;
    let wanted = json!({"status": "ok", "synced": noun, "id": body["id"]});
    assert_eq!((answer.status, &answer.json), (200, &wanted), "{body}");
}

fn provider() -> Value {
    json!({"id": "p-x", "name": "X", "trust_score": 0.7})
}

fn item() -> Value {
    json!({
        "id": "i-x", "provider_id": "p-x", "source_type": "SOLAR", "delivery_mode": "SCHEDULED",
        "available_qty": 9, "production_windows": [window()],
    })
}

fn offer() -> Value {
    json!({
        "id": "o-x", "item_id": "i-x", "provider_id": "p-x", "price_value": 0.2, "currency": "USD", "max_qty": 3,
        "time_window": window(),
    })
}

async fn publish(system: &System) {
    synced(system, "provider", &provider()).await;
    synced(system, "item", &item()).await;
    synced(system, "offer", &offer()).await;
}

fn blocks(numbers: &[u32], status: &str) -> Value {
    let ids: Vec<_> = numbers.iter().map(|n| format!("block-o-x-{n}")).collect();
    json!({"offer_id": "o-x", "block_ids": ids, "status": status})
}

/// The provider as the catalog shows it.
async fn shown(system: &System, id: &str) -> Option<Value> {
    let catalog = send(system, Method::GET, "/catalog", "").await.json;
    let providers = catalog["catalog"]["providers"].as_array().unwrap();
    providers.iter().find(|provider| provider["id"] == id).cloned()
}

async fn seller(system: &System, path: &str) -> Value {
    system.get(&format!("/seller/{path}")).await.json
}

/// A trade that knows all offers.
async fn discovered(system: &System) -> Trade {
    let answer = system.post("/api/discover", &json!({})).await.acknowledged();
    let trade = system.trade(answer.json["transaction_id"].as_str().unwrap());
    trade.status("SELECTING").await;
    trade
}

#[tokio::test]
async fn the_cds_answers_as_the_transcript_has_it() {
    let system = System::start().await;
    for (noun, body, why) in [
        ("provider", json!({"id": "p-x"}), "id and name are required"),
        ("item", json!({"id": "i-x"}), "id and provider_id are required"),
        ("offer", json!({"id": "o-x"}), "id, item_id, and provider_id are required"),
        ("blocks", json!({"offer_id": "o-x"}), "offer_id, block_ids, and status are required"),
    ] {
        let answer = sync(&system, noun, &body).await;
        assert_eq!((answer.status, answer.said()), (400, json!({ "error": why })), "{body}");
    }
    publish(&system).await;
    let reserved = sync(&system, "blocks", &blocks(&[0], "RESERVED")).await;
    assert_eq!(reserved.json, json!({"status": "ok", "synced": "blocks", "count": 1}));
    let bogus = sync(&system, "blocks", &blocks(&[1], "BOGUS")).await;
    assert_eq!((bogus.status, bogus.error()), (400, "status must be AVAILABLE, RESERVED or SOLD"));

    let x = shown(&system, "p-x").await.unwrap();
    assert_eq!(x["descriptor"], json!({"name": "X"}));
    assert!(x.get("bpp_id").is_none() && x.get("bpp_uri").is_none(), "{x}");
    assert_eq!(x["items"][0]["offers"][0]["price"], json!({"value": 0.2, "currency": "USD"}));
    assert_eq!(x["items"][0]["offers"][0]["maxQuantity"], 2);
    let trusted = seller(&system, "providers/p-x").await["provider"].clone();
    let wanted =
        json!({"id": "p-x", "name": "X", "trust_score": 0.7, "total_orders": 0, "successful_orders": 0});
    assert_eq!(trusted, wanted);

    let deleted = send(&system, Method::DELETE, "/sync/offer/o-x", "").await;
    assert_eq!(
        (deleted.status, deleted.json),
        (200, json!({"status": "ok", "deleted": "offer", "id": "o-x"}))
    );
    assert!(shown(&system, "p-x").await.is_none());
    for id in ["o-x", "nope", "%FF", "%00"] {
        let unknown = send(&system, Method::DELETE, &format!("/sync/offer/{id}"), "").await;
        assert_eq!((unknown.status, unknown.error()), (404, "Offer not found"), "{id}");
    }
}

#[tokio::test]
async fn what_is_published_again_changes_nothing_and_what_is_left_out_stays() {
    let system = System::start().await;
    publish(&system).await;
    let sold = sync(&system, "blocks", &blocks(&[0, 1], "SOLD")).await;
    assert_eq!(sold.json["count"], 2);
    let before = shown(&system, "p-x").await.unwrap();
    publish(&system).await;
    synced(&system, "provider", &json!({"id": "p-x", "name": "X"})).await;
    synced(&system, "item", &json!({"id": "i-x", "provider_id": "p-x"})).await;
    synced(&system, "offer", &json!({"id": "o-x", "item_id": "i-x", "provider_id": "p-x"})).await;
    assert_eq!(sync(&system, "blocks", &blocks(&[0, 1], "SOLD")).await.status, 200);
    assert_eq!(shown(&system, "p-x").await.unwrap(), before);
    assert_eq!(seller(&system, "providers/p-x").await["provider"]["trust_score"], 0.7);

    let euros = json!({
        "id": "o-x", "item_id": "i-x", "provider_id": "p-x", "price_value": 0.3, "currency": "EUR",
        "offer_attributes": {"pricingModel": "FLAT", "settlementType": "WEEKLY"},
    });
    synced(&system, "offer", &euros).await;
    let cheaper = json!({"id": "o-x", "item_id": "i-x", "provider_id": "p-x", "price_value": 0.25});
    synced(&system, "offer", &cheaper).await;
    synced(&system, "item", &json!({"id": "i-x", "provider_id": "p-x", "available_qty": 20})).await;
    let after = shown(&system, "p-x").await.unwrap();
    let (item, offer) = (&after["items"][0], &after["items"][0]["offers"][0]);
    assert_eq!(offer["price"], json!({"value": 0.25, "currency": "EUR"}));
    assert_eq!(offer["offerAttributes"], json!({"pricingModel": "FLAT", "settlementType": "WEEKLY"}));
    assert_eq!(offer["timeWindow"], before["items"][0]["offers"][0]["timeWindow"]);
    assert_eq!(item["itemAttributes"]["sourceType"], "SOLAR");
    assert_eq!(
        item["itemAttributes"]["productionWindow"],
        before["items"][0]["itemAttributes"]["productionWindow"]
    );

    assert_eq!(send(&system, Method::DELETE, "/sync/offer/o-x", "").await.status, 200);
    synced(&system, "offer", &json!({"id": "o-x", "item_id": "i-x", "provider_id": "p-x"})).await;
    assert_eq!(shown(&system, "p-x").await.unwrap(), after);
    system.tables.is_sound().await;
}

#[tokio::test]
async fn a_new_item_or_offer_needs_all_that_makes_it_one() {
    let system = System::start().await;
    synced(&system, "provider", &provider()).await;
    let bare =
        sync(&system, "item", &json!({"id": "i-x", "provider_id": "p-x", "source_type": "SOLAR"})).await;
    let why = "source_type and available_qty are required for a new item";
    assert_eq!((bare.status, bare.error()), (400, why));
    synced(&system, "item", &item()).await;
    for left_out in ["price_value", "max_qty", "time_window"] {
        let mut bare = offer();
        bare.as_object_mut().unwrap().remove(left_out);
        let bare = sync(&system, "offer", &bare).await;
        let why = "price_value, max_qty, and time_window are required for a new offer";
        assert_eq!((bare.status, bare.error()), (400, why), "{left_out}");
    }
    for (noun, mut body, name, why) in [
        ("item", item(), "provider_id", "Provider not found"),
        ("offer", offer(), "provider_id", "Provider not found"),
        ("offer", offer(), "item_id", "Item not found"),
        ("blocks", blocks(&[0], "SOLD"), "offer_id", "Offer not found"),
    ] {
        body[name] = "nope".into();
        if noun == "blocks" {
            body["block_ids"] = json!(["block-nope-0"]);
        }
        let answer = sync(&system, noun, &body).await;
        assert_eq!((answer.status, answer.error()), (404, why), "{body}");
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_field_and_rule() {
    let system = System::start().await;
    publish(&system).await;
    let before = shown(&system, "p-x").await;
    let (long, huge) = (format!("\"{}\"", "x".repeat(10_000)), format!("1{}", "0".repeat(400)));
    let backwards = json!({"startTime": tomorrow(15), "endTime": tomorrow(11)}).to_string();
    let past = r#"{"startTime":"2020-01-01T00:00:00Z","endTime":"2020-01-01T01:00:00Z"}"#;
    let texts = ["7", "[]", "{}", "true", "\"a\\u0001b\"", &long];
    let numbers = ["\"5\"", "\"NaN\"", "true", "[]", "{}", "1e400", &huge, "-1"];
    let windows = ["7", "\"x\"", "{}", "[]", r#"{"startTime":"x","endTime":"y"}"#, &backwards, past];
    let addresses = ["\"x\"", "\"ftp://x\"", "\"http://u:p@x\"", "\"http://x/?q\"", "\"http://x/#f\"", "7"];
    let mut foreign = provider();
    foreign["bpp_id"] = "bpp.elsewhere".into();
    foreign["bpp_uri"] = "http://elsewhere.example".into();
    let (foreign, item, offer, blocks) = (&foreign, &item(), &offer(), &blocks(&[0], "SOLD"));
    let cases: [(&str, &Value, &str, &[&str]); 22] = [
        ("provider", foreign, "id", &texts),
        ("provider", foreign, "name", &texts),
        ("provider", foreign, "trust_score", &numbers),
        ("provider", foreign, "trust_score", &["1.1", "2"]),
        ("provider", foreign, "total_orders", &numbers),
        ("provider", foreign, "total_orders", &["1.5"]),
        ("provider", foreign, "successful_orders", &["1", "\"1\""]),
        ("provider", foreign, "bpp_id", &texts),
        ("provider", foreign, "bpp_uri", &addresses),
        ("item", item, "source_type", &texts),
        ("item", item, "available_qty", &numbers),
        ("item", item, "available_qty", &["0.0001", "1000000001"]),
        ("item", item, "production_windows", &windows[..3]),
        ("offer", offer, "price_value", &numbers),
        ("offer", offer, "price_value", &["0", "0.0000001"]),
        ("offer", offer, "max_qty", &numbers),
        ("offer", offer, "max_qty", &["0", "2.5", "1000000001"]),
        ("offer", offer, "currency", &["7", "\"usd\"", "\"ZZZ\""]),
        ("offer", offer, "time_window", &windows),
        ("offer", offer, "offer_attributes", &["7", "[]", "\"x\""]),
        ("blocks", blocks, "status", &["7", "\"reserved\"", "\"BOGUS\""]),
        (
            "blocks",
            blocks,
            "block_ids",
            &["[]", "7", "[7]", "[\"\"]", "[\"block-o-x-\"]", "[\"block-o-y-0\"]", "[\"block-o-x--1\"]"],
        ),
    ];
    for (noun, good, name, texts) in cases {
        for text in texts {
            let mut marked = good.clone();
            marked[name] = "MARK".into();
            let body = marked.to_string().replace("\"MARK\"", text);
            let answer = send(&system, Method::POST, &format!("/sync/{noun}"), &body).await;
            let shown = &text[..text.len().min(80)];
            assert_eq!(answer.status, 400, "{noun} {name} {shown}: {}", answer.text);
            let error = answer.error();
            let named = (error.starts_with(name) && error.contains(" must "))
                || error.contains("number out of range");
            assert!(named, "{noun} {name} {shown}: {error}");
        }
    }
    for left_out in ["bpp_id", "bpp_uri"] {
        let mut half = foreign.clone();
        half.as_object_mut().unwrap().remove(left_out);
        let answer = sync(&system, "provider", &half).await;
        let why = "bpp_id and bpp_uri must be given together, or neither";
        assert_eq!((answer.status, answer.error()), (400, why));
    }
    // More than the offer has, and more than can be meant.
    let beyond = sync(&system, "blocks", &self::blocks(&[0, 3], "SOLD")).await;
    assert_eq!(beyond.status, 400, "{}", beyond.text);
    let many: Vec<u32> = (0..10_001).collect();
    let many = sync(&system, "blocks", &self::blocks(&many, "SOLD")).await;
    assert_eq!((many.status, many.error()), (400, "block_ids must be a list of 1 to 10000 texts"));
    assert_eq!(shown(&system, "p-x").await, before);
    assert_eq!(seller(&system, "providers/p-x").await["provider"]["trust_score"], 0.7);
}

#[tokio::test]
async fn a_provider_of_another_bpp_is_shown_with_it_unless_that_is_us() {
    let system = System::start().await;
    publish(&system).await;
    let with_bpp = |uri: &str| json!({"id": "p-x", "name": "X", "bpp_id": "bpp.elsewhere", "bpp_uri": uri});
    synced(&system, "provider", &with_bpp("http://elsewhere.example/beckn")).await;
    let foreign = (json!("bpp.elsewhere"), json!("http://elsewhere.example/beckn"));
    let named = |value: &Value| (value["bpp_id"].clone(), value["bpp_uri"].clone());
    let is_foreign = |x: &Value| {
        assert_eq!(named(x), foreign);
        assert_eq!(named(&x["items"][0]["offers"][0]), foreign);
    };
    is_foreign(&shown(&system, "p-x").await.unwrap());
    // Not said is not changed.
    synced(&system, "provider", &provider()).await;
    is_foreign(&shown(&system, "p-x").await.unwrap());
    let alpha = shown(&system, ALPHA_PROVIDER).await.unwrap();
    assert!(alpha.get("bpp_id").is_none() && alpha["items"][0]["offers"][0].get("bpp_uri").is_none());

    synced(&system, "provider", &with_bpp(&format!("{}/", system.bap))).await;
    let ours = shown(&system, "p-x").await.unwrap();
    assert_eq!((named(&ours), named(&ours["items"][0]["offers"][0])), Default::default());
    assert_eq!(system.tables.number("SELECT count(*) FROM catalog.providers").await, 3);
}

#[tokio::test]
async fn sellers_here_and_what_is_synced_keep_apart() {
    let system = System::start().await;
    publish(&system).await;
    let offer_here = json!({
        "item_id": "i-x", "provider_id": "p-x", "price_per_kwh": 0.1, "max_qty": 1, "time_window": window(),
    });
    let item_here = json!({"provider_id": "p-x", "source_type": "SOLAR", "available_qty": 1});
    for (method, url, body) in [
        (Method::POST, format!("{}/seller/items", system.bap), item_here),
        (Method::POST, format!("{}/seller/offers", system.bap), offer_here),
        (Method::PUT, format!("{}/seller/items/i-x/quantity", system.bap), json!({"quantity": 100})),
        (Method::DELETE, format!("{}/seller/offers/o-x", system.bap), json!({})),
        (
            Method::POST,
            format!("{}/sync/provider", system.cds),
            json!({"id": ALPHA_PROVIDER, "name": "Mine now", "trust_score": 0}),
        ),
        (
            Method::POST,
            format!("{}/sync/item", system.cds),
            json!({"id": "item-solar-001", "provider_id": ALPHA_PROVIDER, "available_qty": 1}),
        ),
        (
            Method::POST,
            format!("{}/sync/offer", system.cds),
            json!({
                "id": "offer-alpha-morning", "item_id": "item-solar-001", "provider_id": ALPHA_PROVIDER,
                "price_value": 0.01,
            }),
        ),
        (
            Method::POST,
            format!("{}/sync/blocks", system.cds),
            json!({
                "offer_id": "offer-alpha-morning", "block_ids": ["block-offer-alpha-morning-0"], "status": "SOLD",
            }),
        ),
        (Method::DELETE, format!("{}/sync/offer/offer-alpha-morning", system.cds), json!({})),
    ] {
        let answer = system.send(method, &url, Some(body.to_string().into())).await;
        assert_eq!(answer.status, 409, "{url} {body}: {}", answer.text);
        assert!(!answer.error().is_empty(), "{url}");
    }
    let alpha = seller(&system, &format!("providers/{ALPHA_PROVIDER}")).await;
    assert_eq!(alpha["provider"]["name"], "Alpha Solar Energy");
    assert_eq!(alpha["provider"]["trust_score"], 0.85);
    assert_eq!(system.tables.stock("offer-alpha-morning").await, [50, 0, 0]);
}

#[tokio::test]
async fn blocks_that_an_order_here_holds_are_not_synced_away() {
    let system = System::start().await;
    publish(&system).await;
    let trade = discovered(&system).await;
    trade.ordered("o-x", 2).await;
    let taken = sync(&system, "blocks", &blocks(&[0, 1, 2], "SOLD")).await;
    assert_eq!(taken.status, 409, "{}", taken.text);
    assert!(!taken.error().is_empty());
    let below =
        sync(&system, "offer", &json!({"id": "o-x", "item_id": "i-x", "provider_id": "p-x", "max_qty": 1}))
            .await;
    assert_eq!(below.status, 409, "{}", below.text);
    let below = sync(&system, "item", &json!({"id": "i-x", "provider_id": "p-x", "available_qty": 1})).await;
    assert_eq!(below.status, 409, "{}", below.text);
    trade.bought().await;
    assert_eq!(system.tables.stock("o-x").await, [1, 0, 2]);
    system.tables.is_sound().await;
}
