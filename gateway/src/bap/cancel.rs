//! `POST /api/cancel`.

use axum::{extract::State, response::Response};
use serde::Deserialize;

use super::{
    callback::BuyerParts,
    confirm::{Named, UNKNOWN, order_id, ordered},
    request::{Build, Outgoing, known_id},
    status::seller,
};
use crate::{
    access::Buyer,
    app::App,
    beckn::{Action, Wanted, seed::request::unfit_reason},
    reply::{ApiError, JsonBody},
    transaction::Loaded,
};

/// Which order; that of the transaction unless it is named. And why.
#[derive(Debug, Deserialize)]
pub struct Cancel {
    transaction_id: Option<String>,
    order_id: Option<String>,
    reason: Option<String>,
}

/// Gives the order up; the answer comes as on_cancel.
pub async fn cancel(
    State(app): State<App>,
    buyer: Buyer,
    JsonBody(asked): JsonBody<Cancel>,
) -> Result<Response, ApiError> {
    let transaction_id =
        known_id(asked.transaction_id.as_deref()).ok_or_else(|| ApiError::bad_request(UNKNOWN))?;
    app.request(&buyer, &transaction_id, &asked).await
}

impl Build for Cancel {
    type With = Named;

    async fn build(&self, app: &App, state: &Loaded) -> Result<(Outgoing, Named), ApiError> {
        let order_id = order_id(state, self.order_id.as_deref())?;
        if let Some(why) = self.reason.as_deref().and_then(unfit_reason) {
            return Err(ApiError::bad_request(why));
        }
        let wanted = Wanted::Cancel(ordered(state, order_id.clone()), self.reason.clone());
        let parts = BuyerParts::default();
        Ok((
            Outgoing { action: Action::Cancel, seller: Some(seller(app, state)), wanted, parts },
            Named { order_id },
        ))
    }
}
