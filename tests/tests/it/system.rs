//! The four programs in this process, on ports that were free.

use std::{net::SocketAddr, ops::Deref};

use p2p_domain::Clock;
use p2p_gateway::Listeners;
use p2p_migrations::reset::{self, Loopback};
use p2p_proto::{
    catalog::{BlockStats, GetBlockStatsRequest, catalog_service_client::CatalogServiceClient},
    matching::matching_service_client::MatchingServiceClient,
    order::{
        CheckInvariantsRequest, mailbox_service_client::MailboxServiceClient,
        order_service_client::OrderServiceClient,
    },
};
use p2p_runtime::{Env, Stop, planted::plant};
use tokio::net::TcpListener;
use tonic::transport::Channel;

use crate::{
    calls::Calls,
    client::{Client, until},
    programs::{PLANTED_BUG, planted_bug},
    sql::Tables,
};

/// What differs from test to test.
#[derive(Debug, Clone)]
pub struct Setup {
    /// CALLBACK_DELAY, milliseconds.
    pub callback_delay: &'static str,
    /// CALLBACK_PER_PEER.
    pub callback_per_peer: &'static str,
    /// ORDER_HOLD_SECONDS.
    pub hold_seconds: &'static str,
    /// API_AT_ONCE, ACTIONS_AT_ONCE, CALLBACKS_AT_ONCE and CDS_AT_ONCE; WAITING_PER_CLASS.
    pub at_once: [&'static str; 5],
    /// RECONCILE_INTERVAL_SECONDS.
    pub reconcile_seconds: &'static str,
    pub redis: Redis,
    /// Counts what gateway and order service ask of the services.
    pub calls: Option<Calls>,
    /// Variables that few tests set; they win.
    pub more: Vec<(&'static str, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redis {
    Here,
    /// redis://...
    At(String),
    Away,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            callback_delay: "10",
            callback_per_peer: "64",
            hold_seconds: "900",
            // A busy machine is slow, and few tests are about overload.
            at_once: ["1000"; 5],
            reconcile_seconds: "60",
            redis: Redis::Here,
            calls: None,
            more: Vec::new(),
        }
    }
}

/// GATEWAY_ID is the first.
type Variables = Vec<(&'static str, String)>;

fn environment(variables: &Variables) -> Env {
    Env::of([]).with(variables.iter().map(|(name, value)| (*name, value.as_str())))
}

/// A running system with the seed's rows.
#[derive(Debug)]
pub struct System {
    pub client: Client,
    pub tables: Tables,
    /// redis://...
    pub redis: String,
    catalog: SocketAddr,
    matching: SocketAddr,
    order: SocketAddr,
    variables: Variables,
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

/// A free port and who listens there.
pub async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A database with the seed's rows. Returns its URL.
pub async fn seeded() -> String {
    let database = p2p_testkit::database().await.unwrap();
    seed(&database).await;
    database
}

/// Puts the seed's rows into a migrated database of this machine.
pub async fn seed(database: &str) {
    let place = Loopback::of(&Env::of([("DATABASE_URL", database)])).unwrap();
    reset::database(&place, &Clock::system()).await.unwrap();
}

impl System {
    pub async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    pub async fn with(setup: Setup) -> Self {
        let planted = planted_bug().unwrap_or_default();
        plant(&Env::of([(PLANTED_BUG, planted.as_str())])).unwrap();
        let redis = match &setup.redis {
            Redis::Here => p2p_testkit::redis().unwrap(),
            Redis::At(url) => url.clone(),
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
        let asked_at = async |service: SocketAddr| match &setup.calls {
            Some(calls) => calls.on_the_way_to(service).await.to_string(),
            None => service.to_string(),
        };
        let [api, actions, callbacks, of_cds, waiting] = setup.at_once.map(str::to_owned);
        let mut variables = vec![
            ("GATEWAY_ID", "first".to_owned()),
            ("DATABASE_URL", database.clone()),
            (p2p_testkit::ALLOW_OFF.0, p2p_testkit::ALLOW_OFF.1.to_owned()),
            ("DATABASE_POOL", "5".into()),
            ("REDIS_URL", redis.clone()),
            ("CATALOG_ADDR", asked_at(catalog_address).await),
            ("MATCHING_ADDR", asked_at(matching_address).await),
            ("ORDER_ADDR", asked_at(order_address).await),
            ("BAP_URI", bap.clone()),
            ("BPP_URI", bap.clone()),
            ("CDS_URI", cds_uri.clone()),
            ("CALLBACK_DELAY", setup.callback_delay.into()),
            ("CALLBACK_PER_PEER", setup.callback_per_peer.into()),
            ("API_AT_ONCE", api),
            ("ACTIONS_AT_ONCE", actions),
            ("CALLBACKS_AT_ONCE", callbacks),
            ("CDS_AT_ONCE", of_cds),
            ("WAITING_PER_CLASS", waiting),
            ("ORDER_HOLD_SECONDS", setup.hold_seconds.into()),
            ("SWEEP_INTERVAL_SECONDS", "1".into()),
            ("RECONCILE_INTERVAL_SECONDS", setup.reconcile_seconds.into()),
            // A busy machine is slow, and these tests are not about slowness.
            ("ACK_DEADLINE_MS", "5000".into()),
        ];
        variables.extend(setup.more.clone());
        let env = environment(&variables);
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
        let well = if setup.redis == Redis::Away { "degraded" } else { "ok" };
        ready(&client, well).await;
        let tables = Tables::of(&database).await;
        let (catalog, matching, order) = (catalog_address, matching_address, order_address);
        Self { client, tables, redis, catalog, matching, order, variables, stop }
    }

    /// Another gateway on the same mailbox. Callbacks come to the first one.
    pub async fn another_gateway(&self) -> Client {
        let (prosumer, prosumer_address) = listen().await;
        let (cds, cds_address) = listen().await;
        let mut variables = self.variables.clone();
        variables[0].1 = "another".into();
        let config = p2p_gateway::Config::from_env(&environment(&variables)).unwrap();
        tokio::spawn(p2p_gateway::serve(config, Listeners { prosumer, cds }, self.stop.clone()));
        let client = Client::new(format!("http://{prosumer_address}"), format!("http://{cds_address}"));
        ready(&client, "ok").await;
        client
    }

    /// The mailbox, over gRPC.
    pub async fn mailbox(&self) -> MailboxServiceClient<Channel> {
        MailboxServiceClient::connect(format!("http://{}", self.order)).await.unwrap()
    }

    /// Orders, over gRPC.
    pub async fn orders(&self) -> OrderServiceClient<Channel> {
        OrderServiceClient::connect(format!("http://{}", self.order)).await.unwrap()
    }

    /// Trust and ranking, over gRPC.
    pub async fn matching(&self) -> MatchingServiceClient<Channel> {
        MatchingServiceClient::connect(format!("http://{}", self.matching)).await.unwrap()
    }

    /// What the reconciler finds, once nothing is under way.
    pub async fn violations(&self) -> Vec<String> {
        self.tables.quiet().await;
        let request = CheckInvariantsRequest { quiet: Some(prost_types::Duration::default()) };
        let checked = self.orders().await.check_invariants(request).await.unwrap().into_inner();
        checked.violations.into_iter().map(|found| format!("{}: {}", found.rule, found.what)).collect()
    }

    /// Nothing contradicts itself: neither what the tests read nor what the reconciler finds.
    pub async fn is_sound(&self) {
        self.tables.is_sound().await;
        assert_eq!(self.violations().await, [""; 0]);
    }

    /// Items and offers, over gRPC.
    pub async fn catalog(&self) -> CatalogServiceClient<Channel> {
        CatalogServiceClient::connect(format!("http://{}", self.catalog)).await.unwrap()
    }

    /// What the catalog counts of an offer, over gRPC.
    pub async fn blocks(&self, offer: &str) -> BlockStats {
        let mut catalog = self.catalog().await;
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
