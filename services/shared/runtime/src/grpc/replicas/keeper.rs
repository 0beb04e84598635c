//! Finds replicas, and connects to those that are not reached, so that no call has to try.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures::future::join_all;
use tokio::{
    sync::{Notify, watch},
    time::{sleep, timeout},
};
use tonic::{
    codegen::StdError,
    transport::{Channel, Error},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::{
    super::{Targets, channel::Connector},
    Known, Replica,
};

/// Pauses between two looks: long when all are reached, else growing from short to long.
const SHORT: Duration = Duration::from_millis(250);
const LONG: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

pub(super) struct Keeper {
    targets: Targets,
    connector: Connector,
    known: watch::Sender<Known>,
    failed: Arc<Notify>,
    unresolved: bool,
}

impl Keeper {
    pub fn new(
        targets: Targets,
        connector: Connector,
        known: watch::Sender<Known>,
        failed: Arc<Notify>,
    ) -> Self {
        Self { targets, connector, known, failed, unresolved: false }
    }

    /// Keeps the replicas until nobody wants to know them.
    pub async fn keep(mut self) {
        let mut pause = SHORT;
        loop {
            let all_reached = self.look().await;
            pause = if all_reached { LONG } else { LONG.min(pause * 2) };
            tokio::select! {
                () = self.known.closed() => return,
                () = sleep(pause) => {}
                () = async { self.failed.notified().await; sleep(SHORT).await } => pause = SHORT,
            }
        }
    }

    /// Whether all is well.
    async fn look(&mut self) -> bool {
        let resolved = self.targets.resolve().await;
        self.say(resolved.failure.as_deref());
        let before = self.known.borrow().clone();
        let mut addresses = resolved.addresses;
        if resolved.failure.is_some() {
            addresses.extend(before.iter().map(|replica| replica.address));
        }
        let kept = |address| before.iter().find(|replica| replica.address == address).cloned();
        let replicas = addresses.into_iter().map(|address| match kept(address) {
            Some(replica) => Ok(replica),
            None => {
                let channel = self.connector.endpoint(address)?.connect_lazy();
                Ok(Arc::new(Replica::untried(address, channel)))
            }
        });
        let replicas: Known = match replicas.collect::<Result<_, Error>>() {
            Ok(replicas) => replicas,
            Err(error) => {
                tracing::error!(error = crate::chain(&error), targets = %self.targets, "not usable");
                return false;
            }
        };
        self.known.send_replace(Arc::clone(&replicas));
        let replicas: Known = join_all(replicas.iter().map(|replica| self.connected(replica))).await.into();
        let all_reached = !replicas.is_empty() && replicas.iter().all(|replica| replica.is_reached());
        self.known.send_replace(replicas);
        all_reached && resolved.failure.is_none()
    }

    /// The replica, with a new connection if it was not reached and can be now.
    async fn connected(&self, replica: &Arc<Replica>) -> Arc<Replica> {
        if replica.is_reached() {
            return Arc::clone(replica);
        }
        match connect(&self.connector, replica.address).await {
            // A call may have been answered meanwhile.
            Ok(_) if replica.is_reached() => Arc::clone(replica),
            Ok(channel) => {
                replica.answers();
                Arc::new(Replica::reached(replica.address, channel))
            }
            Err(error) => {
                replica.fails(&*error);
                Arc::clone(replica)
            }
        }
    }

    fn say(&mut self, failure: Option<&str>) {
        match failure {
            Some(failure) if !self.unresolved => {
                tracing::warn!(failure, "an address cannot be resolved; those that are known stay");
            }
            None if self.unresolved => tracing::info!(targets = %self.targets, "all addresses resolve again"),
            Some(_) | None => {}
        }
        self.unresolved = failure.is_some();
    }
}

/// A connection on which the other side answers: a process that hangs has its connections made by its kernel. Any
/// answer about its health will do.
async fn connect(connector: &Connector, address: SocketAddr) -> Result<Channel, StdError> {
    let channel = connector.endpoint(address)?.connect().await?;
    let check = HealthCheckRequest { service: String::new() };
    timeout(ANSWER_TIMEOUT, HealthClient::new(channel.clone()).check(check)).await??;
    Ok(channel)
}
