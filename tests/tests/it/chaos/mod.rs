//! Everything at once: many buyers, two gateways, three services, and whatever can be struck, struck at random.
//!
//! The same seed (`CHAOS_SEED`) makes the same faults in the same order; what meets them differs from run to run.

mod buyer;
mod checker;
mod history;
mod market;
mod nemesis;
mod plan;
mod proxy;
mod reader;
mod shop;
pub mod sizes;

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;
use futures::future::try_join_all;
use p2p_testkit::{PostgresServer, RedisServer};
use serde_json::json;

use self::{
    buyer::Buyer,
    history::{History, Kind, WrittenWhenRed},
    market::Market,
    nemesis::{Links, Nemesis},
    plan::{LEASE, Strike, counts, plan},
    proxy::Proxy,
    reader::{BROKEN, reads},
    shop::{End, PATIENCE, Shop, told},
    sizes::{Sizes, seed},
};
use crate::{
    client::until_within,
    programs::{Place, Programs, SERVICES},
    receiver::Receiver,
    system::{ready, seed as seed_database},
};

/// ORDER_HOLD_SECONDS.
const HOLD: Duration = Duration::from_secs(30);
/// Within which what is over is swept, on a busy machine.
const SWEPT: Duration = Duration::from_secs(15);
/// How long a buyer waits for an answer before it asks again.
const ANSWER: Duration = Duration::from_secs(5);
/// So many messages are said once more when all is over.
const SAID_AGAIN: usize = 100;
/// And of so many purchases of our own buyers the state is looked at.
const SEEN_AGAIN: usize = 50;

/// The whole system and its buyers.
async fn started(sizes: &Sizes, seed: u64) -> (Nemesis, Shop) {
    let history = Arc::new(History::new(seed));
    let postgres = PostgresServer::durable("password-of-a-test").await.unwrap();
    let redis = RedisServer::start().await.unwrap();
    let database = postgres.url("sslmode=disable");
    p2p_migrations::up(&database).await.unwrap();
    seed_database(&database).await;

    let places: Vec<Place> = ["gateway-1", "gateway-2"].map(Place::new).into();
    let (honest, trap) = (Buyer::honest().await, Receiver::start().await);
    let misbehaving = Buyer::misbehaving(seed, trap.uri.clone()).await;
    let behind = |of: fn(&Place) -> std::net::SocketAddr| places.iter().map(of).collect::<Vec<_>>();
    let mut links = Links {
        postgres: Proxy::start(&[([127, 0, 0, 1], postgres.port()).into()]).await,
        redis: Proxy::start(&[address_of(&redis.url())]).await,
        bap: Proxy::start(&behind(Place::bap)).await,
        cds: Proxy::start(&behind(Place::cds)).await,
        services: Vec::new(),
        buyer: Proxy::start(&[address_of(&honest.receiver.uri)]).await,
    };
    let (bap, cds) = (links.bap.url(), links.cds.url());
    let redis_url = format!("redis://{}", links.redis.address());
    let lease = LEASE.as_secs().to_string();
    let hold = HOLD.as_secs().to_string();
    let own = places.iter().flat_map(|place| [place.client().bap, place.client().cds]);
    let own: Vec<String> = own.chain([bap.clone(), cds.clone()]).collect();
    let own = own.join(",");
    let more = [
        ("BAP_URI", &*bap),
        ("BPP_URI", &*bap),
        ("CDS_URI", &*cds),
        ("OWN_URIS", &*own),
        ("REDIS_URL", &*redis_url),
        ("CALLBACK_DELAY", "20"),
        ("LEASE_SECONDS", &*lease),
        ("ORDER_HOLD_SECONDS", &*hold),
        ("SWEEP_INTERVAL_SECONDS", "1"),
        ("RECONCILE_INTERVAL_SECONDS", "5"),
        ("RUST_LOG", "warn"),
    ];
    let mut programs = Programs::over(database, 1, &places.iter().collect::<Vec<_>>(), &more).await;
    programs.told("DATABASE_URL", &postgres.url_at(links.postgres.address().port(), "sslmode=disable"));
    for (_, variable) in SERVICES {
        let proxy = Proxy::start(programs.listen(variable)).await;
        programs.called_at(variable, &[proxy.address().to_string()]);
        links.services.push(proxy);
    }
    let services = programs.services().map(Some).into();
    let gateways = places.iter().map(|place| Some(programs.doomed_gateway(place, ""))).collect();
    for place in &places {
        ready(&place.client(), "ok").await;
    }
    let market = Market::opened(&places[0].client(), &programs.tables, sizes.offers, seed).await;
    let clients = places.iter().map(|place| place.client().waiting(ANSWER)).collect();
    let shop = Shop {
        history: history.clone(),
        market,
        gateways: clients,
        honest,
        honest_uri: links.buyer.url(),
        misbehaving,
        trap,
        seed,
        purchases: Mutex::default(),
        said: Mutex::default(),
        asked: Mutex::default(),
        calm: AtomicBool::new(false),
    };
    let yesterday = redis.saved().unwrap();
    let nemesis =
        Nemesis { programs, places, gateways, services, postgres, redis, links, yesterday, history };
    (nemesis, shop)
}

fn address_of(url: &str) -> std::net::SocketAddr {
    url.split_once("://").unwrap().1.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_promise_is_broken_whatever_is_struck() {
    let (sizes, seed) = (Sizes::told(), seed());
    println!("CHAOS_SEED={seed} {sizes:?}");
    let (mut nemesis, shop) = started(&sizes, seed).await;
    let shop = Arc::new(shop);
    let _written = WrittenWhenRed(shop.history.clone());
    let tables = nemesis.programs.tables.clone();
    let strikes = plan(&sizes, seed);

    let buyers = (0..sizes.buyers).map(|n| tokio::spawn(shop.clone().process(n, tables.clone())));
    let bought = try_join_all(buyers.collect::<Vec<_>>());
    let over = AtomicBool::new(false);
    let trading = async {
        let storm = async {
            nemesis.strikes(&strikes).await;
            shop.misbehaving.becomes_honest();
            shop.calm.store(true, Ordering::Relaxed);
            Ok(())
        };
        let ended = tokio::try_join!(bought, storm);
        over.store(true, Ordering::Relaxed);
        ended.unwrap();
    };
    let ((), looks) = tokio::join!(trading, reads(&tables, &shop.market, &over));

    is_quiet(&nemesis).await;
    nothing_is_broken(&nemesis, &shop).await;
    let accepted = report(&strikes, &shop, looks);
    assert!(accepted >= sizes.acks, "{accepted} accepted");
}

/// Prints what was done. Answers how many messages were accepted.
fn report(strikes: &[Strike], shop: &Shop, looks: usize) -> usize {
    let operations = shop.history.operations();
    let of = |kind| operations.iter().filter(move |operation| operation.kind == kind);
    let accepted: HashSet<_> = of(Kind::Ok).map(|operation| (&operation.action, &operation.value)).collect();
    let heard = [&shop.honest, &shop.misbehaving].map(Buyer::callbacks);
    let heard = || heard.iter().flat_map(|heard| heard.values());
    let purchases = shop.purchases.lock().unwrap();
    let ended = |end| purchases.iter().filter(move |purchase| purchase.end == end);
    let lines = [
        ("actions accepted", accepted.len()),
        ("of them for our own buyers", shop.asked.lock().unwrap().len()),
        ("answers without a verdict", of(Kind::Info).filter(|info| info.process != "nemesis").count()),
        ("callbacks heard by other buyers", heard().count()),
        ("deliveries of them", heard().map(|heard| heard.arrived).sum()),
        ("deliveries taken badly", shop.misbehaving.badly()),
        ("purchases", ended(End::Bought).count()),
        ("cancelled", ended(End::Cancelled).count()),
        ("refused", ended(End::Refused).count()),
        ("expired", ended(End::Abandoned).count()),
        ("kWh bought", usize::try_from(ended(End::Bought).map(|bought| bought.kwh).sum::<i64>()).unwrap()),
        ("looks at invariants 1 and 2 meanwhile", looks),
        ("seconds", usize::try_from(shop.history.elapsed().as_secs()).unwrap()),
    ];
    println!("CHAOS_SEED={}: no promise was broken\n", shop.seed);
    let faults = counts(strikes);
    let lines = lines.iter().map(|(what, count)| (*what, *count));
    for (what, count) in faults.iter().map(|(what, count)| (&**what, *count)).chain(lines) {
        println!("| {what:<42} | {count:>7} |");
    }
    accepted.len()
}

/// Holds are over, and nothing is under way.
async fn is_quiet(nemesis: &Nemesis) {
    let tables = &nemesis.programs.tables;
    let held = "SELECT order_id FROM catalog.reservations WHERE status = 'HELD'";
    // All buyers have ended: no hold is younger than that, and a sweep comes each second.
    until_within(HOLD + SWEPT, "holds to end", async || {
        let held = tables.texts(held).await;
        if held.is_empty() { Ok(()) } else { Err(held.join(" ")) }
    })
    .await;
    tables.quiet_within(PATIENCE).await;
}

async fn nothing_is_broken(nemesis: &Nemesis, shop: &Shop) {
    let tables = &nemesis.programs.tables;
    // What was answered is answered so again, by both.
    let said = shop.said.lock().unwrap().clone();
    let operations = shop.history.operations();
    let answered = operations.iter().filter(|operation| matches!(operation.kind, Kind::Ok | Kind::Fail));
    let read: HashSet<[&str; 3]> =
        answered.map(|operation| [&*operation.action, &*operation.value, &*operation.said]).collect();
    let mut rng = Rng::with_seed(shop.seed);
    for gateway in &shop.gateways {
        for _ in 0..SAID_AGAIN.min(said.len()) {
            let (action, id, message) = &said[rng.usize(..said.len())];
            let again = told(gateway, action, message).await.expect("an answer");
            assert!(
                read.contains(&[&**action, &**id, &*again.text]),
                "{action} {id} now reads {}",
                again.text
            );
        }
    }
    // Our own buyers see what they have, whichever gateway they ask.
    let purchases = shop.purchases.lock().unwrap().clone();
    let own = purchases.iter().rev().filter(|purchase| purchase.own && purchase.end == End::Bought);
    for purchase in own.take(SEEN_AGAIN) {
        for gateway in &shop.gateways {
            let state = gateway.trade(&purchase.transaction).state().await;
            let seen = (&state["status"], state["order"]["id"].as_str());
            assert_eq!(seen, (&json!("ACTIVE"), purchase.order.as_deref()), "{purchase:?}");
        }
    }
    tables.is_sound().await;
    let mut broken = tables.texts(BROKEN).await;
    broken.extend(checker::broken(shop, tables).await);
    broken.extend(shop.trap.bodies().into_iter().map(|body| format!("a redirect was followed: {body}")));
    for name in ["gateway", "catalog", "matching", "order"] {
        let log = nemesis.programs.log(name);
        let alarms = log.lines().filter(|line| line.contains("ERROR") || line.contains("panicked"));
        broken.extend(alarms.map(|alarm| format!("{name} says {alarm}")));
    }
    assert!(broken.is_empty(), "{} promises broken: {:#?}", broken.len(), &broken[..broken.len().min(20)]);
    assert_eq!(nemesis.programs.fsck().await, "");
}
