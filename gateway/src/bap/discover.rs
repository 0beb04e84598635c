//! `POST /api/discover`.

use axum::{extract::State, response::Response};
use p2p_domain::{Energy, TimeWindow, TransactionId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    callback::BuyerParts,
    request::{Build, NothingElse, Outgoing, raw},
};
use crate::{
    access::Buyer,
    app::App,
    beckn::{
        Action, Number, Wanted,
        seed::{catalog::Window, request},
    },
    named::NO_TRANSACTION,
    reply::{ApiError, JsonBody},
    transaction::Loaded,
};

/// Longest source type or delivery mode.
const MOST_CHARS: usize = 64;

/// What the client looks for.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Discover {
    #[serde(skip_serializing_if = "Option::is_none")]
    source_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_quantity: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_window: Option<Box<RawValue>>,
    #[serde(rename = "transaction_id", skip_serializing)]
    transaction_id: Option<TransactionId>,
    #[serde(skip_serializing)]
    cursor: Option<String>,
}

/// Finds offers: asks the CDS, whose answer comes as on_discover.
pub async fn discover(
    State(app): State<App>,
    buyer: Buyer,
    JsonBody(asked): JsonBody<Discover>,
) -> Result<Response, ApiError> {
    match &asked.transaction_id {
        // A client goes on with what is its own; the id of a new transaction is ours.
        Some(id) if !app.transactions.is_of(&buyer, id).await? => Err(ApiError::not_found(NO_TRANSACTION)),
        Some(id) => app.request(&buyer, id, &asked).await,
        None => {
            let new = TransactionId::new(app.clock.now());
            app.request_on(Loaded::default(), &buyer, &new, &asked).await
        }
    }
}

impl Build for Discover {
    type With = NothingElse;

    async fn build(&self, _app: &App, _state: &Loaded) -> Result<(Outgoing, NothingElse), ApiError> {
        let parts = BuyerParts { discovery_criteria: Some(raw(self)?), ..BuyerParts::default() };
        let wanted = Wanted::Discover(Box::new(message(self)?));
        Ok((Outgoing { action: Action::Discover, seller: None, wanted, parts }, NothingElse {}))
    }
}

/// The Beckn message: what is carried in the intent, and the filter in the seed's language.
fn message(asked: &Discover) -> Result<request::Discover, ApiError> {
    let word = |name: &str, text: &Option<String>| match text {
        Some(text) if text.is_empty() || text.len() > MOST_CHARS || !text.chars().all(is_word) => {
            Err(ApiError::bad_request(format!("{name} must be a word of letters, digits, _ or -")))
        }
        _ => Ok(()),
    };
    word("sourceType", &asked.source_type)?;
    word("deliveryMode", &asked.delivery_mode)?;
    let least = asked.min_quantity.filter(|least| !least.0.is_zero());
    if let Some(least) = least {
        Energy::from_kwh(least.0).map_err(|why| ApiError::bad_request(format!("minQuantity: {why}")))?;
    }
    let source = asked.source_type.as_ref().map(|source| format!("sourceType='{source}'"));
    let quantity = least.map(|least| format!("availableQuantity>={least}"));
    let conditions: Vec<String> = source.into_iter().chain(quantity).collect();
    let expression = if conditions.is_empty() { "*".into() } else { conditions.join(" && ") };
    Ok(request::Discover {
        intent: Some(request::Intent {
            item: Some(request::IntentItem {
                attributes: request::IntentAttributes {
                    source_type: asked.source_type.clone(),
                    delivery_mode: Some("SCHEDULED".into()),
                    available_quantity: least,
                },
            }),
            fulfillment: window("timeWindow", asked.time_window.as_deref())?
                .map(|(time, _)| request::IntentFulfillment { time: Some(time) }),
            quantity: least.map(|value| request::IntentQuantity { value, unit: "kWh".into() }),
        }),
        filters: Some(request::Filters { kind: "jsonpath".into(), expression }),
        cursor: asked.cursor.clone(),
    })
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// A window that the client gave: two instants, the end after the start.
pub(super) fn window(name: &str, value: Option<&RawValue>) -> Result<Option<(Window, TimeWindow)>, ApiError> {
    let Some(value) = value.filter(|value| value.get() != "null") else { return Ok(None) };
    let window: Window = serde_json::from_str(value.get()).map_err(|e| {
        ApiError::bad_request(format!(
            "{name} must be {{\"startTime\", \"endTime\"}}, two RFC 3339 instants: {e}"
        ))
    })?;
    let span = TimeWindow::try_from(&window).map_err(|e| ApiError::bad_request(format!("{name}: {e}")))?;
    Ok(Some((window, span)))
}
