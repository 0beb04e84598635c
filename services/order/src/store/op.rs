//! What the writer is asked to commit, and what it answers.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::domain::{
    Answer, Change, GatewayId, InboxKey, Intent, MarkResult, Next, Quote, Received, Reply, TransactionKey,
    Verdict,
};

/// A message with its verdict, and the callback to it.
#[derive(Debug, Clone)]
pub struct Record {
    /// Who records.
    pub gateway: GatewayId,
    /// What came in.
    pub message: Received,
    /// What its sender is told.
    pub verdict: Verdict,
    /// The callback.
    pub reply: Option<Reply>,
    /// What a select quoted.
    pub quote: Option<Quote>,
    /// What a callback adds to the buyer's state.
    pub buyer_json: String,
}

/// What was recorded.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The callback's delivery.
    pub delivery: Option<Uuid>,
    /// For a callback received.
    pub buyer_seq: i64,
}

/// An action that changes an order.
#[derive(Debug, Clone)]
pub struct Begin {
    /// Who accepts.
    pub gateway: GatewayId,
    /// What came in.
    pub message: Received,
    /// The acknowledgement's timestamp.
    pub at: DateTime<Utc>,
    /// What it intends.
    pub intent: Intent,
    /// It was accepted before.
    pub resume: bool,
}

/// What an action came to.
#[derive(Debug, Clone)]
pub struct Begun {
    /// What its sender is told.
    pub verdict: Verdict,
    /// What to do; nothing when it was refused.
    pub next: Option<Next>,
}

/// The end of an action's work.
#[derive(Debug, Clone)]
pub struct Finish {
    /// Who ends it.
    pub gateway: GatewayId,
    /// Which message.
    pub key: InboxKey,
    /// Its trade.
    pub scope: TransactionKey,
    /// The callback.
    pub reply: Reply,
    /// What becomes of the order.
    pub change: Option<Change>,
    /// What a select quoted that had to wait.
    pub quote: Option<Quote>,
}

/// A message that our buyer's side sends.
#[derive(Debug, Clone)]
pub struct Send {
    /// Who sends.
    pub gateway: GatewayId,
    /// Its trade.
    pub scope: TransactionKey,
    /// The message.
    pub message: Reply,
    /// What it adds to the buyer's state.
    pub buyer_json: String,
    /// The buyer_seq that its author knew.
    pub seen: i64,
}

/// Whether it was stored.
#[derive(Debug, Clone)]
pub struct Sent {
    /// None: its author did not know everything.
    pub delivery: Option<Uuid>,
    /// The newest now.
    pub buyer_seq: i64,
}

/// How deliveries went.
#[derive(Debug, Clone)]
pub struct Mark {
    /// Who held them.
    pub gateway: GatewayId,
    /// Each with its result.
    pub marks: Vec<(Uuid, MarkResult)>,
}

/// One thing to commit.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Record(Record),
    Begin(Begin),
    Finish(Finish),
    Send(Send),
    Mark(Mark),
}

/// What was committed.
#[derive(Debug)]
pub(super) enum Done {
    Recorded(Answer<Recorded>),
    Begun(Answer<Begun>),
    Finished(Uuid),
    Sent(Sent),
    Marked(Vec<i64>),
}
