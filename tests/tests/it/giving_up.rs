//! What was accepted and turns out to be impossible: undone and answered before the sale, never given up after it.

use serde_json::{Value, json};

use crate::{
    beckn::{self, Message},
    client::{ALPHA, order_id, until},
    receiver::Receiver,
    sql::Tables,
    system::System,
};

/// From now on no block can get one of these statuses, and only these.
async fn break_blocks(tables: &Tables, statuses: &str) {
    let sql = format!(
        "CREATE SEQUENCE IF NOT EXISTS catalog.failed;
         CREATE OR REPLACE FUNCTION catalog.fail() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN PERFORM nextval('catalog.failed'); RAISE EXCEPTION 'broken by a test'; END $$;
         CREATE OR REPLACE TRIGGER broken BEFORE INSERT OR UPDATE ON catalog.block_runs
         FOR EACH ROW WHEN (NEW.status IN ({statuses})) EXECUTE FUNCTION catalog.fail()"
    );
    tables.change(&sql).await;
}

/// Waits until it was tried in vain so often.
async fn tried(tables: &Tables, times: i64) {
    until("failed tries", async || {
        let failed = tables.number("SELECT last_value FROM catalog.failed").await;
        if failed >= times { Ok(()) } else { Err(failed.to_string()) }
    })
    .await;
}

async fn mend_blocks(tables: &Tables) {
    tables.change("DROP TRIGGER broken ON catalog.block_runs").await;
}

async fn orders(tables: &Tables) -> Vec<String> {
    tables.texts("SELECT status FROM orders.orders ORDER BY created_at").await
}

#[tokio::test]
async fn an_init_that_can_never_be_done_is_answered_and_the_buyer_selects_again() {
    let system = System::start().await;
    let trade = system.discover().await;
    trade.select(ALPHA, 5).await.acknowledged();
    trade.status("INITIALIZING").await;
    break_blocks(&system.tables, "'RESERVED'").await;
    trade.ask("init", json!({})).await.acknowledged();
    let state = trade.state_where("the failure", |state| state["error"]["code"] == "50001").await;
    assert_eq!((&state["status"], &state["selectedQuantity"]), (&json!("INITIALIZING"), &json!(5)));
    system.tables.is_sound().await;
    assert_eq!(orders(&system.tables).await, ["CANCELLED"]);
    assert_eq!(system.tables.stock(ALPHA).await, [50, 0, 0]);

    mend_blocks(&system.tables).await;
    let order = trade.ordered(ALPHA, 6).await;
    let state = trade.bought().await;
    assert_eq!((order_id(&state), &state["error"]), (order, &Value::Null));
    assert_eq!(system.tables.stock(ALPHA).await, [44, 0, 6]);
    system.tables.is_sound().await;
}

#[tokio::test]
async fn a_confirm_that_can_never_be_done_is_answered_and_its_blocks_are_free_again() {
    let system = System::start().await;
    let trade = system.discover().await;
    trade.ordered(ALPHA, 5).await;
    break_blocks(&system.tables, "'SOLD'").await;
    trade.ask("confirm", json!({})).await.acknowledged();
    trade.state_where("the failure", |state| state["error"]["code"] == "50001").await;
    system.tables.is_sound().await;
    assert_eq!(orders(&system.tables).await, ["CANCELLED"]);
    assert_eq!(system.tables.stock(ALPHA).await, [50, 0, 0]);
    trade.ask("status", json!({})).await.acknowledged();
    trade.status("CANCELLED").await;

    mend_blocks(&system.tables).await;
    trade.ordered(ALPHA, 6).await;
    trade.bought().await;
    assert_eq!(orders(&system.tables).await, ["CANCELLED", "ACTIVE"]);
    system.tables.is_sound().await;
}

#[tokio::test]
async fn what_can_neither_be_sold_nor_released_waits_and_what_is_unreadable_by_then_is_answered() {
    let system = System::start().await;
    let receiver = Receiver::start().await;
    let message =
        |action: &str, said: Value| Message::new(&system, action, "t-1", said).elsewhere(&receiver.uri);
    message("init", beckn::init(ALPHA, &json!(5))).post(&system).await.acknowledged();
    let told = |n: usize| serde_json::from_str::<Value>(&receiver.bodies()[n]).unwrap();
    receiver.has(1).await;
    let order = told(0)["message"]["order"]["id"].clone();

    break_blocks(&system.tables, "'SOLD', 'AVAILABLE'").await;
    let confirm = message("confirm", json!({"order": {"id": order}}));
    confirm.post(&system).await.acknowledged();
    let behind = [(); 2].map(|()| message("status", json!({"order_id": order})));
    for status in &behind {
        status.post(&system).await.acknowledged();
    }
    // Sold at first, and again, then released, and the same once more.
    tried(&system.tables, 5).await;
    assert_eq!(orders(&system.tables).await, ["PENDING"]);
    assert_eq!(receiver.bodies().len(), 1);

    let unreadable = format!(
        "UPDATE orders.events SET raw_json = (raw_json::jsonb - 'message')::text WHERE message_id = '{}'",
        behind[0].id()
    );
    system.tables.change(&unreadable).await;
    // It may be about to be released at this very moment.
    break_blocks(&system.tables, "'AVAILABLE'").await;
    receiver.has(4).await;
    assert_eq!(told(1)["message"]["order"]["status"], "ACTIVE");
    assert_eq!((&told(2)["error"]["code"], &told(2)["message"]), (&json!("50001"), &Value::Null));
    assert_eq!(told(2)["context"]["message_id"], *behind[0].id());
    assert_eq!(told(3)["message"]["order"]["status"], "ACTIVE");
    system.tables.is_sound().await;
    assert_eq!(system.tables.stock(ALPHA).await, [45, 0, 5]);
}
