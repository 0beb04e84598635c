//! A buyer's HTTP client that counts its requests.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use p2p_runtime::Secret;
use reqwest::{
    Client, Response,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, sleep};

const CALL_DEADLINE: Duration = Duration::from_secs(30);
const STATE_DEADLINE: Duration = Duration::from_secs(30);

/// Why a trade was not made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Failure {
    /// No answer.
    #[error("{0}: no answer")]
    NoAnswer(&'static str),
    /// An answer that is not 200.
    #[error("{0}: HTTP {1}")]
    Status(&'static str, u16),
    /// An answer that cannot be read.
    #[error("{0}: unreadable answer")]
    Unreadable(&'static str),
    /// The seller refused.
    #[error("{0}: NACK {1}")]
    Refused(&'static str, String),
    /// The callback reported an error.
    #[error("{0}: error callback {1}")]
    Failed(&'static str, String),
    /// The state did not come.
    #[error("{0}: no callback within 30 s")]
    Late(&'static str),
}

/// What of a transaction's state a trade goes on with.
#[derive(Debug, Deserialize)]
struct State {
    status: String,
    #[serde(default)]
    error: Option<StateError>,
}

#[derive(Debug, Deserialize)]
struct StateError {
    #[serde(default)]
    code: Value,
}

/// Talks to one system. Connections are kept and shared by all trades.
#[derive(Debug)]
pub struct Buyer {
    http: Client,
    url: String,
    poll: Duration,
    requests: AtomicU64,
}

impl Buyer {
    /// A buyer at this base URL, who shows this key.
    ///
    /// # Errors
    /// When no HTTP client can be made, or the key is no header.
    pub fn new(url: String, poll: Duration, key: Option<&Secret>) -> anyhow::Result<Self> {
        let mut headers = HeaderMap::new();
        if let Some(key) = key {
            let header = HeaderValue::from_str(&format!("Bearer {}", key.expose()));
            let mut header = header.map_err(|_told| anyhow::anyhow!("the key cannot be sent as a header"))?;
            header.set_sensitive(true);
            headers.insert(AUTHORIZATION, header);
        }
        let http = Client::builder().no_proxy().tcp_nodelay(true).timeout(CALL_DEADLINE);
        let http = http.default_headers(headers).build()?;
        Ok(Self { http, url, poll, requests: AtomicU64::default() })
    }

    /// How many requests were made so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Asks for a step, which must be acknowledged.
    ///
    /// # Errors
    /// When it is not.
    pub async fn ask(&self, step: &'static str, body: &Value) -> Result<Value, Failure> {
        let request = self.http.post(format!("{}/api/{step}", self.url)).json(body);
        self.requests.fetch_add(1, Ordering::Relaxed);
        let answer: Value = serde_json::from_slice(&read(step, request.send().await).await?)
            .map_err(|_no_json| Failure::Unreadable(step))?;
        match answer.pointer("/ack/ack/ack_status").and_then(Value::as_str) {
            Some("ACK") => Ok(answer),
            Some(_) => {
                let code = answer.pointer("/ack/ack/error/code").or(answer.pointer("/ack/error/code"));
                Err(Failure::Refused(step, code.map(Value::to_string).unwrap_or_default()))
            }
            None => Err(Failure::Unreadable(step)),
        }
    }

    /// Looks at the transaction until it has this status.
    ///
    /// # Errors
    /// When it reports an error or takes too long.
    pub async fn until(&self, step: &'static str, id: &str, status: &str) -> Result<(), Failure> {
        let url = format!("{}/api/transactions/{id}", self.url);
        let deadline = Instant::now() + STATE_DEADLINE;
        loop {
            self.requests.fetch_add(1, Ordering::Relaxed);
            let body = read(step, self.http.get(&url).send().await).await?;
            let state: State = serde_json::from_slice(&body).map_err(|_no_json| Failure::Unreadable(step))?;
            if state.status == status {
                return Ok(());
            }
            if let Some(error) = state.error {
                return Err(Failure::Failed(step, error.code.to_string()));
            }
            if Instant::now() > deadline {
                return Err(Failure::Late(step));
            }
            sleep(self.poll).await;
        }
    }
}

async fn read(step: &'static str, answer: reqwest::Result<Response>) -> Result<Vec<u8>, Failure> {
    let answer = answer.map_err(|_error| Failure::NoAnswer(step))?;
    match answer.status().as_u16() {
        200 => Ok(answer.bytes().await.map_err(|_error| Failure::NoAnswer(step))?.into()),
        status => Err(Failure::Status(step, status)),
    }
}
