//! `GET` and `POST /seller/keys`, `DELETE /seller/keys/{id}`: a provider's own keys.

use axum::{extract::State, response::Response};
use serde::Serialize;

use super::ListQuery;
use crate::{
    access::{KeyId, KeyPage, Kind, Revoked, Seller, shown_once},
    app::App,
    fields::Fields,
    named::Named,
    reply::{ApiError, JsonBody, json},
};

/// The provider's keys, newest first, without the keys themselves.
pub async fn list(State(app): State<App>, query: ListQuery) -> Result<Response, ApiError> {
    let Some(provider_id) = query.provider_id() else { return Ok(json(&KeyPage::default())) };
    let page = query.page;
    let found = app.access.keys.list(Some(Kind::Provider), provider_id, page.size(), page.cursor).await?;
    Ok(json(&KeyPage::from(found)))
}

#[derive(Serialize)]
struct Made {
    status: &'static str,
    key_id: String,
    /// The key, shown here and never again.
    api_key: String,
}

/// Another key, to take the place of an old one: that works until it is revoked.
pub async fn create(
    State(app): State<App>,
    seller: Seller,
    JsonBody(fields): JsonBody<Fields>,
) -> Result<Response, ApiError> {
    let label = fields.text("label")?.unwrap_or_default();
    let made = app.access.issue(Kind::Provider, &seller.provider_id(), label).await?;
    let api_key = made.key.expose().to_owned();
    Ok(shown_once(&Made { status: "ok", key_id: made.id.to_string(), api_key }))
}

/// Revokes a key of the provider, for ever.
pub async fn revoke(
    State(app): State<App>,
    seller: Seller,
    Named(id): Named<KeyId>,
) -> Result<Response, ApiError> {
    app.access.keys.revoke(id, Some(Kind::Provider), seller.provider_id()).await?;
    Ok(json(&Revoked::of(id)))
}
