//! The seller's side of a trade, over HTTP only: who sells, what there is, what is offered, and what became of it.

use reqwest::Method;
use serde_json::{Value, json};

use p2p_system_tests::shape::{differing, missing};

use crate::{
    calls::Calls,
    client::{ALPHA, ALPHA_PROVIDER, Answer, BETA, BETA_PROVIDER, Client, order_id, tomorrow, until, window},
    system::{Setup, System},
};

/// Asks the seller's API.
pub async fn ask(client: &Client, method: Method, path: &str, body: &str) -> Answer {
    let body = Some(body.as_bytes().to_vec()).filter(|body| !body.is_empty());
    client.send(method, &format!("{}/seller/{path}", client.bap), body).await
}

async fn get(client: &Client, path: &str) -> Answer {
    let answer = ask(client, Method::GET, path, "").await;
    assert_eq!(answer.status, 200, "{path} {}", answer.text);
    answer
}

async fn post(client: &Client, path: &str, body: &Value) -> Answer {
    ask(client, Method::POST, path, &body.to_string()).await
}

/// Makes something and returns its id.
pub async fn made(client: &Client, noun: &str, path: &str, body: &Value) -> String {
    let answer = post(client, path, body).await;
    assert_eq!((answer.status, &answer.json["status"]), (200, &json!("ok")), "{path} {}", answer.text);
    answer.json[noun]["id"].as_str().unwrap().to_owned()
}

/// A new provider with 100 kWh of wind.
pub async fn newcomer(client: &Client) -> (String, String) {
    let provider = made(client, "provider", "register", &json!({"name": "Gamma Wind"})).await;
    let item = json!({"provider_id": provider, "source_type": "WIND", "available_qty": 100});
    let item = made(client, "item", "items", &item).await;
    (provider, item)
}

pub fn offer_of(provider: &str, item: &str, kwh: u32) -> Value {
    json!({
        "item_id": item, "provider_id": provider, "price_per_kwh": 0.07, "max_qty": kwh, "time_window": window(),
    })
}

fn same(what: &str, wanted: &Value, found: &Value) {
    let lines = differing(wanted, found);
    assert!(lines.is_empty(), "{what}: {lines:#?}\nin {found:#}");
}

fn blocks(total: u32, available: u32, reserved: u32, sold: u32) -> Value {
    json!({"total": total, "available": available, "reserved": reserved, "sold": sold})
}

fn is_named(id: &str, word: &str, digits: usize) -> bool {
    let hex = id.strip_prefix(word).unwrap_or_default();
    hex.len() >= digits && hex.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
}

#[tokio::test]
async fn a_newcomer_sells_ten_of_its_sixty_kwh() {
    let system = System::start().await;
    let (provider, item) = newcomer(&system).await;
    let offer = made(&system, "offer", "offers", &offer_of(&provider, &item, 60)).await;

    let wish = json!({"sourceType": "WIND", "minQuantity": 60, "timeWindow": window()});
    let answer = system.post("/api/discover", &wish).await.acknowledged();
    let trade = system.trade(answer.json["transaction_id"].as_str().unwrap());
    let found = trade.status("SELECTING").await["catalog"]["providers"].clone();
    assert_eq!(found[0]["descriptor"]["name"], "Gamma Wind");
    assert_eq!(found[0]["items"][0]["offers"][0]["id"], json!(offer));
    assert_eq!(found[0]["items"][0]["offers"][0]["maxQuantity"], 60);
    assert_eq!(found.as_array().unwrap().len(), 1);

    trade.ordered(&offer, 10).await;
    let held = get(&system, &format!("offers?provider_id={provider}")).await.json;
    assert_eq!(held["offers"][0]["blockStats"], blocks(60, 50, 10, 0));
    let order = order_id(&trade.bought().await);

    let offers = get(&system, &format!("offers?provider_id={provider}")).await.json;
    assert_eq!(offers["offers"][0]["blockStats"], blocks(60, 50, 0, 10));
    assert_eq!(offers["offers"][0]["maxQuantity"], 60);
    let items = get(&system, &format!("items?provider_id={provider}")).await.json;
    assert_eq!(items["items"][0]["available_qty"], 90);

    let orders = get(&system, &format!("orders?provider_id={provider}")).await.json;
    let line = json!({
        "item_id": item, "offer_id": offer, "provider_id": provider, "quantity": 10,
        "price": {"value": 0.7, "currency": "USD"},
    });
    let stock = json!({
        "item_id": item, "offer_id": offer, "available_quantity": 90, "sold_quantity": 10,
        "remaining_quantity": 90, "block_stats": blocks(60, 50, 0, 10),
    });
    let wanted = json!({"orders": [{
        "id": order, "transaction_id": trade.id, "status": "ACTIVE", "items": [line],
        "quote": {"price": {"value": 0.7, "currency": "USD"}, "totalQuantity": 10}, "itemInfo": stock,
    }]});
    same("orders", &wanted, &orders);
    assert!(orders["orders"][0].get("reason").is_none());
    system.tables.is_sound().await;
}

#[tokio::test]
async fn a_delivered_order_raises_trust_once() {
    let system = System::start().await;
    let (provider, item) = newcomer(&system).await;
    let offer = made(&system, "offer", "offers", &offer_of(&provider, &item, 60)).await;
    let answer = system.post("/api/discover", &json!({"sourceType": "WIND"})).await.acknowledged();
    let trade = system.trade(answer.json["transaction_id"].as_str().unwrap());
    trade.status("SELECTING").await;
    let order = trade.ordered(&offer, 10).await;
    let pending = post(&system, &format!("orders/{order}/complete"), &json!({})).await;
    assert_eq!(pending.status, 409, "{}", pending.text);
    assert!(!pending.error().is_empty());
    trade.bought().await;

    let not_its = json!({"provider_id": ALPHA_PROVIDER});
    let stranger = post(&system, &format!("orders/{order}/complete"), &not_its).await;
    assert_eq!((stranger.status, stranger.error()), (404, "Order not found"));
    let done = json!({"status": "ok", "order": {"id": order, "status": "COMPLETED"}});
    let its = json!({"provider_id": provider});
    let completed = until("the completed order", async || {
        // An action of the trade may still be ending.
        match post(&system, &format!("orders/{order}/complete"), &its).await {
            answer if answer.status == 503 => Err(answer.text),
            answer => Ok(answer),
        }
    })
    .await;
    assert_eq!(completed.status, 200, "{}", completed.text);
    same("complete", &done, &completed.json);
    assert!(completed.json["order"].get("itemInfo").is_none());
    let again = ask(&system, Method::POST, &format!("orders/{order}/complete"), "").await;
    same("complete again", &done, &again.json);
    trade.status("COMPLETED").await;

    // (0.5 x 5 + 1) / 6 = 0.583.
    let trusted = until("the outcome", async || {
        let found = get(&system, &format!("providers/{provider}")).await.json["provider"].clone();
        if found["total_orders"] == 1 { Ok(found) } else { Err(found.to_string()) }
    })
    .await;
    assert_eq!(format!("{:.3}", trusted["trust_score"].as_f64().unwrap()), "0.583");
    assert_eq!(trusted["successful_orders"], 1);
    let orders = get(&system, &format!("orders?provider_id={provider}")).await.json;
    assert_eq!(orders["orders"][0]["status"], "COMPLETED");
    let late = post(&system, &format!("orders/{order}/cancel"), &json!({})).await;
    assert_eq!(late.status, 409, "{}", late.text);
}

#[tokio::test]
async fn an_order_that_its_seller_gives_up_goes_back_into_stock() {
    let system = System::start().await;
    let trade = system.discover().await;
    let order = trade.ordered(BETA, 30).await;
    let reason = json!({"provider_id": BETA_PROVIDER, "reason": "the inverter broke"});
    let cancelled = until("the cancelled order", async || {
        match post(&system, &format!("orders/{order}/cancel"), &reason).await {
            answer if answer.status == 503 => Err(answer.text),
            answer => Ok(answer),
        }
    })
    .await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.text);
    let wanted = json!({"id": order, "status": "CANCELLED", "reason": "the inverter broke"});
    same("cancel", &json!({"status": "ok", "order": wanted}), &cancelled.json);
    assert_eq!(system.tables.stock(BETA).await, [100, 0, 0]);
    trade.status("CANCELLED").await;
    let orders = get(&system, &format!("orders?provider_id={BETA_PROVIDER}")).await.json;
    same("orders", &json!({"orders": [wanted]}), &orders);
}

#[tokio::test]
async fn the_sellers_side_answers_as_the_transcript_has_it() {
    let system = System::start().await;
    let registered = post(&system, "register", &json!({"name": "Gamma Solar"})).await;
    let provider = registered.json["provider"]["id"].as_str().unwrap().to_owned();
    assert!(is_named(&provider, "provider-", 8), "{provider}");
    let shown = |id: &str, name: &str, score: f64, total: u32, successful: u32| {
        json!({
            "id": id, "name": name, "trust_score": score, "total_orders": total, "successful_orders": successful,
        })
    };
    let gamma = shown(&provider, "Gamma Solar", 0.5, 0, 0);
    assert_eq!(registered.json, json!({"status": "ok", "provider": gamma}));
    let alpha = shown(ALPHA_PROVIDER, "Alpha Solar Energy", 0.85, 20, 17);
    let beta = shown(BETA_PROVIDER, "Beta Green Power", 0.6, 5, 3);
    let everybody = get(&system, "providers").await.json;
    assert_eq!(everybody, json!({"providers": [alpha, beta, gamma]}));
    let one = get(&system, &format!("providers/{provider}")).await.json;
    assert_eq!(one, json!({"provider": gamma, "items": [], "offers": []}));

    let windows = json!([window()]);
    let answer = post(
        &system,
        "items",
        &json!({
            "provider_id": provider, "source_type": "WIND", "delivery_mode": "INSTANT", "available_qty": 40,
            "production_windows": windows, "meter_id": "MTR-G",
        }),
    )
    .await;
    let item = answer.json["item"]["id"].as_str().unwrap().to_owned();
    assert!(is_named(&item, "item-wind-", 12), "{item}");
    let mut shown = json!({
        "id": item, "provider_id": provider, "source_type": "WIND", "delivery_mode": "INSTANT",
        "available_qty": 40, "production_windows": windows, "meter_id": "MTR-G",
    });
    assert_eq!(answer.json, json!({"status": "ok", "item": shown}));
    let its_items = format!("items?provider_id={provider}");
    assert_eq!(get(&system, &its_items).await.json, json!({"items": [shown]}));
    let all = get(&system, "items").await.json;
    assert_eq!(all["items"].as_array().unwrap().len(), 3);
    let seeded = json!({
        "id": "item-solar-001", "provider_id": ALPHA_PROVIDER, "source_type": "SOLAR",
        "delivery_mode": "SCHEDULED", "available_qty": 100, "meter_id": "MTR-ALPHA-001",
        "production_windows": [{"startTime": tomorrow(8), "endTime": tomorrow(18)}],
    });
    assert_eq!(all["items"][0], seeded);
    let set = ask(&system, Method::PUT, &format!("items/{item}/quantity"), r#"{"quantity":35}"#).await;
    assert_eq!(set.json, json!({"status": "ok", "item_id": item, "new_quantity": 35}));
    shown["available_qty"] = 35.into();
    assert_eq!(get(&system, &its_items).await.json, json!({"items": [shown]}));

    let answer = post(&system, "offers", &offer_of(&provider, &item, 5)).await;
    let offer = answer.json["offer"]["id"].as_str().unwrap().to_owned();
    assert!(is_named(&offer, "offer-", 8), "{offer}");
    let mut shown = json!({
        "id": offer, "item_id": item, "provider_id": provider,
        "offerAttributes": {"pricingModel": "PER_KWH", "settlementType": "DAILY"},
        "price": {"value": 0.07, "currency": "USD"}, "maxQuantity": 5, "timeWindow": window(),
    });
    assert_eq!(answer.json, json!({"status": "ok", "offer": shown}));
    let millis = |at: String| at.replace("00Z", "00.000Z");
    shown["timeWindow"] = json!({"startTime": millis(tomorrow(11)), "endTime": millis(tomorrow(15))});
    shown["blockStats"] = blocks(5, 5, 0, 0);
    let its_offers = format!("offers?provider_id={provider}");
    assert_eq!(get(&system, &its_offers).await.json, json!({"offers": [shown]}));
    assert_eq!(get(&system, "offers").await.json["offers"].as_array().unwrap().len(), 3);
    let whole = get(&system, &format!("providers/{provider}")).await.json;
    assert_eq!((&whole["items"][0]["id"], &whole["offers"]), (&json!(item), &json!([shown])));
    let none = get(&system, &format!("orders?provider_id={provider}")).await.json;
    assert_eq!(none, json!({"orders": []}));

    let deleted = ask(&system, Method::DELETE, &format!("offers/{offer}"), "").await;
    assert_eq!((deleted.status, deleted.json), (200, json!({"status": "ok", "deleted": offer})));
    assert_eq!(get(&system, &its_offers).await.json, json!({"offers": []}));
    let again = ask(&system, Method::DELETE, &format!("offers/{offer}"), "").await;
    assert_eq!((again.status, again.error()), (404, "Offer not found"));
}

#[tokio::test]
async fn orders_look_as_in_the_transcript_before_and_after_the_sale() {
    let system = System::start().await;
    let trade = system.discover().await;
    trade.ordered(BETA, 30).await;
    let path = format!("orders?provider_id={BETA_PROVIDER}");
    let held = get(&system, &path).await.json["orders"][0].clone();
    assert_eq!(held["status"], "PENDING");
    let stock = json!({
        "item_id": "item-solar-002", "offer_id": BETA, "available_quantity": 150, "sold_quantity": 0,
        "remaining_quantity": 120, "block_stats": blocks(100, 70, 30, 0),
    });
    assert_eq!(held["itemInfo"], stock);
    trade.bought().await;
    let at = "2026-11-22T19:36:49.515Z";
    let line = json!({
        "item_id": "item-solar-002", "offer_id": BETA, "provider_id": BETA_PROVIDER, "quantity": 30,
        "price": {"value": 2.4, "currency": "USD"}, "timeWindow": {"startTime": at, "endTime": at},
    });
    let stock = json!({
        "item_id": "item-solar-002", "offer_id": BETA, "available_quantity": 120, "sold_quantity": 30,
        "remaining_quantity": 120, "block_stats": blocks(100, 70, 0, 30),
    });
    let wanted = json!({
        "id": "x", "transaction_id": "t", "status": "ACTIVE", "items": [line],
        "quote": {"price": {"value": 2.4, "currency": "USD"}, "totalQuantity": 30}, "created_at": at,
        "updated_at": at, "itemInfo": stock,
    });
    for path in ["orders", &path] {
        let sold = get(&system, path).await.json;
        let lines = missing(&json!({"orders": [wanted]}), &sold);
        assert!(lines.is_empty(), "{lines:#?}\nin {sold:#}");
        assert_eq!(sold["orders"][0]["itemInfo"], stock);
    }
    let others = get(&system, &format!("orders?provider_id={ALPHA_PROVIDER}")).await.json;
    assert_eq!(others, json!({"orders": []}));
}

/// A body with another value in one field.
fn instead(good: &Value, name: &str, text: &str) -> String {
    let mut marked = good.clone();
    marked[name] = "MARK".into();
    marked.to_string().replace("\"MARK\"", text)
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_field_and_rule_and_nothing_is_written() {
    let system = System::start().await;
    let (provider, item) = newcomer(&system).await;
    let (long, huge) = (format!("\"{}\"", "x".repeat(10_000)), format!("1{}", "0".repeat(400)));
    let backwards = json!({"startTime": tomorrow(15), "endTime": tomorrow(11)}).to_string();
    let past = r#"{"startTime":"2020-01-01T00:00:00Z","endTime":"2020-01-01T01:00:00Z"}"#;
    let ancient = r#"{"startTime":"0001-01-01T00:00:00Z","endTime":"2999-01-01T01:00:00Z"}"#;
    let no_numbers = ["\"5\"", "\"NaN\"", "true", "[]", "{}", "1e400", &huge];
    let no_texts = ["7", "[]", "{}", "true", "\"a\\u0001b\"", &long];
    let no_windows = ["7", "\"x\"", "{}", r#"{"startTime":"x","endTime":"y"}"#, &backwards];

    let good_item = json!({"provider_id": provider, "source_type": "WIND", "available_qty": 5});
    let good_offer = offer_of(&provider, &item, 5);
    let register = json!({"name": "Gamma"});
    let windows = no_windows.map(|window| format!("[{window}]"));
    let windows = windows.each_ref().map(String::as_str);
    let many = format!("[{}]", vec![window().to_string(); 101].join(","));
    let (many, ancients) = (many.as_str(), format!("[{ancient}]"));
    let no_words = ["\"SO LAR\"", "\"' OR 1=1\"", "\"\u{e9}\""];
    let cases: [(&str, &Value, &str, &[&str]); 21] = [
        ("register", &register, "name", &no_texts),
        ("items", &good_item, "provider_id", &no_texts),
        ("items", &good_item, "source_type", &no_texts),
        ("items", &good_item, "source_type", &no_words),
        ("items", &good_item, "delivery_mode", &no_texts),
        ("items", &good_item, "delivery_mode", &no_words),
        ("items", &good_item, "meter_id", &no_texts),
        ("items", &good_item, "available_qty", &no_numbers),
        ("items", &good_item, "available_qty", &["0", "-5", "0.0001", "1000000001"]),
        ("items", &good_item, "production_windows", &windows),
        ("items", &good_item, "production_windows", &["7", "{}", many, &ancients]),
        ("offers", &good_offer, "item_id", &no_texts),
        ("offers", &good_offer, "provider_id", &no_texts),
        ("offers", &good_offer, "currency", &no_texts),
        ("offers", &good_offer, "currency", &["\"usd\"", "\"ZZZ\"", "\"US\""]),
        ("offers", &good_offer, "price_per_kwh", &no_numbers),
        ("offers", &good_offer, "price_per_kwh", &["0", "-5", "0.0000001", "1000000000000"]),
        ("offers", &good_offer, "max_qty", &no_numbers),
        ("offers", &good_offer, "max_qty", &["0", "-5", "2.5", "1000000001"]),
        ("offers", &good_offer, "time_window", &no_windows),
        ("offers", &good_offer, "time_window", &[past, ancient, "[]"]),
    ];

    for (path, good, name, texts) in cases {
        for text in texts {
            let answer = ask(&system, Method::POST, path, &instead(good, name, text)).await;
            let shown = &text[..text.len().min(80)];
            assert_eq!(answer.status, 400, "{path} {name} {shown}: {}", answer.text);
            let named = (answer.error().starts_with(name) && answer.error().contains(" must "))
                || answer.error().contains("number out of range");
            assert!(named, "{path} {name} {shown}: {}", answer.text);
        }
    }
    for text in no_numbers.iter().chain(&["0.0001", "1000000001"]) {
        let body = format!(r#"{{"quantity":{text}}}"#);
        let answer = ask(&system, Method::PUT, &format!("items/{item}/quantity"), &body).await;
        assert_eq!(answer.status, 400, "{text} {}", answer.text);
        let begins = "Valid quantity is required: quantity must be a number of kWh";
        assert!(answer.error().starts_with(begins), "{text} {}", answer.text);
    }
    assert_eq!(system.tables.number("SELECT count(*) FROM catalog.providers").await, 3);
    assert_eq!(system.tables.number("SELECT count(*) FROM catalog.catalog_items").await, 3);
    assert_eq!(system.tables.number("SELECT count(*) FROM catalog.catalog_offers").await, 2);
    let items = get(&system, &format!("items?provider_id={provider}")).await.json;
    assert_eq!(items["items"][0]["available_qty"], 100);
}

#[tokio::test]
async fn what_is_missing_or_unknown_is_told_in_the_words_of_the_transcript() {
    let system = System::start().await;
    let (provider, item) = newcomer(&system).await;
    let name = "Provider name is required";
    let of_item = "provider_id, source_type, and available_qty are required";
    let of_offer = "item_id, provider_id, price_per_kwh, max_qty, and time_window are required";
    let (no_provider, no_item, no_offer) = ("Provider not found", "Item not found", "Offer not found");
    let item_path = format!("items/{item}/quantity");
    for (method, path, body, status, wanted) in [
        (Method::POST, "register", json!({}), 400, name),
        (Method::POST, "register", json!({"name": ""}), 400, name),
        (Method::POST, "register", json!({"name": "  "}), 400, name),
        (Method::POST, "register", json!({"name": null}), 400, name),
        (Method::POST, "items", json!({"provider_id": "x"}), 400, of_item),
        (Method::POST, "items", json!({}), 400, of_item),
        (Method::POST, "offers", json!({"item_id": item}), 400, of_offer),
        (Method::POST, "offers", json!({}), 400, of_offer),
        (Method::PUT, &item_path, json!({"quantity": -1}), 400, "Valid quantity is required"),
        (Method::PUT, &item_path, json!({"quantity": null}), 400, "Valid quantity is required"),
        (Method::PUT, &item_path, json!({}), 400, "Valid quantity is required"),
        (
            Method::POST,
            "items",
            json!({"provider_id": "nope", "source_type": "SOLAR", "available_qty": 5}),
            404,
            no_provider,
        ),
        (Method::POST, "offers", offer_of("nope", &item, 5), 404, no_provider),
        (Method::POST, "offers", offer_of(&provider, "nope", 5), 404, no_item),
        (Method::POST, "offers", offer_of(&provider, "item-solar-001", 5), 404, no_item),
        (Method::PUT, "items/nope/quantity", json!({"quantity": 3}), 404, no_item),
        (Method::PUT, "items/%FF/quantity", json!({"quantity": 3}), 404, no_item),
        (Method::DELETE, "offers/nope", json!({}), 404, no_offer),
        (Method::DELETE, "offers/%00", json!({}), 404, no_offer),
        (Method::GET, "providers/nope", json!({}), 404, no_provider),
        (Method::GET, "providers/%C3%A9", json!({}), 404, no_provider),
        (Method::POST, "orders/nope/complete", json!({}), 404, "Order not found"),
        (Method::POST, "orders/nope/cancel", json!({}), 404, "Order not found"),
        (
            Method::POST,
            "orders/00000000-0000-4000-8000-000000000000/complete",
            json!({}),
            404,
            "Order not found",
        ),
        (
            Method::POST,
            "orders/00000000-0000-4000-8000-000000000000/cancel",
            json!({"reason": "x"}),
            404,
            "Order not found",
        ),
    ] {
        let answer = ask(&system, method, path, &body.to_string()).await;
        assert_eq!((answer.status, answer.error()), (status, wanted), "{path} {body}");
    }
    for noun in ["items", "offers", "orders"] {
        for nobody in ["nope", "%C3%A9"] {
            let found = get(&system, &format!("{noun}?provider_id={nobody}")).await.json;
            assert_eq!(found, json!({ noun: [] }), "{nobody}");
        }
        for query in ["limit=0", "limit=1001", "limit=x", "limit=-1", "cursor=rubbish", "cursor=%00"] {
            let answer = ask(&system, Method::GET, &format!("{noun}?{query}"), "").await;
            assert_eq!(answer.status, 400, "{noun} {query} {}", answer.text);
        }
        let twice = ask(&system, Method::GET, &format!("{noun}?provider_id=a&provider_id=b"), "").await;
        assert_eq!(twice.status, 400, "{noun} {}", twice.text);
    }
}

#[tokio::test]
async fn stock_that_is_held_stays_held() {
    let system = System::start().await;
    let trade = system.discover().await;
    let order = trade.ordered(ALPHA, 10).await;
    let set = async |kwh: u32| {
        let body = json!({ "quantity": kwh }).to_string();
        ask(&system, Method::PUT, "items/item-solar-001/quantity", &body).await
    };
    let below = set(9).await;
    assert_eq!(below.status, 409, "{}", below.text);
    assert!(below.error().contains("10 kWh of item item-solar-001 are held"), "{}", below.text);
    let just = set(10).await;
    assert_eq!(just.json, json!({"status": "ok", "item_id": "item-solar-001", "new_quantity": 10}));
    // What is held of a withdrawn offer can still be bought.
    let deleted = ask(&system, Method::DELETE, &format!("offers/{ALPHA}"), "").await;
    assert_eq!(deleted.status, 200, "{}", deleted.text);
    assert_eq!(order_id(&trade.bought().await), order);
    let orders = get(&system, &format!("orders?provider_id={ALPHA_PROVIDER}")).await.json;
    assert_eq!(orders["orders"][0]["itemInfo"]["block_stats"], blocks(50, 40, 0, 10));
    assert_eq!(orders["orders"][0]["itemInfo"]["remaining_quantity"], 0);
    system.tables.is_sound().await;
}

#[tokio::test]
async fn lists_come_in_pages_each_with_few_calls() {
    let calls = Calls::default();
    let system = System::with(Setup { calls: Some(calls.clone()), ..Setup::default() }).await;
    let (provider, item) = newcomer(&system).await;
    for kwh in 1..=5 {
        made(&system, "offer", "offers", &offer_of(&provider, &item, kwh)).await;
        let more = json!({"provider_id": provider, "source_type": "HYDRO", "available_qty": kwh});
        made(&system, "item", "items", &more).await;
        made(&system, "provider", "register", &json!({"name": format!("Number {kwh}")})).await;
    }
    for (noun, path, all) in [
        ("providers", "providers?".to_owned(), 8),
        ("items", format!("items?provider_id={provider}&"), 6),
        ("offers", format!("offers?provider_id={provider}&"), 5),
        ("items", "items?".to_owned(), 8),
        ("offers", "offers?".to_owned(), 7),
    ] {
        let whole = get(&system, &path).await.json;
        assert!(whole.get("next_cursor").is_none(), "{whole}");
        let whole = whole[noun].as_array().unwrap().clone();
        assert_eq!(whole.len(), all, "{path}");
        let (mut paged, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = get(&system, &format!("{path}limit=2&cursor={cursor}")).await.json;
            paged.extend(page[noun].as_array().unwrap().clone());
            match page.get("next_cursor") {
                Some(next) => cursor = next.as_str().unwrap().to_owned(),
                None => break,
            }
        }
        assert_eq!(paged, whole, "{path}");
    }

    for _ in 0..3 {
        system.discover().await.ordered(BETA, 1).await;
    }
    let asked = async |path: &str, names: &[&str]| {
        calls.0.take();
        get(&system, path).await;
        let counted = calls.0.take();
        let counts: Vec<u64> =
            names.iter().map(|name| counted.get(*name).copied().unwrap_or_default()).collect();
        assert_eq!(counts, vec![1; names.len()], "{path}: {counted:?}");
    };
    asked("providers", &["ListProviders", "GetTrust"]).await;
    asked("offers", &["ListOffers"]).await;
    asked("orders", &["ListProviderOrders", "GetOffers"]).await;
    asked(&format!("providers/{provider}"), &["ListProviders", "GetTrust", "ListItems", "ListOffers"]).await;

    let pages = async |limit: u32, cursor: &str| {
        get(&system, &format!("orders?limit={limit}&cursor={cursor}")).await.json
    };
    let whole = pages(100, "").await["orders"].as_array().unwrap().clone();
    assert_eq!(whole.len(), 3);
    let first = pages(2, "").await;
    let second = pages(2, first["next_cursor"].as_str().unwrap()).await;
    assert!(second.get("next_cursor").is_none());
    let ids = |orders: &[Value]| orders.iter().map(|order| order["id"].clone()).collect::<Vec<_>>();
    let paged =
        [ids(first["orders"].as_array().unwrap()), ids(second["orders"].as_array().unwrap())].concat();
    assert_eq!(paged, ids(&whole));
}
