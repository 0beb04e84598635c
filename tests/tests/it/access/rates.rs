//! How often one may ask.

use reqwest::Method;
use serde_json::json;

use super::{OPERATOR_KEY, with_key};
use crate::{
    client::{Answer, Client},
    programs::{Place, Programs},
};

/// Asks until it is too often. The limits are so low that no machine is too slow for them.
async fn too_often(ask: impl AsyncFn() -> Answer) -> Answer {
    for _ in 0..200 {
        let answer = ask().await;
        if answer.status == 429 {
            return answer;
        }
    }
    panic!("200 requests were not too many");
}

fn seconds(answer: &Answer) -> u64 {
    answer.header("retry-after").parse().unwrap()
}

async fn well(client: &Client) {
    for path in ["/health", "/health/live", "/health/ready"] {
        assert_eq!(client.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let places = ["by-address", "by-key", "by-registration"].map(Place::new);
    // Who comes from loopback is none of our own gateways then.
    let more = [("AUTH", "keys"), ("OPERATOR_KEY", OPERATOR_KEY), ("OWN_URIS", "http://192.0.2.1:4000")];
    let mut programs = Programs::new(&places.each_ref(), &more).await;
    let _services = programs.services();
    let mut gateways = Vec::new();
    let limits = ["RATE_PER_ADDRESS", "RATE_PER_KEY", "REGISTER_PER_HOUR"];
    for (place, limit) in places.iter().zip(limits) {
        limits.iter().for_each(|name| programs.told(name, "0"));
        programs.told(limit, "1");
        gateways.push(programs.gateway(place).await);
    }
    let [by_address, by_key, by_registration] = places.each_ref().map(Place::client);

    // Without a key, before it is asked for one.
    let many = too_often(async || by_address.get("/api/transactions").await).await;
    assert_eq!((many.error(), seconds(&many)), ("too many requests from this address", 1));
    assert_eq!(many.said(), json!({"error": "too many requests from this address"}));
    let many = too_often(async || by_address.post("/select", &json!({})).await).await;
    assert_eq!((many.verdict(), many.json["ack"]["error"]["message"].as_str()), ("NACK", Some(TOO_MANY)));
    assert_eq!(seconds(&many), 1);
    let many = too_often(async || {
        by_address.send(Method::POST, &format!("{}/discover", by_address.cds), Some(b"{}".to_vec())).await
    });
    assert_eq!(many.await.verdict(), "NACK");
    // A header says nothing about where one is.
    for name in ["x-forwarded-for", "forwarded", "x-real-ip"] {
        let liar = by_address.saying(name, "192.0.2.7");
        too_often(async || liar.get("/api/transactions").await).await;
    }
    // Another address of this machine has not asked yet.
    let another = by_address.calling_from("127.0.0.2".parse().unwrap());
    assert_eq!(another.get("/api/transactions").await.status, 401);

    let operator = with_key(&by_key, OPERATOR_KEY);
    let many = too_often(async || operator.get("/operator/keys").await).await;
    assert_eq!((many.error(), seconds(&many)), ("too many requests with this key", 1));
    // Who has no key cannot use up another's.
    assert_eq!(by_key.get("/operator/keys").await.status, 401);

    let many =
        too_often(async || by_registration.post("/seller/register", &json!({"name": "x"})).await).await;
    assert_eq!(many.error(), "too many providers were registered from this address");
    assert!(seconds(&many) > 3_000 && seconds(&many) <= 3_600, "{:?}", many.headers);
    let made = programs.tables.number("SELECT count(*) FROM catalog.providers WHERE name = 'x'").await;
    assert_eq!(made, 1);
    for client in [&by_address, &by_key, &by_registration] {
        well(client).await;
    }
}

const TOO_MANY: &str = "too many requests from this address";
