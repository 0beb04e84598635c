//! The four programs in this process, on ports that were free.

use std::{net::SocketAddr, ops::Deref};

use p2p_domain::Clock;
use p2p_gateway::Listeners;
use p2p_migrations::reset::{self, Loopback};
use p2p_proto::catalog::{BlockStats, GetBlockStatsRequest, catalog_service_client::CatalogServiceClient};
use p2p_runtime::{Env, Stop};
use tokio::net::TcpListener;

use crate::{
    client::{Client, until},
    sql::Tables,
};

/// What differs from test to test.
#[derive(Debug, Clone)]
pub struct Setup {
    /// CALLBACK_DELAY, milliseconds.
    pub callback_delay: &'static str,
    pub redis: Redis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redis {
    Here,
    Away,
}

impl Default for Setup {
    fn default() -> Self {
        Self { callback_delay: "10", redis: Redis::Here }
    }
}

/// A running system with the seed's rows.
#[derive(Debug)]
pub struct System {
    pub client: Client,
    pub tables: Tables,
    /// redis://...
    pub redis: String,
    catalog: SocketAddr,
    stop: Stop,
}

impl Drop for System {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Deref for System {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A database with the seed's rows. Returns its URL.
pub async fn seeded() -> String {
    let database = p2p_testkit::database().await.unwrap();
    let place = Loopback::of(&Env::of([("DATABASE_URL", &database)])).unwrap();
    reset::database(&place, &Clock::system()).await.unwrap();
    database
}

impl System {
    pub async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    pub async fn with(setup: Setup) -> Self {
        let redis = match setup.redis {
            Redis::Here => p2p_testkit::redis().unwrap(),
            // Nothing listens there.
            Redis::Away => "redis://127.0.0.1:1".to_owned(),
        };
        let database = seeded().await;
        let (catalog, catalog_address) = listen().await;
        let (matching, matching_address) = listen().await;
        let (order, order_address) = listen().await;
        let (prosumer, prosumer_address) = listen().await;
        let (cds, cds_address) = listen().await;
        let (bap, cds_uri) = (format!("http://{prosumer_address}"), format!("http://{cds_address}"));
        let env = Env::of([
            ("DATABASE_URL", &database),
            ("DATABASE_POOL", "5"),
            ("REDIS_URL", &redis),
            ("CATALOG_ADDR", &catalog_address.to_string()),
            ("MATCHING_ADDR", &matching_address.to_string()),
            ("ORDER_ADDR", &order_address.to_string()),
            ("BAP_URI", &bap),
            ("BPP_URI", &bap),
            ("CDS_URI", &cds_uri),
            ("CALLBACK_DELAY", setup.callback_delay),
            // A busy machine is slow, and these tests are not about slowness.
            ("ACK_DEADLINE_MS", "5000"),
        ]);
        let stop = Stop::new();
        tokio::spawn(p2p_catalog::serve(p2p_catalog::Config::from_env(&env).unwrap(), catalog, stop.clone()));
        tokio::spawn(p2p_matching::serve(
            p2p_matching::Config::from_env(&env).unwrap(),
            matching,
            stop.clone(),
        ));
        tokio::spawn(p2p_order::serve(p2p_order::Config::from_env(&env).unwrap(), order, stop.clone()));
        let config = p2p_gateway::Config::from_env(&env).unwrap();
        tokio::spawn(p2p_gateway::serve(config, Listeners { prosumer, cds }, stop.clone()));
        let client = Client::new(bap, cds_uri);
        let well = if setup.redis == Redis::Here { "ok" } else { "degraded" };
        ready(&client, well).await;
        let tables = Tables::of(&database).await;
        Self { client, tables, redis, catalog: catalog_address, stop }
    }

    /// What the catalog counts of an offer, over gRPC.
    pub async fn blocks(&self, offer: &str) -> BlockStats {
        let mut catalog = CatalogServiceClient::connect(format!("http://{}", self.catalog)).await.unwrap();
        let request = GetBlockStatsRequest { offer_ids: vec![offer.to_owned()] };
        catalog.get_block_stats(request).await.unwrap().into_inner().stats.remove(0)
    }
}

/// Waits until the gateway can accept trades and says that it is `well`.
pub async fn ready(client: &Client, well: &str) {
    for (path, wanted) in [("/health/ready", "ok"), ("/health", well)] {
        until(path, async || {
            let url = format!("{}{path}", client.bap);
            match client.try_send(reqwest::Method::GET, &url, None).await {
                Some(answer) if answer.json["status"] == wanted => Ok(()),
                Some(answer) => Err(answer.text),
                None => Err("no answer".into()),
            }
        })
        .await;
    }
}
