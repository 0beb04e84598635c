//! `p2p.matching.v1.MatchingService`: decode, call one use case, encode.

use std::error::Error as _;

use p2p_domain::{Clock, Energy, Money, OfferId, ParticipantId, ProviderId, TimeWindow, TransactionId};
use p2p_proto::{
    InvalidMessage, matching as wire,
    matching::matching_service_server::{MatchingService, MatchingServiceServer},
    required, timestamp,
};
use p2p_runtime::grpc::{MOST_ANSWER, MOST_REQUEST};
use tonic::{Code, Request, Response, Status};

use crate::{
    app::{self, Choice, Counted, Notebook, Ranking},
    domain::{self, Candidate, Decision, Matched, Outcome, Policy, Ranked, Trade, Weights},
    error::{Error, Kind},
    store::{self, Recorded, Store},
};

/// The service over its store.
#[derive(Debug, Clone)]
pub struct Matching {
    store: Store,
    policy: Policy,
    notebook: Notebook,
    clock: Clock,
}

impl Matching {
    /// Ranks as the policy says, and notes what is chosen.
    pub fn new(store: Store, policy: Policy, notebook: Notebook) -> Self {
        Self { store, policy, notebook, clock: Clock::system() }
    }

    /// As tonic serves it.
    pub fn into_server(self) -> MatchingServiceServer<Self> {
        // A request has room for the most candidates with the longest ids.
        MatchingServiceServer::new(self)
            .max_decoding_message_size(MOST_REQUEST)
            .max_encoding_message_size(MOST_ANSWER)
    }
}

#[tonic::async_trait]
impl MatchingService for Matching {
    async fn rank_offers(
        &self,
        request: Request<wire::RankOffersRequest>,
    ) -> Result<Response<wire::RankOffersResponse>, Status> {
        let mut message = request.into_inner();
        let decides = message.decides.take().map(trade).transpose()?;
        let request = rank_request(message)?;
        let choice = decides.map(|trade| Choice { trade, at: self.clock.now(), notebook: &self.notebook });
        let Ranking { ranked, trust } = app::rank_offers(&self.store, &self.policy, &request, choice).await?;
        let ranked = ranked.into_iter().map(ranked_offer).collect();
        let trust = trust.into_iter().map(|(provider, trust)| wire::Trust::of(provider, trust)).collect();
        Ok(Response::new(wire::RankOffersResponse { ranked, trust }))
    }

    async fn get_trust(
        &self,
        request: Request<wire::GetTrustRequest>,
    ) -> Result<Response<wire::GetTrustResponse>, Status> {
        let ids = request.into_inner().provider_ids;
        let providers: Result<Vec<_>, _> = ids.iter().map(|id| ProviderId::parse(id)).collect();
        let trust = app::get_trust(&self.store, providers.map_err(InvalidMessage::from)?).await?;
        let trust = trust.into_iter().map(|(provider, trust)| wire::Trust::of(provider, trust)).collect();
        Ok(Response::new(wire::GetTrustResponse { trust }))
    }

    async fn set_trust(
        &self,
        request: Request<wire::SetTrustRequest>,
    ) -> Result<Response<wire::SetTrustResponse>, Status> {
        let wire::SetTrustRequest { trust, unless_counted } = request.into_inner();
        let message = required(trust, "trust")?;
        let provider = ProviderId::parse(&message.provider_id).map_err(InvalidMessage::from)?;
        let counted = if unless_counted { Counted::Kept } else { Counted::Replaced };
        let trust = app::set_trust(&self.store, &provider, message.trust()?, counted).await?;
        Ok(Response::new(wire::SetTrustResponse { trust: Some(wire::Trust::of(provider, trust)) }))
    }

    async fn record_outcome(
        &self,
        request: Request<wire::RecordOutcomeRequest>,
    ) -> Result<Response<wire::RecordOutcomeResponse>, Status> {
        let message = request.into_inner();
        let outcome = outcome(message.outcome())?;
        let order = message.order_id.parse().map_err(InvalidMessage::Id)?;
        let provider = ProviderId::parse(&message.provider_id).map_err(InvalidMessage::from)?;
        let Recorded { trust, counted } = app::record_outcome(&self.store, order, &provider, outcome).await?;
        let trust = Some(wire::Trust::of(provider, trust));
        Ok(Response::new(wire::RecordOutcomeResponse { trust, counted }))
    }

    async fn get_outcome(
        &self,
        request: Request<wire::GetOutcomeRequest>,
    ) -> Result<Response<wire::GetOutcomeResponse>, Status> {
        let order = request.into_inner().order_id.parse().map_err(InvalidMessage::Id)?;
        Ok(Response::new(counted(app::get_outcome(&self.store, order).await?)))
    }

    async fn explain_match(
        &self,
        request: Request<wire::ExplainMatchRequest>,
    ) -> Result<Response<wire::ExplainMatchResponse>, Status> {
        let trade = trade(required(request.into_inner().trade, "trade")?)?;
        let decision = Some(decision(app::explain_match(&self.store, trade).await?));
        Ok(Response::new(wire::ExplainMatchResponse { decision }))
    }
}

fn trade(message: wire::Trade) -> Result<Trade, InvalidMessage> {
    Ok(Trade {
        bap: ParticipantId::parse(&message.bap_id)?,
        transaction: TransactionId::parse(&message.transaction_id)?,
    })
}

fn counted(counted: store::Counted) -> wire::GetOutcomeResponse {
    let outcome = match counted.outcome {
        Outcome::Success => wire::Outcome::Success,
        Outcome::Failure => wire::Outcome::Failure,
    };
    wire::GetOutcomeResponse {
        provider_id: counted.provider.to_string(),
        outcome: outcome.into(),
        counted_at: Some(timestamp(counted.counted_at)),
        trust: Some(wire::Trust::of(counted.provider, counted.trust)),
    }
}

fn decision(decision: Decision) -> wire::MatchDecision {
    let Policy { weights, min_trust } = decision.policy;
    let mut best = decision.best.into_iter().map(|offer| matched(offer, weights));
    wire::MatchDecision {
        trade: Some(wire::Trade {
            bap_id: decision.trade.bap.into(),
            transaction_id: decision.trade.transaction.into(),
        }),
        decided_at: Some(timestamp(decision.decided_at)),
        quantity_wh: decision.quantity.wh(),
        window: Some(decision.window.into()),
        max_price_per_kwh: decision.max_price.map(Into::into),
        policy: Some(wire::MatchPolicy {
            price_weight: weights.price().value(),
            trust_weight: weights.trust().value(),
            time_fit_weight: weights.time().value(),
            min_trust: min_trust.value(),
        }),
        candidates: decision.candidates,
        eligible: decision.eligible,
        chosen: best.next(),
        runners_up: best.collect(),
    }
}

fn matched(Matched { offer, scores }: Matched, weights: Weights) -> wire::MatchedOffer {
    wire::MatchedOffer {
        offer: Some(wire::Candidate {
            offer_id: offer.offer_id.into(),
            provider_id: offer.provider_id.into(),
            price_per_kwh: Some(offer.price.into()),
            available_wh: offer.available.wh(),
            window: Some(offer.window.into()),
        }),
        score: scores.total.value(),
        price_score: scores.price.value(),
        trust_score: scores.trust.value(),
        time_fit_score: scores.time_fit.value(),
        sum: weights.sum(scores),
    }
}

fn outcome(message: wire::Outcome) -> Result<Outcome, InvalidMessage> {
    match message {
        wire::Outcome::Unspecified => Err(InvalidMessage::Missing("outcome")),
        wire::Outcome::Success => Ok(Outcome::Success),
        wire::Outcome::Failure => Ok(Outcome::Failure),
    }
}

fn rank_request(message: wire::RankOffersRequest) -> Result<domain::Request, Status> {
    let wire::RankOffersRequest { quantity_wh, window, max_price_per_kwh, candidates, decides: _ } = message;
    let quantity = Energy::from_wh(quantity_wh).map_err(InvalidMessage::from)?;
    let window = TimeWindow::try_from(required(window, "window")?)?;
    let max_price = max_price_per_kwh.map(Money::try_from).transpose()?;
    let candidates = candidates.into_iter().map(candidate).collect::<Result<_, _>>()?;
    Ok(domain::Request::new(quantity, window, max_price, candidates).map_err(Error::from)?)
}

fn candidate(message: wire::Candidate) -> Result<Candidate, InvalidMessage> {
    let wire::Candidate { offer_id, provider_id, price_per_kwh, available_wh, window } = message;
    Ok(Candidate {
        offer_id: OfferId::parse(&offer_id)?,
        provider_id: ProviderId::parse(&provider_id)?,
        price: required(price_per_kwh, "candidate.price_per_kwh")?.try_into()?,
        available: Energy::from_wh(available_wh)?,
        window: required(window, "candidate.window")?.try_into()?,
    })
}

fn ranked_offer(ranked: Ranked) -> wire::RankedOffer {
    let Ranked { offer_id, scores } = ranked;
    wire::RankedOffer {
        offer_id: offer_id.into(),
        score: scores.total.value(),
        price_score: scores.price.value(),
        trust_score: scores.trust.value(),
        time_fit_score: scores.time_fit.value(),
    }
}

impl From<Error> for Status {
    /// The sentence goes to the caller, the chain of causes to the log.
    fn from(error: Error) -> Self {
        let (code, reason) = match error.kind() {
            Kind::NothingWanted => (Code::InvalidArgument, "NOTHING_WANTED"),
            Kind::TooMany => (Code::InvalidArgument, "TOO_MANY"),
            Kind::MixedCurrencies => (Code::InvalidArgument, "MIXED_CURRENCIES"),
            Kind::NoOutcome => (Code::NotFound, "OUTCOME_NOT_FOUND"),
            Kind::NoDecision => (Code::NotFound, "MATCH_NOT_FOUND"),
            Kind::DatabaseUnavailable => (Code::Unavailable, "DATABASE_UNAVAILABLE"),
            Kind::Internal => (Code::Internal, "INTERNAL"),
        };
        if let Some(cause) = error.source() {
            tracing::error!(reason, cause, "{error}");
        }
        p2p_proto::status(code, reason, error.to_string(), error.id())
    }
}
