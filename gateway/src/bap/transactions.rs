//! `GET` and `DELETE /api/transactions`, `GET /api/transactions/{id}[/events]`.

use axum::{
    extract::{Path, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use p2p_domain::TransactionId;
use p2p_proto::{
    order::{Direction, Event, ListEventsRequest},
    utc,
};
use serde::Serialize;

use crate::{
    app::App,
    beckn::instant,
    reply::{ApiError, PageQuery, json},
};

const USUALLY_LISTED: u32 = 100;

fn not_found() -> ApiError {
    ApiError::not_found("Transaction not found")
}

/// Whole states, newest first.
pub async fn list(State(app): State<App>, page: PageQuery) -> Response {
    match app.transactions.list(page.limit.unwrap_or(USUALLY_LISTED), page.cursor).await {
        Ok(page) => json(&page),
        Err(status) => ApiError::from(status).into_response(),
    }
}

/// What is no id, or no UTF-8, is no transaction's.
fn known_id(id: Result<Path<String>, PathRejection>) -> Result<TransactionId, ApiError> {
    let Path(id) = id.map_err(|_not_utf8| not_found())?;
    TransactionId::parse(&id).map_err(|_unknown| not_found())
}

/// One state.
pub async fn show(State(app): State<App>, id: Result<Path<String>, PathRejection>) -> Response {
    let Ok(id) = known_id(id) else { return not_found().into_response() };
    match app.transactions.show(&id).await {
        Ok(Some(state)) => json(&state),
        Ok(None) => not_found().into_response(),
        Err(status) => ApiError::from(status).into_response(),
    }
}

#[derive(Serialize)]
struct Cleared {
    status: &'static str,
    cleared: u64,
}

/// Clears the buyer's view; orders and messages stay.
pub async fn clear(State(app): State<App>) -> Response {
    match app.transactions.clear().await {
        Ok(cleared) => json(&Cleared { status: "ok", cleared }),
        Err(status) => ApiError::from(status).into_response(),
    }
}

/// A row of the seed's events table.
#[derive(Serialize)]
struct Shown {
    id: String,
    transaction_id: String,
    message_id: String,
    action: String,
    direction: &'static str,
    raw_json: String,
    created_at: String,
}

#[derive(Serialize)]
struct Events {
    transaction_id: String,
    events: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl Shown {
    fn of(event: Event) -> Result<Self, ApiError> {
        let at = event.created_at.and_then(|at| utc(at).ok()).ok_or_else(ApiError::internal)?;
        Ok(Self {
            direction: if event.direction() == Direction::Inbound { "INBOUND" } else { "OUTBOUND" },
            id: event.id,
            transaction_id: event.transaction_id,
            message_id: event.message_id,
            action: event.action,
            raw_json: event.raw_json,
            created_at: instant(at),
        })
    }
}

/// The messages of one transaction in order of acceptance, both ways, with their exact text.
pub async fn events(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
    page: PageQuery,
) -> Response {
    let listed = match known_id(id) {
        Ok(id) => list_events(&app, id, page).await,
        Err(error) => Err(error),
    };
    match listed {
        Ok(events) => json(&events),
        Err(error) => error.into_response(),
    }
}

async fn list_events(app: &App, transaction: TransactionId, page: PageQuery) -> Result<Events, ApiError> {
    let after_seq = match page.cursor.as_str() {
        "" => 0,
        cursor => cursor.parse().map_err(|_e| ApiError::bad_request("cursor is not one of ours"))?,
    };
    let request = ListEventsRequest {
        bap_id: app.config.identity.bap_id.to_string(),
        transaction_id: transaction.to_string(),
        buyer_view: false,
        after_seq,
        limit: page.limit.unwrap_or(USUALLY_LISTED),
    };
    let found = app.services.mailbox.clone().list_events(request).await?.into_inner();
    if found.events.is_empty() && after_seq == 0 {
        return Err(not_found());
    }
    let next_cursor = found.events.last().filter(|_| found.more).map(|event| event.seq.to_string());
    let events = found.events.into_iter().map(Shown::of).collect::<Result<_, _>>()?;
    Ok(Events { transaction_id: transaction.to_string(), events, next_cursor })
}
