//! Reports of deliveries: gathered, and sent many at once.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use p2p_proto::order::{DeliveryMark, MarkRequest, Refusal, delivery_mark};
use p2p_runtime::failpoint;
use tonic::Status;

use super::Exchange;
use crate::metrics;

/// A report of a delivery.
#[derive(Debug)]
struct Report {
    /// The callback that it is about, as a label; none for a request.
    callback: Option<&'static str>,
    mark: DeliveryMark,
}

/// Reports that wait to be sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Marks(Arc<Mutex<Vec<Report>>>);

impl Marks {
    /// Puts a report about a request with the others.
    pub fn push(&self, mark: DeliveryMark) {
        self.push_callback(None, mark);
    }

    /// Puts a report about a callback with the others.
    pub fn push_callback(&self, callback: Option<&'static str>, mark: DeliveryMark) {
        self.waiting().push(Report { callback, mark });
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Report>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<Report> {
        std::mem::take(&mut *self.waiting())
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
        let reports = self.marks.take();
        if reports.is_empty() {
            return Ok(());
        }
        let marks = reports.iter().map(|report| report.mark.clone()).collect();
        let request = MarkRequest { gateway: Some(self.gateway()?), marks };
        let marked = match self.services.mailbox.clone().mark(request).await {
            Ok(marked) => marked.into_inner(),
            Err(error) => {
                self.marks.waiting().extend(reports);
                return Err(error);
            }
        };
        let stored = |report: &&Report| !marked.lost_ids.contains(&report.mark.delivery_id);
        reports.iter().filter(stored).for_each(|report| metrics::stored(report.callback, &report.mark));
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
