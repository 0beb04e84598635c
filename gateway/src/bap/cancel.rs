//! `POST /api/cancel`.

use axum::{extract::State, response::Response};
use serde::Deserialize;

use super::{
    callback::BuyerParts,
    confirm::{Named, UNKNOWN, order_id},
    request::{Build, Outgoing, known_id, raw},
    status::seller,
};
use crate::{
    access::Buyer,
    app::App,
    beckn::{Action, seed::request::Cancel as Message},
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
        let message = Message { order_id: order_id.clone(), reason: self.reason.clone() };
        if let Some(why) = message.unfit() {
            return Err(ApiError::bad_request(why));
        }
        let message = raw(&message)?;
        let parts = BuyerParts::default();
        Ok((
            Outgoing { action: Action::Cancel, seller: Some(seller(app, state)), message, parts },
            Named { order_id },
        ))
    }
}
