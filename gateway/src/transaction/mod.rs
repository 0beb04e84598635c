//! The buyer's transaction state: a fold over what the buyer's side did and heard, cached in Redis, rebuilt from
//! the mailbox whenever the cache is not known to be right.

mod cache;
mod fresh;
mod rebuild;
mod show;
mod state;

pub use state::{Head, Heard, Message, OrderHead, Part, Progress, Step};

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use p2p_domain::{ParticipantId, TransactionId};
use p2p_proto::order::{
    ClearTransactionsRequest, GetTransactionRequest, mailbox_service_client::MailboxServiceClient,
};
use p2p_runtime::{Stop, Tasks, grpc::DeadlineChannel};
use tokio::sync::mpsc;
use tonic::{Code, Status};

use crate::beckn::instant;
use cache::{Applied, Cache, Cached};
use fresh::Fresh;

const MOST_NOTES_WAITING: usize = 10_000;
const MOST_NOTES_AT_ONCE: usize = 500;
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
    fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "INBOUND",
            Self::Outbound => "OUTBOUND",
        }
    }
}

/// A message for the observers in Redis.
#[derive(Debug)]
struct Noted {
    way: Way,
    message_id: String,
    action: String,
    at: String,
}

/// A state as a request needs it.
#[derive(Debug, Default, Clone)]
pub struct Loaded {
    state: Cached,
    /// It came from the cache and was not compared with the mailbox.
    may_be_stale: bool,
}

impl Loaded {
    /// What the fold decides by; none for an unknown transaction.
    pub fn head(&self) -> Option<&Head> {
        self.state.head.as_ref()
    }

    /// A part as the buyer sees it, if it was asked for.
    pub fn part(&self, part: Part) -> Option<&str> {
        self.state.part(part)
    }

    /// How far the state has come.
    pub fn buyer_seq(&self) -> i64 {
        self.state.buyer_seq
    }
}

/// The states of all transactions of our buyer's side.
#[derive(Clone)]
pub struct Transactions {
    cache: Cache,
    mailbox: MailboxServiceClient<DeadlineChannel>,
    bap: ParticipantId,
    fresh: Arc<Fresh>,
    notes: mpsc::Sender<Noted>,
}

impl Transactions {
    /// Over Redis and the mailbox.
    ///
    /// # Errors
    /// When the Redis URL is none.
    pub fn start(
        redis_url: &str,
        mailbox: MailboxServiceClient<DeadlineChannel>,
        bap: ParticipantId,
        tasks: &Tasks,
        stop: &Stop,
    ) -> anyhow::Result<Self> {
        let cache = Cache::connect(redis_url)?;
        let (notes, waiting) = mpsc::channel(MOST_NOTES_WAITING);
        tasks.spawn(observe(cache.clone(), waiting, stop.clone()));
        Ok(Self { cache, mailbox, bap, fresh: Arc::default(), notes })
    }

    /// Whether Redis answers.
    pub async fn cache_answers(&self) -> bool {
        self.cache.is_connected().await
    }

    /// The state with some parts: from Redis, else rebuilt. It may be stale; what is sent on its ground is
    /// compared with the mailbox.
    ///
    /// # Errors
    /// When neither Redis nor the mailbox has an answer.
    pub async fn load(&self, transaction: &TransactionId, parts: &[Part]) -> Result<Loaded, Status> {
        match self.cache.read(transaction, parts).await {
            Ok(Some(state)) => Ok(Loaded { state, may_be_stale: true }),
            Ok(None) | Err(_) => self.rebuild(transaction).await,
        }
    }

    /// The right state, if this one is not.
    ///
    /// # Errors
    /// When the mailbox does not answer.
    pub async fn newer(&self, transaction: &TransactionId, known: &Loaded) -> Result<Option<Loaded>, Status> {
        let right = !known.may_be_stale || self.fresh.is(transaction, known.buyer_seq());
        if right || self.newest(transaction).await? == Some(known.buyer_seq()) {
            return Ok(None);
        }
        self.rebuild(transaction).await.map(Some)
    }

    /// How far the transaction has come; none when the buyer has no such transaction.
    async fn newest(&self, transaction: &TransactionId) -> Result<Option<i64>, Status> {
        let request =
            GetTransactionRequest { bap_id: self.bap.to_string(), transaction_id: transaction.to_string() };
        match self.mailbox.clone().get_transaction(request).await {
            Ok(found) => Ok(found.into_inner().transaction.map(|transaction| transaction.buyer_seq)),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(status),
        }
    }

    /// Applies what the buyer's side did or heard as number `buyer_seq` of its transaction. Repeating it changes
    /// nothing. The mailbox has it already, so a cache that fails is only found to be behind.
    pub async fn apply(&self, transaction: &TransactionId, buyer_seq: i64, step: &Step<'_>) {
        let read = async {
            match buyer_seq {
                1 => Ok(Cached::default()),
                _ => self.cache.read(transaction, &[]).await.map(Option::unwrap_or_default),
            }
        };
        let applied = match read.await {
            Ok(known) => self.try_apply(&known, transaction, buyer_seq, step).await,
            Err(error) => Err(error.into()),
        };
        behind(transaction, applied);
    }

    /// The same, to a state that was read before: the mailbox has confirmed that the step follows it.
    pub async fn apply_to(
        &self,
        known: &Loaded,
        transaction: &TransactionId,
        buyer_seq: i64,
        step: &Step<'_>,
    ) {
        behind(transaction, self.try_apply(&known.state, transaction, buyer_seq, step).await);
    }

    async fn try_apply(
        &self,
        known: &Cached,
        transaction: &TransactionId,
        buyer_seq: i64,
        step: &Step<'_>,
    ) -> anyhow::Result<()> {
        let applied = match known.buyer_seq {
            seq if seq + 1 == buyer_seq => {
                let next = state::step(known.head.as_ref(), step);
                if known.head.is_none() && next.is_none() {
                    // Nothing makes a transaction of it yet.
                    return Ok(());
                }
                let (head, edits) = next.map_or((None, Vec::new()), |(head, edits)| (Some(head), edits));
                self.cache.apply(transaction, buyer_seq, head.as_ref(), &edits).await?
            }
            seq if seq >= buyer_seq => Applied::Before,
            _ => Applied::Gap,
        };
        match applied {
            Applied::Done => self.fresh.note(transaction, buyer_seq),
            Applied::Before => {}
            Applied::Gap => {
                self.rebuild(transaction).await?;
            }
        }
        Ok(())
    }

    /// Clears the buyer's view of all transactions. Answers how many there were.
    ///
    /// # Errors
    /// When the mailbox does not answer.
    pub async fn clear(&self) -> Result<u64, Status> {
        let request = ClearTransactionsRequest { bap_id: self.bap.to_string() };
        let cleared = self.mailbox.clone().clear_transactions(request).await?.into_inner().cleared;
        self.fresh.forget();
        if let Err(error) = self.cache.clear().await {
            tracing::warn!(%error, "cleared states stay in the cache until they are compared");
        }
        Ok(cleared)
    }

    /// Notes a message for observers, if there is room.
    pub fn note(&self, way: Way, message_id: &str, action: &str, at: DateTime<Utc>) {
        let noted =
            Noted { way, message_id: message_id.to_owned(), action: action.to_owned(), at: instant(at) };
        // Observers decide nothing: under pressure they miss some.
        let _ = self.notes.try_send(noted);
    }
}

fn behind(transaction: &TransactionId, applied: anyhow::Result<()>) {
    if let Err(error) = applied {
        tracing::warn!(%transaction, %error, "the cached state is behind");
    }
}

/// Writes notes for observers, many at once, and keeps `txn:all` trimmed.
async fn observe(cache: Cache, mut waiting: mpsc::Receiver<Noted>, stop: Stop) {
    let mut notes = Vec::new();
    let mut trim = tokio::time::interval(TRIM_INTERVAL);
    loop {
        tokio::select! {
            _ = trim.tick() => {
                if let Err(error) = cache.trim().await {
                    tracing::debug!(%error, "txn:all is not trimmed");
                }
            }
            received = waiting.recv_many(&mut notes, MOST_NOTES_AT_ONCE) => {
                if received == 0 {
                    return;
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
