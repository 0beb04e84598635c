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

pub use accept::{acceptable, received};
pub use deliver::{NO_CALLBACK, Sent, says_no_callback};

use std::{
    ops::Deref,
    sync::{Arc, OnceLock},
};

use p2p_domain::Clock;
use p2p_proto::order::{Gateway, GetSentRequestRequest};
use p2p_runtime::{
    Stop, Tasks,
    trace::{self, FutureExt},
};
use tonic::{Code, Status};

use crate::{
    beckn::Context, config::Config, peers::Peers, services::Services, signed::Signatures,
    transaction::Transactions,
};
use lease::Leases;
use mark::Marks;
use queue::Queue;

/// The exchange. Clones are the same, and cost next to nothing: every task has one.
#[derive(Clone)]
pub struct Exchange(Arc<Parts>);

/// The parts of the gateway that the exchange works with.
pub struct With {
    /// How it is configured.
    pub config: Arc<Config>,
    /// Tells the time.
    pub clock: Clock,
    /// The services behind it.
    pub services: Services,
    /// The way out.
    pub peers: Peers,
    /// Our own signatures, and those of others.
    pub signatures: Signatures,
    /// The buyer's states.
    pub transactions: Transactions,
}

/// What the exchange works with.
pub struct Parts {
    pub(super) config: Arc<Config>,
    pub(super) clock: Clock,
    pub(super) services: Services,
    pub(super) peers: Peers,
    pub(super) signatures: Signatures,
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
    pub fn new(with: With, tasks: &Tasks, stop: &Stop) -> Self {
        let With { config, clock, services, peers, signatures, transactions } = with;
        Self(Arc::new(Parts {
            config,
            clock,
            services,
            peers,
            signatures,
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

    /// The header of the request of ours that a callback answers, empty when it was not signed; none when there is none.
    ///
    /// # Errors
    /// When the mailbox does not answer.
    pub async fn request_answered_by(&self, context: &Context) -> Result<Option<String>, Status> {
        let request = GetSentRequestRequest {
            bap_id: context.bap_id.to_string(),
            transaction_id: context.transaction_id.to_string(),
            message_id: context.message_id.to_string(),
        };
        match self.services.mailbox.clone().get_sent_request(request).await {
            Ok(sent) => Ok(Some(sent.into_inner().authorization)),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(status),
        }
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
