//! `GET /operator/keys`, `DELETE /operator/keys/{id}`.

use axum::{
    extract::{FromRequestParts, Query, State},
    http::request::Parts,
    response::Response,
};
use serde::Deserialize;

use crate::{
    access::{KeyId, KeyPage, Kind, Revoked},
    app::App,
    named::Named,
    reply::{ApiError, PageQuery, json},
};

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    owner_id: String,
}

/// `?kind=&owner_id=` of a list.
pub struct Wanted {
    kind: Option<Kind>,
    owner_id: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Wanted {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let bad = || ApiError::bad_request("kind must be provider or client, and owner_id one text");
        let Query(Asked { kind, owner_id }) =
            Query::from_request_parts(parts, state).await.map_err(|_rejection| bad())?;
        let kind = Some(kind).filter(|kind| !kind.is_empty());
        let kind = kind.map(|kind| kind.parse()).transpose().map_err(|()| bad())?;
        Ok(Self { kind, owner_id })
    }
}

/// Keys, newest first, without the keys themselves.
pub async fn list(State(app): State<App>, wanted: Wanted, page: PageQuery) -> Result<Response, ApiError> {
    let Wanted { kind, owner_id } = wanted;
    let found = app.access.keys.list(kind, owner_id, page.size(), page.cursor).await?;
    Ok(json(&KeyPage::from(found)))
}

/// Revokes a key, for ever.
pub async fn revoke(State(app): State<App>, Named(id): Named<KeyId>) -> Result<Response, ApiError> {
    app.access.keys.revoke(id, None, String::new()).await?;
    Ok(json(&Revoked::of(id)))
}
