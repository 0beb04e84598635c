//! Actions that wait behind an earlier one of their transaction: when that one is done, the next is claimed at
//! once instead of at the next look.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// How many actions this gateway believes to be waiting. Another gateway may have claimed some: then a look too
/// many is taken, or the next regular one finds what was forgotten.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: AtomicUsize,
    moved: Notify,
}

impl Queue {
    /// An action has been put behind another one.
    pub fn joined(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// An action is done: whatever waited for it may be claimed.
    pub fn done(&self) {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.moved.notify_one();
        }
    }

    /// So many do not wait any more.
    pub fn left(&self, actions: usize) {
        let less = |waiting: usize| Some(waiting.saturating_sub(actions));
        // The closure always answers.
        let _ = self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Until something may be claimed.
    pub async fn moved(&self) {
        self.moved.notified().await;
    }
}
