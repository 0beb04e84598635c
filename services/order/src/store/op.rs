//! What the writer is asked to commit, and what it answers.

use chrono::{DateTime, Utc};
use p2p_domain::{ClientId, OrderId};
use uuid::Uuid;

use crate::domain::{
    Answer, Change, Deed, GatewayId, InboxKey, Intent, MarkResult, Next, Order, Quote, Received, Reply,
    TransactionKey, Undone, Verdict,
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
    /// Whose trade it is; nobody's in particular when none.
    pub client: Option<ClientId>,
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

/// What was noted of them.
#[derive(Debug, Clone, Default)]
pub struct Marked {
    /// The buyer_seq of each mark with a refusal; 0 when its delivery was lost.
    pub buyer_seqs: Vec<i64>,
    /// Deliveries that the gateway no longer held, or that had ended otherwise.
    pub lost: Vec<Uuid>,
}

/// Something that is done with an order and that no message asks for.
#[derive(Debug, Clone)]
pub struct Perform {
    /// Its trade.
    pub scope: TransactionKey,
    /// Which order.
    pub order: OrderId,
    /// What is done.
    pub deed: Deed,
}

/// What it came to.
#[derive(Debug, Clone)]
pub enum Performed {
    /// It is committed; to be done next.
    Done(Box<Next>),
    /// An action of the trade is under way.
    Busy,
    /// There is no such order, or it stands elsewhere.
    Undone(Undone),
}

/// A change of an order that follows from the catalog's answer.
#[derive(Debug, Clone)]
pub struct Settle {
    /// Its trade.
    pub scope: TransactionKey,
    /// What becomes of the order.
    pub change: Change,
}

/// The text of a message that the seller's side says unasked.
#[derive(Debug, Clone)]
pub struct Compose {
    /// Who has composed it.
    pub gateway: GatewayId,
    /// The outbox row.
    pub delivery: Uuid,
    /// Where to, and the exact text.
    pub message: Reply,
}

/// One thing to commit.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Record(Record),
    Begin(Begin),
    Finish(Finish),
    Send(Send),
    Mark(Mark),
    Perform(Perform),
    Settle(Settle),
    Compose(Compose),
}

/// What was committed.
#[derive(Debug)]
pub(crate) enum Done {
    Recorded(Answer<Recorded>),
    Begun(Box<Answer<Begun>>),
    Finished(Uuid),
    Sent(Sent),
    Marked(Marked),
    Performed(Performed),
    Settled(Box<Order>),
    Composed,
}
