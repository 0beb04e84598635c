//! The first page as another BAP and as a reader of the catalog get it from the running gateway.

use std::time::Duration;

use anyhow::{Context, ensure};
use chrono::{DateTime, Days, Utc};
use p2p_domain::Clock;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::{Answers, Measured, WARMUP};
use crate::{receiver::Receiver, spread::Spread};

const PATIENCE: Duration = Duration::from_secs(30);

/// Asks the gateway's CDS at this URL, so many times for each thing.
///
/// # Errors
/// When it does not answer, or refuses.
pub(super) async fn measure(cds: &str, offers: usize, requests: usize) -> anyhow::Result<Vec<Measured>> {
    let http = Client::builder().no_proxy().tcp_nodelay(true).timeout(PATIENCE).build()?;
    let receiver = Receiver::start().await?;
    let now = Clock::system().now();
    let mut measured = Vec::new();
    for (wish, message) in wishes(now) {
        let mut durations = Vec::with_capacity(WARMUP + requests);
        for _ in 0..WARMUP + requests {
            let message_id = Uuid::new_v4().to_string();
            let body = json!({"context": context(&message_id, &receiver.uri, now), "message": message});
            let asked = Instant::now();
            let answer = http.post(format!("{cds}/discover")).json(&body).send().await?;
            let answer: Value = answer.error_for_status()?.json().await?;
            ensure!(answer.pointer("/ack/ack_status") == Some(&"ACK".into()), "{wish}: {answer}");
            timeout(PATIENCE, receiver.heard.wait_for(&message_id)).await.context("no on_discover")?;
            durations.push(asked.elapsed());
        }
        let first = Answers { spread: Spread::of(durations.split_off(WARMUP)), found: String::new() };
        measured.push(Measured { offers, wish, first, deep: None });
    }
    let mut durations = Vec::with_capacity(WARMUP + requests);
    for _ in 0..WARMUP + requests {
        let asked = Instant::now();
        http.get(format!("{cds}/catalog")).send().await?.error_for_status()?.bytes().await?;
        durations.push(asked.elapsed());
    }
    let first = Answers { spread: Spread::of(durations.split_off(WARMUP)), found: String::new() };
    measured.push(Measured { offers, wish: "GET /catalog", first, deep: None });
    Ok(measured)
}

/// What another BAP looks for, until it has the on_discover.
fn wishes(now: DateTime<Utc>) -> [(&'static str, Value); 3] {
    let filter = |expression: &str| json!({"type": "jsonpath", "expression": expression});
    let at = |hour: u64| (now + Days::new(20)).date_naive().to_string() + &format!("T{hour:02}:00:00Z");
    let window = json!({"fulfillment": {"time": {"startTime": at(11), "endTime": at(15)}}});
    [
        ("discover *", json!({"filters": filter("*")})),
        ("discover source", json!({"filters": filter("sourceType='WIND'")})),
        (
            "+ window + 20 kWh",
            json!({"intent": window, "filters": filter("sourceType='WIND' && availableQuantity>=20")}),
        ),
    ]
}

fn context(message_id: &str, bap_uri: &str, now: DateTime<Utc>) -> Value {
    json!({
        "domain": "energy:trading:p2p", "version": "2.0.0", "action": "discover", "timestamp": now,
        "message_id": message_id, "transaction_id": Uuid::new_v4(), "bap_id": "bap.of-bench", "bap_uri": bap_uri,
        "ttl": "PT30S",
    })
}
