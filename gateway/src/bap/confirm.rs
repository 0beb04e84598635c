//! `POST /api/confirm`.

use axum::{extract::State, response::Response};
use serde::{Deserialize, Serialize};

use super::{
    callback::BuyerParts,
    request::{Build, Outgoing, known_id, raw},
    status::seller,
};
use crate::{
    app::App,
    beckn::{
        Action,
        seed::request::{Confirm as Message, OrderRef},
    },
    reply::{ApiError, JsonBody},
    transaction::Loaded,
};

const UNKNOWN: &str = "Transaction not found";
const NO_ORDER: &str = "No order ID available. Run init first or provide order_id.";

/// Which order; that of the transaction unless it is named.
#[derive(Debug, Deserialize)]
pub struct Confirm {
    transaction_id: Option<String>,
    order_id: Option<String>,
}

/// The order that is bought.
#[derive(Serialize)]
pub(super) struct Named {
    order_id: String,
}

/// Buys the order; the answer comes as on_confirm.
pub async fn confirm(
    State(app): State<App>,
    JsonBody(asked): JsonBody<Confirm>,
) -> Result<Response, ApiError> {
    let transaction_id =
        known_id(asked.transaction_id.as_deref()).ok_or_else(|| ApiError::bad_request(UNKNOWN))?;
    app.request(&transaction_id, &asked).await
}

impl Build for Confirm {
    type With = Named;

    async fn build(&self, app: &App, state: &Loaded) -> Result<(Outgoing, Named), ApiError> {
        let head = state.head().ok_or_else(|| ApiError::bad_request(UNKNOWN))?;
        let named = self.order_id.clone().filter(|id| !id.is_empty());
        let id = named.or_else(|| Some(head.order.as_ref()?.id.clone()));
        let id = id.ok_or_else(|| ApiError::bad_request(NO_ORDER))?;
        let message = raw(&Message { order: OrderRef { id: id.clone() } })?;
        let parts = BuyerParts::default();
        Ok((
            Outgoing { action: Action::Confirm, bpp_id: Some(seller(app, state)), message, parts },
            Named { order_id: id },
        ))
    }
}
