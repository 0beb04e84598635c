//! The trade of the seed's README, from discover to status, and its repetitions.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    beckn::{self, Message},
    client::{ALPHA, BETA, order_id},
    receiver::Receiver,
    system::{Setup, System},
};

/// Score and price as they are written, so that 2.4000000000000004 is not 2.4.
fn written(state: &Value, pointer: &str) -> String {
    state.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is missing")).to_string()
}

#[tokio::test]
async fn the_trade_of_the_readme_ends_active_with_70_blocks_left() {
    let system = System::start().await;
    let trade = system.discover().await;

    // Beta: 0.40 x 1 (cheapest) + 0.35 x 0.60 (trust) + 0.25 x 3/4 (12 to 15 of 11 to 15) = 0.7975.
    // Alpha: 0.40 x 0 (dearest) + 0.35 x 0.85 + 0.25 x 3/4 (11 to 14) = 0.485.
    let selected = trade.match_best(30).await.acknowledged();
    assert_eq!(selected.json["selected_offer"]["id"], BETA);
    assert_eq!(written(&selected.json, "/matching/score"), "0.7975");
    assert_eq!(selected.json["matching"]["alternativeOffers"], 2);
    let quoted = trade.status("INITIALIZING").await;
    assert_eq!(written(&quoted, "/matchingResults/allOffers/0/score"), "0.7975");
    assert_eq!(written(&quoted, "/matchingResults/allOffers/1/score"), "0.485");
    assert_eq!(quoted["matchingResults"]["selectedOffer"]["offer"]["id"], BETA);

    trade.ask("init", json!({})).await.acknowledged();
    let made = trade.status("CONFIRMING").await;
    assert_eq!(made["order"]["status"], "PENDING");
    // 30 kWh at 0.08.
    assert_eq!(written(&made, "/order/quote/price/value"), "2.4");
    let order = order_id(&made);
    assert_eq!(system.tables.stock(BETA).await, [70, 30, 0]);

    let active = trade.bought().await;
    assert_eq!(
        (order_id(&active), written(&active, "/order/quote/price/value")),
        (order.clone(), "2.4".into())
    );
    let asked = trade.ask("status", json!({"order_id": order})).await.acknowledged();
    let told: Value = serde_json::from_str(&trade.heard("on_status", &asked.message_id()).await).unwrap();
    assert_eq!(told["message"]["fulfillment"]["state"]["descriptor"]["code"], "IN_PROGRESS");

    let blocks = system.blocks(BETA).await;
    assert_eq!((blocks.total, blocks.available, blocks.reserved, blocks.sold), (100, 70, 0, 30));
    system.tables.is_sound().await;
}

#[tokio::test]
async fn each_action_is_logged_four_times_with_its_exact_text_and_one_message_id() {
    let system = System::start().await;
    let trade = system.discover().await;
    trade.ordered(BETA, 30).await;
    trade.bought().await;
    let asked = trade.ask("status", json!({})).await.acknowledged();
    trade.heard("on_status", &asked.message_id()).await;

    let events = trade.events().await;
    assert_eq!(events.len(), 5 * 4);
    for (action, rows) in ["discover", "select", "init", "confirm", "status"].iter().zip(events.chunks(4)) {
        let callback = format!("on_{action}");
        let ways = [
            (*action, "OUTBOUND"),
            (*action, "INBOUND"),
            (callback.as_str(), "OUTBOUND"),
            (callback.as_str(), "INBOUND"),
        ];
        for (row, (action, way)) in rows.iter().zip(ways) {
            assert_eq!((row["action"].as_str().unwrap(), row["direction"].as_str().unwrap()), (action, way));
            assert_eq!(row["transaction_id"], *trade.id);
            let message: Value = serde_json::from_str(row["raw_json"].as_str().unwrap()).unwrap();
            assert_eq!(message["context"]["action"], action);
            assert_eq!(message["context"]["message_id"], row["message_id"]);
            // A callback lives under its request's id.
            assert_eq!(row["message_id"], rows[0]["message_id"]);
        }
        assert_eq!(rows[0]["raw_json"], rows[1]["raw_json"], "{action} was received as it was sent");
        assert_eq!(rows[2]["raw_json"], rows[3]["raw_json"], "{callback} was received as it was sent");
    }
}

#[tokio::test]
async fn a_second_init_answers_the_same_order() {
    let system = System::start().await;
    let trade = system.discover().await;
    let order = trade.ordered(BETA, 30).await;
    let again = trade.ask("init", json!({})).await.acknowledged();
    let told: Value = serde_json::from_str(&trade.heard("on_init", &again.message_id()).await).unwrap();
    assert_eq!(told["message"]["order"]["id"], order);
    let state = trade.status("CONFIRMING").await;
    assert_eq!(order_id(&state), order);
    assert_eq!(system.tables.stock(BETA).await, [70, 30, 0]);
    system.tables.is_sound().await;
}

#[tokio::test]
async fn a_second_init_of_other_lines_is_told_which_order_is_open() {
    let system = System::start().await;
    let trade = system.discover().await;
    let order = trade.ordered(BETA, 30).await;
    trade.select(ALPHA, 5).await.acknowledged();
    trade.status("INITIALIZING").await;
    let again = trade.ask("init", json!({})).await.acknowledged();
    let told: Value = serde_json::from_str(&trade.heard("on_init", &again.message_id()).await).unwrap();
    let error = json!({"code": "40001", "message": format!("order {order} is open; cancel it first")});
    assert_eq!((&told["error"], &told["message"]), (&error, &Value::Null));
    let state = trade.state_where("the refusal", |state| state["error"] == error).await;
    assert_eq!(order_id(&state), order);
    assert_eq!(system.tables.stock(ALPHA).await, [50, 0, 0]);
    let state = trade.bought().await;
    assert_eq!((order_id(&state), written(&state, "/order/quote/totalQuantity")), (order, "30".into()));
    assert_eq!(system.tables.stock(BETA).await, [70, 0, 30]);
    system.tables.is_sound().await;
}

#[tokio::test]
async fn after_a_refused_init_the_buyer_selects_again() {
    let system = System::start().await;
    let trade = system.discover().await;
    trade.select(ALPHA, 50).await.acknowledged();
    trade.status("INITIALIZING").await;
    system.discover().await.ordered(ALPHA, 20).await;
    let refused = trade.ask("init", json!({})).await;
    assert_eq!(refused.refused().0, "40001");
    let state = trade.state_where("the refusal", |state| state["error"]["code"] == "40001").await;
    assert_eq!(state["status"], "INITIALIZING");
    trade.ordered(ALPHA, 30).await;
    let state = trade.bought().await;
    assert_eq!((&state["order"]["quote"]["totalQuantity"], &state["error"]), (&json!(30), &Value::Null));
    assert_eq!(system.tables.stock(ALPHA).await, [0, 20, 30]);
    system.tables.is_sound().await;
}

#[tokio::test]
async fn callbacks_come_at_once_or_a_tenth_of_a_second_later() {
    for (callback_delay, least) in [("0", Duration::ZERO), ("100", Duration::from_millis(100))] {
        let system = System::with(Setup { callback_delay, ..Setup::default() }).await;
        let trade = system.discover().await;
        trade.ordered(BETA, 30).await;
        trade.bought().await;
        let receiver = Receiver::start().await;
        let select = Message::new(&system, "select", "t-1", beckn::select(BETA, &json!(1)));
        let asked = Instant::now();
        select.elsewhere(&receiver.uri).post(&system).await.acknowledged();
        let waited = receiver.has(1).await[0].at - asked;
        assert!(waited >= least, "{waited:?} with CALLBACK_DELAY={callback_delay}");
        system.tables.is_sound().await;
    }
}

#[tokio::test]
async fn confirming_twice_sells_once() {
    let system = System::start().await;
    let trade = system.discover().await;
    let order = trade.ordered(BETA, 30).await;
    let first = trade.bought().await;
    let again = trade.ask("confirm", json!({})).await.acknowledged();
    assert_eq!(again.json["order_id"], order);
    let told: Value = serde_json::from_str(&trade.heard("on_confirm", &again.message_id()).await).unwrap();
    assert_eq!(told["message"]["order"], first["order"]);
    assert_eq!(trade.status("ACTIVE").await["order"], first["order"]);
    assert_eq!(system.tables.stock(BETA).await, [70, 0, 30]);
    system.tables.is_sound().await;
}

#[tokio::test]
async fn a_trade_that_is_cleared_is_gone_from_view_and_its_order_lives_on() {
    let system = System::start().await;
    let trade = system.discover().await;
    trade.ordered(BETA, 10).await;
    trade.bought().await;
    let url = format!("{}/api/transactions", system.bap);
    let cleared = system.send(reqwest::Method::DELETE, &url, None).await;
    assert_eq!(cleared.json, json!({"status": "ok", "cleared": 1}));
    assert_eq!(system.get(&format!("/api/transactions/{}", trade.id)).await.status, 404);
    assert_eq!(system.get("/api/transactions").await.json["transactions"], json!([]));
    assert_eq!(system.tables.stock(BETA).await, [90, 0, 10]);
}
