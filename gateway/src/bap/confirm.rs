//! `POST /api/confirm`.

use axum::{extract::State, response::Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    callback::BuyerParts,
    request::{Build, Outgoing, known_id},
    status::seller,
};
use crate::{
    access::Buyer,
    app::App,
    beckn::{Action, Ordered, Wanted},
    reply::{ApiError, JsonBody},
    transaction::{Loaded, Part},
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

/// An order with what the state says of it; of one that it does not know, the id alone.
pub(super) fn ordered(state: &Loaded, order_id: String) -> Ordered {
    let known = state.head().and_then(|head| head.order.as_ref()).filter(|order| order.id == order_id);
    let text = known.and_then(|_| state.part(Part::Order)).map(str::to_owned);
    Ordered { order_id, order: text.and_then(|text| RawValue::from_string(text).ok()) }
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
        let wanted = Wanted::Confirm(ordered(state, id.clone()));
        let parts = BuyerParts::default();
        Ok((
            Outgoing { action: Action::Confirm, seller: Some(seller(app, state)), wanted, parts },
            Named { order_id: id },
        ))
    }
}
