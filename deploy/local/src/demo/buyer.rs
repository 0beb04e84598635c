//! A buyer's HTTP client that shows what it does.

use std::time::Duration;

use anyhow::{Context, ensure};
use p2p_runtime::Secret;
use reqwest::{
    Client, Response, StatusCode,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::key::NEEDED;

const CALL_DEADLINE: Duration = Duration::from_secs(10);
const STATE_DEADLINE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);
const NO_ANSWER: &str = "the system does not answer; does `make up` run?";

/// Talks to one system.
#[derive(Debug)]
pub struct Buyer {
    http: Client,
    bap: String,
    cds: String,
}

impl Buyer {
    /// A buyer at these base URLs, who shows this key.
    ///
    /// # Errors
    /// When no HTTP client can be made, or the key is no header.
    pub fn new(bap: String, cds: String, key: Option<&Secret>) -> anyhow::Result<Self> {
        let mut headers = HeaderMap::new();
        if let Some(key) = key {
            let header = HeaderValue::from_str(&format!("Bearer {}", key.expose()));
            let mut header = header.map_err(|_told| anyhow::anyhow!("a key cannot be sent as a header"))?;
            header.set_sensitive(true);
            headers.insert(AUTHORIZATION, header);
        }
        let http = Client::builder().no_proxy().timeout(CALL_DEADLINE).default_headers(headers).build()?;
        Ok(Self { http, bap, cds })
    }

    /// Asks for something that may be refused.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn ask_for(&self, path: &str, request: &Value) -> anyhow::Result<(StatusCode, String)> {
        let answer = self.http.post(format!("{}{path}", self.bap)).json(request).send().await;
        let answer = answer.context(NO_ANSWER)?;
        Ok((answer.status(), answer.text().await.context("the answer broke off")?))
    }

    /// Deletes something.
    ///
    /// # Errors
    /// When the answer is not 200 with JSON.
    pub async fn delete(&self, path: &str) -> anyhow::Result<()> {
        read(self.http.delete(format!("{}{path}", self.bap)).send().await).await?;
        Ok(())
    }

    /// Asks and shows the answer.
    ///
    /// # Errors
    /// When the answer is not 200 with JSON.
    pub async fn get(&self, step: &str, path: &str) -> anyhow::Result<Value> {
        println!("\n== {step}\nGET {}{path}", self.bap);
        let answer = self.quiet_get(&format!("{}{path}", self.bap)).await.context(step.to_owned())?;
        show("200", &answer);
        Ok(answer)
    }

    /// Shows the request, sends it, and shows the answer.
    ///
    /// # Errors
    /// When the answer is not 200 with JSON.
    pub async fn post(&self, step: &str, path: &str, request: &Value) -> anyhow::Result<Value> {
        println!("\n== {step}");
        show(&format!("POST {}{path}", self.bap), request);
        let sent = self.http.post(format!("{}{path}", self.bap)).json(request).send().await;
        let answer = read(sent).await.context(step.to_owned())?;
        show("200", &answer);
        Ok(answer)
    }

    /// Waits until the transaction has this status, and shows that it has.
    ///
    /// # Errors
    /// When it has another one for too long.
    pub async fn state(&self, id: &str, status: &str) -> anyhow::Result<Value> {
        let url = format!("{}/api/transactions/{id}", self.bap);
        let state = self
            .until(&url, |state| state["status"] == status)
            .await
            .with_context(|| format!("the transaction does not become {status}"))?;
        println!("-> the transaction is {status}");
        Ok(state)
    }

    /// Waits until so many callbacks of this action have arrived.
    ///
    /// # Errors
    /// When fewer have for too long.
    pub async fn callbacks(&self, id: &str, action: &str, count: usize) -> anyhow::Result<()> {
        let url = format!("{}/api/transactions/{id}/events", self.bap);
        let arrived = |events: &Value| {
            let events = events["events"].as_array().or(events.as_array()).into_iter().flatten();
            events.filter(|event| event["action"] == action && event["direction"] == "INBOUND").count()
                >= count
        };
        self.until(&url, arrived).await.with_context(|| format!("{action} does not arrive"))?;
        println!("-> {action} has arrived");
        Ok(())
    }

    /// What the discovery service offers.
    ///
    /// # Errors
    /// When the answer is not 200 with JSON.
    pub async fn catalog(&self) -> anyhow::Result<Value> {
        self.quiet_get(&format!("{}/catalog", self.cds)).await.context("the catalog of the CDS")
    }

    async fn until(&self, url: &str, reached: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        let deadline = Instant::now() + STATE_DEADLINE;
        loop {
            let seen = self.quiet_get(url).await?;
            if reached(&seen) {
                return Ok(seen);
            }
            ensure!(Instant::now() < deadline, "{url} still answers\n{seen:#}");
            sleep(POLL).await;
        }
    }

    async fn quiet_get(&self, url: &str) -> anyhow::Result<Value> {
        read(self.http.get(url).send().await).await
    }
}

async fn read(answer: reqwest::Result<Response>) -> anyhow::Result<Value> {
    let answer = answer.context(NO_ANSWER)?;
    let status = answer.status();
    let body = answer.text().await.context("the answer broke off")?;
    ensure!(status != StatusCode::UNAUTHORIZED, "answered {status}: {NEEDED}");
    ensure!(status == 200, "answered {status}: {body}");
    serde_json::from_str(&body).with_context(|| format!("answered no JSON: {body}"))
}

/// A text in an answer.
///
/// # Errors
/// When it is not there.
pub fn text(answer: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = answer.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).with_context(|| format!("{pointer} is missing"))
}

/// A line and the JSON below it.
pub fn show(line: &str, value: &Value) {
    println!("{line}\n{value:#}");
}
