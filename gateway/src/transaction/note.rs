//! What observers find in Redis: `msg:{direction}:{message_id}` and `txn:all` (seed.md, "Redis Keys").

use std::time::Duration;

use chrono::{DateTime, Utc};
use p2p_domain::TransactionId;
use p2p_runtime::{Stop, Tasks};
use tokio::{sync::mpsc, time::sleep};

use super::cache::Cache;
use crate::beckn::instant;

const MOST_WAITING: usize = 10_000;
const MOST_AT_ONCE: usize = 500;
/// Notes gather for so long, and are written together, a command for all that is noted of a message.
const GATHERED_FOR: Duration = Duration::from_millis(200);
const TRIM_INTERVAL: Duration = Duration::from_secs(60);

/// Which way a message went.
#[derive(Debug, Clone, Copy)]
pub enum Way {
    /// Received.
    Inbound,
    /// Sent.
    Outbound,
}

impl Way {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "INBOUND",
            Self::Outbound => "OUTBOUND",
        }
    }
}

/// Something for the observers.
#[derive(Debug)]
pub(super) enum Note {
    /// A message went by.
    Message { way: Way, message_id: String, action: String, at: String },
    /// There is a transaction.
    Transaction(TransactionId),
}

/// Notes that wait to be written.
#[derive(Clone)]
pub(super) struct Notes(mpsc::Sender<Note>);

impl Notes {
    pub fn start(cache: Cache, tasks: &Tasks, stop: &Stop) -> Self {
        let (notes, waiting) = mpsc::channel(MOST_WAITING);
        tasks.spawn(write(cache, waiting, stop.clone()));
        Self(notes)
    }

    /// Observers decide nothing: under pressure they miss some.
    pub fn message(&self, way: Way, message_id: &str, action: &str, at: DateTime<Utc>) {
        let (message_id, action, at) = (message_id.to_owned(), action.to_owned(), instant(at));
        let _ = self.0.try_send(Note::Message { way, message_id, action, at });
    }

    /// Likewise.
    pub fn transaction(&self, id: &TransactionId) {
        let _ = self.0.try_send(Note::Transaction(id.clone()));
    }
}

/// Writes notes, many at once, and keeps `txn:all` trimmed.
async fn write(cache: Cache, mut waiting: mpsc::Receiver<Note>, stop: Stop) {
    let mut notes = Vec::new();
    let mut trim = tokio::time::interval(TRIM_INTERVAL);
    loop {
        tokio::select! {
            _ = trim.tick() => {
                if let Err(error) = cache.trim().await {
                    tracing::debug!(%error, "txn:all is not trimmed");
                }
            }
            received = waiting.recv_many(&mut notes, MOST_AT_ONCE) => {
                if received == 0 {
                    return;
                }
                sleep(GATHERED_FOR).await;
                while notes.len() < MOST_AT_ONCE && let Ok(note) = waiting.try_recv() {
                    notes.push(note);
                }
                if let Err(error) = cache.note(&notes).await {
                    tracing::debug!(%error, "observers miss some messages");
                }
                notes.clear();
            }
            () = stop.cancelled() => return,
        }
    }
}
