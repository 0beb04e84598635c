//! Faults that tests must find, where they take more than a line ([`p2p_runtime::planted`]).

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use axum::response::Response;
use p2p_proto::{
    order::{Outcome, ReceivedMessage, Verdict},
    timestamp,
};
use p2p_runtime::planted::{Bug, planted};
use tokio::time::Instant;
use uuid::Uuid;

use super::Exchange;
use crate::beckn::{Action, Envelope};

/// What this gateway has taken before.
static TAKEN: Mutex<Option<HashSet<(String, String)>>> = Mutex::new(None);

impl Exchange {
    /// Acknowledges an action, and commits it afterwards.
    pub(super) fn acknowledged_before(
        &self,
        action: Action,
        envelope: &Envelope<'_>,
        body: &str,
    ) -> Option<Response> {
        if !planted(Bug::AckBeforeCommit) {
            return None;
        }
        let (exchange, text) = (self.clone(), body.to_owned());
        self.tasks.spawn(async move {
            if let Ok(envelope) = Envelope::read(&text, action.as_str()) {
                exchange.take(action, &envelope, &text, None).await;
            }
        });
        let verdict = Verdict { refusal: None, timestamp: Some(timestamp(self.clock.now())) };
        self.acknowledge(envelope, Outcome::Accepted, Some(verdict), Instant::now()).ok()
    }

    /// The message as the mailbox takes it for a new one, when Redis does not know that it was here before.
    pub(super) async fn forgotten(&self, mut message: ReceivedMessage) -> ReceivedMessage {
        if planted(Bug::DedupeInRedis) {
            let key = (message.action.clone(), message.message_id.clone());
            let known = self.transactions.noted(&message.message_id, &message.action).await;
            let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
            if !taken.get_or_insert_default().insert(key) && !known {
                message.message_id = Uuid::new_v4().to_string();
            }
        }
        message
    }
}
