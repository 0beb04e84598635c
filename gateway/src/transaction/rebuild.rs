//! Rebuilds a state from the mailbox's events.

use std::sync::Arc;

use p2p_domain::TransactionId;
use p2p_proto::order::{Direction, Event, ListEventsRequest};
use tonic::Status;

use super::{
    Loaded, Transactions,
    cached::Cached,
    state::{Message, Part, Step, Text},
};
use crate::{
    bap::callback::{self, BuyerParts},
    beckn::{Action, Envelope, ErrorBody},
};

const PAGE: u32 = 100;

impl Transactions {
    /// The state as the mailbox has it, put into the cache.
    ///
    /// # Errors
    /// When the mailbox does not answer.
    pub(super) async fn rebuild(&self, transaction: &TransactionId) -> Result<Loaded, Status> {
        let mut state = Cached::default();
        let mut after_seq = 0;
        loop {
            let request = ListEventsRequest {
                bap_id: self.bap.to_string(),
                transaction_id: transaction.to_string(),
                buyer_view: true,
                after_seq,
                limit: PAGE,
            };
            let page = self.mailbox.clone().list_events(request).await?.into_inner();
            for event in &page.events {
                replay(&mut state, event);
                after_seq = event.seq;
            }
            state.buyer_seq = page.buyer_seq;
            if !page.more {
                break;
            }
        }
        let state = Arc::new(state);
        if state.head.is_some() {
            self.keep(transaction, &state).await;
        }
        Ok(Loaded { state, may_be_stale: false })
    }

    /// Puts a state that is right where it is looked for.
    pub(super) async fn keep(&self, transaction: &TransactionId, state: &Arc<Cached>) {
        self.recent.put(transaction, state);
        if let Err(error) = self.cache.replace(transaction, state).await {
            tracing::debug!(%transaction, %error, "a state that is right is not cached");
        }
    }
}

/// Applies one event as it was applied when it happened. An event that says nothing to the buyer changes nothing.
fn replay(state: &mut Cached, event: &Event) {
    let Ok(action) = event.action.parse::<Action>() else { return };
    let Ok(logged_at) = event.created_at.map(p2p_proto::utc).transpose() else { return };
    let own: BuyerParts = serde_json::from_str(&event.buyer_json).unwrap_or_default();
    let at = own.at.or(logged_at).unwrap_or_default();
    let Ok(envelope) = Envelope::read(&event.raw_json, &event.action) else { return };
    let message = Message::of(&envelope.context, action, at);
    if event.direction() == Direction::Outbound {
        state.take(&Step::Request(message, own.request_parts()));
        if let Some(refusal) = &event.refusal {
            let error = ErrorBody::new(&refusal.code, &refusal.message);
            state.take(&Step::Refused(&event.message_id, error));
        }
    } else if let Ok(heard) = callback::heard(action, &envelope, &own) {
        state.take(&Step::Callback(message, heard));
    }
}

impl BuyerParts {
    /// What a request puts aside.
    pub fn request_parts(&self) -> Vec<(Part, Text)> {
        let parts = [
            (Part::Criteria, &self.discovery_criteria),
            (Part::Matching, &self.matching_results),
            (Part::Offer, &self.selected_offer),
            (Part::Quantity, &self.selected_quantity),
        ];
        parts.into_iter().filter_map(|(part, json)| Some((part, json.as_ref()?.get().into()))).collect()
    }
}
