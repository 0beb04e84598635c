//! One request of the flood: a client's discover, or the init of another BAP.

use std::time::Duration;

use anyhow::Context;
use p2p_domain::Clock;
use p2p_runtime::Secret;
use reqwest::{
    Client, Response,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER},
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// Longer than the gateway takes for anything.
const DEADLINE: Duration = Duration::from_secs(30);
/// Offers of `--fill`.
const OFFERS: u128 = 20;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `POST /api/discover`.
    Discover,
    /// `POST /init` of another BAP, 1 kWh in a transaction of its own.
    Init,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// It was acknowledged: the transaction of a discover, the message of an init.
    Acknowledged(String),
    /// 503 with Retry-After.
    Shed,
    /// Anything else.
    Failed(String),
}

/// Asks one gateway.
#[derive(Debug, Clone)]
pub struct Asker {
    http: Client,
    url: String,
    window: Value,
    bap_uri: String,
    clock: Clock,
}

#[derive(Deserialize)]
struct State {
    status: String,
}

impl Asker {
    /// Of this gateway, as a client with this key and as a BAP there.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(url: &str, window: Value, bap_uri: &str, key: Option<&Secret>) -> anyhow::Result<Self> {
        let mut headers =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        if let Some(key) = key {
            let header = HeaderValue::from_str(&format!("Bearer {}", key.expose()));
            headers.insert(AUTHORIZATION, header.ok().context("the key cannot be sent as a header")?);
        }
        let http = Client::builder().no_proxy().tcp_nodelay(true).timeout(DEADLINE).default_headers(headers);
        Ok(Self {
            http: http.build()?,
            url: url.to_owned(),
            window,
            bap_uri: bap_uri.to_owned(),
            clock: Clock::system(),
        })
    }

    /// Makes a request.
    pub async fn ask(&self, kind: Kind) -> Came {
        let message_id = Uuid::new_v4();
        let (path, body) = match kind {
            Kind::Discover => ("/api/discover", json!({"sourceType": "SOLAR", "timeWindow": self.window})),
            Kind::Init => ("/init", self.init(message_id)),
        };
        let request = self.http.post(format!("{}{path}", self.url)).body(body.to_string());
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) if error.is_timeout() => return Came::Failed("no answer in time".into()),
            Err(_closed) => return Came::Failed("no connection".into()),
        };
        let (status, retry) = (answer.status().as_u16(), answer.headers().contains_key(RETRY_AFTER));
        let said = read(answer).await;
        let verdict = said.pointer("/ack/ack/ack_status").or(said.pointer("/ack/ack_status"));
        match (status, retry, verdict.and_then(Value::as_str)) {
            (200, _, Some("ACK")) => Came::Acknowledged(match kind {
                Kind::Discover => said["transaction_id"].as_str().unwrap_or_default().to_owned(),
                Kind::Init => message_id.to_string(),
            }),
            (503, true, _) => Came::Shed,
            (status, _, verdict) => Came::Failed(format!("HTTP {status} {}", verdict.unwrap_or_default())),
        }
    }

    fn init(&self, message_id: Uuid) -> Value {
        let n = message_id.as_u128() % OFFERS;
        json!({
            "context": {
                "domain": "energy:trading:p2p", "version": "2.0.0", "action": "init", "timestamp": self.clock.now(),
                "message_id": message_id, "transaction_id": Uuid::new_v4(), "bap_id": "bap.of-bench",
                "bap_uri": self.bap_uri, "bpp_id": format!("bench-provider-{}", n % 5), "bpp_uri": self.url,
                "ttl": "PT30S",
            },
            "message": {"order": {
                "items": [{"item_id": format!("bench-item-{n:02}"), "offer_id": format!("bench-offer-{n:02}"), "quantity": 1}],
            }},
        })
    }

    /// Whether a transaction has heard its on_discover; none when nobody knows just now.
    pub async fn has_heard(&self, transaction: &str) -> Option<bool> {
        let answer =
            self.http.get(format!("{}/api/transactions/{transaction}", self.url)).send().await.ok()?;
        let state: State =
            serde_json::from_slice(&answer.error_for_status().ok()?.bytes().await.ok()?).ok()?;
        Some(state.status == "SELECTING")
    }
}

async fn read(answer: Response) -> Value {
    let body = answer.bytes().await.unwrap_or_default();
    serde_json::from_slice(&body).unwrap_or_default()
}
