//! The path that every Beckn action takes, and the worker that finishes what a crash left.
//!
//! Accept: check, commit, acknowledge. Conclude: build the callback, commit it. Deliver: send it until it has
//! arrived. What dies in between is claimed by the next gateway.

mod accept;
mod claim;
mod conclude;
mod deliver;
mod lease;
mod mark;
#[cfg(feature = "planted-bugs")]
mod planted;
mod queue;
mod unasked;

pub use deliver::Sent;

use std::{
    ops::Deref,
    sync::{Arc, OnceLock},
};

use p2p_domain::Clock;
use p2p_proto::order::Gateway;
use p2p_runtime::{
    Stop, Tasks,
    trace::{self, FutureExt},
};
use tonic::Status;

use crate::{config::Config, peers::Peers, services::Services, transaction::Transactions};
use lease::Leases;
use mark::Marks;
use queue::Queue;

/// The exchange. Clones are the same, and cost next to nothing: every task has one.
#[derive(Clone)]
pub struct Exchange(Arc<Parts>);

/// What the exchange works with.
pub struct Parts {
    pub(super) config: Arc<Config>,
    pub(super) clock: Clock,
    pub(super) services: Services,
    pub(super) peers: Peers,
    pub(super) transactions: Transactions,
    gateway: OnceLock<Gateway>,
    leases: Leases,
    marks: Marks,
    queue: Queue,
    tasks: Tasks,
    stop: Stop,
}

impl Deref for Exchange {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Exchange {
    /// Of the gateway's parts; it does nothing before it is started.
    pub fn new(
        config: Arc<Config>,
        clock: Clock,
        services: Services,
        peers: Peers,
        transactions: Transactions,
        tasks: &Tasks,
        stop: &Stop,
    ) -> Self {
        Self(Arc::new(Parts {
            config,
            clock,
            services,
            peers,
            transactions,
            gateway: OnceLock::new(),
            leases: Leases::default(),
            marks: Marks::default(),
            queue: Queue::default(),
            tasks: tasks.clone(),
            stop: stop.clone(),
        }))
    }

    /// Joins the mailbox as soon as it answers, then takes over what nobody works on.
    pub fn start(&self) {
        let exchange = self.clone();
        let claims = async move { exchange.claim_until_stopped().await };
        self.tasks.spawn(claims.with_context(trace::untraced()));
    }

    /// This gateway, once it has joined.
    ///
    /// # Errors
    /// UNAVAILABLE before.
    pub fn gateway(&self) -> Result<Gateway, Status> {
        let gateway =
            self.gateway.get().ok_or_else(|| Status::unavailable("the mailbox has not answered yet"))?;
        Ok(gateway.clone())
    }
}
