//! Goes on with an accepted action until its callback is committed.

use std::time::Duration;

use p2p_proto::{
    is_permanent,
    order::{
        BeginResponse, ClaimedWork, FinishRequest, OrderChange, OutgoingMessage, Quote, ReceivedMessage,
        Work, begin_response,
    },
    utc,
};
use p2p_runtime::{
    failpoint,
    trace::{self, SpanKind},
};
use tokio::time::{Instant, sleep};
use tonic::{Code, Status};

use super::{Exchange, deliver::Sent, lease::Leased};
use crate::{
    beckn::{self, Action, Context, Envelope, ErrorBody, Profile, Said, USEFUL_AFTER_TTL},
    bpp::{self, Look, Plan, Reading},
    metrics,
    observe::facts,
    services::broken,
    transaction::Way,
};

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// An accepted action.
#[derive(Debug, Clone)]
pub(super) struct Accepted {
    pub action: Action,
    pub context: Context,
    pub message: ReceivedMessage,
    /// Its callback is due CALLBACK_DELAY later.
    pub accepted_at: Instant,
}

/// What is to be committed.
struct Conclusion {
    said: Said,
    change: Option<OrderChange>,
    quote: Option<Quote>,
}

impl Exchange {
    /// Goes on in the background with what Begin answered, or without it.
    pub(super) fn conclude(&self, accepted: Accepted, begun: Option<BeginResponse>) {
        let work = work(&accepted.message);
        let Some(lease) = self.leases.begin(Leased::from(&work)) else { return };
        let exchange = self.clone();
        self.tasks.spawn(async move {
            exchange.conclude_until_done(accepted, begun, work).await;
            drop(lease);
        });
    }

    /// Goes on with a message that was accepted earlier, by this gateway or another.
    pub(super) fn resume(&self, claimed: ClaimedWork) {
        let Some(message) = claimed.message else { return };
        let Ok(action) = message.action.parse::<Action>() else {
            let ReceivedMessage { action, message_id, transaction_id, .. } = message;
            tracing::error!(
                action,
                message_id,
                transaction_id,
                "an accepted action is unknown here and stays undone"
            );
            return;
        };
        let context = match Envelope::read(&message.body, &message.action) {
            Ok(envelope) => Some(envelope.context),
            // Enough to say that it failed.
            Err(invalid) => invalid.context.and_then(|raw| Context::read(invalid.profile, &raw).ok()),
        };
        let Some(context) = context else {
            let ReceivedMessage { action, message_id, transaction_id, bap_id, .. } = message;
            tracing::error!(
                action,
                message_id,
                transaction_id,
                bap_id,
                "an accepted message is unreadable and stays undone"
            );
            return;
        };
        let since = claimed.accepted_at.and_then(|at| utc(at).ok());
        let age = since.and_then(|at| (self.clock.now() - at).to_std().ok()).unwrap_or_default();
        let accepted_at = Instant::now().checked_sub(age).unwrap_or_else(Instant::now);
        tracing::info!(
            action = message.action,
            message_id = message.message_id,
            "takes over an accepted action"
        );
        self.conclude(Accepted { action, context, message, accepted_at }, None);
    }

    async fn conclude_until_done(&self, accepted: Accepted, begun: Option<BeginResponse>, work: Work) {
        let name = format!("conclude {}", accepted.action);
        let span = trace::child(name, SpanKind::Internal, || facts(&accepted.context));
        trace::inside(span, self.try_until_done(&accepted, begun, &work)).await;
    }

    async fn try_until_done(&self, accepted: &Accepted, mut begun: Option<BeginResponse>, work: &Work) {
        failpoint!("gateway.conclude.{}.started", accepted.action);
        let mut pause = FIRST_PAUSE;
        loop {
            let done = match self.try_conclude(accepted, begun.take(), work).await {
                // What is given up already has to be given back, however long it takes.
                Err(why) if is_permanent(&why) && accepted.action != Action::Cancel => {
                    self.give_up(accepted, work, &why).await
                }
                done => done,
            };
            let Err(error) = done else { return };
            if error.code() == Code::Aborted {
                tracing::info!(message_id = work.message_id, "another gateway works on it by now");
                return;
            }
            let Work { action, message_id, transaction_id, bap_id, .. } = work;
            if is_permanent(&error) {
                tracing::error!(
                    action,
                    message_id,
                    transaction_id,
                    bap_id,
                    %error,
                    "an accepted action can neither be done nor given up; it waits to be mended, and the next waits for it"
                );
            } else {
                tracing::warn!(action, message_id, transaction_id, %error, "an accepted action waits");
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = self.stop.cancelled() => return,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn try_conclude(
        &self,
        accepted: &Accepted,
        begun: Option<BeginResponse>,
        work: &Work,
    ) -> Result<(), Status> {
        let conclusion = match begun {
            Some(begun) if begun.result.is_some() => concluded(begun)?,
            Some(_) | None => self.work_out(accepted).await?,
        };
        failpoint!("gateway.conclude.{}.worked_out", accepted.action);
        self.finish(accepted, conclusion, work).await
    }

    /// Gives up what can never be done: its callback says so. What has been sold goes forward instead.
    async fn give_up(&self, accepted: &Accepted, work: &Work, why: &Status) -> Result<(), Status> {
        let Work { action, message_id, transaction_id, bap_id, .. } = work;
        tracing::error!(
            action,
            message_id,
            transaction_id,
            bap_id,
            %why,
            "an accepted action can never be done; it is given up unless it is sold"
        );
        let order_id =
            bpp::confirmed(self, accepted.action, &accepted.message.body).await?.unwrap_or_default();
        let conclusion = concluded(self.begin_to_give_up(accepted, order_id).await?)?;
        self.finish(accepted, conclusion, work).await
    }

    async fn finish(&self, accepted: &Accepted, conclusion: Conclusion, work: &Work) -> Result<(), Status> {
        let reply = self.callback(accepted, &conclusion.said)?;
        let request = FinishRequest {
            gateway: Some(self.gateway()?),
            work: Some(work.clone()),
            reply: Some(reply.clone()),
            change: conclusion.change,
            quote: conclusion.quote,
        };
        let finished = self.services.mailbox.clone().finish(request).await?.into_inner();
        failpoint!("gateway.conclude.{}.finished", accepted.action);
        self.deliver_reply(accepted, finished.delivery_id, reply);
        self.queue.done();
        Ok(())
    }

    /// Does the work of a message that was accepted before.
    async fn work_out(&self, accepted: &Accepted) -> Result<Conclusion, Status> {
        let unreadable = |why: String| broken(format!("an accepted message is unreadable: {why}"));
        let envelope = Envelope::read(&accepted.message.body, &accepted.message.action)
            .map_err(|e| unreadable(e.why().to_owned()))?;
        let plan = match bpp::plan(self, accepted.action, &envelope, Look::Again).await {
            Ok(plan) => plan,
            Err(bpp::Failed::Invalid(invalid)) => return Err(unreadable(invalid.why().to_owned())),
            Err(bpp::Failed::Service(status)) => return Err(status),
        };
        match plan {
            Plan::Refuse(error) => Ok(Conclusion { said: Said::Failed(error), change: None, quote: None }),
            Plan::Answer(reading) => {
                let Reading { said, quote } = *reading;
                Ok(Conclusion { said, change: None, quote })
            }
            Plan::Init(wish) => concluded(self.begin_init(accepted, wish, true).await?),
            Plan::Confirm(order_id) => concluded(self.begin_confirm(accepted, order_id, true).await?),
            Plan::Cancel(order_id, reason) => {
                concluded(self.begin_cancel(accepted, order_id, reason, true).await?)
            }
        }
    }

    /// The callback, built once: these bytes are stored, and every attempt sends them.
    pub(super) fn callback(&self, accepted: &Accepted, said: &Said) -> Result<OutgoingMessage, Status> {
        let context = self.answer_to(&accepted.context, accepted.action, said)?;
        let lifetime = match accepted.action {
            Action::Discover | Action::Select => {
                let ttl = accepted.context.ttl.or(context.ttl);
                ttl.map(|ttl| ttl.0.saturating_add(USEFUL_AFTER_TTL))
            }
            Action::Init | Action::Confirm | Action::Status | Action::Cancel | Action::Publish => None,
        };
        let mut reply = written(&context, &accepted.message.body, said)?;
        reply.delay = self.config.callback_delay.try_into().ok();
        reply.lifetime = lifetime.and_then(|lifetime| lifetime.try_into().ok());
        Ok(reply)
    }

    /// The context of the callback that says this. In the seed profile a provider is its own BPP; in the LTS profile
    /// we are.
    pub(super) fn answer_to(
        &self,
        request: &Context,
        action: Action,
        said: &Said,
    ) -> Result<Context, Status> {
        let us = &self.config.identity;
        let seller = match request.profile {
            Profile::Seed => said.provider().map(str::parse).transpose().map_err(broken)?,
            Profile::Lts => Some(us.bpp_id.clone()),
        };
        let bpp = seller.as_ref().map(|id| (id, us.bpp_uri.as_str()));
        Ok(request.callback(action, self.clock.now(), bpp))
    }

    /// Delivers a callback that is committed, when it is due.
    pub(super) fn deliver_reply(&self, accepted: &Accepted, delivery_id: String, reply: OutgoingMessage) {
        metrics::accepted(&reply.action);
        self.transactions.note(Way::Outbound, &reply.message_id, &reply.action, self.clock.now());
        let sent = Sent {
            delivery_id,
            transaction_id: accepted.message.transaction_id.clone(),
            action: reply.action,
            message_id: reply.message_id,
            uri: reply.uri,
            body: reply.body,
            attempts: 0,
            authorization: String::new(),
            answers: accepted.message.authorization.clone(),
        };
        self.deliver(sent, accepted.accepted_at + self.config.callback_delay);
    }
}

/// A callback as it is sent to whom its context names. `request` is the text of what it answers.
pub(super) fn written(context: &Context, request: &str, said: &Said) -> Result<OutgoingMessage, Status> {
    Ok(OutgoingMessage {
        traceparent: trace::traceparent(),
        action: context.action.clone(),
        message_id: context.message_id.to_string(),
        uri: context.callback_uri(),
        body: beckn::callback(context, request, said).map_err(broken)?,
        ..OutgoingMessage::default()
    })
}

/// What an init, confirm or cancel came to.
fn concluded(begun: BeginResponse) -> Result<Conclusion, Status> {
    let change = begun.change;
    match begun.result {
        Some(begin_response::Result::Order(order)) => {
            Ok(Conclusion { said: Said::Order(Box::new(order)), change, quote: None })
        }
        Some(begin_response::Result::Failure(refusal)) => {
            let error = ErrorBody::new(&refusal.code, refusal.message);
            Ok(Conclusion { said: Said::Failed(error), change, quote: None })
        }
        None => Err(Status::unavailable("the catalog has not answered yet")),
    }
}

fn work(message: &ReceivedMessage) -> Work {
    Work {
        sender: message.sender.clone(),
        action: message.action.clone(),
        message_id: message.message_id.clone(),
        bap_id: message.bap_id.clone(),
        transaction_id: message.transaction_id.clone(),
    }
}
