//! What tenants hear who want more than they may have.

use serde_json::{Value, json};

use crate::{
    beckn::{self, Message},
    client::{ALPHA, Answer, Client, window},
    system::{Setup, System},
};

const OPERATOR: &str = "operator-key-of-this-test-0123456789abcdef";

async fn bounded() -> System {
    let more = vec![
        ("AUTH", "keys".to_owned()),
        ("OPERATOR_KEY", OPERATOR.to_owned()),
        ("BAP_HOLD_KWH", "5".to_owned()),
        ("TRANSACTIONS_PER_DAY", "1".to_owned()),
        ("ITEMS_PER_PROVIDER", "1".to_owned()),
        ("OFFERS_PER_PROVIDER", "1".to_owned()),
    ];
    System::with(Setup { more, ..Setup::default() }).await
}

fn with_key(system: &System, key: &Value) -> Client {
    system.saying("authorization", &format!("Bearer {}", key.as_str().unwrap()))
}

async fn client(system: &System, name: &str) -> Client {
    let made =
        with_key(system, &json!(OPERATOR)).post("/operator/clients", &json!({ "name": name })).await.json;
    with_key(system, &made["key"])
}

fn beyond(answer: &Answer, sentence: &str) {
    assert_eq!((answer.status, answer.json["error"].as_str()), (429, Some(sentence)), "{}", answer.text);
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seller_hears_how_many_items_and_offers_it_may_have() {
    let system = bounded().await;
    let made = system.post("/seller/register", &json!({"name": "Gamma"})).await.json;
    let (seller, id) = (with_key(&system, &made["api_key"]), made["provider"]["id"].as_str().unwrap());
    let item = json!({"source_type": "WIND", "available_qty": 100});
    let first = seller.post("/seller/items", &item).await.json;
    beyond(&seller.post("/seller/items", &item).await, &format!("provider {id} may have at most 1 items"));
    let offer = json!({
        "item_id": first["item"]["id"], "price_per_kwh": 0.07, "max_qty": 60, "time_window": window(),
    });
    assert_eq!(seller.post("/seller/offers", &offer).await.status, 200);
    let said = format!("provider {id} may have at most 1 offers on sale");
    beyond(&seller.post("/seller/offers", &offer).await, &said);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_hears_how_many_transactions_it_may_make_and_nothing_of_anothers() {
    let system = bounded().await;
    let (buyer, other) = (client(&system, "Mill").await, client(&system, "Baker").await);
    let trade = buyer.discover().await;
    let wish = json!({"sourceType": "SOLAR"});
    let said = "at most 1 new transactions in 24 hours; try again later";
    beyond(&buyer.post("/api/discover", &wish).await, said);
    let select = |transaction: &str| json!({"transaction_id": transaction, "offer_id": ALPHA, "quantity": 1});
    let anothers = other.post("/api/select", &select(&trade.id)).await;
    let unknown = other.post("/api/select", &select("none")).await;
    assert_eq!((anothers.status, &anothers.json["error"]), (400, &unknown.json["error"]));
    let taken =
        other.post("/api/discover", &json!({"transaction_id": trade.id, "sourceType": "SOLAR"})).await;
    assert_eq!((taken.status, taken.json["error"].as_str()), (404, Some("Transaction not found")));
    assert!(trade.select(ALPHA, 1).await.is_acknowledged());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bap_hears_what_it_holds_and_how_many_transactions_it_may_make() {
    let system = bounded().await;
    let ask = async |action: &str, transaction: &str, message: Value| {
        Message::new(&system, action, transaction, message).post(&system).await
    };
    let too_much = ask("init", "t-1", beckn::init(ALPHA, &json!(6))).await;
    let said =
        "6 kWh are too much: a BAP may hold 5 kWh in orders that are not confirmed, and 0 kWh are held";
    assert_eq!((too_much.status, too_much.refused()), (200, ("40001", said)));
    assert_eq!(system.tables.stock(ALPHA).await, [50, 0, 0]);
    assert!(ask("init", "t-1", beckn::init(ALPHA, &json!(5))).await.is_acknowledged());
    let beyond = ask("select", "t-2", beckn::select(ALPHA, &json!(1))).await;
    let said = "at most 1 new transactions in 24 hours; try again later";
    let why = &beyond.json["ack"]["error"]["message"];
    assert_eq!((beyond.status, beyond.verdict(), why.as_str()), (429, "NACK", Some(said)));
    system.tables.is_sound().await;
    assert_eq!(system.tables.stock(ALPHA).await, [45, 5, 0]);
}
