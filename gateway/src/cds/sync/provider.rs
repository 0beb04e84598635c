//! `POST /sync/provider`.

use axum::{extract::State, response::Response};
use p2p_domain::{ParticipantId, ProviderId, Trust, TrustError};
use p2p_proto::{
    catalog::{ListProvidersRequest, Origin, Provider, UpsertProviderRequest},
    matching::{self, GetTrustRequest, SetTrustRequest},
};

use super::synced;
use crate::{
    app::App,
    fields::Fields,
    reply::{ApiError, JsonBody},
};

const REQUIRED: &str = "id and name are required";

/// Makes or changes a provider, and says how far it is relied on as long as no order of it has been counted here.
pub async fn sync(State(app): State<App>, JsonBody(fields): JsonBody<Fields>) -> Result<Response, ApiError> {
    let missing = || ApiError::bad_request(REQUIRED);
    let id: ProviderId = fields.id("id")?.ok_or_else(missing)?;
    let name = fields.text("name")?.ok_or_else(missing)?;
    let bpp = Bpp::read(&fields)?;
    let trust = trust(&app, &fields, &id).await?;
    let known = known(&app, &id).await?;
    let (bpp_id, bpp_uri) = bpp.of(&app, &known)?;
    let origin = Origin::Sync.into();
    let provider = Provider { id: id.to_string(), name, origin, bpp_id, bpp_uri, ..known };
    let request = UpsertProviderRequest { provider: Some(provider), must_be_new: false };
    app.services.catalog.clone().upsert_provider(request).await?;
    if let Some(trust) = trust {
        let trust = Some(matching::Trust::of(id.to_string(), trust));
        app.services.matching.clone().set_trust(SetTrustRequest { trust, unless_counted: true }).await?;
    }
    Ok(synced("provider", id.into()))
}

/// The provider as far as it is known.
async fn known(app: &App, id: &ProviderId) -> Result<Provider, ApiError> {
    let request = ListProvidersRequest { ids: vec![id.to_string()], ..ListProvidersRequest::default() };
    let known = app.services.catalog.clone().list_providers(request).await?.into_inner();
    Ok(known.providers.into_iter().next().unwrap_or_default())
}

/// The trust that is told: what is not said of it stays as it is.
async fn trust(app: &App, fields: &Fields, id: &ProviderId) -> Result<Option<Trust>, ApiError> {
    let score = fields.score("trust_score")?;
    let total = fields.count("total_orders")?.map(i64::from);
    let successful = fields.count("successful_orders")?.map(i64::from);
    if score.is_none() && total.is_none() && successful.is_none() {
        return Ok(None);
    }
    let request = GetTrustRequest { provider_ids: vec![id.to_string()] };
    let known = app.services.matching.clone().get_trust(request).await?.into_inner().trust.pop();
    let known = known.unwrap_or_else(|| matching::Trust::of(id.to_string(), Trust::UNKNOWN));
    let trust = Trust::new(
        score.unwrap_or(known.score),
        total.unwrap_or(known.total_orders),
        successful.unwrap_or(known.successful_orders),
    );
    trust.map(Some).map_err(|why| match why {
        TrustError::Score => ApiError::bad_request("trust_score must be a number from 0 to 1"),
        TrustError::Orders => ApiError::bad_request("successful_orders must be at most total_orders"),
    })
}

/// Who takes a provider's orders, as far as it is told.
enum Bpp {
    /// Who did before.
    AsKnown,
    Told(ParticipantId, String),
}

impl Bpp {
    fn read(fields: &Fields) -> Result<Self, ApiError> {
        match (fields.id("bpp_id")?, fields.address("bpp_uri")?) {
            (Some(id), Some(uri)) => Ok(Self::Told(id, uri.trim_end_matches('/').to_owned())),
            (None, None) => Ok(Self::AsKnown),
            _ => Err(ApiError::bad_request("bpp_id and bpp_uri must be given together, or neither")),
        }
    }

    /// Its id and URI; both empty when the orders are ours.
    fn of(self, app: &App, known: &Provider) -> Result<(String, String), ApiError> {
        match self {
            Self::Told(_, uri) if app.peers.is_own(&uri) => Ok(Default::default()),
            Self::Told(id, uri) => match app.peers.check(&uri) {
                Ok(()) => Ok((id.into(), uri)),
                Err(why) => Err(ApiError::bad_request(format!("bpp_uri cannot be called: {why}"))),
            },
            Self::AsKnown => Ok((known.bpp_id.clone(), known.bpp_uri.clone())),
        }
    }
}
