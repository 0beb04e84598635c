//! What is kept of a published offer: to be shown again, and to make contracts of.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use p2p_proto::catalog::{Item, Offer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    attributes::{Descriptor, typed},
    published::{RawOffer, RawResource, TradeOffer, base},
};

/// What is kept of an offer beside our own columns: its catalog, and the offer to the letter.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept<'a> {
    /// The catalog that it stood in.
    #[serde(borrow)]
    pub catalog_id: Cow<'a, str>,
    /// The offer.
    #[serde(borrow)]
    pub offer: &'a RawValue,
}

/// The catalog that an offer of ours was published in.
pub fn catalog_of(offer: &Offer) -> Option<String> {
    let kept: Kept<'_> = serde_json::from_str(&offer.published).ok()?;
    Some(kept.catalog_id.into_owned())
}

/// What a contract about a published offer is made of: kept with the offer in the buyer's state.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Terms<'a> {
    /// The offer's own id.
    #[serde(borrow)]
    pub offer_id: Cow<'a, str>,
    /// Which of its delivery intervals.
    pub interval: i64,
    /// The resource's words for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descriptor: Option<Descriptor>,
    /// What the resource is.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<&'a RawValue>,
    /// Roles and policy.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub contract_attributes: Option<&'a RawValue>,
    /// Who takes part on the seller's side.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub participants: Vec<&'a RawValue>,
}

/// The terms of an offer of ours that was published.
pub fn terms<'a>(offer: &'a Offer, item: &'a Item) -> Option<Terms<'a>> {
    #[derive(Deserialize)]
    struct Described<'a> {
        #[serde(borrow, default)]
        descriptor: Option<&'a RawValue>,
    }
    let kept: Kept<'a> = serde_json::from_str(&offer.published).ok()?;
    let whole: RawOffer<'a> = serde_json::from_str(kept.offer.get()).ok()?;
    let trade: TradeOffer<'a> = serde_json::from_str(whole.offer_attributes?.get()).ok()?;
    let resource: Option<RawResource<'a>> = serde_json::from_str(&item.published).ok();
    let described: Option<Described<'a>> = serde_json::from_str(&item.published).ok();
    let (_, interval) = base(&offer.id);
    let interval =
        interval.or_else(|| trade.commitment_attributes.as_ref()?.slots().ok()?.first().map(|slot| slot.id));
    Some(Terms {
        offer_id: whole.id.into(),
        interval: interval.unwrap_or_default(),
        descriptor: Descriptor::read(described.and_then(|described| described.descriptor)),
        resource: typed(resource.and_then(|resource| resource.resource_attributes)),
        contract_attributes: typed(trade.contract_attributes),
        participants: trade.participants,
    })
}

/// When an offer that was published may be bought, as far as it says so.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Valid {
    /// From then on.
    #[serde(default)]
    pub start_date: Option<DateTime<Utc>>,
    /// Until then.
    #[serde(default)]
    pub end_date: Option<DateTime<Utc>>,
}

/// When an offer that was published may be bought.
pub fn validity(raw: &RawValue) -> Valid {
    #[derive(Deserialize)]
    struct Told {
        validity: Valid,
    }
    serde_json::from_str::<Told>(raw.get()).map(|told| told.validity).unwrap_or_default()
}
