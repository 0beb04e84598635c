//! `p2p.matching.v1.MatchingService`: decode, call one use case, encode.

use std::error::Error as _;

use p2p_domain::{Energy, Money, OfferId, ProviderId, TimeWindow};
use p2p_proto::{
    InvalidMessage, matching as wire,
    matching::matching_service_server::{MatchingService, MatchingServiceServer},
    required,
};
use tonic::{Code, Request, Response, Status};

use crate::{
    app::{self, Counted, Ranking},
    domain::{self, Candidate, Outcome, Policy, Ranked},
    error::{Error, Kind},
    store::{Recorded, Store},
};

/// Room for the most candidates with the longest ids.
const MOST_REQUEST_BYTES: usize = 8 * 1024 * 1024;

/// The service over its store.
#[derive(Debug, Clone)]
pub struct Matching {
    store: Store,
    policy: Policy,
}

impl Matching {
    /// Ranks as the policy says.
    pub fn new(store: Store, policy: Policy) -> Self {
        Self { store, policy }
    }

    /// As tonic serves it.
    pub fn into_server(self) -> MatchingServiceServer<Self> {
        MatchingServiceServer::new(self).max_decoding_message_size(MOST_REQUEST_BYTES)
    }
}

#[tonic::async_trait]
impl MatchingService for Matching {
    async fn rank_offers(
        &self,
        request: Request<wire::RankOffersRequest>,
    ) -> Result<Response<wire::RankOffersResponse>, Status> {
        let request = rank_request(request.into_inner())?;
        let Ranking { ranked, trust } = app::rank_offers(&self.store, &self.policy, &request).await?;
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
}

fn outcome(message: wire::Outcome) -> Result<Outcome, InvalidMessage> {
    match message {
        wire::Outcome::Unspecified => Err(InvalidMessage::Missing("outcome")),
        wire::Outcome::Success => Ok(Outcome::Success),
        wire::Outcome::Failure => Ok(Outcome::Failure),
    }
}

fn rank_request(message: wire::RankOffersRequest) -> Result<domain::Request, Status> {
    let wire::RankOffersRequest { quantity_wh, window, max_price_per_kwh, candidates } = message;
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
            Kind::DatabaseUnavailable => (Code::Unavailable, "DATABASE_UNAVAILABLE"),
            Kind::Internal => (Code::Internal, "INTERNAL"),
        };
        if let Some(cause) = error.source() {
            tracing::error!(reason, cause, "{error}");
        }
        p2p_proto::status(code, reason, error.to_string(), None)
    }
}
