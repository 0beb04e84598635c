//! `POST /api/confirm`.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use p2p_domain::TransactionId;
use serde::{Deserialize, Serialize};

use super::{
    callback::BuyerParts,
    request::{Build, Made, Outgoing, known_id, raw},
    status::seller,
};
use crate::{
    app::App,
    beckn::{
        Action,
        seed::request::{Confirm as Message, OrderRef},
    },
    reply::{ApiError, JsonBody, json},
    transaction::{Loaded, Part},
};

const UNKNOWN: &str = "Transaction not found";
const NO_ORDER: &str = "No order ID available. Run init first or provide order_id.";

/// Which order; that of the transaction unless it is named.
#[derive(Debug, Deserialize)]
pub struct Confirm {
    transaction_id: Option<String>,
    order_id: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    status: &'static str,
    transaction_id: TransactionId,
    order_id: String,
    #[serde(flatten)]
    made: Made,
}

/// Buys the order; the answer comes as on_confirm.
pub async fn confirm(State(app): State<App>, JsonBody(asked): JsonBody<Confirm>) -> Response {
    match ask(&app, asked).await {
        Ok(answer) => json(&answer),
        Err(error) => error.into_response(),
    }
}

async fn ask(app: &App, asked: Confirm) -> Result<Answer, ApiError> {
    let transaction_id =
        known_id(asked.transaction_id.as_deref()).ok_or_else(|| ApiError::bad_request(UNKNOWN))?;
    let (made, order_id) = app.request(&transaction_id, &[Part::Offer], &asked).await?;
    Ok(Answer { status: "ok", transaction_id, order_id, made })
}

impl Build for Confirm {
    /// The order's id.
    type With = String;

    async fn build(&self, app: &App, state: &Loaded) -> Result<(Outgoing, String), ApiError> {
        let head = state.head().ok_or_else(|| ApiError::bad_request(UNKNOWN))?;
        let named = self.order_id.clone().filter(|id| !id.is_empty());
        let id = named.or_else(|| Some(head.order.as_ref()?.id.clone()));
        let id = id.ok_or_else(|| ApiError::bad_request(NO_ORDER))?;
        let message = raw(&Message { order: OrderRef { id: id.clone() } })?;
        let parts = BuyerParts::default();
        Ok((Outgoing { action: Action::Confirm, bpp_id: Some(seller(app, state)), message, parts }, id))
    }
}
