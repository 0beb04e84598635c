//! Two who want the same at the same moment: one wins, and both are told so. `RACES` says how many tries of each pair
//! are made; there are few unless it is set.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use p2p_domain::Clock;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    client::{Answer, Client, Trade, order_id, tomorrow, until},
    system::{Setup, System},
};

/// Tries under way at once.
const SIDE_BY_SIDE: usize = 16;

fn tries() -> usize {
    std::env::var("RACES").map_or(48, |tries| tries.parse().unwrap())
}

async fn seller(client: &Client, method: Method, path: &str, body: Value) -> Answer {
    client.send(method, &format!("{}/seller/{path}", client.bap), Some(body.to_string().into())).await
}

async fn made(client: &Client, noun: &str, path: &str, body: Value) -> String {
    let answer = seller(client, Method::POST, path, body).await;
    assert_eq!(answer.status, 200, "{path} {}", answer.text);
    answer.json[noun]["id"].as_str().unwrap().to_owned()
}

/// A provider with an item of so much, and offers of it of so much each.
pub async fn stall(client: &Client, source: &str, item_kwh: u32, offers: &[u32]) -> Vec<String> {
    let provider = made(client, "provider", "register", json!({"name": "Stall"})).await;
    let item = json!({"provider_id": provider, "source_type": source, "available_qty": item_kwh});
    let item = made(client, "item", "items", item).await;
    let window = json!({"startTime": tomorrow(11), "endTime": tomorrow(15)});
    let mut ids = Vec::new();
    for kwh in offers {
        let offer = json!({
            "item_id": item, "provider_id": provider, "price_per_kwh": 0.07, "max_qty": kwh, "time_window": window,
        });
        ids.push(made(client, "offer", "offers", offer).await);
    }
    ids
}

async fn discovered(client: &Client, source: &str) -> Trade {
    let answer = client.post("/api/discover", &json!({"sourceType": source})).await.acknowledged();
    let trade = client.trade(answer.json["transaction_id"].as_str().unwrap());
    trade.status("SELECTING").await;
    trade
}

/// What the buyer sees in the end.
async fn settled(trade: &Trade, words: &[&str]) -> String {
    let state = trade
        .state_where("the end", |state| words.iter().any(|word| state["order"]["status"] == *word))
        .await;
    state["order"]["status"].as_str().unwrap().to_owned()
}

/// What the seller sees of an order.
async fn seen_by_seller(system: &System, order: &str) -> String {
    let status = format!("SELECT status FROM orders.orders WHERE id = '{order}'");
    match system.tables.texts(&status).await.remove(0).as_str() {
        "EXPIRED" => "CANCELLED".to_owned(),
        status => status.to_owned(),
    }
}

/// Runs all tries, some at once, and counts who won.
async fn race<F: Future<Output = bool>>(one: impl Fn(usize) -> F) -> (usize, usize) {
    let won: Vec<bool> = stream::iter(0..tries()).map(one).buffer_unordered(SIDE_BY_SIDE).collect().await;
    let first = won.iter().filter(|won| **won).count();
    (first, won.len() - first)
}

fn jitter(n: usize, most_ms: u64) -> Duration {
    // Spread evenly and the same in each run.
    Duration::from_micros((n as u64).wrapping_mul(7_919) % (most_ms * 1_000))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_confirm_that_races_the_end_of_its_hold_buys_or_is_refused() {
    let system = System::with(Setup { hold_seconds: "2", ..Setup::default() }).await;
    let kwh = u32::try_from(tries()).unwrap();
    let offer = stall(&system, "TIDAL", kwh, &[kwh]).await.remove(0);
    let (bought, expired) = race(|n| {
        let (system, offer) = (&system, &offer);
        async move {
            let trade = discovered(system, "TIDAL").await;
            trade.select(offer, 1).await.acknowledged();
            trade.status("INITIALIZING").await;
            trade.ask("init", json!({})).await.acknowledged();
            let state = trade.state_where("an order", |state| state["order"]["id"].is_string()).await;
            let order = order_id(&state);
            let made: DateTime<Utc> = state["order"]["created_at"].as_str().unwrap().parse().unwrap();
            let end = made + Duration::from_millis(1_800) + jitter(n, 250);
            sleep((end - Clock::system().now()).to_std().unwrap_or_default()).await;
            let confirmed = trade.ask("confirm", json!({})).await;
            assert_eq!(confirmed.status, 200, "{}", confirmed.text);
            let end = settled(&trade, &["ACTIVE", "CANCELLED"]).await;
            assert_eq!(end, seen_by_seller(system, &order).await);
            assert_eq!(confirmed.is_acknowledged(), end == "ACTIVE", "{end} {}", confirmed.text);
            end == "ACTIVE"
        }
    })
    .await;
    println!("confirm against the end of its hold: {bought} bought, {expired} expired");
    system.is_sound().await;
    let sold = i64::try_from(bought).unwrap();
    assert_eq!(system.tables.stock(&offer).await, [i64::from(kwh) - sold, 0, sold]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cancel_that_races_a_confirm_is_the_last_word_or_the_first() {
    let system = System::start().await;
    let kwh = u32::try_from(tries()).unwrap();
    let offer = stall(&system, "TIDAL", kwh, &[kwh]).await.remove(0);
    let (first, then) = race(|n| {
        let (system, offer) = (&system, &offer);
        async move {
            let trade = discovered(system, "TIDAL").await;
            let order = trade.ordered(offer, 1).await;
            // The one who comes second finds what the first has made of it.
            let confirm = async {
                sleep(jitter(n, 4)).await;
                until("confirm", async || not_too_fast(trade.ask("confirm", json!({})).await)).await
            };
            let cancel = async {
                sleep(jitter(n * 31, 4)).await;
                // By the buyer, or by the seller.
                match n % 2 {
                    0 => until("cancel", async || not_too_fast(trade.ask("cancel", json!({})).await)).await,
                    _ => {
                        let path = format!("orders/{order}/cancel");
                        until("cancel", async || {
                            not_too_fast(seller(system, Method::POST, &path, json!({})).await)
                        })
                        .await
                    }
                }
            };
            let (confirmed, cancelled) = tokio::join!(confirm, cancel);
            assert!(cancelled.is_acknowledged() || cancelled.json["status"] == "ok", "{}", cancelled.text);
            let end = settled(&trade, &["CANCELLED"]).await;
            assert_eq!(end, seen_by_seller(system, &order).await);
            assert_eq!(trade.status("CANCELLED").await["order"]["id"], json!(order));
            confirmed.is_acknowledged()
        }
    })
    .await;
    println!("cancel against confirm: {first} bought first, {then} cancelled first");
    system.is_sound().await;
    assert_eq!(system.tables.stock(&offer).await, [i64::from(kwh), 0, 0]);
}

fn not_too_fast(answer: Answer) -> Result<Answer, String> {
    if answer.status == 503 { Err(answer.text) } else { Ok(answer) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_offer_that_is_withdrawn_while_it_is_ordered_is_ordered_or_not() {
    let system = System::start().await;
    let (ordered, refused) = race(|n| {
        let system = &system;
        async move {
            let source = format!("S{n}");
            let offer = stall(system, &source, 5, &[5]).await.remove(0);
            let trade = discovered(system, &source).await;
            trade.select(&offer, 5).await.acknowledged();
            trade.status("INITIALIZING").await;
            let init = async {
                sleep(jitter(n, 6)).await;
                trade.ask("init", json!({})).await
            };
            let withdraw = async {
                sleep(jitter(n * 31, 400)).await;
                seller(system, Method::DELETE, &format!("offers/{offer}"), json!({})).await
            };
            let (asked, withdrawn) = tokio::join!(init, withdraw);
            assert_eq!(withdrawn.status, 200, "{}", withdrawn.text);
            let won = if asked.is_acknowledged() {
                let told = |state: &Value| {
                    state["order"]["status"] == "PENDING" || state["error"]["code"] == "40901"
                };
                trade.state_where("what became of the order", told).await["order"]["status"] == "PENDING"
            } else {
                assert_eq!(asked.refused().0, "40001", "{}", asked.text);
                false
            };
            // An order that was in time can still be bought.
            if won && n % 4 == 0 {
                trade.bought().await;
            }
            let held = if won { 5 } else { 0 };
            let stock = system.tables.stock(&offer).await;
            assert_eq!(stock[1] + stock[2], held, "{stock:?}");
            assert_eq!(trade.select(&offer, 1).await.refused().1, format!("Offer {offer} not found"));
            won
        }
    })
    .await;
    println!("withdraw against init: {ordered} ordered, {refused} refused");
    system.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_last_kwh_of_an_item_is_sold_through_one_of_its_offers() {
    let system = System::start().await;
    let (first, second) = race(|n| {
        let system = &system;
        async move {
            let source = format!("S{n}");
            let offers = stall(system, &source, 1, &[1, 1]).await;
            let (one, two) = (discovered(system, &source).await, discovered(system, &source).await);
            for (trade, offer) in [(&one, &offers[0]), (&two, &offers[1])] {
                trade.select(offer, 1).await.acknowledged();
                trade.status("INITIALIZING").await;
            }
            let ends = tokio::join!(last_kwh(&one), last_kwh(&two));
            assert!(ends.0 != ends.1, "one of them: {ends:?}");
            ends.0
        }
    })
    .await;
    println!("two offers of the last kWh: {first} by the first, {second} by the second");
    assert_eq!(first + second, tries());
    system.is_sound().await;
}

/// Whether this buyer got it.
async fn last_kwh(trade: &Trade) -> bool {
    let asked = trade.ask("init", json!({})).await;
    if !asked.is_acknowledged() {
        assert_eq!(asked.refused().0, "40001");
        return false;
    }
    let told = |state: &Value| state["order"]["status"] == "PENDING" || state["error"]["code"] == "40901";
    let state = trade.state_where("what became of the order", told).await;
    if state["order"]["status"] != "PENDING" {
        return false;
    }
    trade.bought().await;
    true
}
