//! Too much to do: what is shed, what is not, and that nobody waits for himself. What is at work is held up by a lock, so
//! that it does not matter how fast a machine is.

use futures::{StreamExt, future::join_all, stream::FuturesUnordered};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    beckn::{self, Message},
    client::{ALPHA, Answer, Client, Trade, until, window},
    receiver::Receiver,
    system::{Setup, System},
};

const FLOOD: usize = 24;
/// At work at once, of each class.
const ROOM: usize = 2;

/// Everything that the order service writes down waits until [`unlock`].
const NOTHING_IS_WRITTEN: &str = "BEGIN; LOCK TABLE orders.events IN ACCESS EXCLUSIVE MODE";
/// Everything that the catalog service reads of offers waits until [`unlock`].
const NO_OFFER_IS_READ: &str = "BEGIN; LOCK TABLE catalog.catalog_offers IN ACCESS EXCLUSIVE MODE";

async fn unlock(system: &System) {
    system.tables.change("COMMIT").await;
}

/// The answers to all of these while nothing of them can be done: those that do not wait. Then the others.
async fn flooded<F: Future<Output = Answer>>(
    system: &System,
    asked: impl IntoIterator<Item = F>,
) -> (Vec<Answer>, Vec<Answer>) {
    system.tables.change(NOTHING_IS_WRITTEN).await;
    let mut answers: FuturesUnordered<F> = asked.into_iter().collect();
    let shed: Vec<Answer> = answers.by_ref().take(FLOOD - ROOM).collect().await;
    healthy(system).await;
    unlock(system).await;
    (shed, answers.collect().await)
}

async fn healthy(client: &Client) {
    for path in ["/health", "/health/live", "/health/ready"] {
        assert_eq!(client.get(path).await.status, 200, "{path}");
    }
    let of_cds = client.send(Method::GET, &format!("{}/health", client.cds), None).await;
    assert_eq!(of_cds.status, 200);
}

fn is_shed(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert_eq!(answer.header("retry-after"), "1");
    assert!(answer.text.contains(TOO_MANY), "{}", answer.text);
}

const TOO_MANY: &str = "too many requests are at work here, try again";
const WAIT_TOO: &str = "too many requests wait for the other side, try again";

/// Asks again while there is too much to do.
async fn insist(what: &str, ask: impl AsyncFn() -> Answer) -> Answer {
    until(what, async || match ask().await {
        // What waits for a lock for too long fails.
        answer if matches!(answer.status, 502 | 503) => Err(answer.text),
        answer => Ok(answer),
    })
    .await
}

/// The same of a trade, until its state is this one.
async fn step(trade: &Trade, action: &str, with: Value, status: &str) {
    let asked = insist(action, async || trade.ask(action, with.clone()).await).await;
    asked.acknowledged();
    until(status, async || {
        let answer = trade.client.get(&format!("/api/transactions/{}", trade.id)).await;
        if answer.json["status"] == status { Ok(()) } else { Err(answer.text) }
    })
    .await;
}

async fn bought(trade: &Trade) {
    step(trade, "select", json!({"quantity": 1, "offer_id": ALPHA}), "INITIALIZING").await;
    step(trade, "init", json!({}), "CONFIRMING").await;
    step(trade, "confirm", json!({}), "ACTIVE").await;
}

async fn discovered(client: &Client) -> Trade {
    let criteria = json!({"sourceType": "SOLAR", "timeWindow": window()});
    let answer = insist("discover", async || client.post("/api/discover", &criteria).await).await;
    let trade = client.trade(answer.acknowledged().json["transaction_id"].as_str().unwrap());
    until("SELECTING", async || {
        let answer = client.get(&format!("/api/transactions/{}", trade.id)).await;
        if answer.json["status"] == "SELECTING" { Ok(()) } else { Err(answer.text) }
    })
    .await;
    trade
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_is_shed_but_for_what_can_be_done_and_that_is_done() {
    let system = System::with(Setup { at_once: ["2", "2", "64", "2", "0"], ..Setup::default() }).await;
    let receiver = Receiver::start().await;
    let message = |n: usize| {
        let init = beckn::init(ALPHA, &json!(1));
        Message::new(&system, "init", &format!("flood-{n}"), init).elsewhere(&receiver.uri)
    };
    let messages: Vec<Message> = (0..FLOOD).map(message).collect();

    let (shed, done) = flooded(&system, messages.iter().map(|message| message.post(&system))).await;
    for answer in &shed {
        is_shed(answer);
        assert_eq!((answer.verdict(), answer.json["ack"]["error"]["code"].as_str()), ("NACK", Some("50001")));
    }
    done.into_iter().for_each(|answer| drop(answer.acknowledged()));
    receiver.has(ROOM).await;
    // Whoever was shed may send the same again.
    join_all(messages.iter().map(async |message| {
        let answer = insist("init", async || message.post(&system).await).await;
        answer.acknowledged();
    }))
    .await;
    let arrived = receiver.has(FLOOD).await;
    for message in &messages {
        let about = arrived.iter().filter(|callback| callback.body.contains(&message.id())).count();
        assert_eq!(about, 1, "{}", message.text());
    }

    let criteria = json!({"sourceType": "SOLAR", "timeWindow": window()});
    let asks = (0..FLOOD).map(|_| system.post("/api/discover", &criteria));
    let (shed, done) = flooded(&system, asks).await;
    for answer in &shed {
        is_shed(answer);
        assert_eq!(answer.said(), json!({"error": TOO_MANY}));
    }
    for answer in done {
        let id = answer.acknowledged().json["transaction_id"].as_str().unwrap().to_owned();
        system.trade(&id).status("SELECTING").await;
    }
    bought(&discovered(&system).await).await;
    system.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_room_for_one_of_each_our_buyers_side_does_not_wait_for_itself() {
    let setup = Setup { at_once: ["1", "1", "1", "1", "0"], callback_per_peer: "1", ..Setup::default() };
    let system = System::with(setup).await;
    let (held_up, other) = (discovered(&system).await, discovered(&system).await);
    system.tables.change(NO_OFFER_IS_READ).await;
    let select = json!({"quantity": 1, "offer_id": ALPHA});
    let (answer, ()) =
        tokio::join!(insist("select", async || held_up.ask("select", select.clone()).await), async {
            // One of them waits for our seller's side, and has left its place to the other; its turn is taken.
            let waits_too =
                until("a turn that is taken", async || match other.ask("select", select.clone()).await {
                    answer if answer.text.contains(WAIT_TOO) => Ok(answer),
                    answer => Err(answer.text),
                })
                .await;
            assert_eq!(waits_too.status, 503, "{}", waits_too.text);
            assert_eq!(waits_too.said(), json!({"error": WAIT_TOO}));
            assert_eq!(waits_too.header("retry-after"), "1");
            unlock(&system).await;
        });
    answer.acknowledged();
    join_all([&held_up, &other].map(bought)).await;
    join_all((0..4).map(async |_| bought(&discovered(&system).await).await)).await;
    system.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_waits_its_turn() {
    let setup = Setup { at_once: ["1", "1", "1", "1", "24"], ..Setup::default() };
    let system = System::with(setup).await;
    let criteria = json!({"sourceType": "SOLAR", "timeWindow": window()});
    let asked = join_all((0..FLOOD).map(|_| system.post("/api/discover", &criteria))).await;
    for answer in asked {
        let id = answer.acknowledged().json["transaction_id"].as_str().unwrap().to_owned();
        system.trade(&id).status("SELECTING").await;
    }
}
