//! Messages of the mailbox.

use std::time::Duration;

use chrono::{DateTime, Utc};
use p2p_domain::{MessageId, ParticipantId, TransactionId};
use uuid::Uuid;

use super::Order;

/// A trade of one BAP: the scope of everything.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionKey {
    /// The buyer's side.
    pub bap: ParticipantId,
    /// The trade.
    pub transaction: TransactionId,
}

/// What makes a received message the same message: Beckn's message_id under its sender and action.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InboxKey {
    /// Who sent it.
    pub sender: ParticipantId,
    /// What it asks for.
    pub action: String,
    /// Its id.
    pub message: MessageId,
}

/// A running gateway; the fencing token of its leases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayId {
    /// GATEWAY_ID.
    pub id: String,
    /// Counts its starts.
    pub incarnation: i64,
}

/// A message as it came in.
#[derive(Debug, Clone)]
pub struct Received {
    /// What makes it the same message.
    pub key: InboxKey,
    /// Its trade.
    pub scope: TransactionKey,
    /// The exact text.
    pub body: String,
    /// W3C Trace Context of what brought it; may be empty.
    pub traceparent: String,
    /// The Authorization header that it came with; empty when it was not signed.
    pub authorization: String,
}

/// The action that a callback answers, select for on_select and catalog/publish for catalog/on_publish; none for what is
/// no callback.
pub fn request_of(action: &str) -> Option<String> {
    let (family, name) = action.split_at(action.rfind('/').map_or(0, |slash| slash + 1));
    name.strip_prefix("on_").map(|name| format!("{family}{name}"))
}

/// Whether an action is a callback. The reconciler's SQL says the same again.
pub fn is_callback(action: &str) -> bool {
    request_of(action).is_some()
}

impl Received {
    /// Whether the buyer's side received it: a callback.
    pub fn is_callback(&self) -> bool {
        is_callback(&self.key.action)
    }

    /// Whether it came under the same signature as one that came with this header.
    pub fn is_signed_as(&self, authorization: &str) -> bool {
        !authorization.is_empty() && self.authorization == authorization
    }

    /// Whether its work has to see what earlier actions of its trade did.
    pub fn waits_for_earlier(&self) -> bool {
        matches!(self.key.action.as_str(), "select" | "status")
    }
}

/// Why something was refused: a Beckn error of the seed profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// 40001, ...
    pub code: String,
    /// A sentence for the sender.
    pub message: String,
}

impl Refusal {
    /// Not what can be done: bad quantity, unknown offer, wrong state.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { code: "40001".into(), message: message.into() }
    }

    /// No such order. The id is repeated only where it could be one.
    pub fn order_not_found(id: &str) -> Self {
        let message = match MessageId::parse(id) {
            Ok(id) => format!("Order {id} not found"),
            Err(_no_id) => "Order not found".into(),
        };
        Self { code: "40403".into(), message }
    }

    /// Our side failed after it was accepted.
    pub fn failed() -> Self {
        Self { code: "50001".into(), message: "it was accepted, but our side failed to do it".into() }
    }

    /// Short of stock after it was accepted.
    pub fn short_of_stock(message: impl Into<String>) -> Self {
        Self { code: "40901".into(), message: message.into() }
    }
}

/// What the sender was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// NACK with this; none: ACK.
    pub refusal: Option<Refusal>,
    /// The acknowledgement's timestamp.
    pub at: DateTime<Utc>,
}

/// What became of an incoming message.
#[derive(Debug, Clone)]
pub enum Answer<T> {
    /// Stored now.
    Accepted(T),
    /// Stored now, behind an earlier action of its trade.
    Queued,
    /// Stored earlier with the same bytes.
    Repeated {
        /// What was said then.
        verdict: Verdict,
        /// The buyer_seq it was given then.
        buyer_seq: i64,
    },
    /// Stored earlier with the same bytes under the same signature, and accepted: it is played again.
    Replayed {
        /// What was said then.
        verdict: Verdict,
        /// The buyer_seq it was given then.
        buyer_seq: i64,
    },
    /// Stored earlier with other bytes.
    Conflict,
}

/// A message to be sent.
#[derive(Debug, Clone)]
pub struct Reply {
    /// on_select, ...
    pub action: String,
    /// Its id.
    pub message: MessageId,
    /// Where to.
    pub uri: String,
    /// The exact text.
    pub body: String,
    /// After the acceptance of what it answers.
    pub delay: Duration,
    /// After it was due; none: for ever.
    pub lifetime: Option<Duration>,
    /// W3C Trace Context of what made it; may be empty.
    pub traceparent: String,
    /// The Authorization header that every attempt sends; empty when it is not signed, or anew at each attempt.
    pub authorization: String,
}

/// A message that a gateway shall deliver.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The outbox row.
    pub id: Uuid,
    /// Its trade.
    pub scope: TransactionKey,
    /// on_select, ...
    pub action: String,
    /// Its id.
    pub message: MessageId,
    /// Where to.
    pub uri: String,
    /// The exact text.
    pub body: String,
    /// How often it was tried.
    pub attempts: u32,
    /// W3C Trace Context of what made it; may be empty.
    pub traceparent: String,
    /// The Authorization header that every attempt sends; empty when it is not signed, or anew at each attempt.
    pub authorization: String,
    /// The Authorization header of the request that it answers; empty when that was not signed, or there is none.
    pub request_authorization: String,
    /// What it is to say, while it has no text.
    pub unsolicited: Option<Box<Unsolicited>>,
}

/// What the seller's side says unasked.
#[derive(Debug, Clone)]
pub struct Unsolicited {
    /// Of which order.
    pub order: Order,
    /// The exact text of the init that made it: it says whom to tell, and where.
    pub init_body: String,
}

/// How a delivery went.
#[derive(Debug, Clone)]
pub enum MarkResult {
    /// The peer has it; perhaps it refused our request.
    Delivered(Option<Refusal>),
    /// Again after so long.
    Retry(Duration, String),
    /// Given up; perhaps the buyer was told so.
    Dead(String, Option<Refusal>),
}

impl MarkResult {
    /// What the buyer was told instead of a callback.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Delivered(refusal) | Self::Dead(_, refusal) => refusal.as_ref(),
            Self::Retry(..) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{is_callback, request_of};

    #[test]
    fn callbacks_are_told_by_the_last_part_of_their_action() {
        for (callback, request) in [("on_select", "select"), ("catalog/on_publish", "catalog/publish")] {
            assert_eq!(request_of(callback).as_deref(), Some(request));
            assert!(is_callback(callback) && !is_callback(request));
        }
        for other in ["", "one", "on", "catalog/publish", "on_/publish", "catalog/"] {
            assert_eq!(request_of(other), None, "{other}");
        }
    }
}
