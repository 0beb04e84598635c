//! Takes past offers out of the way of searches.

use std::time::Duration;

use p2p_runtime::{Stop, chain};
use tokio::time::sleep;

use crate::store::Store;

const EVERY: Duration = Duration::from_secs(60);
const AT_ONCE: u64 = 1_000;

/// Marks offers as past once a minute until `stop`. Searches look at the window all the same: this only keeps them
/// from having to pass by all that ever was for sale.
pub async fn mark_past(store: Store, stop: Stop) {
    loop {
        while some(&store).await && !stop.is_cancelled() {}
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(EVERY) => {}
        }
    }
}

/// Whether there may be more.
async fn some(store: &Store) -> bool {
    match store.mark_past(AT_ONCE.cast_signed()).await {
        Ok(0) => false,
        Ok(marked) => {
            tracing::debug!(marked, "offers are past");
            marked == AT_ONCE
        }
        Err(error) => {
            tracing::warn!(error = chain(&error), "past offers cannot be marked, later again");
            false
        }
    }
}
