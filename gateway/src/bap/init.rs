//! `POST /api/init`.

use axum::{extract::State, response::Response};
use p2p_domain::{Energy, ProviderId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    callback::BuyerParts,
    request::{Build, NothingElse, Outgoing, known_id},
};
use crate::{
    access::Buyer,
    app::App,
    beckn::{Action, Number, Selection, Wanted, seed::received::Offered},
    reply::{ApiError, JsonBody},
    transaction::{Loaded, Part},
};

const NOT_SELECTED: &str = "No offer selected. Run select first.";

/// Which transaction.
#[derive(Debug, Deserialize)]
pub struct Init {
    transaction_id: Option<String>,
}

/// What of the selected offer an order needs.
#[derive(Deserialize)]
struct Selected {
    id: String,
    item_id: String,
    #[serde(flatten)]
    offered: Offered,
}

/// Orders what was selected; the answer comes as on_init.
pub async fn init(
    State(app): State<App>,
    buyer: Buyer,
    JsonBody(asked): JsonBody<Init>,
) -> Result<Response, ApiError> {
    let transaction_id =
        known_id(asked.transaction_id.as_deref()).ok_or_else(|| ApiError::bad_request(NOT_SELECTED))?;
    app.request(&buyer, &transaction_id, &asked).await
}

impl Build for Init {
    type With = NothingElse;

    async fn build(&self, _app: &App, state: &Loaded) -> Result<(Outgoing, NothingElse), ApiError> {
        Ok((order(state)?, NothingElse {}))
    }
}

fn order(state: &Loaded) -> Result<Outgoing, ApiError> {
    let not_selected = || ApiError::bad_request(NOT_SELECTED);
    let (text, quantity) =
        state.part(Part::Offer).zip(state.part(Part::Quantity)).ok_or_else(not_selected)?;
    let offer: Selected = serde_json::from_str(text).map_err(|_unreadable| not_selected())?;
    let quantity: Number = serde_json::from_str(quantity).map_err(|_unreadable| not_selected())?;
    let seller = offer.offered.seller().map_err(|_no_id| not_selected())?;
    let wanted = Wanted::Init(Selection {
        offer: RawValue::from_string(text.to_owned()).map_err(|_unreadable| not_selected())?,
        offer_id: offer.id,
        item_id: offer.item_id,
        provider_id: ProviderId::parse(&offer.offered.provider_id).map_err(|_no_id| not_selected())?,
        quantity: Energy::from_kwh(quantity.0).map_err(|_no_quantity| not_selected())?,
    });
    Ok(Outgoing { action: Action::Init, seller: Some(seller), wanted, parts: BuyerParts::default() })
}
