//! `GET /operator/dead-letters`, `POST /operator/dead-letters/{id}/redrive`: messages that were given up.

use axum::{
    extract::{Query, State},
    response::Response,
};
use p2p_proto::{
    order::{DeadLetter, ListDeadRequest, RedriveRequest},
    utc,
};
use serde::{Deserialize, Serialize};

use crate::{
    app::App,
    beckn::instant,
    named::{LetterId, Named},
    reply::{ApiError, PageQuery, json},
};

/// `?action=` of a list.
#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    action: String,
}

#[derive(Serialize)]
struct Letter {
    id: String,
    transaction_id: String,
    action: String,
    message_id: String,
    uri: String,
    body: String,
    attempts: u32,
    error: String,
    died_at: Option<String>,
}

impl From<DeadLetter> for Letter {
    fn from(letter: DeadLetter) -> Self {
        let delivery = letter.delivery.unwrap_or_default();
        Self {
            id: delivery.id,
            transaction_id: delivery.transaction_id,
            action: delivery.action,
            message_id: delivery.message_id,
            uri: delivery.uri,
            body: delivery.body,
            attempts: delivery.attempts,
            error: letter.error,
            died_at: letter.died_at.and_then(|at| Some(instant(utc(at).ok()?))),
        }
    }
}

#[derive(Serialize)]
struct Letters {
    letters: Vec<Letter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Newest first.
pub async fn list(
    State(app): State<App>,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
    page: PageQuery,
) -> Result<Response, ApiError> {
    let Query(Wanted { action }) =
        wanted.map_err(|_many| ApiError::bad_request("action must be one text"))?;
    let request = ListDeadRequest { limit: page.size(), cursor: page.cursor, action };
    let found = app.services.mailbox.clone().list_dead(request).await?.into_inner();
    let next_cursor = Some(found.next_cursor).filter(|cursor| !cursor.is_empty());
    Ok(json(&Letters { letters: found.letters.into_iter().map(Into::into).collect(), next_cursor }))
}

#[derive(Serialize)]
struct Redriven {
    status: &'static str,
    redriven: String,
}

/// Delivers it from the start of the schedule, the same bytes.
pub async fn redrive(
    State(app): State<App>,
    Named(LetterId(id)): Named<LetterId>,
) -> Result<Response, ApiError> {
    let id = id.to_string();
    let request = RedriveRequest { delivery_id: id.clone() };
    app.services.mailbox.clone().redrive(request).await?;
    tracing::info!(delivery_id = id, "a message that was given up is on its way again");
    Ok(json(&Redriven { status: "ok", redriven: id }))
}
