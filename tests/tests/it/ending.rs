//! How orders end: cancelled by either side, delivered, or never confirmed. Both sides are told the same.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    beckn::{self, Message},
    client::{ALPHA, ALPHA_PROVIDER, Answer, BETA, BETA_PROVIDER, Trade, order_id, tomorrow, until},
    receiver::{Manner, Receiver},
    system::{Setup, System},
};

/// What the seller says of an order, when it can be said.
async fn seller(system: &System, order: &str, word: &str, body: &Value) -> Answer {
    let url = format!("{}/seller/orders/{order}/{word}", system.bap);
    until(word, async || match system.send(Method::POST, &url, Some(body.to_string().into())).await {
        answer if answer.status == 503 => Err(answer.text),
        answer => Ok(answer),
    })
    .await
}

/// The status of an order as its seller sees it.
async fn seen_by_seller(system: &System, order: &str) -> String {
    let orders = system.get("/seller/orders?limit=1000").await.json["orders"].clone();
    let found = orders.as_array().unwrap().iter().find(|o| o["id"] == order).unwrap().clone();
    found["status"].as_str().unwrap().to_owned()
}

async fn trust(system: &System, provider: &str) -> Value {
    system.get(&format!("/seller/providers/{provider}")).await.json["provider"].clone()
}

/// Texts of what was delivered of an action.
async fn said(trade: &Trade, action: &str) -> Vec<String> {
    let events = trade.events().await;
    let of_it = events.iter().filter(|e| e["action"] == action && e["direction"] == "OUTBOUND");
    of_it.map(|event| event["raw_json"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_buyer_cancels_what_it_ordered_and_what_it_bought_and_the_blocks_come_back() {
    let system = System::start().await;
    for buys in [false, true] {
        let trade = system.discover().await;
        let order = trade.ordered(BETA, 30).await;
        if buys {
            trade.bought().await;
        }
        let answer = trade.ask("cancel", json!({"reason": "cloudy"})).await.acknowledged();
        assert_eq!(answer.json["order_id"], json!(order));
        let state = trade.status("CANCELLED").await;
        assert_eq!((&state["order"]["status"], order_id(&state)), (&json!("CANCELLED"), order.clone()));
        let heard: Value =
            serde_json::from_str(&trade.heard("on_cancel", &answer.message_id()).await).unwrap();
        assert_eq!(heard["message"]["order"]["status"], "CANCELLED");
        assert_eq!(seen_by_seller(&system, &order).await, "CANCELLED");
        assert_eq!(system.tables.stock(BETA).await, [100, 0, 0]);

        // Once more, with another message: the same answer, and nothing is done.
        let again = trade.ask("cancel", json!({})).await.acknowledged();
        let again: Value =
            serde_json::from_str(&trade.heard("on_cancel", &again.message_id()).await).unwrap();
        assert_eq!(again["message"], heard["message"]);
        let late = trade.ask("confirm", json!({})).await;
        assert_eq!(late.refused().0, "40001");
        assert_eq!(trade.state().await["status"], "CANCELLED");
    }
    // A buyer's cancel says nothing about the seller.
    assert_eq!(trust(&system, BETA_PROVIDER).await["total_orders"], 5);
    system.is_sound().await;
}

#[tokio::test]
async fn the_same_cancel_is_done_once_and_answered_to_the_byte() {
    let system = System::start().await;
    let trade = system.discover().await;
    let order = trade.ordered(ALPHA, 5).await;
    let message = Message::new(&system, "cancel", &trade.id, json!({"order_id": order}));
    let first = message.post(&system).await;
    assert_eq!(first.verdict(), "ACK");
    trade.status("CANCELLED").await;
    assert_eq!(message.post(&system).await.text, first.text);
    assert_eq!(said(&trade, "on_cancel").await.len(), 1);
    let other = message.with("timestamp", "2026-11-22T00:00:01.000Z").post(&system).await;
    assert_eq!(other.status, 409);
    for (order, code) in [("nope", "40403"), ("", "40403")] {
        let unknown = Message::new(&system, "cancel", &trade.id, json!({"order_id": order}));
        assert_eq!(unknown.post(&system).await.refused().0, code);
    }
    // However long it is: what does not fit into headers must not end the connection of everybody else.
    for (action, named) in [("status", "order_id"), ("cancel", "order_id")] {
        let long = Message::new(&system, action, &trade.id, json!({named: "x".repeat(100_000)}));
        assert_eq!(long.post(&system).await.refused().0, "40403", "{action}");
    }
    let long = json!({"order_id": order, "reason": "x".repeat(256)});
    let long = Message::new(&system, "cancel", &trade.id, long).post(&system).await;
    assert_eq!(long.refused(), ("40001", "reason must be at most 255 characters"));
    assert_eq!(trade.ask("cancel", json!({"reason": "x".repeat(256)})).await.status, 400);
    let bare = Message::new(&system, "cancel", &trade.id, json!({})).post(&system).await;
    assert_eq!((bare.status, bare.verdict()), (400, "NACK"));
    system.is_sound().await;
}

#[tokio::test]
async fn after_a_cancelled_order_the_trade_orders_again() {
    let system = System::start().await;
    let trade = system.discover().await;
    let first = trade.ordered(ALPHA, 50).await;
    trade.ask("cancel", json!({})).await.acknowledged();
    trade.status("CANCELLED").await;
    let second = trade.ordered(ALPHA, 50).await;
    assert_ne!(first, second);
    assert_eq!(order_id(&trade.bought().await), second);
    assert_eq!(system.tables.stock(ALPHA).await, [0, 0, 50]);
    system.is_sound().await;
}

#[tokio::test]
async fn what_is_being_delivered_is_not_cancelled() {
    let system = System::start().await;
    let trade = system.discover().await;
    let order = trade.ordered(ALPHA, 5).await;
    trade.bought().await;
    // Its window has begun meanwhile.
    let begun = format!(
        "UPDATE orders.orders SET items_json = jsonb_set(items_json, '{{0,window_start}}', '\"2026-01-01T00:00:00Z\"')
         WHERE id = '{order}'"
    );
    system.tables.change(&begun).await;
    let answer = trade.ask("cancel", json!({})).await;
    assert!(answer.refused().1.contains("has begun"), "{}", answer.text);
    let state = trade.state().await;
    assert_eq!((&state["status"], &state["error"]["code"]), (&json!("ACTIVE"), &json!("40001")));
    assert_eq!(seller(&system, &order, "cancel", &json!({})).await.status, 409);
    assert_eq!(system.tables.stock(ALPHA).await, [45, 0, 5]);
}

#[tokio::test]
async fn a_buyer_hears_unasked_that_the_seller_gave_its_order_up() {
    let system = System::start().await;
    let trade = system.discover().await;
    let order = trade.ordered(ALPHA, 20).await;
    trade.bought().await;
    let cancelled = seller(&system, &order, "cancel", &json!({"reason": "the inverter broke"})).await;
    assert_eq!((cancelled.status, &cancelled.json["order"]["status"]), (200, &json!("CANCELLED")));
    let again = seller(&system, &order, "cancel", &json!({"reason": "another"})).await;
    assert_eq!(again.text, cancelled.text);
    trade.status("CANCELLED").await;
    assert_eq!(system.tables.stock(ALPHA).await, [50, 0, 0]);
    // (0.85 x 20 + 0) / 21 = 0.80952.
    let trusted = trust(&system, ALPHA_PROVIDER).await;
    assert_eq!(format!("{:.3}", trusted["trust_score"].as_f64().unwrap()), "0.810");
    assert_eq!((&trusted["total_orders"], &trusted["successful_orders"]), (&json!(21), &json!(17)));
    assert_eq!(said(&trade, "on_cancel").await.len(), 1);
    system.is_sound().await;
}

#[tokio::test]
async fn a_buyer_hears_unasked_that_its_order_was_delivered() {
    let system = System::start().await;
    let trade = system.discover().await;
    let order = trade.ordered(ALPHA, 20).await;
    trade.bought().await;
    for _ in 0..2 {
        assert_eq!(seller(&system, &order, "complete", &json!({})).await.status, 200);
    }
    let state = trade.status("COMPLETED").await;
    assert_eq!(state["order"]["status"], "COMPLETED");
    let said: Vec<Value> =
        said(&trade, "on_status").await.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    assert_eq!(said.len(), 1);
    assert_eq!(said[0]["message"]["fulfillment"]["state"]["descriptor"]["code"], "COMPLETED");
    // (0.85 x 20 + 1) / 21 = 0.85714.
    assert_eq!(
        format!("{:.3}", trust(&system, ALPHA_PROVIDER).await["trust_score"].as_f64().unwrap()),
        "0.857"
    );
    assert_eq!(trade.ask("cancel", json!({})).await.refused().0, "40001");
    assert_eq!(system.tables.stock(ALPHA).await, [30, 0, 20]);
    system.is_sound().await;
}

#[tokio::test]
async fn an_order_that_is_never_confirmed_gives_its_blocks_back_and_its_buyer_hears_it() {
    let system = System::with(Setup { hold_seconds: "1", ..Setup::default() }).await;
    let trade = system.discover().await;
    let order = trade.ordered(ALPHA, 50).await;
    let state = trade.status("CANCELLED").await;
    assert_eq!((order_id(&state), &state["order"]["status"]), (order.clone(), &json!("CANCELLED")));
    assert_eq!(system.tables.stock(ALPHA).await, [50, 0, 0]);
    assert_eq!(seen_by_seller(&system, &order).await, "CANCELLED");
    let late = trade.ask("confirm", json!({})).await;
    assert_eq!(late.refused(), ("40001", format!("The hold on order {order} has ended").as_str()));
    assert_eq!(trust(&system, ALPHA_PROVIDER).await["total_orders"], 20);
    trade.ordered(ALPHA, 50).await;
    trade.bought().await;
    system.is_sound().await;
}

#[tokio::test]
async fn another_bap_hears_what_the_seller_does_with_the_same_bytes_until_it_takes_them() {
    let system = System::start().await;
    let receiver = Receiver::answering([Manner::status(200), Manner::status(500)], Manner::status(200)).await;
    let of = |action: &str, said: Value| {
        Message::new(&system, action, "t-elsewhere", said).elsewhere(&receiver.uri)
    };
    of("init", beckn::init(ALPHA, &json!(3))).post(&system).await.acknowledged();
    let made: Value = serde_json::from_str(&receiver.has(1).await[0].body).unwrap();
    let order = made["message"]["order"]["id"].as_str().unwrap().to_owned();
    assert_eq!(seller(&system, &order, "cancel", &json!({"reason": "no"})).await.status, 200);
    let arrived = receiver.has(3).await;
    assert_eq!(arrived[1].body, arrived[2].body);
    let heard: Value = serde_json::from_str(&arrived[1].body).unwrap();
    assert_eq!(
        (&heard["context"]["action"], &heard["message"]["order"]["status"]),
        (&json!("on_cancel"), &json!("CANCELLED"))
    );
    for same in ["bap_id", "bap_uri", "bpp_id", "bpp_uri", "transaction_id", "domain", "version"] {
        assert_eq!(heard["context"][same], made["context"][same], "{same}");
    }
    assert_ne!(heard["context"]["message_id"], made["context"]["message_id"]);
    system.is_sound().await;
}

#[tokio::test]
async fn an_order_for_another_bpp_goes_there_and_comes_from_there() {
    let system = System::start().await;
    let bpp = Receiver::answering([], Manner::Says(200, "x-said: ok\r\n".into())).await;
    let sync = async |what: &str, body: Value| {
        let url = format!("{}/sync/{what}", system.cds);
        let answer = system.send(Method::POST, &url, Some(body.to_string().into())).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    sync("provider", json!({"id": "p-far", "name": "Far", "bpp_id": "bpp.far", "bpp_uri": bpp.uri})).await;
    sync("item", json!({"id": "i-far", "provider_id": "p-far", "source_type": "HYDRO", "available_qty": 9}))
        .await;
    let window = json!({"startTime": tomorrow(11), "endTime": tomorrow(15)});
    let offer = json!({
        "id": "o-far", "item_id": "i-far", "provider_id": "p-far", "price_value": 0.2, "max_qty": 9,
        "time_window": window,
    });
    sync("offer", offer).await;
    let answer = system.post("/api/discover", &json!({"sourceType": "HYDRO"})).await.acknowledged();
    let trade = system.trade(answer.json["transaction_id"].as_str().unwrap());
    trade.status("SELECTING").await;
    // This BPP answers without a verdict: the request stays open, and arrives all the same.
    assert_eq!(trade.select("o-far", 3).await.status, 502);
    let arrived: Value = serde_json::from_str(&bpp.has(1).await[0].body).unwrap();
    let context = &arrived["context"];
    assert_eq!((&context["bpp_id"], &context["bpp_uri"]), (&json!("bpp.far"), &json!(bpp.uri)));
    assert_eq!(arrived["message"]["orderItems"][0]["offer_id"], "o-far");
    // It cannot be bought here.
    let here = Message::new(
        &system,
        "select",
        "t-here",
        json!({"orderItems": [
        {"item_id": "i-far", "offer_id": "o-far", "quantity": 1}]}),
    );
    let answer = here.post(&system).await;
    assert!(answer.refused().1.contains(&bpp.uri), "{}", answer.text);
}

#[tokio::test]
async fn the_reconciler_finds_stock_that_does_not_follow_its_order_and_mends_it() {
    let system = System::with(Setup { reconcile_seconds: "1", ..Setup::default() }).await;
    let (kept, lost) = (system.discover().await, system.discover().await);
    kept.ordered(ALPHA, 5).await;
    kept.bought().await;
    let order = lost.ordered(ALPHA, 7).await;
    system.tables.quiet().await;
    assert_eq!(system.violations().await, [""; 0]);
    // As if its release had been forgotten, long ago.
    let forget = format!(
        "UPDATE orders.orders SET status = 'EXPIRED', updated_at = now() - interval '1 day' WHERE id = '{order}'"
    );
    system.tables.change(&forget).await;
    until("the stock", async || {
        let stock = system
            .tables
            .number("SELECT reserved_qty FROM catalog.catalog_offers WHERE id = 'offer-alpha-morning'")
            .await;
        if stock == 0 { Ok(()) } else { Err(stock.to_string()) }
    })
    .await;
    assert_eq!(system.tables.stock(ALPHA).await, [45, 0, 5]);
    system.is_sound().await;
    // What only a person can mend is said, and left as it is.
    system.tables.change("UPDATE orders.orders SET total_price = 99 WHERE status = 'ACTIVE'").await;
    let violations = system.violations().await;
    assert_eq!(violations.len(), 1, "{violations:#?}");
    assert!(violations[0].contains("costs 99"), "{violations:?}");
}

#[tokio::test]
async fn an_order_is_made_with_the_provider_that_the_buyer_means_or_not_at_all() {
    let system = System::start().await;
    let mut said = beckn::init(ALPHA, &json!(3));
    said["order"]["provider"]["id"] = BETA_PROVIDER.into();
    let answer = Message::new(&system, "init", "t-mistaken", said.clone()).post(&system).await;
    assert!(answer.refused().1.contains(ALPHA_PROVIDER), "{}", answer.text);
    said["order"].as_object_mut().unwrap().remove("provider");
    Message::new(&system, "init", "t-silent", said).post(&system).await.acknowledged();
    system.is_sound().await;
}
