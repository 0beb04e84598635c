//! The buyer's transaction state: a fold over what the buyer's side did and heard, cached in Redis, rebuilt from
//! the mailbox whenever the cache is not known to be right.

mod cache;
mod cached;
mod note;
mod owners;
mod rebuild;
mod recent;
mod show;
mod state;

pub use crate::beckn::Seller;
pub use note::Way;
pub use state::{Head, Heard, Message, OrderHead, Part, Progress, Step, Text};

use std::sync::Arc;

use chrono::{DateTime, Utc};
use p2p_domain::{ParticipantId, TransactionId};
use p2p_proto::order::{
    ClearTransactionsRequest, GetTransactionRequest, Transaction,
    mailbox_service_client::MailboxServiceClient,
};
use p2p_runtime::{
    Stop, Tasks,
    grpc::DeadlineChannel,
    planted::{Bug, planted},
};
use tonic::{Code, Status};

use cache::{Applied, Cache};
use cached::{Advance, Cached};
use note::Notes;
use owners::Owners;
use recent::Recent;

/// A state as a request needs it.
#[derive(Debug, Default, Clone)]
pub struct Loaded {
    state: Arc<Cached>,
    /// It was not compared with the mailbox.
    may_be_stale: bool,
}

impl Loaded {
    /// What the fold decides by; none for an unknown transaction.
    pub fn head(&self) -> Option<&Head> {
        self.state.head.as_ref()
    }

    /// A part as the buyer sees it.
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
    recent: Arc<Recent>,
    owners: Arc<Owners>,
    notes: Notes,
}

impl Transactions {
    /// Over Redis and the mailbox.
    ///
    /// # Errors
    /// When the Redis URL is none.
    pub fn start(
        redis: &crate::redis::Redis,
        mailbox: MailboxServiceClient<DeadlineChannel>,
        bap: ParticipantId,
        tasks: &Tasks,
        stop: &Stop,
    ) -> anyhow::Result<Self> {
        let cache = Cache::connect(redis)?;
        let notes = Notes::start(cache.clone(), tasks, stop);
        Ok(Self { cache, mailbox, bap, recent: Arc::default(), owners: Arc::default(), notes })
    }

    /// Whether Redis answers.
    pub async fn cache_answers(&self) -> bool {
        self.cache.is_connected().await
    }

    /// The state: from memory or Redis, else rebuilt. It may be stale; what is sent on its ground is compared with
    /// the mailbox.
    ///
    /// # Errors
    /// When neither Redis nor the mailbox has an answer.
    pub async fn load(&self, transaction: &TransactionId) -> Result<Loaded, Status> {
        match self.known(transaction).await {
            Some(state) => Ok(Loaded { state, may_be_stale: true }),
            None => self.rebuild(transaction).await,
        }
    }

    /// The right state, if this one is not.
    ///
    /// # Errors
    /// When the mailbox does not answer.
    pub async fn newer(&self, transaction: &TransactionId, known: &Loaded) -> Result<Option<Loaded>, Status> {
        // Not even one that was right a moment ago: another gateway may have moved on since.
        if !known.may_be_stale || planted(Bug::StaleCache) {
            return Ok(None);
        }
        match self.newest(transaction).await? {
            Some(newest) if newest == known.buyer_seq() => Ok(None),
            Some(newest) => self.at(transaction, newest).await.map(Some),
            None => self.rebuild(transaction).await.map(Some),
        }
    }

    /// The state as the mailbox has it, which has come so far: wherever it is found.
    ///
    /// # Errors
    /// When it is to be rebuilt and the mailbox does not answer.
    pub async fn at(&self, transaction: &TransactionId, newest: i64) -> Result<Loaded, Status> {
        if let Some(state) = self.recent.get(transaction).filter(|state| state.buyer_seq == newest) {
            match self.cache.buyer_seq(transaction).await {
                // Redis has lost it.
                Ok(stored) if stored != Some(newest) => self.keep(transaction, &state).await,
                _ => self.recent.put(transaction, &state),
            }
            return Ok(Loaded { state, may_be_stale: false });
        }
        match self.cached(transaction).await {
            Some(state) if state.buyer_seq == newest => {
                self.recent.put(transaction, &state);
                Ok(Loaded { state, may_be_stale: false })
            }
            _ => self.rebuild(transaction).await,
        }
    }

    /// A state from memory or Redis.
    async fn known(&self, transaction: &TransactionId) -> Option<Arc<Cached>> {
        match self.recent.get(transaction) {
            Some(state) => Some(state),
            None => self.cached(transaction).await,
        }
    }

    async fn cached(&self, transaction: &TransactionId) -> Option<Arc<Cached>> {
        self.cache.read(transaction).await.ok().flatten().map(Arc::new)
    }

    /// How far the transaction has come; none when the buyer has no such transaction.
    async fn newest(&self, transaction: &TransactionId) -> Result<Option<i64>, Status> {
        Ok(self.look_up(transaction).await?.map(|found| found.buyer_seq))
    }

    /// The transaction as the mailbox has it; none when the buyer has no such transaction.
    async fn look_up(&self, transaction: &TransactionId) -> Result<Option<Transaction>, Status> {
        let request =
            GetTransactionRequest { bap_id: self.bap.to_string(), transaction_id: transaction.to_string() };
        match self.mailbox.clone().get_transaction(request).await {
            Ok(found) => Ok(found.into_inner().transaction),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(status),
        }
    }

    /// Applies what the buyer's side did or heard as number `buyer_seq` of its transaction. Repeating it changes
    /// nothing. The mailbox has it already, so a cache that fails is only found to be behind.
    pub async fn apply(&self, transaction: &TransactionId, buyer_seq: i64, step: &Step<'_>) {
        let reaches = |state: &Arc<Cached>| state.buyer_seq + 1 >= buyer_seq;
        let known = match self.recent.get(transaction).filter(reaches) {
            Some(state) => state,
            None if buyer_seq == 1 => Arc::default(),
            None => self.cached(transaction).await.unwrap_or_default(),
        };
        self.apply_to(&Loaded { state: known, may_be_stale: true }, transaction, buyer_seq, step).await;
    }

    /// The same, to a state that was read before: the mailbox has confirmed that the step follows it.
    pub async fn apply_to(
        &self,
        known: &Loaded,
        transaction: &TransactionId,
        buyer_seq: i64,
        step: &Step<'_>,
    ) {
        let known = &known.state;
        let (next, head, edits) = match known.advance(buyer_seq, step) {
            Advance::Nothing => return,
            Advance::Behind => {
                if let Err(error) = self.rebuild(transaction).await {
                    tracing::warn!(%transaction, %error, "the cached state is behind");
                }
                return;
            }
            Advance::To(advanced) => *advanced,
        };
        let next = Arc::new(next);
        let written = self.cache.apply(transaction, buyer_seq, head.as_ref(), &edits).await;
        if known.head.is_none() {
            self.notes.transaction(transaction);
        }
        match written {
            Ok(Applied::Done) => self.recent.put(transaction, &next),
            Ok(Applied::Before) => {}
            Ok(Applied::Gap) => self.keep(transaction, &next).await,
            Err(error) => {
                self.recent.put(transaction, &next);
                tracing::warn!(%transaction, %error, "the cached state is behind");
            }
        }
    }

    /// Clears the buyer's view of all transactions. Answers how many there were.
    ///
    /// # Errors
    /// When the mailbox does not answer.
    pub async fn clear(&self) -> Result<u64, Status> {
        let request = ClearTransactionsRequest { bap_id: self.bap.to_string() };
        let cleared = self.mailbox.clone().clear_transactions(request).await?.into_inner().cleared;
        self.recent.forget();
        self.owners.forget();
        if let Err(error) = self.cache.clear().await {
            tracing::warn!(%error, "cleared states stay in the cache until they are compared");
        }
        Ok(cleared)
    }

    /// Whether observers were shown that a message came in.
    #[cfg(feature = "planted-bugs")]
    pub async fn noted(&self, message_id: &str, action: &str) -> bool {
        self.cache.has_note(Way::Inbound, message_id, action).await.unwrap_or(false)
    }

    /// Notes a message for observers, if there is room.
    pub fn note(&self, way: Way, message_id: &str, action: &str, at: DateTime<Utc>) {
        self.notes.message(way, message_id, action, at);
    }
}
