//! Redis away, emptied, or stale: it holds no promise.

use fred::{
    prelude::*,
    types::{Builder, ClusterHash, CustomCommand, config::Config},
};
use serde_json::{Value, json};

use crate::{
    client::{ALPHA, BETA, Trade, order_id, tomorrow},
    redis_server::RedisServer,
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

/// As DUMP and RESTORE have it.
struct Earlier(Vec<(String, fred::types::Value)>);

async fn remember(redis: &Client, trade: &Trade) -> Earlier {
    let key = format!("txn:{}", trade.id);
    let dump = redis.dump(&key).await.unwrap();
    Earlier(vec![(key, dump)])
}

async fn restore(redis: &Client, earlier: &Earlier) {
    for (key, dump) in &earlier.0 {
        redis.restore::<(), _>(key, 0, dump.clone(), true, false, None, None).await.unwrap();
    }
}

async fn empty(redis: &Client) {
    let flush = CustomCommand::new_static("FLUSHDB", ClusterHash::Random, false);
    redis.custom::<(), String>(flush, Vec::new()).await.unwrap();
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

#[tokio::test]
async fn redis_emptied_between_any_two_steps_is_rebuilt() {
    let system = System::start().await;
    let redis = redis(&system).await;
    let trade = system.discover().await;
    let same = async |trade: &Trade| {
        let before = trade.state_text().await;
        empty(&redis).await;
        let listed = system.get("/api/transactions").await;
        assert_eq!(listed.json["transactions"][0], serde_json::from_str::<Value>(&before).unwrap());
        empty(&redis).await;
        assert_eq!(trade.state_text().await, before);
        empty(&redis).await;
    };
    same(&trade).await;
    trade.match_best(30).await.acknowledged();
    empty(&redis).await;
    trade.status("INITIALIZING").await;
    same(&trade).await;
    trade.ask("init", json!({})).await.acknowledged();
    empty(&redis).await;
    trade.status("CONFIRMING").await;
    same(&trade).await;
    trade.ask("confirm", json!({})).await.acknowledged();
    empty(&redis).await;
    trade.status("ACTIVE").await;
    same(&trade).await;
    let asked = trade.ask("status", json!({})).await.acknowledged();
    empty(&redis).await;
    trade.heard("on_status", &asked.message_id()).await;
    assert_eq!(trade.status("ACTIVE").await["order"]["quote"]["totalQuantity"], 30);
    assert_eq!(system.tables.stock(BETA).await, [70, 0, 30]);
    system.tables.is_sound().await;
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
    let server = RedisServer::start().await;
    let system = System::with(Setup { redis: Redis::At(server.url.clone()), ..Setup::default() }).await;
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
async fn a_stale_selection_never_trades() {
    let system = System::start().await;
    let redis = redis(&system).await;
    let trade = system.discover().await;
    trade.select(ALPHA, 5).await.acknowledged();
    trade.status("INITIALIZING").await;
    let earlier = remember(&redis, &trade).await;
    trade.select(BETA, 9).await.acknowledged();
    trade
        .state_where("the last choice", |s| s["selectedQuantity"] == 9 && s["status"] == "INITIALIZING")
        .await;

    restore(&redis, &earlier).await;
    assert_eq!(trade.state().await["selectedQuantity"], 9);
    restore(&redis, &earlier).await;
    trade.ask("init", json!({})).await.acknowledged();
    restore(&redis, &earlier).await;
    let state = trade.status("CONFIRMING").await;
    assert_eq!(state["order"]["items"][0]["offer_id"], BETA);
    assert_eq!(state["order"]["quote"]["totalQuantity"], 9);
    let order = order_id(&state);

    restore(&redis, &earlier).await;
    let confirmed = trade.ask("confirm", json!({})).await.acknowledged();
    assert_eq!(confirmed.json["order_id"], order);
    restore(&redis, &earlier).await;
    assert_eq!(order_id(&trade.status("ACTIVE").await), order);
    restore(&redis, &earlier).await;
    let again = trade.ask("confirm", json!({})).await.acknowledged();
    trade.heard("on_confirm", &again.message_id()).await;
    restore(&redis, &earlier).await;
    let listed = system.get("/api/transactions").await;
    assert_eq!(order_id(&listed.json["transactions"][0]), order);
    assert_eq!((system.tables.stock(ALPHA).await, system.tables.stock(BETA).await), ([50, 0, 0], [91, 0, 9]));
    system.tables.is_sound().await;
}

#[tokio::test]
async fn a_stale_catalog_is_not_selected_from() {
    let system = System::start().await;
    let redis = redis(&system).await;
    let trade = system.trade("t-1");
    let earlier = {
        trade.ask("discover", json!({"sourceType": "HYDRO"})).await.acknowledged();
        trade.status("SELECTING").await;
        remember(&redis, &trade).await
    };
    trade.ask("discover", json!({"sourceType": "SOLAR"})).await.acknowledged();
    trade
        .state_where("a catalog", |s| s["status"] == "SELECTING" && s["catalog"]["providers"][1].is_object())
        .await;
    restore(&redis, &earlier).await;
    trade.select(ALPHA, 5).await.acknowledged();
    restore(&redis, &earlier).await;
    assert_eq!(trade.status("INITIALIZING").await["selectedQuantity"], 5);
}

#[tokio::test]
async fn a_catalog_is_ranked_for_what_was_asked_last() {
    let system = System::with(Setup { callback_delay: "1000", ..Setup::default() }).await;
    let redis = redis(&system).await;
    let trade = system.trade("t-1");
    let wish = |from: u32, to: u32| json!({"sourceType": "SOLAR", "timeWindow": {"startTime": tomorrow(from), "endTime": tomorrow(to)}});
    // Only Alpha sells at 10, only Beta at 17.
    trade.ask("discover", wish(10, 11)).await.acknowledged();
    trade.status("SELECTING").await;
    let earlier = remember(&redis, &trade).await;
    let last = trade.ask("discover", wish(17, 18)).await.acknowledged();
    restore(&redis, &earlier).await;
    // Not by the state: a look at it would mend it.
    trade.heard("on_discover", &last.message_id()).await;
    let state = trade.status("SELECTING").await;
    assert_eq!(state["discoveryCriteria"], wish(17, 18));
    assert_eq!(state["matchingResults"]["selectedOffer"]["offer"]["id"], BETA);
}
