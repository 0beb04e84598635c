//! Callbacks that nobody asked for, that come late, and that bring bad news.

use serde_json::{Value, json};

use crate::{
    beckn::Message,
    client::{ALPHA, ALPHA_PROVIDER, Answer, BETA, BETA_PROVIDER, Trade, order_id},
    system::{Setup, System},
};

fn order(id: &str, status: &str) -> Value {
    json!({"order": {
        "id": id, "transaction_id": "t", "status": status, "items": [],
        "quote": {"price": {"value": 1, "currency": "USD"}, "totalQuantity": 1},
        "created_at": "2026-11-22T00:00:00.000Z", "updated_at": "2026-11-22T00:00:00.000Z",
    }})
}

fn quoted(id: &str) -> Value {
    json!({"order": {
        "id": id, "items": [], "quote": {"price": {"value": 1, "currency": "USD"}, "totalQuantity": 1},
        "provider": {"id": "p"},
    }})
}

async fn send(trade: &Trade, message: &Message) -> Answer {
    let path = format!("/callbacks/{}", message.0["context"]["action"].as_str().unwrap());
    let answer = trade.client.post(&path, &message.0).await;
    assert_eq!((answer.status, &answer.json["status"]), (200, &json!("ok")), "{path} {}", answer.text);
    answer
}

#[tokio::test]
async fn what_comes_late_or_unasked_changes_nothing() {
    let system = System::start().await;
    let trade = system.discover().await;
    let mine = trade.ordered(BETA, 30).await;
    trade.bought().await;
    let before = trade.state_text().await;
    let new = |action: &str, bpp: &str, message: Value| {
        Message::new(&system, action, &trade.id, message).with("bpp_id", bpp)
    };
    let catalog = json!({"catalog": {"providers": []}});
    for (what, message) in [
        ("a late quote", new("on_select", BETA_PROVIDER, quoted("o-x"))),
        ("a stranger's quote", new("on_select", ALPHA_PROVIDER, quoted("o-x"))),
        ("a catalog", new("on_discover", ALPHA_PROVIDER, catalog)),
        ("another order", new("on_init", BETA_PROVIDER, order("o-x", "PENDING"))),
        ("another order bought", new("on_confirm", BETA_PROVIDER, order("o-x", "ACTIVE"))),
        ("another order's end", new("on_status", BETA_PROVIDER, order("o-x", "CANCELLED"))),
        ("a step back", new("on_init", BETA_PROVIDER, order(&mine, "PENDING"))),
        ("a step back by status", new("on_status", BETA_PROVIDER, order(&mine, "PENDING"))),
        ("an unasked confirmation", new("on_confirm", BETA_PROVIDER, order(&mine, "ACTIVE"))),
        ("a stranger's word on the order", new("on_status", ALPHA_PROVIDER, order(&mine, "CANCELLED"))),
        ("a failure", new("on_confirm", BETA_PROVIDER, json!({})).failed("40001", "no")),
        ("a failure of nothing", new("on_status", BETA_PROVIDER, json!({})).failed("50001", "no")),
    ] {
        let answer = send(&trade, &message).await;
        assert_ne!(answer.json["message"], "duplicate ignored", "{what}");
        let action = message.0["context"]["action"].as_str().unwrap();
        assert_eq!(trade.heard(action, &message.id()).await, message.text(), "{what} is logged");
        assert_eq!(trade.state_text().await, before, "{what}");
        let again = send(&trade, &message).await;
        assert_eq!(again.json, json!({"status": "ok", "message": "duplicate ignored"}), "{what}");
        let other = message.with("timestamp", "2026-11-22T00:00:01.000Z");
        send(&trade, &other).await;
        assert_eq!(trade.state_text().await, before, "{what}, with other bytes");
    }
    system.tables.is_sound().await;
}

#[tokio::test]
async fn the_callbacks_of_a_trade_that_come_again_change_nothing() {
    let system = System::start().await;
    let trade = system.discover().await;
    trade.ordered(BETA, 30).await;
    trade.bought().await;
    let before = trade.state_text().await;
    let events = trade.events().await;
    let heard = events.iter().filter(|event| {
        event["direction"] == "INBOUND" && event["action"].as_str().unwrap().starts_with("on_")
    });
    let mut actions = Vec::new();
    for event in heard {
        let action = event["action"].as_str().unwrap();
        let again =
            system.post_text(&format!("/callbacks/{action}"), event["raw_json"].as_str().unwrap()).await;
        assert_eq!((again.status, &again.json["message"]), (200, &json!("duplicate ignored")), "{action}");
        assert_eq!(trade.state_text().await, before, "{action}");
        actions.push(action);
    }
    assert_eq!(actions, ["on_discover", "on_select", "on_init", "on_confirm"]);
    assert_eq!(trade.events().await, events);
}

#[tokio::test]
async fn what_is_for_another_bap_or_another_transaction_changes_nothing() {
    let system = System::start().await;
    let trade = system.discover().await;
    let mine = trade.ordered(ALPHA, 1).await;
    let before = trade.state_text().await;
    let end = Message::new(&system, "on_status", &trade.id, order(&mine, "CANCELLED"));
    send(&trade, &end.clone().with("bap_id", "bap.elsewhere")).await;
    assert_eq!(trade.state_text().await, before);
    send(&trade, &end.with("transaction_id", "t-other")).await;
    assert_eq!(trade.state_text().await, before);
    assert_eq!(system.get("/api/transactions/t-other").await.status, 404);
}

#[tokio::test]
async fn only_a_catalog_makes_a_transaction() {
    let system = System::start().await;
    for (action, message) in [
        ("on_select", quoted("o-x")),
        ("on_init", order("o-x", "PENDING")),
        ("on_confirm", order("o-x", "ACTIVE")),
        ("on_status", order("o-x", "ACTIVE")),
    ] {
        let trade = system.trade(&format!("unknown-{action}"));
        send(&trade, &Message::new(&system, action, &trade.id, message)).await;
        assert_eq!(system.get(&format!("/api/transactions/{}", trade.id)).await.status, 404, "{action}");
    }
    let listed = system.get("/api/transactions").await;
    assert_eq!(listed.json["transactions"], json!([]));

    let trade = system.trade("unknown");
    let found = Message::new(&system, "on_discover", "unknown", json!({"catalog": {"providers": []}}));
    send(&trade, &found).await;
    let state = trade.state().await;
    assert_eq!((&state["status"], &state["catalog"]), (&json!("SELECTING"), &json!({"providers": []})));
}

#[tokio::test]
async fn a_failure_restores_the_status_and_says_why() {
    // Our own seller's side keeps silent for as long as this test lasts.
    let system = System::with(Setup { callback_delay: "600000", ..Setup::default() }).await;
    let trade = system.trade("t-1");
    let discovered = trade.ask("discover", json!({"sourceType": "SOLAR"})).await.acknowledged();
    assert_eq!(trade.state().await["status"], "DISCOVERING");
    let catalog = system.send(reqwest::Method::GET, &format!("{}/catalog", system.cds), None).await.json;
    let found =
        Message::new(&system, "on_discover", "t-1", catalog).with("message_id", &discovered.message_id());
    send(&trade, &found).await;
    let before = trade.status("SELECTING").await;

    let selected = trade.select(ALPHA, 10).await.acknowledged();
    let open = trade.state().await;
    assert_eq!((&open["status"], &open["selectedQuantity"]), (&json!("SELECTING"), &json!(10)));
    let failed = |action: &str, id: &str| {
        Message::new(&system, action, "t-1", json!({})).with("message_id", id).failed("40901", "sold out")
    };
    send(&trade, &failed("on_select", &selected.message_id())).await;
    let after = trade.state().await;
    assert_eq!(after["error"], json!({"code": "40901", "message": "sold out"}));
    assert_eq!((&after["status"], &after["selectedOffer"]), (&json!("SELECTING"), &Value::Null));
    assert_eq!(after["catalog"], before["catalog"]);
    assert_eq!(trade.ask("init", json!({})).await.status, 400);

    let selected = trade.select(ALPHA, 10).await.acknowledged();
    assert_eq!(trade.state().await["error"], Value::Null);
    let quote = Message::new(&system, "on_select", "t-1", quoted("o-x"));
    send(&trade, &quote.with("message_id", &selected.message_id())).await;
    trade.status("INITIALIZING").await;
    let init = trade.ask("init", json!({})).await.acknowledged();
    send(&trade, &failed("on_init", &init.message_id())).await;
    let after = trade.state().await;
    assert_eq!((&after["status"], &after["selectedQuantity"]), (&json!("INITIALIZING"), &json!(10)));
    assert_eq!(after["error"]["code"], "40901");
}

#[tokio::test]
async fn a_confirm_of_an_unknown_order_leaves_the_known_one_to_be_confirmed() {
    let system = System::start().await;
    let trade = system.discover().await;
    let order = trade.ordered(ALPHA, 3).await;
    let gone = trade.ask("confirm", json!({"order_id": "00000000-0000-5000-8000-000000000000"})).await;
    assert_eq!(gone.refused().0, "40403");
    let state = trade.status("CONFIRMING").await;
    assert_eq!((order_id(&state), &state["error"]["code"]), (order, &json!("40403")));
    let state = trade.bought().await;
    assert_eq!(state["error"], Value::Null);
}
