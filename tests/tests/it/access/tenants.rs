//! What is another's answers like what is not there, to the byte, and stays as it is.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Locked, Shop, ask, offer_of};
use crate::client::{Answer, Client, tomorrow};

/// A request that names something.
struct Naming {
    method: Method,
    path: String,
    body: Option<Value>,
}

impl Naming {
    fn new(method: Method, path: String, body: Option<Value>) -> Self {
        Self { method, path, body }
    }

    async fn ask(&self, client: &Client) -> Answer {
        ask(client, self.method.clone(), &self.path, self.body.as_ref()).await
    }
}

/// What an answer says but for what differs between two answers to the same.
fn bytes(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let differs = ["x-request-id", "traceparent", "date"];
    let headers = answer.headers.iter().filter(|(name, _)| !differs.contains(&name.as_str()));
    let mut headers: Vec<(String, String)> =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    headers.sort();
    let id = answer.json["request_id"].as_str().unwrap_or("none");
    (answer.status, headers, answer.text.replace(id, "an id"))
}

/// Asks for both and compares. Returns the status.
async fn alike(client: &Client, anothers: &Naming, nobodys: &Naming) -> u16 {
    let (one, other) = (anothers.ask(client).await, nobodys.ask(client).await);
    assert_eq!(bytes(&one), bytes(&other), "{} {}", anothers.method, anothers.path);
    one.status
}

/// All that a client can ask about a transaction.
fn about_a_transaction(id: &str, offer: &str) -> Vec<(Naming, u16)> {
    let window = json!({"startTime": tomorrow(11), "endTime": tomorrow(15)});
    let post = |action: &str, mut body: Value| {
        body["transaction_id"] = id.into();
        Naming::new(Method::POST, format!("/api/{action}"), Some(body))
    };
    let get = |rest: &str| Naming::new(Method::GET, format!("/api/transactions/{id}{rest}"), None);
    let best = json!({"quantity": 1, "autoMatch": true, "requestedTimeWindow": window});
    vec![
        (post("discover", json!({})), 404),
        (post("discover", json!({"cursor": "x", "sourceType": "WIND"})), 404),
        (post("select", json!({"offer_id": offer, "quantity": 1})), 400),
        (post("select", best), 400),
        (post("select", json!({})), 400),
        (post("init", json!({})), 400),
        (post("confirm", json!({})), 400),
        (post("status", json!({})), 400),
        (post("cancel", json!({"reason": "x"})), 400),
        (get(""), 404),
        (get("/events"), 404),
        (get("/events?limit=1&cursor=1"), 404),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_clients_transaction_is_as_one_that_there_is_not() {
    let system = Locked::start().await;
    let (buyer, other) = (system.buyer("Mill").await, system.buyer("Baker").await);
    let shop = system.shop("Gamma Wind").await;
    // In every state in which its own client could go on.
    let trades = [
        buyer.client.discover().await,
        buyer.client.discover().await,
        buyer.client.discover().await,
        buyer.client.discover().await,
    ];
    trades[1].select(crate::client::ALPHA, 1).await.acknowledged();
    trades[1].status("INITIALIZING").await;
    trades[2].ordered(crate::client::ALPHA, 1).await;
    trades[3].ordered(crate::client::ALPHA, 1).await;
    trades[3].bought().await;
    let order = crate::client::order_id(&trades[2].state().await);
    let before = system.rows().await;

    let nobodys = Uuid::new_v4().to_string();
    for trade in &trades {
        let both = about_a_transaction(&trade.id, crate::client::ALPHA)
            .into_iter()
            .zip(about_a_transaction(&nobodys, crate::client::ALPHA));
        for ((anothers, status), (unknown, _)) in both {
            let answered = alike(&other.client, &anothers, &unknown).await;
            assert_eq!(answered, status, "{} {} {:?}", anothers.method, anothers.path, anothers.body);
        }
        // Nor does its order's id help.
        for action in ["confirm", "status", "cancel"] {
            let naming = |id: &str, order: &str| {
                let body = json!({"transaction_id": id, "order_id": order});
                Naming::new(Method::POST, format!("/api/{action}"), Some(body))
            };
            let unknown = naming(&nobodys, &Uuid::new_v4().to_string());
            assert_eq!(alike(&other.client, &naming(&trade.id, &order), &unknown).await, 400, "{action}");
        }
    }
    let list = other.client.get("/api/transactions").await;
    assert_eq!(list.json, json!({"transactions": []}));
    // A place in another's list is no way into it.
    let page = buyer.client.get("/api/transactions?limit=1").await;
    let cursor = page.json["next_cursor"].as_str().unwrap();
    let list = other.client.get(&format!("/api/transactions?cursor={cursor}")).await;
    assert_eq!(list.json, json!({"transactions": []}));
    assert_eq!(system.rows().await, before);

    // Its own client goes on where it was; and of its own trade the other names another's order in vain.
    let own = other.client.discover().await;
    for (action, body) in [("status", json!({"order_id": order})), ("cancel", json!({"order_id": order}))] {
        let answer = own.ask(action, body).await;
        assert!(!answer.is_acknowledged(), "{action} {}", answer.text);
    }
    trades[2].bought().await;
    assert_eq!(shop.holder.client.get("/seller/orders").await.json, json!({"orders": []}));
}

/// All that a seller can ask that names something of a provider.
fn about_a_provider(id: &str, item: &str, offer: &str, order: &str, key: &str) -> Vec<(Naming, u16)> {
    let get = |path: String| Naming::new(Method::GET, path, None);
    let post = |path: String, body: Value| Naming::new(Method::POST, path, Some(body));
    let mut offer_under_its_name = offer_of(item);
    offer_under_its_name["provider_id"] = id.into();
    let an_item = json!({"provider_id": id, "source_type": "WIND", "available_qty": 5});
    let path_of_item = format!("/seller/items/{item}/quantity");
    let as_it = json!({ "provider_id": id });
    vec![
        (get(format!("/seller/providers/{id}")), 404),
        (get(format!("/seller/items?provider_id={id}")), 200),
        (get(format!("/seller/offers?provider_id={id}")), 200),
        (get(format!("/seller/orders?provider_id={id}")), 200),
        (get(format!("/seller/keys?provider_id={id}")), 200),
        (post("/seller/items".into(), an_item), 404),
        (post("/seller/offers".into(), offer_under_its_name), 404),
        (post("/seller/offers".into(), offer_of(item)), 404),
        (Naming::new(Method::PUT, path_of_item.clone(), Some(json!({"quantity": 70}))), 404),
        // Less than is held, and more than can be.
        (Naming::new(Method::PUT, path_of_item, Some(json!({"quantity": 0}))), 404),
        (Naming::new(Method::DELETE, format!("/seller/offers/{offer}"), None), 404),
        (post(format!("/seller/orders/{order}/complete"), json!({})), 404),
        (post(format!("/seller/orders/{order}/complete"), as_it.clone()), 404),
        (post(format!("/seller/orders/{order}/cancel"), json!({"reason": "x"})), 404),
        (post(format!("/seller/orders/{order}/cancel"), as_it), 404),
        (Naming::new(Method::DELETE, format!("/seller/keys/{key}"), None), 404),
    ]
}

/// The public part of a key.
fn key_id(key: &str) -> &str {
    key.split('_').nth(2).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_seller_has_is_as_what_there_is_not() {
    let system = Locked::start().await;
    let (shop, other) = (system.shop("Gamma Wind").await, system.shop("Delta Hydro").await);
    let buyer = system.buyer("Mill").await;
    let (held, sold) = (buyer.client.discover_wind().await, buyer.client.discover_wind().await);
    let orders = [held.ordered(&shop.offer, 10).await, sold.ordered(&shop.offer, 10).await];
    sold.bought().await;
    let before = system.rows().await;

    let Shop { holder, item, offer } = &shop;
    let nobodys = Uuid::new_v4().to_string();
    for order in &orders {
        let anothers = about_a_provider(&holder.id, item, offer, order, key_id(&holder.key));
        let unknown = about_a_provider("nobody", "no-item", "no-offer", &nobodys, "0123456789abcdef");
        for ((anothers, status), (unknown, _)) in anothers.into_iter().zip(unknown) {
            let answered = alike(&other.holder.client, &anothers, &unknown).await;
            assert_eq!(answered, status, "{} {} {:?}", anothers.method, anothers.path, anothers.body);
        }
    }
    // A client's key is no seller's, whatever its id.
    let clients = Naming::new(Method::DELETE, format!("/seller/keys/{}", key_id(&buyer.key)), None);
    let unknown = Naming::new(Method::DELETE, "/seller/keys/0123456789abcdef".into(), None);
    assert_eq!(alike(&other.holder.client, &clients, &unknown).await, 404);
    assert_eq!(system.rows().await, before);
    for (client, path) in [(&holder.client, "/seller/keys"), (&buyer.client, "/api/transactions")] {
        assert_eq!(client.get(path).await.status, 200, "{path}");
    }
}
