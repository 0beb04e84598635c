//! Removes choices that are old, a bounded number at a time.

use std::time::Duration;

use p2p_runtime::{Stop, chain};
use tokio::time::{MissedTickBehavior, interval};

use crate::{error::Error, store::Store};

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(60);
/// Most rows that one statement removes, and most statements of one look: more than are made in a minute.
const AT_ONCE: u32 = 1_000;
const MOST_STATEMENTS: u32 = 100;

/// Removes at every interval what is older than `kept_for`, until `stop`.
pub async fn forget_decisions(store: Store, kept_for: Duration, stop: Stop) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => return,
        }
        if let Err(error) = forget(&store, kept_for, &stop).await {
            tracing::warn!(error = %chain(&error), "old match decisions stay for now");
        }
    }
}

async fn forget(store: &Store, kept_for: Duration, stop: &Stop) -> Result<(), Error> {
    for _ in 0..MOST_STATEMENTS {
        let removed = store.forget_decisions(kept_for, AT_ONCE).await?;
        if removed < AT_ONCE.into() || stop.is_cancelled() {
            break;
        }
    }
    Ok(())
}
