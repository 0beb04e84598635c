//! SIGTERM under load: every program ends well within its grace, and nothing that was accepted is lost.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    beckn::{self, Message},
    client::{ALPHA, BETA},
    load::{BUYERS, Load},
    programs::{Place, Programs},
    receiver::{Manner, Receiver},
};

/// CALLBACK_DELAY where a callback shall not be due before a gateway has stopped.
const DELAY: Duration = Duration::from_secs(4);
/// LEASE_SECONDS unless told otherwise.
const LEASE: Duration = Duration::from_secs(10);

fn one_of(offers: [&str; 2]) -> [Value; 2] {
    offers.map(|offer| json!({"offer_id": offer, "quantity": 1}))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_told_to_stop_loses_nothing_it_accepted() {
    let place = Place::new("gateway-1");
    let programs = Programs::new(&[&place], &[("CALLBACK_DELAY", "200")]).await;
    let _services = programs.services();
    let gateway = programs.gateway(&place).await;
    let (load, buyers) = Load::start(&place.client(), &one_of([ALPHA, BETA]));
    load.under_way(BUYERS).await;
    gateway.terminate().await;
    load.end(buyers).await;
    let _gateway = programs.gateway(&place).await;
    load.was_kept(&programs.tables).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_service_that_is_told_to_stop_ends_well_and_trades_go_on_with_the_next_one() {
    let place = Place::new("gateway-1");
    let programs = Programs::new(&[&place], &[("CALLBACK_DELAY", "20"), ("LEASE_SECONDS", "2")]).await;
    let [catalog, matching, order] = programs.services();
    let _gateway = programs.gateway(&place).await;
    let (load, buyers) = Load::start(&place.client(), &one_of([ALPHA, BETA]));
    load.under_way(1).await;
    let mut next = Vec::new();
    for (name, service) in [("matching", matching), ("catalog", catalog), ("order", order)] {
        service.terminate().await;
        next.push(programs.service(name));
        load.under_way(BUYERS).await;
    }
    load.end(buyers).await;
    load.was_kept(&programs.tables).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_yet_due_is_left_to_the_other_gateway() {
    let (first, second) = (Place::new("gateway-1"), Place::new("gateway-2"));
    let programs = Programs::new(&[&first, &second], &[("CALLBACK_DELAY", "4000")]).await;
    let _services = programs.services();
    let receiver = Receiver::start().await;
    let gateway = programs.gateway(&first).await;
    let _other = programs.gateway(&second).await;
    let asked = Instant::now();
    for (action, said) in
        [("select", beckn::select(ALPHA, &json!(3))), ("init", beckn::init(ALPHA, &json!(3)))]
    {
        let message = Message::new(&first.client(), action, action, said).elsewhere(&receiver.uri);
        message.post(&first.client()).await.acknowledged();
    }
    // The order is made while the gateway drains; only its callback waits.
    gateway.terminate().await;
    assert!(asked.elapsed() < DELAY, "it did not wait for what is not yet due");
    assert_eq!(receiver.bodies(), [""; 0]);
    let left = "SELECT action FROM orders.outbox WHERE status = 'PENDING' ORDER BY 1";
    assert_eq!(programs.tables.texts(left).await, ["on_init", "on_select"]);
    let arrived: [_; 2] = receiver.has(2).await.try_into().unwrap();
    let waited = arrived.map(|arrived| arrived.at - asked);
    assert!(waited[0] >= DELAY, "{waited:?}");
    assert!(waited[1] < DELAY + LEASE, "{waited:?}: it was left, nobody waits for the lease to lapse");
    programs.tables.is_sound().await;
    assert_eq!(receiver.bodies().len(), 2);
    assert_eq!(programs.tables.stock(ALPHA).await, [47, 3, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_stops_in_time_beside_a_receiver_that_never_answers() {
    let place = Place::new("gateway-1");
    let programs = Programs::new(&[&place], &[("CALLBACK_DELAY", "0"), ("CALLBACK_PER_PEER", "1")]).await;
    let _services = programs.services();
    let silent = Receiver::answering([], Manner::Silent).await;
    let gateway = programs.gateway(&place).await;
    for n in 0..3 {
        let select =
            Message::new(&place.client(), "select", &format!("t-{n}"), beckn::select(ALPHA, &json!(3)));
        select.elsewhere(&silent.uri).post(&place.client()).await.acknowledged();
    }
    silent.has(1).await;
    gateway.terminate().await;
    let left = "SELECT count(*) FROM orders.outbox WHERE status = 'PENDING' AND lease_until <= now()";
    assert_eq!(programs.tables.number(left).await, 3, "the next gateway has them at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_stop_in_time_beside_a_client_that_has_said_half_a_request() {
    let place = Place::new("gateway-1");
    let programs = Programs::new(&[&place], &[]).await;
    let [catalog, matching, order] = programs.services();
    let _gateway = programs.gateway(&place).await;
    let mut halves = Vec::new();
    for address in ["CATALOG_ADDR", "MATCHING_ADDR", "ORDER_ADDR"] {
        halves.push(programs.half_a_request(address).await);
    }
    tokio::join!(catalog.terminate(), matching.terminate(), order.terminate());
}

#[tokio::test]
async fn programs_that_wait_for_nobody_stop_at_once() {
    let place = Place::new("gateway-1");
    let programs = Programs::new(&[&place], &[]).await;
    let [catalog, matching, order] = programs.services();
    let gateway = programs.gateway(&place).await;
    gateway.terminate().await;
    for service in [order, matching, catalog] {
        service.terminate().await;
    }
}
