//! What the actions ask for.

use std::borrow::Cow;

use p2p_domain::Energy;
use p2p_proto::catalog::Filter;
use serde::{Deserialize, Serialize};

use super::{
    contract::{Commitment, Contract, Message},
    published::{self, part_id},
    series::Slot,
};
use crate::beckn::{
    Action, Asked, AskedLine, Confirmed, Envelope, ErrorBody, Fault, Invalid, Part, Search,
    filter::{self, Document, Expression},
    lts_code as code,
};

/// What the network's own buyers ask for: every offer of energy. (By RFC 9535 it would look within each offer.)
pub(super) const EVERY_OFFER: &str =
    "$.catalogs[*].offers[*][?(@.offerAttributes['@type']=='EnergyTradeOffer')]";

#[derive(Deserialize)]
struct Discover {
    intent: Intent,
    #[serde(default, alias = "text_search", rename = "textSearch")]
    text: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Intent {
    #[serde(default)]
    filters: Option<Filters>,
    #[serde(default, rename = "textSearch")]
    text: Option<String>,
    #[serde(default)]
    spatial: Option<Vec<serde::de::IgnoredAny>>,
    #[serde(default)]
    media_search: Option<serde::de::IgnoredAny>,
}

/// `intent.filters` of discover.
#[derive(Serialize, Deserialize)]
pub(super) struct Filters {
    /// "jsonpath".
    #[serde(rename = "type", default)]
    pub kind: Cow<'static, str>,
    /// Which offers qualify.
    pub expression: Cow<'static, str>,
}

/// Reads what an action asks for.
///
/// # Errors
/// When it cannot be read.
pub fn asked(action: Action, envelope: &Envelope<'_>) -> Result<Result<Asked, ErrorBody>, Invalid> {
    match action {
        Action::Discover => discover(envelope).map(|search| Ok(Asked::Discover(search))),
        Action::Select => lines(envelope).map(|lines| Ok(Asked::Select(lines))),
        Action::Init => lines(envelope).map(|lines| Ok(Asked::Init { lines, provider_id: String::new() })),
        Action::Confirm => {
            let contract = contract(envelope)?;
            let offers = contract.commitments.iter().filter_map(|told| Some(told.offer.as_ref()?.id.clone()));
            let told = Confirmed {
                prices: contract.price().into_iter().chain(contract.amount()).collect(),
                quantity: contract.quantity(),
                offers: offers.collect(),
                parts: contract.commitments.iter().flat_map(confirmed).collect(),
            };
            Ok(Ok(Asked::Confirm { order_id: named(&contract), told }))
        }
        Action::Status => Ok(Ok(Asked::Status { order_id: named(&contract(envelope)?) })),
        Action::Cancel => {
            Ok(Ok(Asked::Cancel { order_id: named(&contract(envelope)?), reason: String::new() }))
        }
        Action::Publish => published::read(envelope).map(|read| Ok(Asked::Publish(read))),
    }
}

fn discover(envelope: &Envelope<'_>) -> Result<Search, Invalid> {
    let Discover { intent, text } = envelope.message()?;
    let told = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
    let spatial = intent.spatial.is_some_and(|places| !places.is_empty());
    if told(&text) || told(&intent.text) || spatial || intent.media_search.is_some() {
        let why = "only intent.filters are understood here, not textSearch, spatial or mediaSearch";
        return Err(envelope.invalid(Fault::at(code::SCH_FIELD_NOT_ALLOWED, "message.intent", why)));
    }
    let expression = match &intent.filters {
        None => Expression::Columns(Filter::default()),
        Some(filters) => expression(&filters.expression).map_err(|why| {
            envelope.invalid(Fault::at(code::SCH_INVALID_JSONPATH, "message.intent.filters.expression", why))
        })?,
    };
    Ok(Search { expression, window: None, cursor: String::new() })
}

/// The devkit writes a filter of offers as one of what is within each; it is taken as it is meant.
fn expression(text: &str) -> Result<Expression, String> {
    if text.trim() == EVERY_OFFER {
        return Ok(Expression::Columns(Filter::default()));
    }
    let meant = text.replace(".offers[*][?", ".offers[?").replace(".resources[*][?", ".resources[?");
    filter::parse(&meant, Document::Lts).map_err(|e| e.to_string())
}

fn contract<'a>(envelope: &Envelope<'a>) -> Result<Contract<'a>, Invalid> {
    Ok(envelope.message::<Message<'a>>()?.contract)
}

fn named(contract: &Contract<'_>) -> String {
    contract.id().unwrap_or_default().to_owned()
}

/// The lines of a select or init: one for each commitment.
fn lines(envelope: &Envelope<'_>) -> Result<Vec<AskedLine>, Invalid> {
    let contract = contract(envelope)?;
    if contract.commitments.is_empty() {
        let path = "message.contract.commitments";
        let why = "contract.commitments must have at least one";
        return Err(envelope.invalid(Fault::at(code::SCH_REQUIRED_FIELD_MISSING, path, why)));
    }
    let line = |(at, commitment): (usize, &Commitment<'_>)| {
        line(commitment).map_err(|(code, why)| {
            let path = format!("message.contract.commitments[{at}]");
            envelope.invalid(Fault::at(code, path, format!("commitment {}: {why}", at + 1)))
        })
    };
    contract.commitments.iter().enumerate().map(line).collect()
}

/// What is asked for of each interval.
fn parts(offer_id: &str, slots: &[Slot]) -> Vec<Part> {
    let part = |slot: &Slot| {
        let quantity = slot.requested.filter(|requested| !requested.is_zero())?;
        Some(Part { offer_id: part_id(offer_id, slot.id), quantity, window: slot.window })
    };
    slots.iter().filter_map(part).collect()
}

fn confirmed(commitment: &Commitment<'_>) -> Vec<Part> {
    let offer = commitment.offer.as_ref();
    let slots = commitment.slots().unwrap_or_default();
    offer.map(|offer| parts(&offer.id, &slots)).unwrap_or_default()
}

fn line(commitment: &Commitment<'_>) -> Result<AskedLine, (&'static str, String)> {
    let missing = |what: &str| (code::SCH_REQUIRED_FIELD_MISSING, format!("{what} is required"));
    let wrong = |why: String| (code::SCH_INVALID_FORMAT, why);
    let offer = commitment.offer.as_ref().filter(|offer| !offer.id.is_empty());
    let offer = offer.ok_or_else(|| missing("offer.id"))?;
    let [resource] = commitment.resources.as_slice() else {
        return Err(wrong("resources must be one resource".into()));
    };
    let slots = commitment.slots().map_err(wrong)?;
    let parts = parts(&offer.id, &slots);
    let sum = parts.iter().try_fold(Energy::ZERO, |sum, part| sum.checked_add(part.quantity));
    let sum = sum.ok_or_else(|| wrong("REQUESTED_QTY is too much".into()))?;
    let unit = commitment.unit_quantity().map_err(wrong)?;
    let quantity = match unit {
        Some(unit) if sum.is_zero() => unit,
        Some(unit) if unit != sum => {
            let why = format!("quantity.unitQuantity says {unit} kWh, but REQUESTED_QTY is {sum} kWh in all");
            return Err(wrong(why));
        }
        Some(_) | None => sum,
    };
    if quantity.is_zero() {
        return Err(missing("REQUESTED_QTY of an interval, or quantity.unitQuantity,"));
    }
    Ok(AskedLine { item_id: resource.id.clone(), offer_id: offer.id.clone(), quantity, parts })
}
