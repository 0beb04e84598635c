//! Redis away, emptied, killed, frozen, or back with older data: it holds no promise.

use fred::{
    prelude::*,
    types::{Builder, ClusterHash, CustomCommand, config::Config},
};
use p2p_testkit::RedisServer;
use serde_json::{Value, json};

use crate::{
    client::{self, ALPHA, BETA, Trade, tomorrow},
    system::{Redis, Setup, System},
};

/// Bytes that a full Redis has beside what it needs to run and to talk.
const ROOM: u64 = 1_000_000;
/// How often 10 kB are written into that room: ten times as much as there is.
const LITTER: usize = 1_000;
/// How many trades share it. Trade n buys n kWh: 1 + 2 + ... + 10 = 55.
const TRADES: u32 = 10;

/// A look into the system's Redis, and a hand.
async fn redis(system: &System) -> Client {
    let client = Builder::from_config(Config::from_url(&system.redis).unwrap()).build().unwrap();
    client.init().await.unwrap();
    client
}

/// A system with a Redis of its own.
async fn start(callback_delay: &'static str) -> (System, RedisServer) {
    let redis = RedisServer::start().await.unwrap();
    let system =
        System::with(Setup { redis: Redis::At(redis.url()), callback_delay, ..Setup::default() }).await;
    (system, redis)
}

#[tokio::test]
async fn without_redis_a_trade_completes_and_health_says_degraded() {
    let system = System::with(Setup { redis: Redis::Away, ..Setup::default() }).await;
    for base in [&system.bap, &system.cds] {
        let health = system.send(reqwest::Method::GET, &format!("{base}/health"), None).await;
        let told = (&health.json["status"], &health.json["postgres"], &health.json["redis"]);
        assert_eq!(told, (&json!("degraded"), &json!("connected"), &json!("disconnected")));
        assert_eq!(health.status, 200);
    }
    let trade = system.discover().await;
    trade.match_best(30).await.acknowledged();
    trade.status("INITIALIZING").await;
    // Another choice after the first: the last one counts.
    trade.select(ALPHA, 7).await.acknowledged();
    trade
        .state_where("the last choice", |s| s["selectedQuantity"] == 7 && s["status"] == "INITIALIZING")
        .await;
    trade.ask("init", json!({})).await.acknowledged();
    trade.status("CONFIRMING").await;
    let state = trade.bought().await;
    assert_eq!(state["order"]["quote"]["totalQuantity"], 7);
    let listed = system.get("/api/transactions").await;
    assert_eq!(listed.json["transactions"], json!([state]));
    system.tables.is_sound().await;
}

/// What happens to Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Flushed,
    /// And back, empty.
    Killed,
    /// During a whole step.
    Frozen,
    /// Killed, and back with what it had before the buyer's last choice.
    Yesterday,
}

impl Fault {
    /// It begins.
    pub async fn strike(self, redis: &mut RedisServer, yesterday: &[u8]) {
        let struck = match self {
            Self::Flushed => redis.flush(),
            Self::Killed => redis.restart(None).await,
            Self::Frozen => redis.freeze(),
            Self::Yesterday => redis.restart(Some(yesterday)).await,
        };
        struck.unwrap();
    }

    /// It is over.
    pub fn end(self, redis: &RedisServer) {
        match self {
            Self::Frozen => redis.thaw().unwrap(),
            Self::Flushed | Self::Killed | Self::Yesterday => {}
        }
    }
}

/// The state is what it was, by itself and in the list.
async fn is_still(state: &str, trade: &Trade, when: &str) {
    assert_eq!(trade.state_text().await, state, "{when}");
    let listed = trade.client.get("/api/transactions?limit=1").await;
    let state: Value = serde_json::from_str(state).unwrap();
    assert_eq!(listed.json["transactions"], json!([state]), "{when}");
}

async fn chosen(trade: &Trade, offer: &str, kwh: u32) {
    let holds = |state: &Value| {
        state["status"] == "INITIALIZING"
            && state["selectedOffer"]["id"] == offer
            && state["selectedQuantity"] == kwh
    };
    trade.state_where(&format!("{kwh} kWh of {offer}"), holds).await;
}

/// A trade whose buyer looks twice and chooses twice. Before one of its steps Redis fails, and again when the request
/// has been acknowledged. This step is made through a gateway that has seen nothing of the trade, so it has only
/// Redis to go by.
async fn trade_despite(fault: Fault, hit: &str, gateways: [&client::Client; 2], redis: &mut RedisServer) {
    let [trade, strangers] = gateways.map(|gateway| gateway.trade(&format!("t-{hit}")));
    trade.ask("discover", json!({"sourceType": "HYDRO"})).await.acknowledged();
    trade.status("SELECTING").await;
    let mut yesterday = redis.saved().unwrap();
    trade.ask("discover", json!({"sourceType": "SOLAR"})).await.acknowledged();
    let solar = |s: &Value| s["status"] == "SELECTING" && s["catalog"]["providers"][0].is_object();
    trade.state_where("a catalog", solar).await;
    for step in ["select", "init", "confirm", "status"] {
        let by = if step == hit { &strangers } else { &trade };
        if step == hit {
            let before = trade.state_text().await;
            fault.strike(redis, &yesterday).await;
            is_still(&before, &trade, &format!("{fault:?} before {step}")).await;
            // A look at the state has mended it.
            fault.strike(redis, &yesterday).await;
        }
        if step == "select" {
            by.select(BETA, 9).await.acknowledged();
            chosen(by, BETA, 9).await;
            if step != hit {
                yesterday = redis.saved().unwrap();
            }
        }
        let asked = match step {
            "select" => by.select(ALPHA, 7).await,
            _ => by.ask(step, json!({})).await,
        };
        let asked = asked.acknowledged();
        if step == hit {
            fault.strike(redis, &yesterday).await;
        }
        match step {
            "select" => chosen(by, ALPHA, 7).await,
            "init" => {
                let order = by.status("CONFIRMING").await["order"].clone();
                assert_eq!(order["items"][0]["offer_id"], ALPHA);
                assert_eq!(order["quote"]["totalQuantity"], 7);
            }
            "confirm" => assert_eq!(by.status("ACTIVE").await["order"]["status"], "ACTIVE"),
            _ => drop(by.heard("on_status", &asked.message_id()).await),
        }
        if step == hit {
            let after = by.state_text().await;
            fault.end(redis);
            for trade in [by, &trade] {
                is_still(&after, trade, &format!("{fault:?} during {step}")).await;
            }
        }
    }
    assert_eq!(trade.status("ACTIVE").await["selectedQuantity"], 7);
}

/// Each trade with the fault at another step.
async fn trades_despite(fault: Fault) {
    let (system, mut redis) = start("10").await;
    let another = system.another_gateway().await;
    for (trades, hit) in (1..).zip(["select", "init", "confirm", "status"]) {
        trade_despite(fault, hit, [&system.client, &another], &mut redis).await;
        assert_eq!(system.tables.stock(ALPHA).await, [50 - 7 * trades, 0, 7 * trades]);
    }
    assert_eq!(system.tables.stock(BETA).await, [100, 0, 0]);
    system.tables.is_sound().await;
}

#[tokio::test]
async fn redis_emptied_between_any_two_steps_is_rebuilt() {
    trades_despite(Fault::Flushed).await;
}

#[tokio::test]
async fn redis_killed_between_any_two_steps_is_rebuilt() {
    trades_despite(Fault::Killed).await;
}

#[tokio::test]
async fn redis_frozen_during_any_step_holds_up_no_trade() {
    trades_despite(Fault::Frozen).await;
}

#[tokio::test]
async fn redis_with_yesterdays_data_never_trades() {
    trades_despite(Fault::Yesterday).await;
}

/// A number of INFO.
async fn told(redis: &Client, name: &str) -> u64 {
    let info = CustomCommand::new_static("INFO", ClusterHash::Random, false);
    let told: String = redis.custom(info, vec!["everything"]).await.unwrap();
    let line = told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {told}")).trim().parse().unwrap()
}

async fn set(redis: &Client, name: &str, value: &str) {
    let set = CustomCommand::new_static("CONFIG", ClusterHash::Random, false);
    redis.custom::<(), _>(set, vec!["SET", name, value]).await.unwrap();
}

/// Writes 10 kB that nobody needs.
async fn litter(redis: &Client, n: usize) {
    redis.set::<(), _, _>(format!("litter:{n}"), "x".repeat(10_000), None, None, false).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_redis_forgets_and_no_trade_notices() {
    let (system, _server) = start("10").await;
    let another = system.another_gateway().await;
    let redis = redis(&system).await;
    let most = told(&redis, "used_memory").await + ROOM;
    set(&redis, "maxmemory-policy", "allkeys-lru").await;
    set(&redis, "maxmemory", &most.to_string()).await;
    let mut trades = std::pin::pin!(futures::future::join_all((1..=TRADES).map(async |kwh| {
        let trade = system.discover().await;
        trade.ordered(BETA, kwh).await;
        let bought = trade.bought().await;
        assert_eq!(bought["order"]["quote"]["totalQuantity"], kwh);
        (trade, bought)
    })));
    let mut littered = 0;
    let trades = loop {
        tokio::select! {
            trades = &mut trades => break trades,
            () = litter(&redis, littered) => littered += 1,
        }
    };
    for n in littered..littered + LITTER {
        litter(&redis, n).await;
    }
    let keys: Vec<String> = trades.iter().map(|(trade, _)| format!("txn:{}", trade.id)).collect();
    let kept: u32 = redis.exists(keys).await.unwrap();
    assert!(kept < TRADES / 2, "{kept} states are still there: Redis is not full");
    let used = told(&redis, "used_memory").await;
    assert!(used < most + ROOM, "{used} bytes where {most} are allowed");
    for (trade, bought) in &trades {
        // This one has seen nothing of it.
        assert_eq!(another.trade(&trade.id).state().await, *bought);
        assert_eq!(trade.state().await, *bought);
    }
    let listed = system.get("/api/transactions").await;
    let listed = listed.json["transactions"].as_array().unwrap().clone();
    assert!(trades.iter().all(|(_, bought)| listed.contains(bought)));
    assert_eq!(listed.len(), trades.len());
    system.tables.is_sound().await;
    assert_eq!(system.tables.stock(BETA).await, [45, 0, 55]);
}

#[tokio::test]
async fn a_catalog_is_ranked_for_what_was_asked_last() {
    let (system, mut redis) = start("1000").await;
    let trade = system.trade("t-1");
    let wish = |from: u32, to: u32| json!({"sourceType": "SOLAR", "timeWindow": {"startTime": tomorrow(from), "endTime": tomorrow(to)}});
    // Only Alpha sells at 10, only Beta at 17.
    trade.ask("discover", wish(10, 11)).await.acknowledged();
    trade.status("SELECTING").await;
    let earlier = redis.saved().unwrap();
    let last = trade.ask("discover", wish(17, 18)).await.acknowledged();
    redis.restart(Some(&earlier)).await.unwrap();
    // Not by the state: a look at it would mend it.
    trade.heard("on_discover", &last.message_id()).await;
    let state = trade.status("SELECTING").await;
    assert_eq!(state["discoveryCriteria"], wish(17, 18));
    assert_eq!(state["matchingResults"]["selectedOffer"]["offer"]["id"], BETA);
}
