//! Many buyers at once.

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use tokio::time::sleep;

use crate::{
    client::{ALPHA, Trade, without_catalog},
    system::System,
};

/// What came of a buyer's wish.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Active,
    Refused(String),
}

/// The status wanted, or what went wrong instead.
async fn either(trade: &Trade, status: &str) -> Result<(), End> {
    loop {
        let state = trade
            .state_where(status, |state| state["status"] == status || state["error"]["code"].is_string())
            .await;
        if let Some(code) = state["error"]["code"].as_str() {
            return Err(End::Refused(code.to_owned()));
        }
        if state["status"] == status {
            return Ok(());
        }
        sleep(Duration::from_millis(20)).await;
    }
}

async fn buy(trade: &Trade) -> Result<(), End> {
    for (action, with, next) in [
        ("select", json!({"offer_id": ALPHA, "quantity": 1}), "INITIALIZING"),
        ("init", json!({}), "CONFIRMING"),
        ("confirm", json!({}), "ACTIVE"),
    ] {
        let answer = trade.ask(action, with).await;
        assert_eq!(answer.status, 200, "{action} {}", answer.text);
        if !answer.is_acknowledged() {
            return Err(End::Refused(answer.refused().0.to_owned()));
        }
        either(trade, next).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_buyers_of_fifty_kwh_leave_a_hundred_and_fifty_who_hear_it() {
    let system = System::start().await;
    let trades = join_all((0..200).map(|_| system.discover())).await;
    let ends = join_all(trades.iter().map(|trade| async {
        match buy(trade).await {
            Ok(()) => End::Active,
            Err(end) => end,
        }
    }))
    .await;
    let active = ends.iter().filter(|end| **end == End::Active).count();
    assert_eq!(active, 50, "{ends:?}");
    for (trade, end) in trades.iter().zip(&ends) {
        let state = trade.state().await;
        match end {
            End::Active => assert_eq!(
                (&state["status"], &state["order"]["status"]),
                (&json!("ACTIVE"), &json!("ACTIVE"))
            ),
            End::Refused(code) => {
                assert!(["40001", "40901"].contains(&code.as_str()), "{code}");
                assert_eq!(state["error"]["code"], **code, "{}", without_catalog(state.clone()));
                assert_ne!(state["status"], "ACTIVE");
            }
        }
    }
    system.is_sound().await;
    assert_eq!(system.tables.stock(ALPHA).await, [0, 0, 50]);
    let item = "SELECT available_qty::bigint || '/' || reserved_qty::bigint || '/' || sold_qty::bigint
                FROM catalog.catalog_items WHERE id = 'item-solar-001'";
    assert_eq!(system.tables.texts(item).await, ["50/0/50"]);
    let count = |status: &str| format!("SELECT count(*) FROM orders.orders WHERE status = '{status}'");
    assert_eq!(system.tables.number(&count("ACTIVE")).await, 50);
    assert_eq!(system.tables.number(&count("PENDING")).await, 0);
}
