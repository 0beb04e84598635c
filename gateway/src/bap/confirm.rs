//! `POST /api/confirm`.

use axum::{extract::State, response::Response};
use serde::{Deserialize, Serialize};

use super::{
    callback::BuyerParts,
    request::{Build, Outgoing, known_id, raw},
    status::seller,
};
use crate::{
    access::Buyer,
    app::App,
    beckn::{
        Action,
        seed::request::{Confirm as Message, OrderRef},
    },
    reply::{ApiError, JsonBody},
    transaction::Loaded,
};

pub(super) use crate::named::NO_TRANSACTION as UNKNOWN;
const NO_ORDER: &str = "No order ID available. Run init first or provide order_id.";

/// Which order; that of the transaction unless it is named.
#[derive(Debug, Deserialize)]
pub struct Confirm {
    transaction_id: Option<String>,
    order_id: Option<String>,
}

/// The order that is bought or given up.
#[derive(Serialize)]
pub(super) struct Named {
    pub order_id: String,
}

/// The order that is named, else that of the transaction.
pub(super) fn order_id(state: &Loaded, named: Option<&str>) -> Result<String, ApiError> {
    let head = state.head().ok_or_else(|| ApiError::bad_request(UNKNOWN))?;
    let named = named.filter(|id| !id.is_empty()).map(str::to_owned);
    let id = named.or_else(|| Some(head.order.as_ref()?.id.clone()));
    id.ok_or_else(|| ApiError::bad_request(NO_ORDER))
}

/// Buys the order; the answer comes as on_confirm.
pub async fn confirm(
    State(app): State<App>,
    buyer: Buyer,
    JsonBody(asked): JsonBody<Confirm>,
) -> Result<Response, ApiError> {
    let transaction_id =
        known_id(asked.transaction_id.as_deref()).ok_or_else(|| ApiError::bad_request(UNKNOWN))?;
    app.request(&buyer, &transaction_id, &asked).await
}

impl Build for Confirm {
    type With = Named;

    async fn build(&self, app: &App, state: &Loaded) -> Result<(Outgoing, Named), ApiError> {
        let id = order_id(state, self.order_id.as_deref())?;
        let message = raw(&Message { order: OrderRef { id: id.clone() } })?;
        let parts = BuyerParts::default();
        Ok((
            Outgoing { action: Action::Confirm, seller: Some(seller(app, state)), message, parts },
            Named { order_id: id },
        ))
    }
}
