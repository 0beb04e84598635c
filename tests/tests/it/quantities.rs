//! Quantities that cannot be: refused, and never gone on with.

use serde_json::{Value, json};

use crate::{
    beckn::{self, Message},
    client::{ALPHA, Answer, Trade, window},
    system::System,
};

const NOT_SELECTED: &str = "No offer selected. Run select first.";

/// As they are written in a request; none: left out.
fn impossible() -> Vec<Option<String>> {
    let huge = format!("1{}", "0".repeat(400));
    let written = ["0", "-5", "1.5", "\"30\"", &huge, "1e400", "null", "true", "-0", "[]", "{}", "1e-1"];
    written.into_iter().map(|text| Some(text.to_owned())).chain([None]).collect()
}

fn field(quantity: Option<&str>) -> String {
    quantity.map(|text| format!(r#","quantity":{text}"#)).unwrap_or_default()
}

async fn select(trade: &Trade, how: &str, quantity: Option<&str>) -> Answer {
    let body = format!(r#"{{"transaction_id":"{}",{how}{}}}"#, trade.id, field(quantity));
    trade.client.post_text("/api/select", &body).await
}

fn by_hand() -> String {
    format!(r#""offer_id":"{ALPHA}""#)
}

fn best() -> String {
    format!(r#""autoMatch":true,"requestedTimeWindow":{}"#, window())
}

#[tokio::test]
async fn the_buyers_side_refuses_them_and_init_does_not_go_on() {
    let system = System::start().await;
    let trade = system.discover().await;
    let before = trade.state_text().await;
    for how in [by_hand(), best()] {
        for quantity in impossible() {
            let answer = select(&trade, &how, quantity.as_deref()).await;
            assert_eq!(answer.status, 400, "{quantity:?} {how}: {}", answer.text);
            assert!(answer.error().starts_with("quantity "), "{quantity:?} {how}: {}", answer.text);
        }
    }
    let none = select(&trade, &best(), Some("10000")).await;
    let why = "No offers match the criteria (time window, quantity, or trust threshold)";
    assert_eq!((none.status, none.said()), (400, json!({"error": why, "allOffers": 0})));
    assert_eq!(trade.state_text().await, before);
    let init = trade.ask("init", json!({})).await;
    assert_eq!((init.status, init.error()), (400, NOT_SELECTED));
}

#[tokio::test]
async fn more_than_the_stock_by_hand_is_refused_by_the_seller_and_not_kept() {
    let system = System::start().await;
    let trade = system.discover().await;
    let answer = select(&trade, &by_hand(), Some("10000")).await;
    assert_eq!(answer.json["status"], "ok");
    assert_eq!(answer.json["selected_offer"]["quantity"], 10000);
    let why = "Requested quantity 10000 exceeds available blocks 50; Requested quantity 10000 exceeds item available 100";
    assert_eq!(answer.refused(), ("40001", why));
    let state = trade.status("SELECTING").await;
    assert_eq!((&state["selectedOffer"], &state["selectedQuantity"]), (&Value::Null, &Value::Null));
    assert_eq!(state["error"], json!({"code": "40001", "message": why}));
    let init = trade.ask("init", json!({})).await;
    assert_eq!((init.status, init.error()), (400, NOT_SELECTED));
}

#[tokio::test]
async fn an_earlier_selection_outlives_them_all() {
    let system = System::start().await;
    let trade = system.discover().await;
    trade.select(ALPHA, 10).await.acknowledged();
    trade.status("INITIALIZING").await;
    for how in [by_hand(), best()] {
        for quantity in impossible().into_iter().chain([Some("10000".to_owned())]) {
            let answer = select(&trade, &how, quantity.as_deref()).await;
            assert!(!answer.is_acknowledged(), "{quantity:?} {how}: {}", answer.text);
        }
    }
    trade.ask("init", json!({})).await.acknowledged();
    let state = trade.status("CONFIRMING").await;
    assert_eq!(state["selectedQuantity"], 10);
    assert_eq!(state["order"]["quote"]["totalQuantity"], 10);
    assert_eq!(system.tables.stock(ALPHA).await, [40, 10, 0]);
}

#[tokio::test]
async fn the_sellers_side_refuses_them_in_select_and_init() {
    let system = System::start().await;
    for action in ["select", "init"] {
        let marked = match action {
            "select" => beckn::select(ALPHA, &json!("QUANTITY")),
            _ => beckn::init(ALPHA, &json!("QUANTITY")),
        };
        for quantity in impossible().into_iter().chain([Some("10000".to_owned())]) {
            let message = Message::new(&system, action, "t-1", marked.clone()).text();
            let text = match &quantity {
                Some(quantity) => message.replace("\"QUANTITY\"", quantity),
                None => message.replace(",\"quantity\":\"QUANTITY\"", ""),
            };
            assert!(!text.contains("QUANTITY"));
            let answer = system.post_text(&format!("/{action}"), &text).await;
            assert_eq!(answer.refused().0, "40001", "{action} {quantity:?}: {}", answer.text);
        }
    }
    system.tables.is_sound().await;
    assert_eq!(system.tables.number("SELECT count(*) FROM orders.orders").await, 0);
    assert_eq!(system.tables.stock(ALPHA).await, [50, 0, 0]);
}
