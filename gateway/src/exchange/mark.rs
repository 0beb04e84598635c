//! Reports of deliveries: gathered, and sent many at once.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use p2p_proto::order::{DeliveryMark, MarkRequest, Refusal, delivery_mark};
use p2p_runtime::failpoint;
use tonic::Status;

use super::Exchange;
use crate::metrics;

/// Reports that wait to be sent, each with the callback that it is about, as a label.
#[derive(Debug, Clone, Default)]
pub(super) struct Marks(Arc<Mutex<Vec<(Option<&'static str>, DeliveryMark)>>>);

impl Marks {
    /// Puts a report about a request with the others.
    pub fn push(&self, mark: DeliveryMark) {
        self.push_callback(None, mark);
    }

    /// Puts a report about a callback with the others.
    pub fn push_callback(&self, callback: Option<&'static str>, mark: DeliveryMark) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((callback, mark));
    }

    fn take(&self) -> Vec<(Option<&'static str>, DeliveryMark)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The peer has it, and perhaps refused it.
pub(super) fn delivered(delivery_id: String, refusal: Option<Refusal>) -> DeliveryMark {
    let delivered = delivery_mark::Delivered { refusal };
    DeliveryMark { delivery_id, result: Some(delivery_mark::Result::Delivered(delivered)) }
}

/// To be tried again.
pub(super) fn retry(delivery_id: String, after: Duration, error: String) -> DeliveryMark {
    let after = after.try_into().ok();
    let retry = delivery_mark::Retry { after, error };
    DeliveryMark { delivery_id, result: Some(delivery_mark::Result::Retry(retry)) }
}

/// Given up; for a request that was never made, with what the buyer is told.
pub(super) fn dead(delivery_id: String, error: String, refusal: Option<Refusal>) -> DeliveryMark {
    let dead = delivery_mark::Dead { error, refusal };
    DeliveryMark { delivery_id, result: Some(delivery_mark::Result::Dead(dead)) }
}

impl Exchange {
    /// Reports all that waits. What cannot be reported waits on; when its lease lapses it is delivered again.
    pub(super) async fn report(&self) -> Result<(), Status> {
        let marks = self.marks.take();
        if marks.is_empty() {
            return Ok(());
        }
        let request = MarkRequest {
            gateway: Some(self.gateway()?),
            marks: marks.iter().map(|(_, mark)| mark.clone()).collect(),
        };
        if let Err(error) = self.services.mailbox.clone().mark(request).await {
            marks.into_iter().for_each(|(callback, mark)| self.marks.push_callback(callback, mark));
            return Err(error);
        }
        marks.iter().for_each(|(callback, mark)| metrics::stored(*callback, mark));
        failpoint!("gateway.report.marked");
        Ok(())
    }

    /// Reports one refusal at once. Answers its place among what the buyer's side heard.
    pub(super) async fn report_refusal(&self, mark: DeliveryMark) -> Result<i64, Status> {
        let request = MarkRequest { gateway: Some(self.gateway()?), marks: vec![mark] };
        let marked = self.services.mailbox.clone().mark(request).await?.into_inner();
        failpoint!("gateway.report.refused");
        Ok(marked.buyer_seqs.first().copied().unwrap_or_default())
    }
}
