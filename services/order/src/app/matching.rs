//! The matching service as this service sees it.

use p2p_domain::OrderId;
use p2p_proto::matching::{Outcome as OutcomeMessage, RecordOutcomeRequest};

use super::App;
use crate::{domain::Outcome, error::Error, store::Untold};

impl App {
    /// Has an outcome counted. Answers its order.
    pub(super) async fn record_outcome(&self, untold: Untold) -> Result<OrderId, Error> {
        let outcome = match untold.outcome {
            Outcome::Success => OutcomeMessage::Success,
            Outcome::Failure => OutcomeMessage::Failure,
        };
        let request = RecordOutcomeRequest {
            order_id: untold.order.to_string(),
            provider_id: untold.provider.to_string(),
            outcome: outcome.into(),
        };
        let answer = self.matching.clone().record_outcome(request).await;
        answer.map_err(|source| Error::Matching { operation: "record outcome", source: Box::new(source) })?;
        Ok(untold.order)
    }
}
