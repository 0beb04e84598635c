//! `POST /api/status`.

use axum::{extract::State, response::Response};
use serde::Deserialize;

use super::{
    callback::BuyerParts,
    confirm::{UNKNOWN, ordered},
    request::{Build, NothingElse, Outgoing, known_id},
};
use crate::{
    access::Buyer,
    app::App,
    beckn::{Action, Profile, Wanted, seed::received::Offered},
    reply::{ApiError, JsonBody},
    transaction::{Loaded, Part, Seller},
};

/// Which order; that of the transaction unless it is named.
#[derive(Debug, Deserialize)]
pub struct Status {
    transaction_id: Option<String>,
    order_id: Option<String>,
}

/// Asks how the order is; the answer comes as on_status.
pub async fn status(
    State(app): State<App>,
    buyer: Buyer,
    JsonBody(asked): JsonBody<Status>,
) -> Result<Response, ApiError> {
    let transaction_id =
        known_id(asked.transaction_id.as_deref()).ok_or_else(|| ApiError::bad_request(UNKNOWN))?;
    app.request(&buyer, &transaction_id, &asked).await
}

impl Build for Status {
    type With = NothingElse;

    async fn build(&self, app: &App, state: &Loaded) -> Result<(Outgoing, NothingElse), ApiError> {
        let head = state.head().ok_or_else(|| ApiError::bad_request(UNKNOWN))?;
        let named = self.order_id.clone().filter(|id| !id.is_empty());
        // Without an order there is nothing to ask for; the seller says so.
        let order_id = named.or_else(|| Some(head.order.as_ref()?.id.clone())).unwrap_or_default();
        let wanted = Wanted::Status(ordered(state, order_id));
        let parts = BuyerParts::default();
        Ok((
            Outgoing { action: Action::Status, seller: Some(seller(app, state)), wanted, parts },
            NothingElse {},
        ))
    }
}

/// Whom to ask about an order: who took it; else the provider of the selected offer, else our own seller's side.
pub(super) fn seller(app: &App, state: &Loaded) -> Seller {
    let took_it = state.head().and_then(|head| head.seller.clone());
    let selected = || {
        let offer = serde_json::from_str::<Offered>(state.part(Part::Offer)?).ok()?;
        offer.seller().ok()
    };
    took_it.or_else(selected).unwrap_or_else(|| Seller {
        bpp_id: app.config.identity.bpp_id.clone(),
        bpp_uri: None,
        profile: Profile::Seed,
    })
}
