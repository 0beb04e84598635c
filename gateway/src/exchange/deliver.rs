//! Sends callbacks until they have arrived, and requests of our buyer's side until they are answered.

use std::time::Duration;

use axum::http::StatusCode;
use p2p_domain::TransactionId;
use p2p_proto::order::{Delivery, DeliveryMark, Refusal};
use p2p_runtime::{
    failpoint,
    planted::{Bug, planted},
    trace::{self, KeyValue, SpanKind},
};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep, sleep_until},
};

use super::{
    Exchange,
    lease::Leased,
    mark::{dead, delivered, retry},
};
use crate::{
    access::leave,
    beckn::{Action, ErrorBody, PeerAnswer, code, in_the_seeds_codes},
    metrics,
    peers::{Answered, PeerError, Turn},
    transaction::Step,
};

/// How long after each failed attempt the next one is made.
const SCHEDULE: [Duration; 7] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(60 * 60),
    Duration::from_secs(6 * 60 * 60),
];
/// Attempts at a peer that refuses to take it.
const TRIES_WHEN_REFUSED: usize = 3;
/// Bounds of a peer's Retry-After.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// What 202 means (AckNoCallback of the LTS profile).
pub const NO_CALLBACK: &str = "the other side has taken it, and says that it will not answer it";

/// How long a gateway that stops waits for a peer; well within its grace.
const PATIENCE_WHEN_STOPPED: Duration = Duration::from_secs(2);

/// A message to be delivered, under this gateway's lease.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The outbox row.
    pub delivery_id: String,
    /// The trade.
    pub transaction_id: String,
    /// on_select, select, ...
    pub action: String,
    /// context.message_id.
    pub message_id: String,
    /// Where to.
    pub uri: String,
    /// The exact text.
    pub body: String,
    /// How often it was tried.
    pub attempts: usize,
    /// Of a request: the header that it is always sent with; empty when it is not signed.
    pub authorization: String,
    /// Of a callback: the header of the request that it answers; empty when that was not signed, or when it answers none.
    pub answers: String,
}

impl From<Delivery> for Sent {
    fn from(delivery: Delivery) -> Self {
        Self {
            delivery_id: delivery.id,
            transaction_id: delivery.transaction_id,
            action: delivery.action,
            message_id: delivery.message_id,
            uri: delivery.uri,
            body: delivery.body,
            attempts: delivery.attempts as usize,
            authorization: delivery.authorization,
            answers: delivery.request_authorization,
        }
    }
}

impl Sent {
    /// As a span tells them (semantic conventions, "Messaging").
    fn attributes(&self) -> Vec<KeyValue> {
        vec![
            KeyValue::new("messaging.system", "beckn"),
            KeyValue::new("messaging.operation.type", "send"),
            KeyValue::new("messaging.operation.name", "deliver"),
            KeyValue::new("messaging.message.id", self.message_id.clone()),
            KeyValue::new("beckn.action", self.action.clone()),
            KeyValue::new("beckn.transaction_id", self.transaction_id.clone()),
            KeyValue::new("beckn.attempt", i64::try_from(self.attempts + 1).unwrap_or(i64::MAX)),
        ]
    }
}

impl Exchange {
    /// Delivers in the background, not before `due`. A gateway that stops before leaves it to the next one.
    pub fn deliver(&self, sent: Sent, due: Instant) {
        let exchange = self.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = sleep_until(due) => {}
                () = exchange.stop.cancelled() => {
                    // What is due at once is still sent by this gateway.
                    if due > Instant::now() {
                        return;
                    }
                }
            }
            let Some(_lease) = exchange.leases.begin(Leased::Delivery(sent.delivery_id.clone())) else {
                return;
            };
            let span =
                trace::child(format!("deliver {}", sent.action), SpanKind::Producer, || sent.attributes());
            let delivery = trace::inside(span, async {
                match Action::answered_by(&sent.action).is_some() {
                    true => exchange.deliver_callback(sent).await,
                    false => {
                        let _for_nobody = exchange.deliver_request(&sent).await;
                    }
                }
            });
            exchange.unless_stopped(delivery).await;
        });
    }

    /// Waits for a peer, but not for long when the gateway stops: then the next one sends the same bytes.
    async fn unless_stopped<T>(&self, delivery: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = delivery => Some(done),
            () = async { self.stop.cancelled().await; sleep(PATIENCE_WHEN_STOPPED).await } => None,
        }
    }

    async fn deliver_callback(&self, mut sent: Sent) {
        if planted(Bug::BodyPerAttempt)
            && let Ok(mut body) = serde_json::from_str::<serde_json::Value>(&sent.body)
        {
            body["context"]["timestamp"] = self.clock.now().to_rfc3339().into();
            sent.body = body.to_string();
        }
        failpoint!("gateway.deliver.{}.due", sent.action);
        let (callback, began) = (metrics::callback(&sent.action), Instant::now());
        let authorization = self.signatures.sign_callback(&sent.body, &sent.answers, self.clock.now());
        let answered = self.peers.post(&sent.uri, &sent.body, authorization.as_deref()).await;
        failpoint!("gateway.deliver.{}.posted", sent.action);
        let mark = match answered {
            Ok(answer) if answer.status.is_success() => delivered(sent.delivery_id, None),
            Ok(answer) => after_refusal(sent, &answer),
            Err(error) => again_or_dead(sent, None, error.to_string(), repeats_after(&error)),
        };
        metrics::attempted(callback, &mark, began.elapsed());
        self.marks.push_callback(callback, mark);
    }

    /// Makes a request whose client waits for the answer, and is not at work meanwhile. It goes on when the client has gone
    /// away.
    pub async fn make_request(&self, sent: Sent, turn: Turn) -> Result<Answered, PeerError> {
        leave();
        let (answer, answered) = oneshot::channel();
        let (exchange, uri) = (self.clone(), sent.uri.clone());
        self.tasks.spawn(async move {
            let _lease = exchange.leases.begin(Leased::Delivery(sent.delivery_id.clone()));
            if let Some(answered) = exchange.unless_stopped(exchange.deliver_request(&sent)).await {
                if !answered.as_ref().is_ok_and(|answer| answer.status.is_success()) {
                    // Before the client hears of it and asks again: then the mailbox knows that this one has failed.
                    if let Err(error) = exchange.report().await {
                        tracing::warn!(%error, "a failed request is reported later");
                    }
                }
                // Nobody may be waiting any more.
                let _ = answer.send(answered);
            }
            drop(turn);
        });
        answered.await.unwrap_or(Err(PeerError::Stopped(uri)))
    }

    /// Makes a request of our buyer's side and notes how it went. Answers the peer's answer, to be passed on.
    ///
    /// A refusal, and a connection that was never made, are told to the buyer's state. A request that may have
    /// arrived stays open: it is made again with the same bytes until it is answered or its time is over.
    async fn deliver_request(&self, sent: &Sent) -> Result<Answered, PeerError> {
        let authorization = Some(sent.authorization.as_str()).filter(|header| !header.is_empty());
        let answered = self.peers.post(&sent.uri, &sent.body, authorization).await;
        failpoint!("gateway.deliver.{}.posted", sent.action);
        if let Ok(answer) = &answered {
            self.look_at_signature(sent, answer);
        }
        let id = || sent.delivery_id.clone();
        match &answered {
            Ok(answer) => match PeerAnswer::read(&answer.body) {
                Some(PeerAnswer::Ack) if says_no_callback(answer.status) => {
                    let told = ErrorBody::new(code::INVALID, NO_CALLBACK);
                    self.refused(sent, told, |refusal| delivered(id(), Some(refusal))).await;
                }
                Some(PeerAnswer::Ack) if answer.status.is_success() => self.marks.push(delivered(id(), None)),
                // It has come before: the answer was lost.
                Some(PeerAnswer::Nack(error)) if error.is_replay() => self.marks.push(delivered(id(), None)),
                Some(PeerAnswer::Nack(error)) if !is_passing(answer.status) => {
                    let told = in_the_seeds_codes(&error);
                    self.refused(sent, told, |refusal| delivered(id(), Some(refusal))).await;
                }
                _ => {
                    let why = format!("answered {} without a verdict", answer.status);
                    self.marks.push(again_or_dead(sent.clone(), answer.retry_after, why, SCHEDULE.len()));
                }
            },
            Err(error) if error.never_sent() && sent.attempts == 0 => {
                let told = ErrorBody::new(code::INTERNAL, error.to_string());
                self.refused(sent, told, |refusal| dead(id(), error.to_string(), Some(refusal))).await;
            }
            Err(error) => {
                let repeats = repeats_after(error);
                self.marks.push(again_or_dead(sent.clone(), None, error.to_string(), repeats));
            }
        }
        answered
    }

    /// Nobody waits for it: it is for the log.
    fn look_at_signature(&self, sent: &Sent, answer: &Answered) {
        if !self.signatures.signs() {
            return;
        }
        let (signatures, sent, answer) = (self.signatures.clone(), sent.clone(), answer.clone());
        self.tasks.spawn(async move {
            signatures.look_at_answer(&sent.uri, &answer, &sent.authorization).await;
        });
    }

    /// Notes that a request was refused or never made, and tells the buyer's state.
    async fn refused(&self, sent: &Sent, error: ErrorBody, mark: impl Fn(Refusal) -> DeliveryMark) {
        let refusal = Refusal { code: error.code.clone(), message: error.message.clone() };
        let buyer_seq = match self.report_refusal(mark(refusal)).await {
            Ok(seq) if seq > 0 => seq,
            Ok(_) => return,
            Err(status) => {
                tracing::warn!(%status, message_id = sent.message_id, "a refusal is not noted; it will be asked for again");
                return;
            }
        };
        if let Ok(transaction) = sent.transaction_id.parse::<TransactionId>() {
            let step = Step::Refused(&sent.message_id, error);
            self.transactions.apply(&transaction, buyer_seq, &step).await;
        }
    }
}

/// How often it is worth while to call again where nobody answered: what is written in an address stays as it is; where
/// its name leads may change, as what a peer refuses may; and a peer may come back.
fn repeats_after(error: &PeerError) -> usize {
    match error {
        PeerError::Address { .. } => 0,
        PeerError::NotAllowed { .. } => TRIES_WHEN_REFUSED - 1,
        PeerError::Unreachable { .. } | PeerError::NoAnswer { .. } | PeerError::Stopped(_) => SCHEDULE.len(),
    }
}

/// Received, and no callback will follow: AckNoCallback, as beckn-onix says it and as the specification's text of April does.
pub fn says_no_callback(status: StatusCode) -> bool {
    matches!(status, StatusCode::ACCEPTED | StatusCode::CONFLICT)
}

/// Statuses that say nothing against the message itself.
fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429)
}

fn after_refusal(sent: Sent, answer: &Answered) -> DeliveryMark {
    let tries = if is_passing(answer.status) { SCHEDULE.len() } else { TRIES_WHEN_REFUSED - 1 };
    again_or_dead(sent, answer.retry_after, format!("answered {}", answer.status), tries)
}

/// Again after the schedule's pause, or given up after so many repeats.
fn again_or_dead(sent: Sent, retry_after: Option<Duration>, why: String, repeats: usize) -> DeliveryMark {
    let Sent { action, message_id, transaction_id, uri, .. } = &sent;
    // This one as well.
    let attempts = sent.attempts + 1;
    match SCHEDULE.get(sent.attempts).filter(|_| sent.attempts < repeats) {
        Some(pause) => {
            // Who always asks for a second does not use up all attempts within seconds.
            let least = SCHEDULE[sent.attempts.saturating_sub(1)];
            let within = |asked: Duration| asked.min(LONGEST_RETRY_AFTER).max(least);
            let pause = retry_after.map_or(jittered(*pause), within);
            tracing::info!(
                action,
                message_id,
                transaction_id,
                uri,
                attempts,
                why,
                ?pause,
                "not delivered, again later"
            );
            retry(sent.delivery_id, pause, why)
        }
        None => {
            tracing::warn!(action, message_id, transaction_id, uri, attempts, why, "not delivered, given up");
            dead(sent.delivery_id, why, None)
        }
    }
}

/// Up to a fifth longer, so that what failed together does not come back together.
fn jittered(pause: Duration) -> Duration {
    let most = u64::try_from(pause.as_millis() / 5).unwrap_or(u64::MAX);
    pause + Duration::from_millis(fastrand::u64(0..=most))
}
