//! `POST /operator/clients`, `POST /operator/clients/{id}/keys`.

use axum::{extract::State, response::Response};
use p2p_domain::ClientId;
use serde::Serialize;

use super::made;
use crate::{
    access::{Kind, new_client, shown_once},
    app::App,
    fields::Fields,
    named::{Named, Noun},
    reply::{ApiError, JsonBody},
};

#[derive(Serialize)]
struct Client {
    id: String,
    name: String,
}

#[derive(Serialize)]
struct Made {
    status: &'static str,
    client: Client,
    key_id: String,
    /// The client's first key, shown here and never again.
    key: String,
}

/// A new client: an id and a key. Its name is what the key is called.
pub async fn create(
    State(app): State<App>,
    JsonBody(fields): JsonBody<Fields>,
) -> Result<Response, ApiError> {
    let name = fields.text("name")?.ok_or_else(|| ApiError::bad_request("Client name is required"))?;
    let id = new_client()?;
    let issued = app.access.issue(Kind::Client, &id, name.clone()).await?;
    let (key_id, key) = (issued.id.to_string(), issued.key.expose().to_owned());
    Ok(shown_once(&Made { status: "ok", client: Client { id, name }, key_id, key }))
}

/// Another key of a client. There is a client when there was a key of it.
pub async fn create_key(
    State(app): State<App>,
    Named(id): Named<ClientId>,
    JsonBody(fields): JsonBody<Fields>,
) -> Result<Response, ApiError> {
    let label = fields.text("label")?.unwrap_or_default();
    let known = app.access.keys.list(Some(Kind::Client), id.to_string(), 1, String::new()).await?;
    if known.keys.is_empty() {
        return Err(ApiError::not_found(ClientId::NOT_FOUND));
    }
    Ok(made(&app.access.issue(Kind::Client, id.as_str(), label).await?))
}
