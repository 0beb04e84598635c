//! Brings to its end what is over: orders that were not confirmed in time, those that a seller gave up and nobody goes
//! on with, and outcomes that the matching service has not counted yet.

use std::time::Duration;

use futures::{StreamExt, stream};
use p2p_runtime::{Stop, chain};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::App;
use crate::{
    domain::Deed,
    error::{Error, Kind},
};

/// Most orders that are looked up at once.
const AT_ONCE: u32 = 200;
/// How many of them are worked on at the same time.
const SIDE_BY_SIDE: usize = 16;
/// How long a seller waits for its trust to be counted; then that is done later.
const OUTCOME_PATIENCE: Duration = Duration::from_millis(500);

impl App {
    /// Sweeps at every interval until `stop`.
    pub async fn sweep_until_stopped(self, every: Duration, stop: Stop) {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => return,
            }
            for done in [self.sweep(&stop).await, self.tell_outcomes().await] {
                match done {
                    Ok(()) => {}
                    Err(error) if error.kind() == Kind::Internal => {
                        tracing::error!(error = %chain(&error), "what is over cannot come to its end");
                    }
                    Err(error) => {
                        tracing::warn!(error = %chain(&error), "what is over waits for the next sweep");
                    }
                }
            }
        }
    }

    async fn sweep(&self, stop: &Stop) -> Result<(), Error> {
        loop {
            let over = self.store.over(AT_ONCE).await?;
            let found = over.len();
            let settled = stream::iter(over).map(|(scope, order)| async move {
                match self.perform(&scope, order, Deed::Settle).await {
                    Ok(order) => {
                        tracing::info!(order_id = %order.id, transaction_id = %order.scope.transaction,
                            status = order.state.status().as_str(), "an order that was over has ended");
                        Ok(true)
                    }
                    // An action has come in meanwhile, or another sweeper was faster.
                    Err(Error::Busy(_) | Error::WrongState { .. }) => Ok(false),
                    Err(error) => Err(error),
                }
            });
            let settled: Vec<Result<bool, Error>> = settled.buffer_unordered(SIDE_BY_SIDE).collect().await;
            let all = settled.into_iter().collect::<Result<Vec<bool>, Error>>()?;
            if found < AT_ONCE as usize || stop.is_cancelled() || !all.contains(&true) {
                return Ok(());
            }
        }
    }

    /// Tells the matching service what orders came to, and the seller waits for it, but not for long.
    pub(super) async fn tell_outcomes_soon(&self) {
        match timeout(OUTCOME_PATIENCE, self.tell_outcomes()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = %chain(&error), "an outcome is counted later"),
            Err(_late) => tracing::warn!("an outcome is counted later"),
        }
    }

    /// Tells the matching service until it has acknowledged; it counts each order once.
    async fn tell_outcomes(&self) -> Result<(), Error> {
        loop {
            let untold = self.store.untold_outcomes(AT_ONCE).await?;
            let found = untold.len();
            let told: Vec<_> = stream::iter(untold)
                .map(|outcome| self.record_outcome(outcome))
                .buffer_unordered(SIDE_BY_SIDE)
                .collect()
                .await;
            let (mut orders, mut failure) = (Vec::new(), None);
            for result in told {
                match result {
                    Ok(order) => orders.push(order),
                    Err(error) => failure = Some(error),
                }
            }
            self.store.outcomes_told(&orders).await?;
            match failure {
                Some(error) => return Err(error),
                None if found < AT_ONCE as usize => return Ok(()),
                None => {}
            }
        }
    }
}
