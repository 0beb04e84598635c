//! Two gateways on one mailbox: whichever hears a message, it is one message.

use std::collections::HashSet;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::{
    beckn::{self, Message},
    client::{ALPHA, Answer, Client, Trade, until},
    receiver::Receiver,
    system::System,
};

const COPIES: usize = 16;

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// All at once, by turns to each gateway.
async fn post_all(gateways: &[&Client; 2], messages: &[Message]) -> Vec<Answer> {
    join_all(messages.iter().enumerate().map(|(n, message)| message.post(gateways[n % 2]))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_copies_to_two_gateways_are_one_message_and_other_bytes_are_a_conflict() {
    let system = System::start().await;
    let another = system.another_gateway().await;
    let gateways = [&system.client, &another];
    let receiver = Receiver::start().await;
    let init = Message::new(&system, "init", "t-1", beckn::init(ALPHA, &json!(7)));
    let init = init.elsewhere(&receiver.uri);
    let answers = post_all(&gateways, &vec![init.clone(); COPIES]).await;
    for answer in &answers {
        assert!(answer.is_acknowledged(), "{} {}", answer.status, answer.text);
        assert_eq!(answer.text, answers[0].text);
    }
    system.tables.is_sound().await;
    let made = read(&receiver.bodies().concat());
    assert_eq!(made["message"]["order"]["status"], "PENDING", "one callback, and one only: {made}");
    assert_eq!(system.tables.stock(ALPHA).await, [43, 7, 0]);

    let events = system.tables.number("SELECT count(*) FROM orders.events").await;
    let mut other = init.clone();
    other.0["message"] = beckn::init(ALPHA, &json!(8));
    for answer in post_all(&gateways, &vec![other; 2]).await {
        assert_eq!((answer.status, answer.verdict()), (409, "NACK"), "{}", answer.text);
        assert_eq!(answer.json["ack"]["error"]["code"], "40001");
    }
    system.tables.is_sound().await;
    assert_eq!(system.tables.number("SELECT count(*) FROM orders.events").await, events);
    assert_eq!(system.tables.number("SELECT count(*) FROM orders.orders").await, 1);
    assert_eq!(receiver.bodies().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_refuses_nothing_that_the_other_one_has_made_possible() {
    let system = System::start().await;
    let trade = system.discover().await;
    // Callbacks arrive at the first gateway; the other one only remembers what was asked through it.
    let elsewhere = Trade { client: system.another_gateway().await, id: trade.id.clone() };
    elsewhere.status("SELECTING").await;
    elsewhere.select(ALPHA, 7).await.acknowledged();
    trade.status("INITIALIZING").await;
    elsewhere.ask("init", json!({})).await.acknowledged();
    trade.status("CONFIRMING").await;
    elsewhere.ask("confirm", json!({})).await.acknowledged();
    trade.status("ACTIVE").await;
    system.tables.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_confirms_of_one_order_buy_it_once_and_are_all_told_the_same() {
    let system = System::start().await;
    let another = system.another_gateway().await;
    let receiver = Receiver::start().await;
    let init = Message::new(&system, "init", "t-1", beckn::init(ALPHA, &json!(7)));
    let init = init.elsewhere(&receiver.uri);
    init.post(&another).await.acknowledged();
    let made = read(&receiver.has(1).await[0].body);
    let order = &made["message"]["order"]["id"];

    let confirm = |_| {
        let confirm = Message::new(&system, "confirm", "t-1", json!({"order": {"id": order}}));
        confirm.elsewhere(&receiver.uri)
    };
    let confirms: Vec<Message> = (0..COPIES).map(confirm).collect();
    for answer in post_all(&[&system.client, &another], &confirms).await {
        assert!(answer.is_acknowledged(), "{} {}", answer.status, answer.text);
    }
    until("quiet", async || {
        let told = receiver.bodies().len() - 1;
        if told == COPIES { Ok(()) } else { Err(format!("{told} callbacks")) }
    })
    .await;
    system.tables.is_sound().await;
    let told: Vec<Value> = receiver.bodies()[1..].iter().map(|body| read(body)).collect();
    assert_eq!(told.len(), COPIES);
    assert_eq!(told[0]["message"]["order"]["status"], "ACTIVE");
    assert!(told.iter().all(|callback| callback["message"] == told[0]["message"]), "{told:#?}");
    let answered: HashSet<&str> =
        told.iter().map(|callback| callback["context"]["message_id"].as_str().unwrap()).collect();
    let asked: Vec<String> = confirms.iter().map(Message::id).collect();
    assert_eq!(answered, asked.iter().map(String::as_str).collect());
    assert_eq!(system.tables.texts("SELECT status FROM orders.orders").await, ["ACTIVE"]);
    assert_eq!(system.tables.stock(ALPHA).await, [43, 0, 7]);
}
