//! Which cached states this gateway knows to be right: it wrote or compared them within the last second.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use p2p_domain::TransactionId;
use tokio::time::Instant;

const FRESH_FOR: Duration = Duration::from_secs(1);
/// Beyond so many the lapsed ones are dropped.
const MOST: usize = 10_000;

#[derive(Default)]
pub(super) struct Fresh(Mutex<HashMap<TransactionId, (i64, Instant)>>);

impl Fresh {
    /// The state of this buyer_seq is right now.
    pub fn note(&self, transaction: &TransactionId, buyer_seq: i64) {
        let now = Instant::now();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, (_, at)| now.duration_since(*at) < FRESH_FOR);
        }
        let entry = known.entry(transaction.clone()).or_insert((buyer_seq, now));
        if buyer_seq >= entry.0 {
            *entry = (buyer_seq, now);
        }
    }

    /// Whether a state of this buyer_seq is known to be right.
    pub fn is(&self, transaction: &TransactionId, buyer_seq: i64) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(transaction).is_some_and(|(seq, at)| *seq == buyer_seq && at.elapsed() < FRESH_FOR)
    }

    /// Nothing is known any more.
    pub fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
