//! Notes choices in the background, many at once, so that no buyer waits for it.
//!
//! Notes are a convenience, no promise: while the database is away they wait, and what no longer fits is dropped and
//! counted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use p2p_runtime::{Stop, Tasks, chain};
use tokio::{sync::mpsc, time::sleep};

use crate::{
    domain::Decision,
    error::{Error, Kind},
    store::Store,
};

/// Most choices that wait, of at most 10 offers each: some ten megabytes.
const MOST_WAITING: usize = 2_048;
/// Most of them that are written at once.
const MOST_AT_ONCE: usize = 512;
/// How long others are waited for, once there is one.
const GATHERED_FOR: Duration = Duration::from_millis(200);
/// The pause before what failed is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Where choices are noted.
#[derive(Debug, Clone)]
pub struct Notebook {
    queue: mpsc::Sender<Decision>,
    dropped: Arc<AtomicU64>,
}

impl Notebook {
    /// Opens it. From `stop` on it takes nothing new; what waits is still written, if that can be done at once.
    pub fn open(store: Store, tasks: &Tasks, stop: Stop) -> Self {
        let (queue, waiting) = mpsc::channel(MOST_WAITING);
        let dropped = Arc::<AtomicU64>::default();
        tasks.spawn(Writer { store, waiting, dropped: dropped.clone(), stop }.run());
        Self { queue, dropped }
    }

    /// Has a choice noted, soon. Never waits.
    pub fn note(&self, decision: Decision) {
        if self.queue.try_send(decision).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Writer {
    store: Store,
    waiting: mpsc::Receiver<Decision>,
    dropped: Arc<AtomicU64>,
    stop: Stop,
}

impl Writer {
    async fn run(mut self) {
        let mut gathered = Vec::new();
        loop {
            let received = tokio::select! {
                received = self.waiting.recv_many(&mut gathered, MOST_AT_ONCE) => received,
                () = self.stop.cancelled(), if !self.waiting.is_closed() => {
                    self.waiting.close();
                    continue;
                }
            };
            if received == 0 {
                return;
            }
            if received < MOST_AT_ONCE {
                self.pause(GATHERED_FOR).await;
                while gathered.len() < MOST_AT_ONCE {
                    let Ok(decision) = self.waiting.try_recv() else { break };
                    gathered.push(decision);
                }
            }
            self.write(&gathered).await;
            gathered.clear();
            self.tell_dropped();
        }
    }

    /// Writes them, again and again while the database is away; when that is of no use, they are dropped.
    async fn write(&self, decisions: &[Decision]) {
        while let Err(error) = self.store.note_decisions(decisions).await {
            let passes = error.kind() == Kind::DatabaseUnavailable;
            if !passes || self.stop.is_cancelled() {
                self.drop_all(decisions, &error);
                return;
            }
            tracing::warn!(error = %chain(&error), waiting = self.waiting.len(), "match decisions wait");
            self.tell_dropped();
            self.pause(PAUSE).await;
        }
    }

    fn drop_all(&self, decisions: &[Decision], error: &Error) {
        tracing::error!(error = %chain(error), "match decisions cannot be noted");
        self.dropped.fetch_add(decisions.len().try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn tell_dropped(&self) {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(dropped, "match decisions were dropped: they will not be explained");
        }
    }

    /// A pause, which `stop` ends.
    async fn pause(&self, pause: Duration) {
        tokio::select! {
            () = sleep(pause) => {}
            () = self.stop.cancelled() => {}
        }
    }
}
