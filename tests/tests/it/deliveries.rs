//! Callbacks to receivers that misbehave. What the schedule makes wait is moved near by hand.

use std::time::Duration;

use futures::future::join_all;
use p2p_proto::order::{ListDeadRequest, RedriveRequest};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    beckn::{self, Message},
    client::{ALPHA, Client, until},
    receiver::{Manner, Receiver},
    sql::Tables,
    system::{Setup, System},
};

/// Posts a select whose callback goes to the receiver; again when the machine is too busy to accept it.
async fn select_for(client: &Client, receiver: &Receiver) -> Message {
    let message = Message::new(client, "select", &receiver.uri, beckn::select(ALPHA, &json!(1)));
    let message = message.elsewhere(&receiver.uri);
    until("an ACK", async || {
        let answer = message.post(client).await;
        if answer.is_acknowledged() { Ok(()) } else { Err(answer.text) }
    })
    .await;
    message
}

/// A system that notes after which pause each failed attempt is to be made again.
async fn watched() -> System {
    let system = System::start().await;
    let watch = "
        CREATE TABLE orders.pauses (uri text, attempts integer, millis bigint);
        CREATE FUNCTION orders.watch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO orders.pauses
            VALUES (NEW.uri, NEW.attempts, extract(epoch FROM NEW.due_at - NEW.updated_at) * 1000);
            RETURN NULL;
        END $$;
        CREATE TRIGGER watch AFTER UPDATE ON orders.outbox FOR EACH ROW
        WHEN (NEW.attempts > OLD.attempts AND NEW.status = 'PENDING') EXECUTE FUNCTION orders.watch()";
    system.tables.change(watch).await;
    system
}

/// Waits until so many attempts at the receiver have failed. Returns the pause before the next one.
async fn failed(tables: &Tables, receiver: &Receiver, attempts: usize) -> Duration {
    let pause = format!(
        "SELECT millis::text FROM orders.pauses WHERE uri LIKE '{}/%' AND attempts = {attempts}",
        receiver.uri
    );
    until(&format!("attempt {attempts}"), async || match tables.texts(&pause).await.first() {
        Some(millis) => Ok(Duration::from_millis(millis.parse().unwrap())),
        None => Err(format!("{} arrived", receiver.arrived().len())),
    })
    .await
}

/// Brings the next attempt near.
async fn hasten(tables: &Tables, receiver: &Receiver) {
    let now = format!(
        "UPDATE orders.outbox SET due_at = now() WHERE uri LIKE '{}/%' AND status = 'PENDING'",
        receiver.uri
    );
    tables.change(&now).await;
}

/// Waits until the delivery has come to this status.
async fn becomes(tables: &Tables, receiver: &Receiver, status: &str) {
    let sql = format!("SELECT status FROM orders.outbox WHERE uri LIKE '{}/%'", receiver.uri);
    until(status, async || {
        let found = tables.texts(&sql).await;
        if found == [status] { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}

/// So many arrived, all with the same bytes.
fn same_bytes(receiver: &Receiver, times: usize) {
    let bodies = receiver.bodies();
    assert_eq!(bodies.len(), times);
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:#?}");
}

fn is_about(pause: Duration, seconds: u64) {
    let least = Duration::from_secs(seconds);
    assert!(least <= pause && pause <= least * 6 / 5, "{pause:?} instead of {seconds} s and up to a fifth");
}

#[tokio::test]
async fn what_is_answered_500_twice_is_delivered_on_the_third_try() {
    let system = watched().await;
    let broken = Manner::status(500);
    let receiver = Receiver::answering([broken.clone(), broken], Manner::status(200)).await;
    select_for(&system, &receiver).await;
    is_about(failed(&system.tables, &receiver, 1).await, 1);
    hasten(&system.tables, &receiver).await;
    is_about(failed(&system.tables, &receiver, 2).await, 5);
    hasten(&system.tables, &receiver).await;
    becomes(&system.tables, &receiver, "DELIVERED").await;
    same_bytes(&receiver, 3);
}

#[tokio::test]
async fn what_is_refused_three_times_is_dead_until_it_is_redriven() {
    let system = watched().await;
    let receiver = Receiver::answering(vec![Manner::status(404); 3], Manner::status(200)).await;
    let select = select_for(&system, &receiver).await;
    for attempt in 1..3 {
        failed(&system.tables, &receiver, attempt).await;
        hasten(&system.tables, &receiver).await;
    }
    becomes(&system.tables, &receiver, "DEAD").await;
    same_bytes(&receiver, 3);

    let mut mailbox = system.mailbox().await;
    let dead = mailbox.list_dead(ListDeadRequest::default()).await.unwrap().into_inner().letters;
    let letter = dead[0].delivery.clone().unwrap();
    assert_eq!((dead.len(), letter.message_id), (1, select.id()));
    assert_eq!(dead[0].error, "answered 404 Not Found");
    mailbox.redrive(RedriveRequest { delivery_id: letter.id }).await.unwrap();
    becomes(&system.tables, &receiver, "DELIVERED").await;
    same_bytes(&receiver, 4);
}

#[tokio::test]
async fn a_redirection_is_not_followed() {
    let system = watched().await;
    let canary = Receiver::start().await;
    let moved = Manner::Says(307, format!("location: {}/callbacks/on_select\r\n", canary.uri));
    let receiver = Receiver::answering([], moved).await;
    select_for(&system, &receiver).await;
    for attempt in 1..3 {
        failed(&system.tables, &receiver, attempt).await;
        hasten(&system.tables, &receiver).await;
    }
    becomes(&system.tables, &receiver, "DEAD").await;
    same_bytes(&receiver, 3);
    assert_eq!(canary.bodies(), [""; 0]);
}

#[tokio::test]
async fn a_receiver_that_says_when_is_asked_then_within_bounds() {
    let system = watched().await;
    let later = |seconds: &str| Manner::Says(429, format!("retry-after: {seconds}\r\n"));
    let busy = [later("7"), later("0"), later("999999"), Manner::Says(503, "retry-after: 40\r\n".into())];
    let receiver = Receiver::answering(busy, Manner::status(200)).await;
    select_for(&system, &receiver).await;
    for (attempt, seconds) in [(1, 7), (2, 1), (3, 60 * 60), (4, 40)] {
        let pause = failed(&system.tables, &receiver, attempt).await;
        assert_eq!(pause, Duration::from_secs(seconds), "after attempt {attempt}");
        hasten(&system.tables, &receiver).await;
    }
    becomes(&system.tables, &receiver, "DELIVERED").await;
    same_bytes(&receiver, 5);
}

#[tokio::test]
async fn a_quote_is_given_up_an_hour_after_its_ttl_and_an_order_never() {
    let system = watched().await;
    let (buyer, maker) = (
        Receiver::answering([], Manner::status(500)).await,
        Receiver::answering([], Manner::status(500)).await,
    );
    select_for(&system, &buyer).await;
    let init = Message::new(&system, "init", "t-1", beckn::init(ALPHA, &json!(1)));
    init.elsewhere(&maker.uri).post(&system).await.acknowledged();
    failed(&system.tables, &buyer, 1).await;
    failed(&system.tables, &maker, 1).await;

    // The ttl is PT30S, and the callback is due 10 ms after it was accepted.
    let lifetime = "SELECT extract(epoch FROM expires_at - created_at) * 1000 FROM orders.outbox
                    WHERE action = 'on_select'";
    let lifetime = system.tables.number(lifetime).await;
    assert!((3_629_000..3_631_000).contains(&lifetime), "{lifetime} ms");
    let almost = "UPDATE orders.outbox SET due_at = now(), expires_at = expires_at - interval '3625 seconds'";
    system.tables.change(almost).await;
    failed(&system.tables, &buyer, 2).await;
    failed(&system.tables, &maker, 2).await;
    let past = "UPDATE orders.outbox SET expires_at = expires_at - interval '10 seconds'";
    system.tables.change(past).await;
    until("the end of on_select", async || {
        // Again and again, should an attempt be under way just now.
        hasten(&system.tables, &buyer).await;
        let end = "SELECT status || ', ' || last_error FROM orders.outbox WHERE action = 'on_select'";
        let end = system.tables.texts(end).await;
        if end == ["DEAD, expired"] { Ok(()) } else { Err(end.concat()) }
    })
    .await;
    hasten(&system.tables, &maker).await;
    failed(&system.tables, &maker, 3).await;
}

/// The median of the time from a request to its callback over ten receivers.
async fn usual_delay(client: &Client) -> Duration {
    let mut delays = join_all((0..10).map(|_| async {
        let receiver = Receiver::start().await;
        let asked = Instant::now();
        select_for(client, &receiver).await;
        receiver.has(1).await[0].at - asked
    }))
    .await;
    delays.sort();
    delays[delays.len() / 2]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_never_answers_does_not_delay_the_others() {
    let setup = Setup { callback_delay: "1000", callback_per_peer: "4", ..Setup::default() };
    let system = System::with(setup).await;
    let alone = usual_delay(&system).await;
    let silent = Receiver::answering([], Manner::Silent).await;
    // More than are sent to one peer at once.
    for _ in 0..10 {
        select_for(&system, &silent).await;
    }
    silent.has(4).await;
    let beside = usual_delay(&system).await;
    assert!(beside < alone * 2, "{beside:?} beside a silent one, {alone:?} without");
    // One at a time once the first ones have been waited for.
    assert!(silent.arrived().len() < 10, "{} at once", silent.arrived().len());
}
