//! What the handlers share.

use std::{ops::Deref, sync::Arc};

use p2p_domain::Clock;
use p2p_runtime::{Stop, Tasks};

use crate::{
    access::Access,
    config::Config,
    exchange::{Exchange, With},
    metrics,
    peers::Peers,
    registry::{Registry, through},
    seller::publish::Publisher,
    services::Services,
    signed::Signatures,
    transaction::Transactions,
};

/// The gateway. Clones are the same gateway, and cost next to nothing: every request is served by a few.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The gateway's parts.
pub struct Parts {
    /// How it is configured.
    pub config: Arc<Config>,
    /// Tells the time.
    pub clock: Clock,
    /// Who may act.
    pub access: Access,
    /// The services behind it.
    pub services: Services,
    /// The way out.
    pub peers: Peers,
    /// Who signed what comes in, and our own signatures.
    pub signatures: Signatures,
    /// The buyer's states.
    pub transactions: Transactions,
    /// The path of every action.
    pub exchange: Exchange,
    /// Publishes what our sellers have.
    pub publisher: Publisher,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// Puts the parts together. Nothing is waited for.
    ///
    /// # Errors
    /// When the configuration cannot be used.
    pub fn new(config: Config, tasks: &Tasks, stop: &Stop) -> anyhow::Result<Self> {
        let config = Arc::new(config);
        let clock = Clock::system();
        let services = Services::new(&config)?;
        let access = Access::new(&config.access, &config.identity.own_uris, services.keys.clone());
        let peers = Peers::new(&config.identity, &config.peers, config.callback_per_peer, tasks)?;
        let registry = Registry::new(
            &config.signatures.registry,
            through(peers.to_the_operators()),
            clock.clone(),
            tasks.clone(),
            metrics::looked_up,
        );
        let signatures = Signatures::new(&config.signatures, &config.identity, registry, clock.clone());
        let bap = config.identity.bap_id.clone();
        let transactions = Transactions::start(&config.redis, services.mailbox.clone(), bap, tasks, stop)?;
        let with = With {
            config: config.clone(),
            clock: clock.clone(),
            services: services.clone(),
            peers: peers.clone(),
            signatures: signatures.clone(),
            transactions: transactions.clone(),
        };
        let exchange = Exchange::new(with, tasks, stop);
        let publisher = Publisher::new(
            config.clone(),
            clock.clone(),
            services.clone(),
            peers.clone(),
            signatures.clone(),
        );
        Ok(Self(Arc::new(Parts {
            config,
            clock,
            access,
            services,
            peers,
            signatures,
            transactions,
            exchange,
            publisher,
        })))
    }
}
