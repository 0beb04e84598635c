//! Calls spread over the replicas of a program.
//!
//! Tonic's own balancer chooses an address whose connection is refused as readily as any other, and each choice fails
//! a call. So each replica has a connection of its own here, and is left out from its first failure on until it answers
//! on a new connection. A call that was never sent goes to the next replica. A call that was sent and then
//! lost fails, for it may have been done: its caller asks again, or says that it does not know.

mod keeper;
mod replica;
#[cfg(test)]
mod tests;

use std::{
    error::Error,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use keeper::Keeper;
use replica::Replica;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, timeout},
};
use tonic::{
    ConnectError, Status,
    body::Body,
    codegen::{
        Bytes, StdError,
        http::{Response, request::Parts},
    },
};

use super::{
    Targets,
    channel::{CONNECT_TIMEOUT, Connector},
    whole::was_not_sent,
};
use crate::Tasks;

/// All replicas that are known, by address.
type Known = Arc<[Arc<Replica>]>;

/// The replicas of a program. Clones are the same; with the last of them the connections end.
#[derive(Debug, Clone)]
pub(super) struct Replicas(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    targets: Targets,
    deadline: Duration,
    known: watch::Receiver<Known>,
    /// Who has failed is looked after at once.
    failed: Arc<Notify>,
    turn: AtomicUsize,
}

impl Replicas {
    /// Looks for them from now on.
    pub fn start(targets: Targets, connector: Connector) -> Self {
        let deadline = connector.deadline;
        let (found, known) = watch::channel(Known::default());
        let failed = Arc::new(Notify::new());
        let keeper = Keeper::new(targets.clone(), connector, found, Arc::clone(&failed));
        // It ends with the last clone of this value, not with a drain: calls are made until the end of that.
        Tasks::new().spawn(keeper.keep());
        Self(Arc::new(Shared { targets, deadline, known, failed, turn: AtomicUsize::new(0) }))
    }

    /// Makes a call on the least busy replica that can be reached; on others if it cannot be sent there.
    ///
    /// # Errors
    /// UNAVAILABLE when it could not be sent, or the transport's when it may have been.
    pub async fn call(&self, parts: Parts, message: Bytes) -> Result<Response<Body>, StdError> {
        let started = Instant::now();
        let known = self.known().await?;
        let mut tried = Vec::new();
        let mut chosen = self.choose(&known, &tried);
        let mut failure = StdError::from(self.unknown());
        while let Some(replica) = chosen {
            match replica.call(parts.clone(), message.clone()).await {
                Ok(response) => return Ok(response),
                Err(error) => {
                    self.0.failed.notify_one();
                    tried.push(replica.address);
                    let again = is_unsent(&error) && started.elapsed() < self.0.deadline;
                    chosen = if again { self.choose(&known, &tried) } else { None };
                    failure = error.into();
                }
            }
        }
        Err(failure)
    }

    /// Those that are known; at the start they are waited for.
    async fn known(&self) -> Result<Known, Status> {
        let known = self.0.known.borrow().clone();
        if !known.is_empty() {
            return Ok(known);
        }
        let mut known = self.0.known.clone();
        let found = timeout(CONNECT_TIMEOUT.min(self.0.deadline), known.wait_for(|known| !known.is_empty()));
        match found.await {
            Ok(Ok(known)) => Ok(known.clone()),
            Ok(Err(_)) | Err(_) => Err(self.unknown()),
        }
    }

    fn unknown(&self) -> Status {
        Status::unavailable(format!("no address is known of {}", self.0.targets))
    }

    /// The least busy one that is not known to be away, by turns among equals; one that is away when all are.
    fn choose<'a>(&self, known: &'a [Arc<Replica>], tried: &[SocketAddr]) -> Option<&'a Replica> {
        let turn = self.0.turn.fetch_add(1, Ordering::Relaxed) % known.len().max(1);
        let (last, first) = known.split_at(turn);
        let replicas = first.iter().chain(last).map(Arc::as_ref);
        let untried = replicas.filter(|replica| !tried.contains(&replica.address));
        untried.min_by_key(|replica| (replica.is_away(), replica.calls()))
    }
}

/// Whether a call has not left this program: there was no connection, or it ended before the call's turn came.
fn is_unsent(error: &(dyn Error + 'static)) -> bool {
    let mut chain = std::iter::successors(Some(error), |&error| error.source());
    was_not_sent(error) || chain.any(|error| error.is::<ConnectError>())
}
