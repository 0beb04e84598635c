//! The catalog as on_discover and `GET /catalog` show it (EnergyResource and EnergyTradeOffer of seed.md).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use p2p_domain::{Energy, Money, TimeWindow};
use p2p_proto::{
    InvalidMessage,
    catalog::{self as proto, SearchCatalogResponse},
    common, required,
};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::beckn::{Number, Profile, instant, lts};

/// `{providers: [...]}`.
#[derive(Debug, Serialize)]
pub struct Catalog {
    providers: Vec<Provider>,
    /// Where the next page begins, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize)]
struct Provider {
    id: String,
    descriptor: Descriptor,
    #[serde(flatten)]
    bpp: Option<Bpp>,
    items: Vec<Item>,
}

/// The BPP that takes the orders of a provider, where it is not ours (our addition).
#[derive(Debug, Clone, Serialize)]
struct Bpp {
    bpp_id: String,
    bpp_uri: String,
    /// What it speaks, where that is not this profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<Profile>,
}

impl Bpp {
    fn of(provider: &proto::Provider) -> Option<Self> {
        let proto::Provider { bpp_id, bpp_uri, .. } = provider;
        let profile = (provider.profile() == proto::Profile::Lts).then_some(Profile::Lts);
        (!bpp_uri.is_empty()).then(|| Self { bpp_id: bpp_id.clone(), bpp_uri: bpp_uri.clone(), profile })
    }
}

/// A name for people.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Descriptor {
    /// The name.
    pub name: String,
}

#[derive(Debug, Serialize)]
struct Item {
    id: String,
    provider_id: String,
    #[serde(rename = "itemAttributes")]
    attributes: ItemAttributes,
    offers: Vec<Offer>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemAttributes {
    source_type: String,
    delivery_mode: String,
    meter_id: String,
    available_quantity: Number,
    production_window: Vec<Window>,
}

#[derive(Debug, Serialize)]
struct Offer {
    id: String,
    item_id: String,
    provider_id: String,
    #[serde(flatten)]
    bpp: Option<Bpp>,
    #[serde(rename = "offerAttributes")]
    attributes: OfferAttributes,
    price: Price,
    #[serde(rename = "maxQuantity")]
    max_quantity: Number,
    #[serde(rename = "timeWindow")]
    window: Window,
    /// What a contract of the LTS profile is made of, where the BPP speaks that (our addition).
    #[serde(skip_serializing_if = "Option::is_none")]
    lts: Option<Box<RawValue>>,
}

/// `{pricingModel, settlementType}`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OfferAttributes {
    pricing_model: String,
    settlement_type: String,
}

impl From<&proto::Offer> for OfferAttributes {
    fn from(offer: &proto::Offer) -> Self {
        Self { pricing_model: offer.pricing_model.clone(), settlement_type: offer.settlement_type.clone() }
    }
}

/// `{value, currency}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Price {
    /// The amount.
    pub value: Number,
    /// ISO 4217.
    pub currency: String,
}

impl From<Money> for Price {
    fn from(money: Money) -> Self {
        Self { value: Number(money.amount()), currency: money.currency().to_string() }
    }
}

impl TryFrom<&Price> for Money {
    type Error = p2p_domain::MoneyError;

    fn try_from(price: &Price) -> Result<Self, Self::Error> {
        Money::new(price.value.0, price.currency.parse()?)
    }
}

/// `{startTime, endTime}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    #[serde(serialize_with = "write_instant")]
    start_time: DateTime<Utc>,
    #[serde(serialize_with = "write_instant")]
    end_time: DateTime<Utc>,
}

fn write_instant<S: serde::Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&instant(*at))
}

impl From<TimeWindow> for Window {
    fn from(window: TimeWindow) -> Self {
        Self { start_time: window.start(), end_time: window.end() }
    }
}

impl TryFrom<&Window> for TimeWindow {
    type Error = p2p_domain::WindowError;

    fn try_from(window: &Window) -> Result<Self, Self::Error> {
        TimeWindow::new(window.start_time, window.end_time)
    }
}

/// A window of a message.
///
/// # Errors
/// When it is missing or none.
pub fn window(window: Option<common::TimeWindow>) -> Result<Window, InvalidMessage> {
    Ok(TimeWindow::try_from(required(window, "window")?)?.into())
}

/// Most bytes of one catalog.
const MOST_BYTES: usize = 1_000_000;

impl Catalog {
    /// What a search found, grouped by provider and item in order of first appearance: by price. It is cut, and
    /// says where to go on, when it would grow beyond 1 MB.
    ///
    /// # Errors
    /// When a message is not what it should be.
    pub fn of(found: &SearchCatalogResponse) -> Result<Self, InvalidMessage> {
        Self::within(MOST_BYTES, found)
    }

    /// The same, not cut.
    ///
    /// # Errors
    /// When a message is not what it should be.
    pub fn whole(found: &SearchCatalogResponse) -> Result<Self, InvalidMessage> {
        Self::within(usize::MAX, found)
    }

    fn within(most_bytes: usize, found: &SearchCatalogResponse) -> Result<Self, InvalidMessage> {
        let items: BTreeMap<&str, &proto::Item> =
            found.items.iter().map(|item| (item.id.as_str(), item)).collect();
        let providers: BTreeMap<&str, &proto::Provider> =
            found.providers.iter().map(|provider| (provider.id.as_str(), provider)).collect();
        let mut catalog = Self { providers: Vec::new(), next_cursor: None };
        let (mut bytes, mut cursor) = (0, "");
        for listing in &found.listings {
            let offer = required(listing.offer.as_ref(), "offer")?;
            let item = required(items.get(offer.item_id.as_str()), "item")?;
            let provider = required(providers.get(offer.provider_id.as_str()), "provider")?;
            let shown = Offer::of(offer, item, provider)?;
            bytes += size(&shown) + size_of_item(item);
            if bytes > most_bytes && !catalog.providers.is_empty() {
                catalog.next_cursor = Some(cursor.to_owned());
                return Ok(catalog);
            }
            catalog.provider(provider).item(item)?.offers.push(shown);
            cursor = &listing.cursor;
        }
        catalog.next_cursor = Some(found.next_cursor.clone()).filter(|cursor| !cursor.is_empty());
        Ok(catalog)
    }

    fn provider(&mut self, provider: &proto::Provider) -> &mut Provider {
        let at = self.providers.iter().position(|known| known.id == provider.id).unwrap_or_else(|| {
            self.providers.push(Provider {
                id: provider.id.clone(),
                descriptor: Descriptor { name: provider.name.clone() },
                bpp: Bpp::of(provider),
                items: Vec::new(),
            });
            self.providers.len() - 1
        });
        &mut self.providers[at]
    }
}

/// What an offer adds to the catalog's text.
fn size(offer: &Offer) -> usize {
    serde_json::to_string(offer).map_or(0, |text| text.len())
}

/// At most what its item adds.
fn size_of_item(item: &proto::Item) -> usize {
    const WINDOW: usize = 80;
    200 + item.id.len()
        + item.meter_id.len()
        + item.provider_id.len()
        + item.production_windows.len() * WINDOW
}

impl Provider {
    fn item(&mut self, item: &proto::Item) -> Result<&mut Item, InvalidMessage> {
        let at = match self.items.iter().position(|known| known.id == item.id) {
            Some(at) => at,
            None => {
                self.items.push(Item::of(item)?);
                self.items.len() - 1
            }
        };
        Ok(&mut self.items[at])
    }
}

impl Item {
    fn of(item: &proto::Item) -> Result<Self, InvalidMessage> {
        let windows = item.production_windows.iter().map(|w| window(Some(*w)));
        Ok(Self {
            id: item.id.clone(),
            provider_id: item.provider_id.clone(),
            attributes: ItemAttributes {
                source_type: item.source_type.clone(),
                delivery_mode: item.delivery_mode.clone(),
                meter_id: item.meter_id.clone(),
                available_quantity: Energy::from_wh(item.available_wh)?.into(),
                production_window: windows.collect::<Result<_, _>>()?,
            },
            offers: Vec::new(),
        })
    }
}

impl Offer {
    fn of(
        offer: &proto::Offer,
        item: &proto::Item,
        provider: &proto::Provider,
    ) -> Result<Self, InvalidMessage> {
        let bpp = Bpp::of(provider);
        let terms =
            bpp.as_ref().filter(|bpp| bpp.profile.is_some()).and_then(|_| lts::kept::terms(offer, item));
        let price = Money::try_from(required(offer.price_per_kwh.clone(), "price_per_kwh")?)?;
        Ok(Self {
            id: offer.id.clone(),
            item_id: offer.item_id.clone(),
            provider_id: offer.provider_id.clone(),
            bpp,
            attributes: offer.into(),
            price: price.into(),
            max_quantity: Energy::from_wh(offer.sellable_wh)?.into(),
            window: window(offer.window)?,
            lts: terms.and_then(|terms| to_raw_value(&terms).ok()),
        })
    }
}
