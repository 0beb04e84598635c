//! Accepts an action: checks it, commits it with its verdict, and acknowledges.

use axum::{http::StatusCode, response::Response};
use p2p_proto::{
    order::{
        BeginCancelRequest, BeginConfirmRequest, BeginInitRequest, BeginResponse, GiveUpRequest, Outcome,
        ReceivedMessage, RecordRequest, Verdict,
    },
    timestamp, utc,
};
use p2p_runtime::{
    failpoint,
    trace::{self, FutureExt},
};
use tokio::time::Instant;
use tonic::Status;

use super::{Exchange, conclude::Accepted};
use crate::{
    access::Auth,
    beckn::{
        Action, Context, Envelope, ErrorBody, Fault, Invalid, acknowledgement, code, lts_code, seed_code,
    },
    bpp::{self, Look, Plan, Wish},
    metrics,
    observe::{facts, in_trade},
    peers::Peers,
    reply::{Message, rejected, reply, sentence_of, status_of, status_of_fault},
    signed::{Side, Signatures, Signed},
    transaction::Way,
};

impl Exchange {
    /// Accepts an action that came in. The answer leaves when it is committed.
    pub async fn accept(&self, action: Action, message: Message) -> Response {
        let Message { body, presented } = message;
        // Before anything of it is read.
        let signed = match self.signatures.verify(&presented, body.as_bytes(), None).await {
            Ok(signed) => signed,
            Err(fault) => return self.unreadable(Invalid::unread(&body, fault)),
        };
        let envelope = match Envelope::read(&body, action.as_str()) {
            Ok(envelope) => envelope,
            Err(invalid) => return self.unreadable(invalid),
        };
        let (auth, signed_by) = (self.config.access.auth, signed.as_ref());
        if let Err(invalid) = acceptable(&self.signatures, &self.peers, auth, action, &envelope, signed_by) {
            return self.unreadable(invalid);
        }
        #[cfg(feature = "planted-bugs")]
        if let Some(answer) = self.acknowledged_before(action, &envelope, &body) {
            return answer;
        }
        let context = in_trade(&envelope.context.transaction_id, || facts(&envelope.context));
        self.take(action, &envelope, &body, signed.as_ref()).with_context(context).await
    }

    pub(super) async fn take(
        &self,
        action: Action,
        envelope: &Envelope<'_>,
        body: &str,
        signed: Option<&Signed>,
    ) -> Response {
        let accepted_at = Instant::now();
        let outcome = match bpp::plan(self, action, envelope, Look::First).await {
            Err(bpp::Failed::Invalid(invalid)) => return self.unreadable(invalid),
            Err(bpp::Failed::Service(status)) => Err(status),
            Ok(plan) => self.commit(action, envelope, body, signed, plan, accepted_at).await,
        };
        match outcome {
            Ok(answer) => answer,
            Err(status) => self.unavailable(envelope, &status),
        }
    }

    async fn commit(
        &self,
        action: Action,
        envelope: &Envelope<'_>,
        body: &str,
        signed: Option<&Signed>,
        plan: Plan,
        accepted_at: Instant,
    ) -> Result<Response, Status> {
        failpoint!("gateway.accept.{action}.planned");
        let context = &envelope.context;
        let message = received(context.bap_id.as_str(), context, body, signed);
        #[cfg(feature = "planted-bugs")]
        let message = self.forgotten(message).await;
        let accepted = Accepted { action, context: envelope.context.clone(), message, accepted_at };
        let (outcome, verdict) = match plan {
            Plan::Refuse(error) => self.record(&accepted, Some(error), None).await?,
            Plan::Answer(reading) => self.record(&accepted, None, Some(reading)).await?,
            Plan::Init(wish) => self.begun(self.begin_init(&accepted, wish, false).await?, accepted),
            Plan::Confirm(order_id) => {
                self.begun(self.begin_confirm(&accepted, order_id, false).await?, accepted)
            }
            Plan::Cancel(order_id, reason) => {
                self.begun(self.begin_cancel(&accepted, order_id, reason, false).await?, accepted)
            }
        };
        if outcome == Outcome::Queued {
            self.queue.joined();
        }
        self.acknowledge(envelope, outcome, verdict, accepted_at)
    }

    async fn record(
        &self,
        accepted: &Accepted,
        refusal: Option<ErrorBody>,
        reading: Option<Box<bpp::Reading>>,
    ) -> Result<(Outcome, Option<Verdict>), Status> {
        let (reply, quote) = match reading {
            Some(reading) => {
                let bpp::Reading { said, quote } = *reading;
                (Some(self.callback(accepted, &said)?), quote)
            }
            None => (None, None),
        };
        let request = RecordRequest {
            gateway: Some(self.gateway()?),
            message: Some(accepted.message.clone()),
            verdict: Some(Verdict {
                refusal: refusal.map(Into::into),
                timestamp: Some(timestamp(self.clock.now())),
            }),
            reply: reply.clone(),
            quote,
            buyer_json: String::new(),
        };
        let recorded = self.services.mailbox.clone().record(request).await?.into_inner();
        failpoint!("gateway.accept.{}.committed", accepted.action);
        if let Some(reply) = reply.filter(|_| !recorded.delivery_id.is_empty()) {
            self.deliver_reply(accepted, recorded.delivery_id.clone(), reply);
        }
        Ok((recorded.outcome(), recorded.verdict))
    }

    /// What follows a Begin goes on in the background; the acknowledgement does not wait for it.
    fn begun(&self, begun: BeginResponse, accepted: Accepted) -> (Outcome, Option<Verdict>) {
        failpoint!("gateway.accept.{}.committed", accepted.action);
        let (outcome, verdict) = (begun.outcome(), begun.verdict.clone());
        let goes_on = verdict.as_ref().is_some_and(|verdict| verdict.refusal.is_none());
        if outcome == Outcome::Accepted && goes_on {
            self.conclude(accepted, Some(begun));
        }
        (outcome, verdict)
    }

    pub(super) async fn begin_init(
        &self,
        accepted: &Accepted,
        wish: Wish,
        resume: bool,
    ) -> Result<BeginResponse, Status> {
        let request = BeginInitRequest {
            gateway: Some(self.gateway()?),
            message: Some(accepted.message.clone()),
            timestamp: Some(timestamp(self.clock.now())),
            ack_deadline: self.config.ack_deadline.try_into().ok(),
            lines: wish.lines,
            provider_id: wish.provider_id,
            resume,
        };
        Ok(self.services.mailbox.clone().begin_init(request).await?.into_inner())
    }

    pub(super) async fn begin_confirm(
        &self,
        accepted: &Accepted,
        order_id: String,
        resume: bool,
    ) -> Result<BeginResponse, Status> {
        let request = BeginConfirmRequest {
            gateway: Some(self.gateway()?),
            message: Some(accepted.message.clone()),
            timestamp: Some(timestamp(self.clock.now())),
            ack_deadline: self.config.ack_deadline.try_into().ok(),
            order_id,
            resume,
        };
        Ok(self.services.mailbox.clone().begin_confirm(request).await?.into_inner())
    }

    pub(super) async fn begin_cancel(
        &self,
        accepted: &Accepted,
        order_id: String,
        reason: String,
        resume: bool,
    ) -> Result<BeginResponse, Status> {
        let request = BeginCancelRequest {
            gateway: Some(self.gateway()?),
            message: Some(accepted.message.clone()),
            timestamp: Some(timestamp(self.clock.now())),
            ack_deadline: self.config.ack_deadline.try_into().ok(),
            order_id,
            reason,
            resume,
        };
        Ok(self.services.mailbox.clone().begin_cancel(request).await?.into_inner())
    }

    pub(super) async fn begin_to_give_up(
        &self,
        accepted: &Accepted,
        order_id: String,
    ) -> Result<BeginResponse, Status> {
        let request = GiveUpRequest {
            gateway: Some(self.gateway()?),
            message: Some(accepted.message.clone()),
            timestamp: Some(timestamp(self.clock.now())),
            ack_deadline: self.config.ack_deadline.try_into().ok(),
            order_id,
        };
        Ok(self.services.mailbox.clone().give_up(request).await?.into_inner())
    }

    /// The stored verdict as bytes: the same verdict on the same message gives the same ones.
    pub(super) fn acknowledge(
        &self,
        envelope: &Envelope<'_>,
        outcome: Outcome,
        verdict: Option<Verdict>,
        accepted_at: Instant,
    ) -> Result<Response, Status> {
        let Some(verdict) = verdict.filter(|_| outcome != Outcome::Conflict) else {
            let why = "this message_id was used before for another message";
            let invalid = envelope.invalid(Fault::new(lts_code::CTX_MESSAGE_ID_DUPLICATE, why));
            let answer = rejected(&invalid, StatusCode::CONFLICT, code::INVALID, self.clock.now());
            return Ok(metrics::acknowledged(answer, true, Outcome::Conflict));
        };
        if outcome == Outcome::Replayed {
            let why = "this message came before under the same signature; it is done once";
            let invalid = envelope.invalid(Fault::new(lts_code::AUT_REPLAY_DETECTED, why));
            let answer = rejected(&invalid, StatusCode::UNAUTHORIZED, code::REPLAYED, self.clock.now());
            let answer = self.signatures.challenge(Side::Bpp, &invalid.fault, answer);
            return Ok(metrics::acknowledged(answer, true, outcome));
        }
        let at = utc(verdict.timestamp.ok_or_else(|| Status::internal("a verdict without a timestamp"))?)?;
        let error = verdict.refusal.map(|refusal| ErrorBody::new(&refusal.code, refusal.message));
        let context = &envelope.context;
        self.transactions.note(Way::Inbound, context.message_id.as_str(), &context.action, at);
        tracing::info!(
            action = envelope.context.action,
            transaction_id = %envelope.context.transaction_id,
            message_id = %envelope.context.message_id,
            bap_id = %envelope.context.bap_id,
            verdict = if error.is_some() { "NACK" } else { "ACK" },
            outcome = outcome.as_str_name(),
            millis = u64::try_from(accepted_at.elapsed().as_millis()).unwrap_or(u64::MAX),
            "answered"
        );
        let answer = acknowledgement(context, envelope.raw_context, at, error.as_ref());
        Ok(metrics::acknowledged(reply(answer), error.is_some(), outcome))
    }

    fn unreadable(&self, invalid: Invalid) -> Response {
        let status = status_of_fault(&invalid.fault);
        let answer = rejected(&invalid, status, seed_code(&invalid.fault), self.clock.now());
        metrics::unreadable(self.signatures.challenge(Side::Bpp, &invalid.fault, answer))
    }

    /// Nothing is known to be committed: the sender may repeat the message as it was.
    fn unavailable(&self, envelope: &Envelope<'_>, status: &Status) -> Response {
        tracing::warn!(action = envelope.context.action, %status, "not accepted");
        let (http, code, registered) = match status_of(status) {
            StatusCode::BAD_REQUEST => (StatusCode::BAD_REQUEST, code::INVALID, lts_code::SCH_INVALID_FORMAT),
            StatusCode::TOO_MANY_REQUESTS => {
                (StatusCode::TOO_MANY_REQUESTS, code::INTERNAL, lts_code::NET_OVERLOADED)
            }
            _ => (StatusCode::SERVICE_UNAVAILABLE, code::INTERNAL, lts_code::NET_DOWNSTREAM_UNAVAILABLE),
        };
        let invalid = envelope.invalid(Fault::new(registered, sentence_of(status)));
        metrics::unavailable(rejected(&invalid, http, code, self.clock.now()))
    }
}

/// Whether a message is of use now, from whom it says, and can be answered.
///
/// # Errors
/// Says why not.
pub fn acceptable(
    signatures: &Signatures,
    peers: &Peers,
    auth: Auth,
    action: Action,
    envelope: &Envelope<'_>,
    signed: Option<&Signed>,
) -> Result<(), Invalid> {
    let context = &envelope.context;
    signatures.timely(context).map_err(|fault| envelope.invalid(fault))?;
    // What anybody could have written puts nothing into the index, where sellers need keys.
    if action == Action::Publish && signed.is_none() && auth == Auth::Keys {
        let why = "a catalog is published signed";
        return Err(envelope.invalid(Fault::new(lts_code::AUT_SIGNATURE_MISSING, why)));
    }
    if let Some(signed) = signed {
        signatures.check_buyer(context, signed).map_err(|fault| envelope.invalid(fault))?;
    }
    peers.can_answer(envelope)
}

/// A message of this sender as the mailbox keeps it.
pub fn received(sender: &str, context: &Context, body: &str, signed: Option<&Signed>) -> ReceivedMessage {
    ReceivedMessage {
        sender: sender.to_owned(),
        action: context.action.clone(),
        message_id: context.message_id.to_string(),
        bap_id: context.bap_id.to_string(),
        transaction_id: context.transaction_id.to_string(),
        body: body.to_owned(),
        traceparent: trace::traceparent(),
        authorization: signed.map(Signed::authorization).unwrap_or_default(),
    }
}
