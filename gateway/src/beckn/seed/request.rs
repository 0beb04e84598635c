//! What the actions say.

use p2p_domain::{Energy, ItemId, OfferId, ProviderId, TimeWindow};
use p2p_proto::{catalog::Filter, common};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{catalog::Window, context::Wire};
use crate::beckn::{
    Action, Asked, AskedLine, Confirmed, Context, Envelope, ErrorBody, Invalid, Number, Ordered, Search,
    Selection, Wanted, code,
    filter::{self, Document, Expression},
    quantity,
};

/// Reads what an action asks for.
///
/// # Errors
/// When it cannot be read.
pub fn asked(action: Action, envelope: &Envelope<'_>) -> Result<Result<Asked, ErrorBody>, Invalid> {
    let refused = |why: String| ErrorBody::new(code::INVALID, why);
    Ok(match action {
        Action::Discover => search(&envelope.message()?).map(Asked::Discover).map_err(refused),
        Action::Select => lines(&envelope.message::<Select<'_>>()?.items).map(Asked::Select).map_err(refused),
        Action::Init => {
            let InitOrder { items, provider } = envelope.message::<Init<'_>>()?.order;
            let provider_id = provider.map(|provider| provider.id.into()).unwrap_or_default();
            lines(&items).map(|lines| Asked::Init { lines, provider_id }).map_err(refused)
        }
        Action::Confirm => {
            let order_id = envelope.message::<Confirm>()?.order.id;
            Ok(Asked::Confirm { order_id, told: Confirmed::default() })
        }
        Action::Status => Ok(Asked::Status { order_id: envelope.message::<Status>()?.order_id }),
        Action::Cancel => {
            let Cancel { order_id, reason } = envelope.message()?;
            let reason = reason.unwrap_or_default();
            match unfit_reason(&reason) {
                Some(why) => Err(refused(why.into())),
                None => Ok(Asked::Cancel { order_id, reason }),
            }
        }
        Action::Publish => Err(refused("catalogs are published in the LTS profile of Beckn".into())),
    })
}

/// The lines of a select or init: each quantity a positive whole number of kWh.
fn lines(items: &[Line<'_>]) -> Result<Vec<AskedLine>, String> {
    if items.is_empty() {
        return Err("at least one order item is required".into());
    }
    let line = |item: &Line<'_>| {
        Ok(AskedLine {
            item_id: item.item_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            offer_id: item.offer_id.to_string(),
            quantity: quantity(item.quantity)?,
            parts: Vec::new(),
        })
    };
    items.iter().map(line).collect()
}

fn search(message: &Discover) -> Result<Search, String> {
    Ok(Search {
        expression: expression(message)?,
        window: window(message)?,
        cursor: message.cursor.clone().unwrap_or_default(),
    })
}

/// The expression, else the attributes of the intent.
fn expression(message: &Discover) -> Result<Expression, String> {
    if let Some(filters) = &message.filters {
        return filter::parse(&filters.expression, Document::Seed).map_err(|e| e.to_string());
    }
    let item = message.intent.as_ref().and_then(|intent| intent.item.as_ref());
    let Some(IntentItem { attributes }) = item else {
        return Ok(Expression::Columns(Filter::default()));
    };
    let least = attributes.available_quantity.map(|least| Energy::from_kwh(least.0)).transpose();
    Ok(Expression::Columns(Filter {
        source_type: attributes.source_type.as_ref().map(|source| source.to_uppercase()),
        min_available_wh: least.map_err(|e| format!("availableQuantity: {e}"))?.map(Energy::wh),
        window: None,
    }))
}

/// The window of the intent.
fn window(message: &Discover) -> Result<Option<common::TimeWindow>, String> {
    let time = message.intent.as_ref().and_then(|intent| intent.fulfillment.as_ref()?.time.as_ref());
    let window = time.map(TimeWindow::try_from).transpose().map_err(|e| e.to_string())?;
    Ok(window.map(Into::into))
}

#[derive(Serialize)]
struct Request<'a, M> {
    context: Wire,
    message: &'a M,
}

/// A request's text.
///
/// # Errors
/// None.
pub fn written(context: &Context, wanted: &Wanted) -> Result<String, String> {
    let order_id = |ordered: &Ordered| ordered.order_id.clone();
    match wanted {
        Wanted::Discover(message) => text(context, message),
        Wanted::Select(selection) => text(context, &SendSelect { items: [line(selection)] }),
        Wanted::Init(selection) => {
            let provider = ProviderRef { id: selection.provider_id.clone() };
            text(context, &SendInit { order: SendInitOrder { items: [line(selection)], provider } })
        }
        Wanted::Confirm(ordered) => text(context, &Confirm { order: OrderRef { id: order_id(ordered) } }),
        Wanted::Status(ordered) => text(context, &Status { order_id: order_id(ordered) }),
        Wanted::Cancel(ordered, reason) => {
            text(context, &Cancel { order_id: order_id(ordered), reason: reason.clone() })
        }
    }
}

fn text<M: Serialize>(context: &Context, message: &M) -> Result<String, String> {
    serde_json::to_string(&Request { context: Wire::from(context), message }).map_err(|e| e.to_string())
}

fn line(selection: &Selection) -> SendLine {
    SendLine {
        item_id: selection.item_id.clone(),
        offer_id: selection.offer_id.clone(),
        quantity: selection.quantity.into(),
    }
}

/// What is wrong with the reason of a cancel.
pub fn unfit_reason(reason: &str) -> Option<&'static str> {
    const MOST_CHARS: usize = 255;
    (reason.chars().count() > MOST_CHARS).then_some("reason must be at most 255 characters")
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
    /// In the language of [`crate::beckn::filter`].
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

/// `message` of a select that we send.
#[derive(Debug, Serialize)]
struct SendSelect {
    /// What is to be priced.
    #[serde(rename = "orderItems")]
    items: [SendLine; 1],
}

/// A line that we send.
#[derive(Debug, Serialize)]
struct SendLine {
    /// The item.
    pub item_id: String,
    /// The offer.
    pub offer_id: String,
    /// kWh.
    pub quantity: Number,
}

/// `message` of an init that we send.
#[derive(Debug, Serialize)]
struct SendInit {
    /// What is ordered.
    order: SendInitOrder,
}

/// `message.order` of an init that we send.
#[derive(Debug, Serialize)]
struct SendInitOrder {
    /// Its lines.
    items: [SendLine; 1],
    /// Who sells.
    pub provider: ProviderRef,
}

/// A provider by its id.
#[derive(Debug, Serialize, Deserialize)]
pub struct ProviderRef {
    /// As the catalog gave it.
    pub id: ProviderId,
}
