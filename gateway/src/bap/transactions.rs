//! `GET` and `DELETE /api/transactions`, `GET /api/transactions/{id}[/events]`.

use axum::{
    extract::{FromRequestParts, Path, State},
    http::{StatusCode, request::Parts},
    response::Response,
};
use p2p_domain::TransactionId;
use p2p_proto::{
    order::{Direction, Event, ListEventsRequest},
    utc,
};
use serde::Serialize;

use crate::{
    access::Buyer,
    app::App,
    beckn::instant,
    named::NO_TRANSACTION,
    reply::{ApiError, PageQuery, json, json_text},
};

const USUALLY_LISTED: u32 = 100;

fn not_found() -> ApiError {
    ApiError::not_found(NO_TRANSACTION)
}

/// The transaction that the path names. What can be no id is an unknown one.
pub struct Named(TransactionId);

impl FromRequestParts<App> for Named {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Path(id) =
            Path::<String>::from_request_parts(parts, app).await.map_err(|_no_text| not_found())?;
        TransactionId::parse(&id).map(Self).map_err(|_no_id| not_found())
    }
}

/// Whole states, newest first.
pub async fn list(State(app): State<App>, buyer: Buyer, page: PageQuery) -> Result<Response, ApiError> {
    Ok(json(&app.transactions.list(&buyer, page.limit.unwrap_or(USUALLY_LISTED), page.cursor).await?))
}

/// One state.
pub async fn show(State(app): State<App>, buyer: Buyer, Named(id): Named) -> Result<Response, ApiError> {
    Ok(json_text(StatusCode::OK, app.transactions.show(&buyer, &id).await?.ok_or_else(not_found)?))
}

#[derive(Serialize)]
struct Cleared {
    status: &'static str,
    cleared: u64,
}

/// Clears the buyer's view; orders and messages stay.
pub async fn clear(State(app): State<App>) -> Result<Response, ApiError> {
    Ok(json(&Cleared { status: "ok", cleared: app.transactions.clear().await? }))
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
    buyer: Buyer,
    Named(transaction): Named,
    page: PageQuery,
) -> Result<Response, ApiError> {
    let after_seq = match page.cursor.as_str() {
        "" => 0,
        cursor => cursor.parse().map_err(|_e| ApiError::bad_request("cursor is not one of ours"))?,
    };
    if !app.transactions.is_of(&buyer, &transaction).await? {
        return Err(not_found());
    }
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
    Ok(json(&Events { transaction_id: transaction.into(), events, next_cursor }))
}
