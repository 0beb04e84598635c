//! `POST /operator/providers/{id}/keys`.

use axum::{extract::State, response::Response};
use p2p_domain::ProviderId;
use p2p_proto::catalog::ListProvidersRequest;

use super::made;
use crate::{
    access::Kind,
    app::App,
    fields::Fields,
    named::{Named, Noun},
    reply::{ApiError, JsonBody},
};

/// Another key of a provider.
pub async fn create_key(
    State(app): State<App>,
    Named(id): Named<ProviderId>,
    JsonBody(fields): JsonBody<Fields>,
) -> Result<Response, ApiError> {
    let label = fields.text("label")?.unwrap_or_default();
    let request = ListProvidersRequest { ids: vec![id.to_string()], ..ListProvidersRequest::default() };
    let known = app.services.catalog.clone().list_providers(request).await?.into_inner();
    if known.providers.is_empty() {
        return Err(ApiError::not_found(ProviderId::NOT_FOUND));
    }
    Ok(made(&app.access.issue(Kind::Provider, id.as_str(), label).await?))
}
