//! Keys that are none, and what a key is tried on.

use serde_json::Value;

use super::Row;
use crate::client::Client;

const NOT_VALID: &str = "the key is not valid";
const NEEDED: &str = "a key is needed";

/// The keys of a client, of a provider and of who runs the system.
#[derive(Debug)]
pub struct Keys {
    pub client: String,
    pub provider: String,
    pub operator: String,
}

impl Keys {
    /// Made by who runs the system.
    pub async fn issued(client: &Client, operator: &str) -> Self {
        let key = |made: Value, at: &str| made[at].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        let by_operator = client.saying("authorization", &format!("Bearer {operator}"));
        let name = serde_json::json!({"name": "Hostile"});
        Self {
            client: key(by_operator.post("/operator/clients", &name).await.json, "key"),
            provider: key(client.post("/seller/register", &name).await.json, "api_key"),
            operator: operator.to_owned(),
        }
    }
}

fn asks(method: &str, target: &str, headers: &[u8]) -> Vec<u8> {
    let head = format!("{method} {target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n");
    [head.as_bytes(), headers, b"\r\n"].concat()
}

fn shows(key: impl AsRef<[u8]>) -> Vec<u8> {
    [b"authorization: Bearer ", key.as_ref(), b"\r\n"].concat()
}

/// Headers that present no valid key, however near they come.
fn invalid(keys: &Keys) -> Vec<(String, Vec<u8>, u16, &'static str)> {
    let Keys { client, operator, .. } = keys;
    let parts: Vec<&str> = client.split('_').collect();
    let (id, secret) = (parts[2], parts[3]);
    let other_secret: String = secret.chars().rev().collect();
    let wrong = [
        format!("p2p_client_{id}_{other_secret}"),
        format!("p2p_client_{}_{secret}", "0".repeat(16)),
        format!("p2p_provider_{id}_{secret}"),
        format!("p2p_operator_{id}_{secret}"),
        format!("P2P_client_{id}_{secret}"),
        format!("p2p_client_{}_{secret}", id.to_uppercase() + "A"),
        format!("p2p_client_{id}_{}", secret.to_uppercase() + "A"),
        format!("p2p_client_{id}_{}", &secret[..63]),
        format!("p2p_client_{id}_{secret}0"),
        format!("p2p_client_{id}_{secret}_"),
        format!("p2p_client_{id}__{secret}"),
        format!("p2p_client_{id}"),
        format!("p2p_client_{id}_"),
        "p2p_client__".into(),
        "p2p___".into(),
        secret.to_owned(),
        format!("p2p_client_' OR 1=1 --_{secret}"),
        format!("p2p_client_'; DROP TABLE x;_{secret}"),
        format!("p2p_client_../../../../etc_{secret}"),
        format!("p2p_client_{}_{secret}", "%00".repeat(5)),
        format!("p2p_client_%_{secret}"),
        format!("p2p_client_{id}_{}", "*".repeat(64)),
        format!("{client},{client}"),
        format!("\"{client}\""),
        format!("Bearer {client}"),
        format!("{operator}x"),
        operator[..operator.len() - 1].to_owned(),
        operator.to_uppercase(),
        "null".into(),
        "undefined".into(),
        "0".into(),
        "x".repeat(8_000),
    ];
    let mut all: Vec<_> =
        wrong.into_iter().map(|key| (format!("key {key:.60}"), shows(key), 401, NOT_VALID)).collect();
    let header = |name: &str, bytes: Vec<u8>, status, says| (name.to_owned(), bytes, status, says);
    let line = |text: String| format!("{text}\r\n").into_bytes();
    all.extend([
        header("a key that is no ASCII", shows("ключ"), 401, NOT_VALID),
        header("a key that is no UTF-8", shows(b"\xff\xfe"), 401, NOT_VALID),
        header("a key and FF", shows([client.as_bytes(), b"\xff"].concat()), 401, NOT_VALID),
        header("a key and a NUL", shows(format!("{client}\0")), 400, "cannot be read"),
        header("a key with a line end", shows(format!("{client}\nx: y")), 400, "CR and LF"),
        header("a key of 1 MB", shows("x".repeat(1 << 20)), 431, "16384 bytes"),
        header("the key twice", [shows(client), shows(client)].concat(), 401, NOT_VALID),
        header("the key, then another", [shows(client), shows("x")].concat(), 401, NOT_VALID),
        header("Basic", line(format!("authorization: Basic {client}")), 401, NOT_VALID),
        header("no scheme", line(format!("authorization: {client}")), 401, NOT_VALID),
        header("a scheme alone", line("authorization: Bearer".into()), 401, NOT_VALID),
        header("two spaces", line(format!("authorization: Bearer  {client}")), 401, NOT_VALID),
        header("a tab", line(format!("authorization: Bearer\t{client}")), 401, NOT_VALID),
        header("empty", line("authorization:".into()), 401, NOT_VALID),
        header("another header", line(format!("x-api-key: {client}")), 401, NEEDED),
        header("a cookie", line(format!("cookie: authorization=Bearer {client}")), 401, NEEDED),
        header("of a proxy", line(format!("proxy-authorization: Bearer {client}")), 401, NEEDED),
        header("who it is for", line("x-forwarded-for: 127.0.0.1\r\nx-client-id: a".into()), 401, NEEDED),
    ]);
    all
}

/// With AUTH=keys.
pub fn rows(keys: &Keys) -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, headers, status, says) in invalid(keys) {
        for (method, target) in [("GET", "/api/transactions"), ("DELETE", "/api/transactions")] {
            rows.push(Row::raw(&format!("{method} {name}"), asks(method, target, &headers), status, says));
        }
    }
    let Keys { client, provider, operator } = keys;
    let mut tried = |key: &str, method: &str, target: &str, status, says| {
        let named = format!("{method} {target:.60} with {key:.12}");
        rows.push(Row::raw(&named, asks(method, target, &shows(key)), status, says));
    };
    tried(client, "GET", "/api/transactions", 200, "transactions");
    tried(provider, "GET", "/seller/items", 200, "items");
    for (key, method, target, says) in [
        (client, "GET", "/seller/items", "this needs a provider's key"),
        (operator, "GET", "/seller/items", "this needs a provider's key"),
        (provider, "GET", "/api/transactions", "this needs a client's key"),
        (operator, "GET", "/api/transactions", "this needs a client's key"),
        (client, "DELETE", "/api/transactions", "this needs the operator's key"),
        (provider, "GET", "/operator/keys", "this needs the operator's key"),
    ] {
        tried(key, method, target, 403, says);
    }
    for id in
        ["..%2f..%2foperator", "%2e%2e%2fkeys", "%00", "%ff", "'%20OR%201=1%20--", "*", "0", &"f".repeat(16)]
    {
        tried(client, "GET", &format!("/api/transactions/{id}"), 404, "not found");
        tried(provider, "DELETE", &format!("/seller/keys/{id}"), 404, "not found");
        tried(operator, "DELETE", &format!("/operator/keys/{id}"), 404, "not found");
        tried(operator, "POST", &format!("/operator/dead-letters/{id}/redrive"), 404, "not found");
    }
    for target in
        ["/seller/../operator/keys", "/seller/%2e%2e/operator/keys", "//operator/keys", "/OPERATOR/keys"]
    {
        tried(client, "GET", target, 404, "Cannot GET");
    }
    for (key, list) in
        [(operator, "/operator/keys"), (operator, "/operator/dead-letters"), (provider, "/seller/keys")]
    {
        for query in ["limit=0", "limit=1001", "cursor=%00", "cursor=%27%20OR%201%3D1", "limit=1&limit=2"] {
            let says = match query {
                "cursor=%00" => "NUL",
                _ if query.starts_with("limit") => "limit",
                _ => "cursor",
            };
            tried(key, "GET", &format!("{list}?{query}"), 400, says);
        }
    }
    rows
}

/// With AUTH=off, where what is presented says nothing.
pub fn ignored() -> Vec<Row> {
    let no_keys = Keys {
        client: format!("p2p_client_{}_{}", "0".repeat(16), "0".repeat(64)),
        provider: String::new(),
        operator: "operator-key-that-is-not-here-0123456789".into(),
    };
    let ignored = invalid(&no_keys).into_iter().map(|(name, headers, status, says)| {
        let (status, says) = if status == 401 { (200, "transactions") } else { (status, says) };
        Row::raw(&name, asks("GET", "/api/transactions?limit=1", &headers), status, says)
    });
    ignored.collect()
}
