//! SIGTERM under load: every program ends well within its grace, and nothing that was accepted is lost.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::{
    beckn::{self, Message},
    client::{ALPHA, BETA, Client, until},
    programs::{Place, Programs},
    receiver::{Manner, Receiver},
    sql::Tables,
};

const BUYERS: usize = 6;
const PAUSE: Duration = Duration::from_millis(10);
/// CALLBACK_DELAY where a callback shall not be due before a gateway has stopped.
const DELAY: Duration = Duration::from_secs(4);
/// LEASE_SECONDS unless told otherwise.
const LEASE: Duration = Duration::from_secs(10);

/// Buyers that trade until they are told to stop, and what they were promised.
#[derive(Debug, Clone)]
struct Load {
    client: Client,
    /// Action and message_id of every request that was answered ACK.
    accepted: Arc<Mutex<Vec<(&'static str, String)>>>,
    bought: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Load {
    fn start(client: &Client) -> (Self, Vec<JoinHandle<()>>) {
        let load = Self {
            client: client.clone(),
            accepted: Arc::default(),
            bought: Arc::default(),
            stop: Arc::default(),
        };
        let buyers = (0..BUYERS).map(|n| {
            let load = load.clone();
            let offer = if n % 2 == 0 { ALPHA } else { BETA };
            tokio::spawn(async move { while load.trade(offer).await.is_some() {} })
        });
        let buyers = buyers.collect();
        (load, buyers)
    }

    /// None when it was told to stop.
    async fn trade(&self, offer: &str) -> Option<()> {
        let answer = self.ask("discover", json!({"sourceType": "SOLAR"})).await?;
        let id = answer["transaction_id"].as_str().unwrap().to_owned();
        self.status(&id, "SELECTING").await?;
        for (action, with, next) in [
            ("select", json!({"offer_id": offer, "quantity": 1}), "INITIALIZING"),
            ("init", json!({}), "CONFIRMING"),
            ("confirm", json!({}), "ACTIVE"),
        ] {
            let mut body = with;
            body["transaction_id"] = id.clone().into();
            self.ask(action, body).await?;
            self.status(&id, next).await?;
        }
        self.bought.fetch_add(1, Ordering::Relaxed);
        Some(())
    }

    /// Asks until it is accepted. What is not accepted is no promise, and may be asked again.
    async fn ask(&self, action: &'static str, body: Value) -> Option<Value> {
        let url = format!("{}/api/{action}", self.client.bap);
        loop {
            if let Some(answer) =
                self.client.try_send(Method::POST, &url, Some(body.to_string().into())).await
            {
                if answer.is_acknowledged() {
                    self.accepted.lock().unwrap().push((action, answer.message_id()));
                    return Some(answer.json);
                }
                // 400: the state does not show yet what was accepted before.
                assert!([200, 400, 502, 503].contains(&answer.status), "{action} {}", answer.text);
            }
            self.goes_on().await?;
        }
    }

    async fn status(&self, id: &str, status: &str) -> Option<()> {
        let url = format!("{}/api/transactions/{id}", self.client.bap);
        loop {
            let answer = self.client.try_send(Method::GET, &url, None).await;
            if answer.is_some_and(|answer| answer.json["status"] == status) {
                return Some(());
            }
            self.goes_on().await?;
        }
    }

    async fn goes_on(&self) -> Option<()> {
        sleep(PAUSE).await;
        (!self.stop.load(Ordering::Relaxed)).then_some(())
    }

    /// Waits until so many more trades are done: the load is under way.
    async fn under_way(&self, more: usize) {
        let from = self.bought.load(Ordering::Relaxed);
        until("trades", async || {
            let bought = self.bought.load(Ordering::Relaxed);
            if bought >= from + more { Ok(()) } else { Err(format!("{bought} bought")) }
        })
        .await;
    }

    async fn end(&self, buyers: Vec<JoinHandle<()>>) {
        self.stop.store(true, Ordering::Relaxed);
        for buyer in buyers {
            buyer.await.unwrap();
        }
    }

    /// Every accepted action has had its callback, once.
    async fn was_kept(&self, tables: &Tables) {
        tables.is_sound().await;
        let heard = tables
            .texts(
                "SELECT action || ' ' || message_id FROM orders.events
                    WHERE action LIKE 'on\\_%' AND direction = 'INBOUND'",
            )
            .await;
        let accepted = self.accepted.lock().unwrap().clone();
        assert!(!accepted.is_empty());
        for (action, message_id) in accepted {
            let callback = format!("on_{action} {message_id}");
            assert_eq!(heard.iter().filter(|heard| **heard == callback).count(), 1, "{callback}");
        }
        let sold = tables.number("SELECT sum(sold_qty) FROM catalog.catalog_offers").await;
        let active = tables.number("SELECT count(*) FROM orders.orders WHERE status = 'ACTIVE'").await;
        assert_eq!(sold, active);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_told_to_stop_loses_nothing_it_accepted() {
    let place = Place::new("gateway-1");
    let programs = Programs::new(&[&place], &[("CALLBACK_DELAY", "200")]).await;
    let _services = programs.services();
    let gateway = programs.gateway(&place).await;
    let (load, buyers) = Load::start(&place.client());
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
    let (load, buyers) = Load::start(&place.client());
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
