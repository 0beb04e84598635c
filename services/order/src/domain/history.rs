//! What was said about one order.

use chrono::{DateTime, Utc};
use p2p_domain::{MessageId, OrderId};
use uuid::Uuid;

use super::{Order, Refusal, request_of};

/// All about one order.
#[derive(Debug)]
pub struct History {
    /// As it is.
    pub order: Order,
    /// When the matching service had counted its outcome.
    pub outcome_told_at: Option<DateTime<Utc>>,
    /// In order of acceptance; those without a text are last.
    pub messages: Vec<Said>,
    /// The trade has more messages than were looked at.
    pub more: bool,
}

/// A message of the order's trade.
#[derive(Debug)]
pub struct Said {
    /// Its place in the order of acceptance; 0 while it has no text.
    pub seq: i64,
    /// select, on_select, ...
    pub action: String,
    /// Whether it was received.
    pub inbound: bool,
    /// Its id.
    pub message: MessageId,
    /// When it was logged.
    pub at: DateTime<Utc>,
    /// Whether its text has the order's id.
    pub names_order: bool,
    /// What it was answered NACK with.
    pub refusal: Option<Refusal>,
    /// How far the work of an action received has come.
    pub work: Option<Work>,
    /// How far the delivery of a message sent has come.
    pub delivery: Option<Sent>,
}

/// How far the work of an action has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// It waits for an earlier action.
    Queued,
    /// It is under way.
    Begun,
    /// Its callback is made.
    Done,
}

/// How far a delivery has come.
#[derive(Debug)]
pub struct Sent {
    /// The outbox row.
    pub id: Uuid,
    /// Where to.
    pub uri: String,
    /// How far.
    pub arrival: Arrival,
    /// How often it was tried.
    pub attempts: u32,
    /// What went wrong last.
    pub last_error: String,
    /// When it is or was to be tried.
    pub due_at: DateTime<Utc>,
}

/// Whether a message has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Not yet.
    Pending,
    /// It has.
    Arrived,
    /// It was given up.
    Dead,
}

/// Those of a trade's messages, in order of acceptance, that are about the order: what has its id, the init that made
/// it, what answers or is answered by such a message; and the discover and select that led to it.
pub fn about(order: &Order, messages: Vec<Said>) -> Vec<Said> {
    let made_by = |message: &MessageId| {
        OrderId::of_init(&order.scope.bap, &order.scope.transaction, message) == order.id
    };
    let own: Vec<MessageId> = messages
        .iter()
        .filter(|said| said.names_order || is(said, "init") && made_by(&said.message))
        .map(|said| said.message.clone())
        .collect();
    let first = messages.iter().position(|said| own.contains(&said.message));
    let before = first.map_or(&[][..], |first| &messages[..first]);
    let led_from = before.iter().rposition(|said| !is_search(said)).map_or(0, |other| other + 1);
    let mut at = 0..;
    let mut told = messages;
    told.retain(|said| {
        let leads = at.next().is_some_and(|at| (led_from..first.unwrap_or(0)).contains(&at));
        leads || own.contains(&said.message)
    });
    told
}

/// Whether it is of this action or its callback.
fn is(said: &Said, action: &str) -> bool {
    said.action == action || request_of(&said.action).as_deref() == Some(action)
}

fn is_search(said: &Said) -> bool {
    is(said, "discover") || is(said, "select")
}
