//! What a step of the buyer's side adds to the buyer's state.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    beckn::{Action, Envelope, Invalid, Told, told},
    transaction::{Heard, OrderHead, Progress, Text},
};

/// What a step adds to the buyer's state beside the message itself: kept with its event, for rebuilding.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BuyerParts {
    /// When the buyer's side sent or heard the message, by this program's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    /// What was looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovery_criteria: Option<Box<RawValue>>,
    /// Who sells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub providers: Option<Box<RawValue>>,
    /// How the offers rank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matching_results: Option<Box<RawValue>>,
    /// What was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected_offer: Option<Box<RawValue>>,
    /// How much of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected_quantity: Option<Box<RawValue>>,
}

/// What a callback says to the buyer, with what it adds.
///
/// # Errors
/// When it is not what the action says.
pub fn heard(action: Action, envelope: &Envelope<'_>, own: &BuyerParts) -> Result<Heard, Invalid> {
    let criteria = own.discovery_criteria.as_ref().map(|json| json.get());
    Ok(as_heard(told(action, envelope, criteria)?, own))
}

pub(super) fn as_heard(told: Told<'_>, own: &BuyerParts) -> Heard {
    let text =
        |raw: &Option<Box<RawValue>>, none: &str| Text::from(raw.as_ref().map_or(none, |raw| raw.get()));
    match told {
        Told::Failed(error) => Heard::Failed(error),
        Told::Catalog(catalog) => Heard::Catalog {
            catalog: catalog.as_ref().into(),
            providers: text(&own.providers, "{}"),
            matching: text(&own.matching_results, "null"),
        },
        Told::Quote(_) => Heard::Quote,
        Told::Order(order) => {
            let progress = Progress::of(order.status.as_deref().unwrap_or_default());
            Heard::Order { order: order.text.as_ref().into(), head: OrderHead { id: order.id, progress } }
        }
    }
}
