//! Joins the mailbox, renews, reports, and takes over what nobody works on.

use std::time::Duration;

use p2p_proto::order::{ClaimRequest, JoinRequest, LeaveRequest};
use p2p_runtime::{
    failpoint,
    trace::{self, Context},
};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tonic::Status;

use super::Exchange;

const JOIN_AGAIN: Duration = Duration::from_millis(500);
const CLAIM_INTERVAL: Duration = Duration::from_millis(250);
const REPORT_INTERVAL: Duration = Duration::from_millis(200);
const AT_ONCE: u32 = 100;

impl Exchange {
    pub(super) async fn claim_until_stopped(&self) {
        let Some(lease) = self.join_until_stopped().await else { return };
        let ticks = |period: Duration| {
            let mut ticks = interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        };
        let mut claim = ticks(CLAIM_INTERVAL.min(lease / 4));
        let mut renew = ticks(lease / 3);
        let mut report = ticks(REPORT_INTERVAL.min(lease / 5));
        loop {
            let done = tokio::select! {
                _ = claim.tick() => self.claim().await.map(|_found| ()),
                // A look for nothing: whoever was believed to wait does not.
                () = self.queue.moved() => self.claim().await.map(|found| self.queue.left(usize::from(found == 0))),
                _ = renew.tick() => { self.renew().await; Ok(()) }
                _ = report.tick() => self.report().await,
                () = self.stop.cancelled() => return,
            };
            if let Err(error) = done {
                tracing::warn!(%error, "the mailbox does not answer");
            }
        }
    }

    /// The length of a lease; none when the gateway stops before the mailbox answers.
    async fn join_until_stopped(&self) -> Option<Duration> {
        let mut warned = false;
        loop {
            match self.join().await {
                Ok(lease) => return Some(lease),
                Err(error) if !warned => {
                    warned = true;
                    tracing::warn!(%error, "waiting for the mailbox");
                }
                Err(_) => {}
            }
            tokio::select! {
                () = sleep(JOIN_AGAIN) => {}
                () = self.stop.cancelled() => return None,
            }
        }
    }

    async fn join(&self) -> Result<Duration, Status> {
        let request = JoinRequest { gateway_id: self.config.gateway_id.clone() };
        let joined = self.services.mailbox.clone().join(request).await?.into_inner();
        let gateway = joined.gateway.ok_or_else(|| Status::internal("Join without a gateway"))?;
        let lease =
            joined.lease.and_then(|lease| lease.try_into().ok()).filter(|lease| !Duration::is_zero(lease));
        let lease = lease.ok_or_else(|| Status::internal("Join without a lease"))?;
        tracing::info!(gateway = gateway.id, incarnation = gateway.incarnation, "joined the mailbox");
        // Only this task joins, and it stops joining when it has.
        let _ = self.gateway.set(gateway);
        Ok(lease)
    }

    /// Reports what is still to be reported and gives up what is not yet due. Everything else has ended before.
    pub async fn leave(&self) {
        if let Err(error) = self.try_leave().await {
            tracing::warn!(%error, "the mailbox does not know that this gateway has left; its leases will lapse");
        }
    }

    async fn try_leave(&self) -> Result<(), Status> {
        let Ok(gateway) = self.gateway() else { return Ok(()) };
        self.report().await?;
        self.services.mailbox.clone().leave(LeaveRequest { gateway: Some(gateway) }).await?;
        Ok(())
    }

    /// Answers how many actions there were to be worked on.
    async fn claim(&self) -> Result<usize, Status> {
        let request = ClaimRequest { gateway: Some(self.gateway()?), limit: AT_ONCE };
        let claimed = self.services.mailbox.clone().claim(request).await?.into_inner();
        let found = claimed.work.len();
        self.queue.left(found);
        for work in claimed.work {
            failpoint!("gateway.claim.{}.claimed", work.message.as_ref().map_or("", |m| &m.action));
            let message = work.message.as_ref();
            let _current = message.map(|m| context_of(&m.traceparent, &m.transaction_id).attach());
            self.resume(work);
        }
        for delivery in claimed.deliveries {
            failpoint!("gateway.claim.{}.claimed", delivery.action);
            let _current = context_of(&delivery.traceparent, &delivery.transaction_id).attach();
            match &delivery.unsolicited {
                Some(_) => self.say_unasked(delivery),
                None => self.deliver(delivery.into(), Instant::now()),
            }
        }
        Ok(found)
    }
}

/// What stored work is beneath: the request that it was accepted in, else its trade.
fn context_of(traceparent: &str, transaction_id: &str) -> Context {
    trace::from_traceparent(traceparent).unwrap_or_else(|| trace::of_trade(transaction_id))
}
