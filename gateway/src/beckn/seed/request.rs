//! What the actions say.

use p2p_domain::{ItemId, OfferId, ProviderId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::catalog::Window;
use crate::beckn::{Action, Envelope, Invalid, Number};

/// Reads what an action says, for nothing but to see that it can be read.
///
/// # Errors
/// When it cannot.
pub fn read(action: Action, envelope: &Envelope<'_>) -> Result<(), Invalid> {
    match action {
        Action::Discover => envelope.message::<Discover>().map(drop),
        Action::Select => envelope.message::<Select<'_>>().map(drop),
        Action::Init => envelope.message::<Init<'_>>().map(drop),
        Action::Confirm => envelope.message::<Confirm>().map(drop),
        Action::Status => envelope.message::<Status>().map(drop),
        Action::Cancel => envelope.message::<Cancel>().map(drop),
    }
}

/// `message` of discover.
#[derive(Debug, Serialize, Deserialize)]
pub struct Discover {
    /// What is looked for.
    #[serde(default)]
    pub intent: Option<Intent>,
    /// Which offers qualify.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filters: Option<Filters>,
    /// Continues an on_discover that was cut (our addition).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// `intent` of discover.
#[derive(Debug, Serialize, Deserialize)]
pub struct Intent {
    /// Carried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<IntentItem>,
    /// When it is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fulfillment: Option<IntentFulfillment>,
    /// Carried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<IntentQuantity>,
}

/// `intent.item`.
#[derive(Debug, Serialize, Deserialize)]
pub struct IntentItem {
    /// Attributes wanted.
    #[serde(rename = "itemAttributes", default)]
    pub attributes: IntentAttributes,
}

/// `intent.item.itemAttributes`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IntentAttributes {
    /// SOLAR, ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_type: Option<String>,
    /// SCHEDULED in ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_mode: Option<String>,
    /// kWh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_quantity: Option<Number>,
}

/// `intent.fulfillment`.
#[derive(Debug, Serialize, Deserialize)]
pub struct IntentFulfillment {
    /// Only offers whose window overlaps qualify.
    #[serde(default)]
    pub time: Option<Window>,
}

/// `intent.quantity`.
#[derive(Debug, Serialize, Deserialize)]
pub struct IntentQuantity {
    /// kWh.
    pub value: Number,
    /// "kWh".
    #[serde(default)]
    pub unit: String,
}

/// `filters` of discover.
#[derive(Debug, Serialize, Deserialize)]
pub struct Filters {
    /// "jsonpath".
    #[serde(rename = "type", default)]
    pub kind: String,
    /// In the language of [`super::filter`].
    pub expression: String,
}

/// `message` of select.
#[derive(Debug, Deserialize)]
pub struct Select<'a> {
    /// What is to be priced.
    #[serde(rename = "orderItems", borrow)]
    pub items: Vec<Line<'a>>,
}

/// A line as it came in; its quantity is judged apart.
#[derive(Debug, Deserialize)]
pub struct Line<'a> {
    /// The item.
    #[serde(default)]
    pub item_id: Option<ItemId>,
    /// The offer.
    pub offer_id: OfferId,
    /// kWh.
    #[serde(borrow, default)]
    pub quantity: Option<&'a RawValue>,
}

/// `message` of init.
#[derive(Debug, Deserialize)]
pub struct Init<'a> {
    /// What is ordered.
    #[serde(borrow)]
    pub order: InitOrder<'a>,
}

/// `message.order` of init.
#[derive(Debug, Deserialize)]
pub struct InitOrder<'a> {
    /// Its lines.
    #[serde(borrow)]
    pub items: Vec<Line<'a>>,
    /// Who sells.
    #[serde(default)]
    pub provider: Option<ProviderRef>,
}

/// `message` of confirm.
#[derive(Debug, Serialize, Deserialize)]
pub struct Confirm {
    /// What is bought.
    pub order: OrderRef,
}

/// An order by its id.
#[derive(Debug, Serialize, Deserialize)]
pub struct OrderRef {
    /// As on_init gave it.
    pub id: String,
}

/// `message` of status.
#[derive(Debug, Serialize, Deserialize)]
pub struct Status {
    /// Which order.
    pub order_id: String,
}

/// `message` of cancel.
#[derive(Debug, Serialize, Deserialize)]
pub struct Cancel {
    /// Which order.
    pub order_id: String,
    /// Why, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Cancel {
    const MOST_REASON_CHARS: usize = 255;

    /// What is wrong with it.
    pub fn unfit(&self) -> Option<&'static str> {
        let long = self.reason.as_ref().is_some_and(|why| why.chars().count() > Self::MOST_REASON_CHARS);
        long.then_some("reason must be at most 255 characters")
    }
}

/// `message` of a select that we send.
#[derive(Debug, Serialize)]
pub struct SendSelect {
    /// What is to be priced.
    #[serde(rename = "orderItems")]
    pub items: [SendLine; 1],
}

/// A line that we send.
#[derive(Debug, Serialize)]
pub struct SendLine {
    /// The item.
    pub item_id: String,
    /// The offer.
    pub offer_id: String,
    /// kWh.
    pub quantity: Number,
}

/// `message` of an init that we send.
#[derive(Debug, Serialize)]
pub struct SendInit {
    /// What is ordered.
    pub order: SendInitOrder,
}

/// `message.order` of an init that we send.
#[derive(Debug, Serialize)]
pub struct SendInitOrder {
    /// Its lines.
    pub items: [SendLine; 1],
    /// Who sells.
    pub provider: ProviderRef,
}

/// A provider by its id.
#[derive(Debug, Serialize, Deserialize)]
pub struct ProviderRef {
    /// As the catalog gave it.
    pub id: ProviderId,
}
