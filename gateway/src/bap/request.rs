//! Makes a Beckn request for a client: stores it, tells the buyer's state, sends it, and passes the answer on.

use axum::{http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use p2p_domain::TransactionId;
use p2p_proto::order::{OutgoingMessage, SendRequest};
use p2p_runtime::{
    failpoint,
    trace::{self, FutureExt, KeyValue},
};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::callback::BuyerParts;
use crate::{
    access::{Buyer, busy_peer},
    app::App,
    beckn::{self, Action, Context, ErrorBody, PeerAnswer, Profile, Wanted, code, seed},
    exchange::{NO_CALLBACK, Sent, says_no_callback},
    observe::in_trade,
    peers::{Answered, PeerError},
    reply::{ApiError, json},
    signed::Side,
    transaction::{Loaded, Message, Seller, Step, Way},
};

/// How often a request is built anew because its author did not know everything.
const TRIES: usize = 5;

/// A request to be made.
pub(super) struct Outgoing {
    pub action: Action,
    /// The seller; none for the CDS.
    pub seller: Option<Seller>,
    /// What is asked for.
    pub wanted: Wanted,
    /// What it adds to the buyer's state.
    pub parts: BuyerParts,
}

/// What the client is told about its request.
#[derive(Debug, Serialize)]
pub(super) struct Answer<W> {
    status: &'static str,
    transaction_id: TransactionId,
    message_id: String,
    #[serde(flatten)]
    with: W,
    /// The peer's acknowledgement, as it came.
    ack: Box<RawValue>,
}

/// What making a request came to.
enum Made {
    /// The message_id, and the peer's acknowledgement.
    Answered(String, Box<RawValue>),
    /// Nothing is sent: the buyer's side has come so far meanwhile.
    Stale(i64),
}

/// Nothing but the acknowledgement.
#[derive(Debug, Serialize)]
pub(super) struct NothingElse {}

/// What a client asked for, as a request can be built of it on the buyer's state.
pub(super) trait Build: Sync {
    /// What the client is told beside the acknowledgement.
    type With: Serialize + Send;

    /// Builds it, or says why not.
    fn build(
        &self,
        app: &App,
        state: &Loaded,
    ) -> impl Future<Output = Result<(Outgoing, Self::With), ApiError>> + Send;
}

/// JSON of something that can always be written.
pub(super) fn raw<T: Serialize>(value: &T) -> Result<Box<RawValue>, ApiError> {
    to_raw_value(value).map_err(|error| {
        tracing::error!(%error, "a message cannot be written");
        ApiError::internal()
    })
}

/// A transaction id of a request; none when there is none that could be known.
pub(super) fn known_id(text: Option<&str>) -> Option<TransactionId> {
    TransactionId::parse(text?).ok()
}

impl App {
    /// Builds a request on the buyer's state and makes it. Another's transaction is as one that there is not. When the state was stale, it is rebuilt and the
    /// request is built again: a stale cache never trades.
    pub(super) async fn request<B: Build>(
        &self,
        buyer: &Buyer,
        transaction: &TransactionId,
        asked: &B,
    ) -> Result<Response, ApiError> {
        let work = async {
            let state = self.transactions.load_for(buyer, transaction).await?;
            self.request_on(state, buyer, transaction, asked).await
        };
        work.with_context(in_trade(transaction, Vec::new)).await
    }

    /// The same on a state that is known already.
    pub(super) async fn request_on<B: Build>(
        &self,
        state: Loaded,
        buyer: &Buyer,
        transaction: &TransactionId,
        asked: &B,
    ) -> Result<Response, ApiError> {
        let work = self.build_and_send(state, buyer, transaction, asked);
        work.with_context(in_trade(transaction, Vec::new)).await
    }

    async fn build_and_send<B: Build>(
        &self,
        mut state: Loaded,
        buyer: &Buyer,
        transaction: &TransactionId,
        asked: &B,
    ) -> Result<Response, ApiError> {
        for _ in 0..TRIES {
            let (outgoing, with) = match asked.build(self, &state).await {
                Ok(built) => built,
                // What a stale state refuses, the right one may allow.
                Err(refused) => match self.transactions.newer(transaction, &state).await? {
                    Some(newer) => {
                        state = newer;
                        continue;
                    }
                    None => return Err(refused),
                },
            };
            match self.send(buyer, transaction, &state, outgoing).await? {
                Made::Answered(message_id, ack) => {
                    let transaction_id = transaction.clone();
                    tracing::info!(%transaction_id, message_id, "asked");
                    return Ok(json(&Answer { status: "ok", transaction_id, message_id, with, ack }));
                }
                Made::Stale(newest) => state = self.transactions.at(transaction, newest).await?,
            }
        }
        Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "the transaction is changing too fast, try again"))
    }

    /// Stores the request and makes it, unless the state it was built on was stale.
    async fn send(
        &self,
        buyer: &Buyer,
        transaction: &TransactionId,
        state: &Loaded,
        mut outgoing: Outgoing,
    ) -> Result<Made, ApiError> {
        let us = &self.config.identity;
        let bpp = outgoing
            .seller
            .as_ref()
            .map(|seller| (&seller.bpp_id, seller.bpp_uri.as_deref().unwrap_or(us.bpp_uri.as_str())));
        let now = self.clock.now();
        outgoing.parts.at = Some(now);
        let profile = outgoing.seller.as_ref().map_or(self.config.profile, |seller| seller.profile);
        let network = self.config.network_id.clone();
        let bap = (&us.bap_id, us.bap_uri.as_str());
        let context = Context::request(profile, outgoing.action, now, transaction.clone(), bap, bpp, network);
        let body = beckn::request(&context, &outgoing.wanted).map_err(ApiError::bad_request)?;
        let authorization = self.signatures.sign_request(Side::Bap, &body, now).unwrap_or_default();
        let base = bpp.map_or(us.cds_uri.as_str(), |(_, uri)| uri);
        let uri = format!("{}/{}", base.trim_end_matches('/'), outgoing.action);
        let turn = self.peers.turn(&uri, self.access.may_wait_for_a_peer()).ok_or_else(busy_peer)?;
        let request = SendRequest {
            gateway: Some(self.exchange.gateway()?),
            bap_id: us.bap_id.to_string(),
            transaction_id: transaction.to_string(),
            message: Some(OutgoingMessage {
                action: outgoing.action.to_string(),
                message_id: context.message_id.to_string(),
                uri: uri.clone(),
                body: body.clone(),
                delay: None,
                lifetime: context.ttl.and_then(|ttl| ttl.0.try_into().ok()),
                traceparent: trace::traceparent(),
                authorization: authorization.clone(),
            }),
            buyer_json: raw(&outgoing.parts)?.get().to_owned(),
            seen_buyer_seq: state.buyer_seq(),
            client_id: buyer.client_id(),
        };
        trace::note(|| vec![KeyValue::new("beckn.message_id", context.message_id.to_string())]);
        failpoint!("gateway.request.{}.built", outgoing.action);
        let sent = self.services.mailbox.clone().send(request).await?.into_inner();
        if sent.stale {
            return Ok(Made::Stale(sent.buyer_seq));
        }
        failpoint!("gateway.request.{}.stored", outgoing.action);
        self.transactions.belongs_to(transaction, buyer);
        let message = Message::of(&context, outgoing.action, now);
        self.transactions.note(Way::Outbound, message.message_id, outgoing.action.as_str(), now);
        let step = Step::Request(message, outgoing.parts.request_parts());
        self.transactions.apply_to(state, transaction, sent.buyer_seq, &step).await;
        failpoint!("gateway.request.{}.applied", outgoing.action);
        let sent = Sent {
            delivery_id: sent.delivery_id,
            transaction_id: transaction.to_string(),
            action: outgoing.action.to_string(),
            message_id: context.message_id.to_string(),
            uri,
            body,
            attempts: 0,
            authorization,
            answers: String::new(),
        };
        let message_id = sent.message_id.clone();
        let answered = self.exchange.make_request(sent, turn).await;
        let no_callback = answered.as_ref().is_ok_and(|answer| says_no_callback(answer.status));
        let ack = acknowledgement(answered)?;
        let ack = match profile {
            Profile::Seed => ack,
            Profile::Lts => in_the_seeds_words(&context, &ack, no_callback, self.clock.now())?,
        };
        Ok(Made::Answered(message_id, ack))
    }
}

/// A peer's acknowledgement as a client of the seed profile knows it.
fn in_the_seeds_words(
    context: &Context,
    ack: &RawValue,
    no_callback: bool,
    now: DateTime<Utc>,
) -> Result<Box<RawValue>, ApiError> {
    let error = match PeerAnswer::read(ack.get().as_bytes()) {
        Some(PeerAnswer::Nack(error)) => Some(beckn::in_the_seeds_codes(&error)),
        // As the state is told (see `exchange::deliver`).
        Some(PeerAnswer::Ack) if no_callback => Some(ErrorBody::new(code::INVALID, NO_CALLBACK)),
        Some(PeerAnswer::Ack) | None => None,
    };
    let context = raw(&seed::context::Wire::from(context))?;
    let text = seed::ack::written(Some(&context), seed::Ack::new(now, error), None);
    RawValue::from_string(text).map_err(|_never| ApiError::internal())
}

/// The peer's acknowledgement, or what is said to the client without one.
fn acknowledgement(answered: Result<Answered, PeerError>) -> Result<Box<RawValue>, ApiError> {
    let unreachable = |why: String| ApiError::new(StatusCode::BAD_GATEWAY, why);
    let answered = answered.map_err(|error| match error.never_sent() {
        true => unreachable(error.to_string()),
        false => {
            unreachable(format!("{error}; it may have arrived: look at the transaction before asking again"))
        }
    })?;
    let verdict = PeerAnswer::read(&answered.body);
    let ack = serde_json::from_slice::<Box<RawValue>>(&answered.body).ok().filter(|_| verdict.is_some());
    match ack {
        Some(ack)
            if !answered.status.is_server_error() && answered.status != StatusCode::TOO_MANY_REQUESTS =>
        {
            Ok(ack)
        }
        _ if matches!(answered.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) => {
            Err(ApiError::new(
                answered.status,
                "the other side cannot take it now; it is sent again until it is taken, or until you ask again",
            ))
        }
        _ => Err(unreachable(format!(
            "the other side answered {} without a verdict; it is asked again",
            answered.status
        ))),
    }
}
