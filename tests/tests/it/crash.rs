//! kill -9 of a gateway between its ACKs and its callbacks: another gateway does the rest, once.

use std::time::Duration;

use serde_json::{Value, json};

use tokio::time::sleep;

use crate::{
    beckn::{self, Message},
    client::{ALPHA, Client, until},
    programs::{Place, Programs},
    receiver::Receiver,
};

const BAP: &str = "bap.elsewhere";
const TRADES: usize = 5;
/// Gateways look for work four times a second.
const BOTH_HAVE_LOOKED: Duration = Duration::from_secs(1);

fn message(client: &Client, receiver: &Receiver, action: &str, trade: usize, said: Value) -> Message {
    Message::new(client, action, &format!("t-{trade}"), said)
        .with("bap_id", BAP)
        .with("bap_uri", &receiver.uri)
}

async fn accepted(client: &Client, messages: &[Message]) {
    for message in messages {
        let path = format!("/{}", message.0["context"]["action"].as_str().unwrap());
        let answer = client.post(&path, &message.0).await;
        assert!(answer.is_acknowledged(), "{path} {}", answer.text);
    }
}

/// The callbacks to these messages, in their order; each arrives once, with the bytes that the outbox has.
async fn answered(programs: &Programs, receiver: &Receiver, messages: &[Message]) -> Vec<Value> {
    programs.tables.quiet().await;
    let read = |text: &String| serde_json::from_str::<Value>(text).unwrap();
    let mut callbacks = Vec::new();
    for message in messages {
        let action = format!("on_{}", message.0["context"]["action"].as_str().unwrap());
        let of_it = |text: &&String| {
            let context = &read(text)["context"];
            context["message_id"] == message.0["context"]["message_id"] && context["action"] == *action
        };
        let bodies = receiver.bodies();
        let arrived: Vec<&String> = bodies.iter().filter(of_it).collect();
        let sql = format!(
            "SELECT e.raw_json FROM orders.outbox o JOIN orders.events e ON e.id = o.event_id
             WHERE o.action = '{action}' AND o.message_id = '{}'",
            message.id()
        );
        let stored = programs.tables.texts(&sql).await;
        assert_eq!((stored.len(), arrived.len()), (1, 1), "{action} {}", message.id());
        assert_eq!(*arrived[0], stored[0]);
        callbacks.push(read(arrived[0]));
    }
    callbacks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_gateway_accepted_another_one_finishes_once() {
    let (first, second, third) = (Place::new("gateway-1"), Place::new("gateway-2"), Place::new("gateway-3"));
    let more = [("CALLBACK_DELAY", "2000"), ("LEASE_SECONDS", "1")];
    let programs = Programs::new(&[&first, &second, &third], &more).await;
    let _services = programs.services();
    let receiver = Receiver::start().await;
    let client = first.client();
    let gateway = programs.gateway(&first).await;

    let inits: Vec<Message> = (0..TRADES)
        .map(|trade| message(&client, &receiver, "init", trade, beckn::init(ALPHA, &json!(3))))
        .collect();
    accepted(&client, &inits).await;
    gateway.kill().await;
    assert_eq!(receiver.bodies(), [""; 0]);

    let gateway = programs.gateway(&second).await;
    let made = answered(&programs, &receiver, &inits).await;
    assert!(made.iter().all(|made| made["message"]["order"]["status"] == "PENDING"), "{made:?}");
    assert_eq!(programs.tables.stock(ALPHA).await, [35, 15, 0]);

    let client = second.client();
    let confirms: Vec<Message> = made
        .iter()
        .enumerate()
        .map(|(trade, made)| {
            let order = json!({"order": {"id": made["message"]["order"]["id"]}});
            message(&client, &receiver, "confirm", trade, order)
        })
        .collect();
    accepted(&client, &confirms).await;
    gateway.kill().await;

    let _gateway = programs.gateway(&third).await;
    let bought = answered(&programs, &receiver, &confirms).await;
    assert!(bought.iter().all(|bought| bought["message"]["order"]["status"] == "ACTIVE"), "{bought:?}");
    assert_eq!(programs.tables.stock(ALPHA).await, [35, 0, 15]);
    programs.tables.is_sound().await;
    // What was sent again to the next gateway reads the verdict that the first one gave.
    let again = third.client().post("/init", &inits[0].0).await;
    assert!(again.is_acknowledged(), "{}", again.text);
    assert_eq!(receiver.bodies().len(), 2 * TRADES);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_two_gateways_find_at_once_one_of_them_sends() {
    let places = ["gateway-1", "gateway-2", "gateway-3"].map(Place::new);
    let more = [("CALLBACK_DELAY", "1000"), ("LEASE_SECONDS", "1")];
    let programs = Programs::new(&places.each_ref(), &more).await;
    let _services = programs.services();
    let receiver = Receiver::start().await;
    let client = places[0].client();
    let gateway = programs.gateway(&places[0]).await;
    let selects: Vec<Message> = (0..TRADES)
        .map(|trade| message(&client, &receiver, "select", trade, beckn::select(ALPHA, &json!(1))))
        .collect();
    accepted(&client, &selects).await;
    gateway.kill().await;

    // Whoever looks while the rows are locked sees them as they were before.
    programs.tables.change("BEGIN; SELECT id FROM orders.outbox FOR UPDATE").await;
    let _gateways = [programs.gateway(&places[1]).await, programs.gateway(&places[2]).await];
    let lapsed = "SELECT id::text FROM orders.outbox WHERE lease_until > clock_timestamp()";
    until("leases to lapse", async || {
        let held = programs.tables.texts(lapsed).await;
        if held.is_empty() { Ok(()) } else { Err(held.join(" ")) }
    })
    .await;
    sleep(BOTH_HAVE_LOOKED).await;
    programs.tables.change("COMMIT").await;
    answered(&programs, &receiver, &selects).await;
    assert_eq!(receiver.bodies().len(), TRADES);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_buyers_own_trade_outlives_its_gateway() {
    let (first, second) = (Place::new("gateway-1"), Place::new("gateway-2"));
    let more = [("CALLBACK_DELAY", "1500"), ("LEASE_SECONDS", "1")];
    let programs = Programs::new(&[&first, &second], &more).await;
    let _services = programs.services();
    let gateway = programs.gateway(&first).await;
    let trade = first.client().discover().await;
    trade.select(ALPHA, 4).await.acknowledged();
    trade.status("INITIALIZING").await;
    let init = trade.ask("init", json!({})).await.acknowledged();
    gateway.kill().await;

    let gateway = programs.gateway(&second).await;
    let trade = second.client().trade(&trade.id);
    trade.heard("on_init", &init.message_id()).await;
    trade.status("CONFIRMING").await;
    let confirm = trade.ask("confirm", json!({})).await.acknowledged();
    gateway.kill().await;

    let _gateway = programs.gateway(&first).await;
    let trade = first.client().trade(&trade.id);
    trade.status("ACTIVE").await;
    let callbacks = trade.events().await.into_iter().filter(|event| event["action"] == "on_confirm");
    let texts: Vec<Value> = callbacks.map(|event| event["raw_json"].clone()).collect();
    assert_eq!(texts.len(), 2);
    assert_eq!(texts[0], texts[1]);
    until("the end of it", async || {
        let stock = programs.tables.stock(ALPHA).await;
        if stock == [46, 0, 4] { Ok(()) } else { Err(format!("{stock:?} {}", confirm.text)) }
    })
    .await;
    programs.tables.is_sound().await;
}
