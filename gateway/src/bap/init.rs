//! `POST /api/init`.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use p2p_domain::{ParticipantId, ProviderId, TransactionId};
use serde::{Deserialize, Serialize};

use super::{
    callback::BuyerParts,
    request::{Build, Made, Outgoing, known_id, raw},
};
use crate::{
    app::App,
    beckn::{
        Action, Number,
        seed::request::{ProviderRef, SendInit, SendInitOrder, SendLine},
    },
    reply::{ApiError, JsonBody, json},
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
    provider_id: String,
}

#[derive(Serialize)]
struct Answer {
    status: &'static str,
    transaction_id: TransactionId,
    #[serde(flatten)]
    made: Made,
}

/// Orders what was selected; the answer comes as on_init.
pub async fn init(State(app): State<App>, JsonBody(asked): JsonBody<Init>) -> Response {
    match ask(&app, asked).await {
        Ok(answer) => json(&answer),
        Err(error) => error.into_response(),
    }
}

async fn ask(app: &App, asked: Init) -> Result<Answer, ApiError> {
    let transaction_id =
        known_id(asked.transaction_id.as_deref()).ok_or_else(|| ApiError::bad_request(NOT_SELECTED))?;
    let (made, ()) = app.request(&transaction_id, &[Part::Offer, Part::Quantity], &asked).await?;
    Ok(Answer { status: "ok", transaction_id, made })
}

impl Build for Init {
    type With = ();

    async fn build(&self, _app: &App, state: &Loaded) -> Result<(Outgoing, ()), ApiError> {
        Ok((order(state)?, ()))
    }
}

fn order(state: &Loaded) -> Result<Outgoing, ApiError> {
    let not_selected = || ApiError::bad_request(NOT_SELECTED);
    let (offer, quantity) =
        state.part(Part::Offer).zip(state.part(Part::Quantity)).ok_or_else(not_selected)?;
    let offer: Selected = serde_json::from_str(offer).map_err(|_unreadable| not_selected())?;
    let quantity: Number = serde_json::from_str(quantity).map_err(|_unreadable| not_selected())?;
    let id = ProviderId::parse(&offer.provider_id).map_err(|_no_id| not_selected())?;
    let bpp_id = ParticipantId::parse(&offer.provider_id).ok();
    let line = SendLine { item_id: offer.item_id, offer_id: offer.id, quantity };
    let order = SendInitOrder { items: [line], provider: ProviderRef { id } };
    let message = raw(&SendInit { order })?;
    Ok(Outgoing { action: Action::Init, bpp_id, message, parts: BuyerParts::default() })
}
