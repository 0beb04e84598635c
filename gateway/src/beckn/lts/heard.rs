//! What callbacks of the LTS profile tell the buyer's side, in the JSON that the buyer's state keeps: the seed's, with
//! what a contract is made of beside it (`lts` of an offer, `contract` of an order).

use std::borrow::Cow;

use p2p_domain::{Energy, Money, ParticipantId, TimeWindow};
use p2p_proto::catalog::{Item, Listing, Provider, SearchCatalogResponse};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    contract::{Contract, Message},
    draft::promises,
    error::code,
    published,
    series::Slot,
};
use crate::beckn::{
    Action, Context, Envelope, ErrorBody, Fault, Invalid, Number, Told, ToldOrder, code as seed, instant,
    seed::catalog::{Catalog, Price, Window},
};

/// Reads what a callback tells. Of a catalog, what meets the buyer's criteria.
///
/// # Errors
/// When it is not what the action says.
pub fn told<'a>(
    action: Action,
    envelope: &Envelope<'a>,
    criteria: Option<&str>,
) -> Result<Told<'a>, Invalid> {
    if let Some(error) = &envelope.error {
        return Ok(Told::Failed(in_the_seeds_codes(error)));
    }
    match action {
        Action::Discover => catalog(envelope, criteria).map(|text| Told::Catalog(text.into())),
        Action::Select => order(envelope).map(|order| Told::Quote(Some(order))),
        Action::Init | Action::Confirm | Action::Status | Action::Cancel => order(envelope).map(Told::Order),
        Action::Publish => {
            let why = "this is told to a seller's side";
            Err(envelope.invalid(Fault::at(code::AUT_UNAUTHORIZED_ACTION, "context.action", why)))
        }
    }
}

/// An error of the network, as clients of the seed profile know errors.
pub fn in_the_seeds_codes(error: &ErrorBody) -> ErrorBody {
    let ours = match error.code.as_str() {
        code::BIZ_OFFER_NOT_FOUND => seed::OFFER_NOT_FOUND,
        code::BIZ_ITEM_NOT_FOUND => seed::ITEM_NOT_FOUND,
        code::BIZ_ORDER_NOT_FOUND => seed::ORDER_NOT_FOUND,
        code::BIZ_QUANTITY_UNAVAILABLE => seed::SHORT_OF_STOCK,
        told if told.starts_with("NET_") => seed::INTERNAL,
        told if told.starts_with("AUT_") => seed::UNAUTHORIZED,
        told if told.contains('_') => seed::INVALID,
        other => other,
    };
    match ours == error.code {
        true => error.clone(),
        false => ErrorBody::new(ours, format!("{}: {}", error.code, error.message)),
    }
}

/// What the buyer looked for.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Criteria {
    #[serde(default)]
    source_type: Option<String>,
    #[serde(default)]
    min_quantity: Option<Number>,
    #[serde(default)]
    time_window: Option<Window>,
}

impl Criteria {
    fn met_by(&self, listing: &Listing, item: Option<&Item>) -> bool {
        let Some(offer) = &listing.offer else { return false };
        let source = self
            .source_type
            .as_ref()
            .is_none_or(|wanted| item.is_some_and(|item| item.source_type.eq_ignore_ascii_case(wanted)));
        let least = self.min_quantity.and_then(|least| Energy::from_kwh(least.0).ok());
        let enough = least.is_none_or(|least| offer.sellable_wh >= least.wh());
        let wanted = self.time_window.as_ref().and_then(|window| TimeWindow::try_from(window).ok());
        let offered = offer.window.and_then(|window| TimeWindow::try_from(window).ok());
        let then = wanted.is_none_or(|wanted| {
            offered.is_some_and(|offered| offered.overlap(wanted) > chrono::TimeDelta::zero())
        });
        source && enough && then
    }
}

fn catalog(envelope: &Envelope<'_>, criteria: Option<&str>) -> Result<String, Invalid> {
    let criteria: Criteria = criteria.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    let mut found = SearchCatalogResponse::default();
    for publication in published::read(envelope)? {
        let (bpp_id, bpp_uri) = publication.bpp;
        let items = publication.items;
        let sellable = publication.offers.into_iter().map(|mut offer| {
            offer.sellable_wh = offer.total_wh;
            Listing { offer: Some(offer), cursor: String::new() }
        });
        let of = |listing: &Listing| {
            let id = listing.offer.as_ref().map(|offer| offer.item_id.clone());
            items.iter().find(|item| Some(&item.id) == id.as_ref())
        };
        found.listings.extend(sellable.filter(|listing| criteria.met_by(listing, of(listing))));
        found.providers.push(Provider { bpp_id, bpp_uri, ..publication.provider });
        found.items.extend(items.into_iter().map(|item| Item { available_wh: item.total_wh, ..item }));
    }
    let unreadable = |why: String| {
        envelope.invalid(Fault::at(code::SCH_SCHEMA_VALIDATION_FAILED, "message.catalogs", why))
    };
    let catalog = Catalog::whole(&found).map_err(|e| unreadable(e.to_string()))?;
    serde_json::to_string(&catalog).map_err(|e| unreadable(e.to_string()))
}

/// An order as the seed shows it, and its contract.
#[derive(Serialize)]
struct Order<'a> {
    id: &'a str,
    transaction_id: &'a str,
    status: &'static str,
    items: Vec<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quote: Option<Quote>,
    created_at: String,
    updated_at: String,
    contract: &'a RawValue,
}

#[derive(Serialize)]
struct Line {
    item_id: String,
    offer_id: String,
    provider_id: String,
    quantity: Number,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<Price>,
    #[serde(rename = "timeWindow", skip_serializing_if = "Option::is_none")]
    window: Option<Window>,
}

#[derive(Serialize)]
struct Quote {
    price: Price,
    #[serde(rename = "totalQuantity")]
    total: Number,
}

#[derive(Deserialize)]
struct RawMessage<'a> {
    #[serde(borrow)]
    contract: &'a RawValue,
}

fn order<'a>(envelope: &Envelope<'a>) -> Result<ToldOrder<'a>, Invalid> {
    let Message { contract } = envelope.message()?;
    let RawMessage { contract: raw } = envelope.message()?;
    let context = &envelope.context;
    // Until its BPP has named it, the trade stands for it: there is no other.
    let id = contract.id().unwrap_or(context.transaction_id.as_str());
    let status = match contract.status().as_deref() {
        Some("ACTIVE") => "ACTIVE",
        Some("COMPLETE") => "COMPLETED",
        Some("CANCELLED") => "CANCELLED",
        _ => "PENDING",
    };
    let items = lines(&contract, context);
    let total = promises(&contract).iter().map(|promise| promise.quantity.wh()).sum::<i64>();
    let quote = contract
        .amount()
        .or_else(|| contract.price())
        .map(|price| Quote { price: price.into(), total: Energy::from_wh(total).unwrap_or_default().into() });
    let at = instant(context.timestamp);
    let order = Order {
        id,
        transaction_id: context.transaction_id.as_str(),
        status,
        items,
        quote,
        created_at: at.clone(),
        updated_at: at,
        contract: raw,
    };
    // Strings, numbers and a raw value: nothing here can fail to be written.
    let text = serde_json::to_string(&order).unwrap_or_default();
    let id = id.to_owned();
    Ok(ToldOrder { text: Cow::Owned(text), id, status: Some(status.to_owned()), fulfillment: None })
}

/// Each delivery interval is a line; of a commitment without any, all of it.
fn lines(contract: &Contract<'_>, context: &Context) -> Vec<Line> {
    let provider = context.bpp_id.as_ref().map(ParticipantId::to_string).unwrap_or_default();
    let line = |offer_id: String, item_id: &str, quantity: Energy, slot: Option<&Slot>| Line {
        item_id: item_id.to_owned(),
        offer_id,
        provider_id: provider.clone(),
        quantity: quantity.into(),
        price: slot.and_then(cost).map(Into::into),
        window: slot.and_then(|slot| slot.window).map(Into::into),
    };
    let mut lines = Vec::new();
    for promise in promises(contract) {
        let wanted: Vec<&Slot> = promise.slots.iter().filter(|slot| slot.requested.is_some()).collect();
        if wanted.is_empty() {
            lines.push(line(promise.offer_id, &promise.resource_id, promise.quantity, None));
            continue;
        }
        for slot in &wanted {
            let alone = wanted.len() == 1 && slot.id == 0;
            let offer_id = match alone {
                true => promise.offer_id.clone(),
                false => published::part_id(&promise.offer_id, slot.id),
            };
            let quantity = slot.requested.unwrap_or_default();
            lines.push(line(offer_id, &promise.resource_id, quantity, Some(slot)));
        }
    }
    lines
}

fn cost(slot: &Slot) -> Option<Money> {
    slot.price?.times(slot.requested?).ok()
}
