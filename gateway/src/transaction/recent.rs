//! States that this gateway wrote or compared lately, in memory: a trade's next step finds them without Redis.

use std::{sync::Arc, time::Duration};

use p2p_domain::TransactionId;
use quick_cache::{Weighter, sync::Cache};
use tokio::time::Instant;

use super::cached::Cached;

/// So long after a state was written or compared it is known to be right.
const FRESH_FOR: Duration = Duration::from_secs(1);
const MOST_BYTES: u64 = 64 << 20;
const USUAL_STATE_BYTES: u64 = 16 << 10;
/// What a state takes beside its parts.
const HEAD_BYTES: usize = 1 << 10;

#[derive(Clone)]
struct Recently {
    state: Arc<Cached>,
    at: Instant,
}

#[derive(Clone)]
struct Bytes;

impl Weighter<TransactionId, Recently> for Bytes {
    fn weight(&self, _key: &TransactionId, recently: &Recently) -> u64 {
        let parts = recently.state.parts.values().map(|json| json.len()).sum::<usize>();
        (HEAD_BYTES + parts) as u64
    }
}

pub(super) struct Recent(Cache<TransactionId, Recently, Bytes>);

impl Default for Recent {
    fn default() -> Self {
        let states = usize::try_from(MOST_BYTES / USUAL_STATE_BYTES).unwrap_or(usize::MAX);
        Self(Cache::with_weighter(states, MOST_BYTES, Bytes))
    }
}

impl Recent {
    /// The state is right now.
    pub fn put(&self, transaction: &TransactionId, state: &Arc<Cached>) {
        self.0.insert(transaction.clone(), Recently { state: state.clone(), at: Instant::now() });
    }

    /// The newest that is known here. Another gateway may know a newer one.
    pub fn get(&self, transaction: &TransactionId) -> Option<Arc<Cached>> {
        Some(self.0.get(transaction)?.state)
    }

    /// The state, while it is known to be right.
    pub fn fresh(&self, transaction: &TransactionId) -> Option<Arc<Cached>> {
        let recently = self.0.get(transaction)?;
        (recently.at.elapsed() < FRESH_FOR).then_some(recently.state)
    }

    /// Nothing is known any more.
    pub fn forget(&self) {
        self.0.clear();
    }
}
