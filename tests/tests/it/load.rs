//! Buyers that trade all the time, while programs stop and die.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::sleep};

use crate::{
    client::{Client, until},
    sql::Tables,
};

pub const BUYERS: usize = 6;
const PAUSE: Duration = Duration::from_millis(10);

/// Buyers that trade until they are told to stop, and what they were promised.
#[derive(Debug, Clone)]
pub struct Load {
    client: Client,
    /// Action and message_id of every request that was answered ACK.
    accepted: Arc<Mutex<Vec<(&'static str, String)>>>,
    bought: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Load {
    /// Each buyer selects one of these again and again.
    pub fn start(client: &Client, selections: &[Value]) -> (Self, Vec<JoinHandle<()>>) {
        let load = Self {
            client: client.clone(),
            accepted: Arc::default(),
            bought: Arc::default(),
            stop: Arc::default(),
        };
        let buyers = (0..BUYERS).map(|n| {
            let load = load.clone();
            let selection = selections[n % selections.len()].clone();
            tokio::spawn(async move { while load.trade(&selection).await.is_some() {} })
        });
        let buyers = buyers.collect();
        (load, buyers)
    }

    /// None when it was told to stop.
    async fn trade(&self, selection: &Value) -> Option<()> {
        let answer = self.ask("discover", json!({"sourceType": "SOLAR"})).await?;
        let id = answer["transaction_id"].as_str().unwrap().to_owned();
        self.status(&id, "SELECTING").await?;
        for (action, with, next) in [
            ("select", selection.clone(), "INITIALIZING"),
            ("init", json!({}), "CONFIRMING"),
            ("confirm", json!({}), "ACTIVE"),
        ] {
            let mut body = with;
            body["transaction_id"] = id.clone().into();
            self.ask(action, body).await?;
            self.status(&id, next).await?;
        }
        self.bought.fetch_add(1, Ordering::Relaxed);
        Some(())
    }

    /// Asks until it is accepted. What is not accepted is no promise, and may be asked again.
    async fn ask(&self, action: &'static str, body: Value) -> Option<Value> {
        let url = format!("{}/api/{action}", self.client.bap);
        loop {
            if let Some(answer) =
                self.client.try_send(Method::POST, &url, Some(body.to_string().into())).await
            {
                if answer.is_acknowledged() {
                    self.accepted.lock().unwrap().push((action, answer.message_id()));
                    return Some(answer.json);
                }
                // 400: the state does not show yet what was accepted before.
                assert!([200, 400, 502, 503].contains(&answer.status), "{action} {}", answer.text);
            }
            self.goes_on().await?;
        }
    }

    async fn status(&self, id: &str, status: &str) -> Option<()> {
        let url = format!("{}/api/transactions/{id}", self.client.bap);
        loop {
            let answer = self.client.try_send(Method::GET, &url, None).await;
            if answer.is_some_and(|answer| answer.json["status"] == status) {
                return Some(());
            }
            self.goes_on().await?;
        }
    }

    async fn goes_on(&self) -> Option<()> {
        sleep(PAUSE).await;
        (!self.stop.load(Ordering::Relaxed)).then_some(())
    }

    /// Waits until so many more trades are done: the load is under way.
    pub async fn under_way(&self, more: usize) {
        let from = self.bought.load(Ordering::Relaxed);
        until("trades", async || {
            let bought = self.bought.load(Ordering::Relaxed);
            if bought >= from + more { Ok(()) } else { Err(format!("{bought} bought")) }
        })
        .await;
    }

    pub async fn end(&self, buyers: Vec<JoinHandle<()>>) {
        self.stop.store(true, Ordering::Relaxed);
        for buyer in buyers {
            buyer.await.unwrap();
        }
    }

    /// Every accepted action has had its callback, once.
    pub async fn was_kept(&self, tables: &Tables) {
        tables.is_sound().await;
        let heard = tables
            .texts(
                "SELECT action || ' ' || message_id FROM orders.events
                    WHERE action LIKE 'on\\_%' AND direction = 'INBOUND'",
            )
            .await;
        let accepted = self.accepted.lock().unwrap().clone();
        assert!(!accepted.is_empty());
        for (action, message_id) in accepted {
            let callback = format!("on_{action} {message_id}");
            assert_eq!(heard.iter().filter(|heard| **heard == callback).count(), 1, "{callback}");
        }
        let sold = tables.number("SELECT sum(sold_qty) FROM catalog.catalog_offers").await;
        let active = tables.number("SELECT count(*) FROM orders.orders WHERE status = 'ACTIVE'").await;
        assert_eq!(sold, active);
    }
}
