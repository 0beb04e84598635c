//! Catalogs as on_discover and catalog/publish send them.

use p2p_domain::{Energy, Money, TimeWindow};
use p2p_proto::{
    InvalidMessage,
    catalog::{Item, Offer, Provider, SearchCatalogResponse},
    required,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    attributes::{Descriptor, Fields, typed, with},
    draft::{Kind, NO_ROLES, written},
    kept::{Kept, validity},
    published::base,
    schema,
    series::{Slot, Written},
};
use crate::beckn::instant;

/// `{catalogs: [...]}`.
#[derive(Debug, Default, Serialize)]
pub struct Catalogs {
    catalogs: Vec<Catalog>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Catalog {
    id: String,
    descriptor: Descriptor,
    #[serde(skip_serializing_if = "String::is_empty")]
    bpp_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    bpp_uri: String,
    /// Active unless it says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    is_active: Option<bool>,
    provider: ShownProvider,
    resources: Vec<Resource>,
    offers: Vec<ShownOffer>,
}

#[derive(Debug, Clone, Serialize)]
struct ShownProvider {
    id: String,
    descriptor: Descriptor,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    descriptor: Option<Descriptor>,
    resource_attributes: Box<RawValue>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EnergyResource<'a> {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@type")]
    kind: &'static str,
    #[serde(rename = "type")]
    source_type: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    id: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownOffer {
    id: String,
    resource_ids: [String; 1],
    provider: ShownProvider,
    validity: Validity,
    offer_attributes: Box<RawValue>,
    /// Until it is written.
    #[serde(skip)]
    slots: Vec<Slot>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Validity {
    #[serde(skip_serializing_if = "Option::is_none")]
    start_date: Option<String>,
    end_date: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TradeOffer<'a> {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@type")]
    kind: &'static str,
    commitment_attributes: Option<Written>,
    contract_attributes: Kind,
    participants: [Customer<'a>; 1],
}

/// A platform as a participant.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Customer<'a> {
    id: &'a str,
    participant_attributes: EnergyCustomer<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EnergyCustomer<'a> {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    meter_id: Option<&'a str>,
    platform_url: &'a str,
}

impl<'a> Customer<'a> {
    /// A platform, and the meter where there is one.
    pub fn of(id: &'a str, platform_url: &'a str, meter_id: Option<&'a str>) -> Self {
        let participant_attributes = EnergyCustomer {
            context: schema::ENERGY_CUSTOMER,
            kind: "EnergyCustomer",
            meter_id: meter_id.filter(|id| !id.is_empty()),
            platform_url,
        };
        Self { id, participant_attributes }
    }
}

/// Most bytes of one message.
const MOST_BYTES: usize = 1_000_000;
/// What an offer adds beside attributes: ids, names, times, four times 255 at most.
const BYTES_OF_THE_REST: usize = 1_500;

impl Catalogs {
    /// What a search found: a catalog for each seller, with all intervals of an offer that were found in one offer. It is
    /// cut before it would grow beyond 1 MB. `ours` are id and URI of our BPP.
    ///
    /// # Errors
    /// When a message is not what it should be.
    pub fn of(found: &SearchCatalogResponse, ours: (&str, &str)) -> Result<Self, InvalidMessage> {
        let mut catalogs = Self::gathered(found, ours, true)?;
        let mut room = MOST_BYTES;
        for catalog in &mut catalogs.catalogs {
            catalog.fit(&mut room);
        }
        catalogs.catalogs.retain(|catalog| !catalog.offers.is_empty());
        Ok(catalogs)
    }

    /// The same to be published: nothing is cut.
    ///
    /// # Errors
    /// When a message is not what it should be.
    pub fn whole(found: &SearchCatalogResponse, ours: (&str, &str)) -> Result<Self, InvalidMessage> {
        Self::gathered(found, ours, true)
    }

    /// The catalog of a provider of ours that sells nothing any more.
    pub fn closed(provider: &Provider, ours: (&str, &str)) -> Self {
        let catalog = Catalog::new(own_id(provider), provider, ours);
        Self { catalogs: vec![Catalog { is_active: Some(false), ..catalog }] }
    }

    /// The same with each interval as an offer of its own, to be looked at.
    ///
    /// # Errors
    /// When a message is not what it should be.
    pub fn one_by_one(found: &SearchCatalogResponse) -> Result<Self, InvalidMessage> {
        Self::gathered(found, ("", ""), false)
    }

    fn gathered(
        found: &SearchCatalogResponse,
        ours: (&str, &str),
        together: bool,
    ) -> Result<Self, InvalidMessage> {
        let mut catalogs = Self { catalogs: Vec::new() };
        for listing in &found.listings {
            let offer = required(listing.offer.as_ref(), "offer")?;
            let item = found.items.iter().find(|item| item.id == offer.item_id);
            let provider = found.providers.iter().find(|provider| provider.id == offer.provider_id);
            let (item, provider) = (required(item, "item")?, required(provider, "provider")?);
            catalogs.of_offer(offer, provider, ours).take(offer, item, provider, together)?;
        }
        for catalog in &mut catalogs.catalogs {
            catalog.in_order_of_resources();
        }
        Ok(catalogs)
    }

    fn of_offer(&mut self, offer: &Offer, provider: &Provider, ours: (&str, &str)) -> &mut Catalog {
        let published: Option<Kept<'_>> = serde_json::from_str(&offer.published).ok();
        let id = match &published {
            Some(kept) => kept.catalog_id.clone().into_owned(),
            None => own_id(provider),
        };
        let is_it = |known: &Catalog| known.id == id && known.provider.id == provider.id;
        let at = self.catalogs.iter().position(is_it).unwrap_or_else(|| {
            self.catalogs.push(Catalog::new(id.clone(), provider, ours));
            self.catalogs.len() - 1
        });
        &mut self.catalogs[at]
    }
}

/// The id of the catalog of what was not published by others.
fn own_id(provider: &Provider) -> String {
    format!("catalog-{}", provider.id)
}

impl Catalog {
    fn new(id: String, provider: &Provider, (our_id, our_uri): (&str, &str)) -> Self {
        let elsewhere = !provider.bpp_uri.is_empty();
        let bpp = if elsewhere { (&*provider.bpp_id, &*provider.bpp_uri) } else { (our_id, our_uri) };
        let descriptor = Descriptor::named(&provider.name);
        Self {
            id,
            descriptor: descriptor.clone(),
            bpp_id: bpp.0.to_owned(),
            bpp_uri: bpp.1.to_owned(),
            is_active: None,
            provider: ShownProvider { id: provider.id.clone(), descriptor },
            resources: Vec::new(),
            offers: Vec::new(),
        }
    }

    fn take(
        &mut self,
        offer: &Offer,
        item: &Item,
        provider: &Provider,
        together: bool,
    ) -> Result<(), InvalidMessage> {
        if !self.resources.iter().any(|known| known.id == item.id) {
            self.resources.push(Resource::of(item));
        }
        let (own_id, interval) =
            if offer.published.is_empty() { (&*offer.id, None) } else { base(&offer.id) };
        let slot = slot(offer, interval)?;
        let bpp = (self.bpp_id.clone(), self.bpp_uri.clone());
        let known = self.offers.iter_mut().find(|known| together && known.id == own_id);
        match known {
            Some(known) => known.add(slot),
            None => {
                let provider =
                    ShownProvider { id: provider.id.clone(), descriptor: Descriptor::named(&provider.name) };
                let window = required(slot.window, "window")?;
                self.offers.push(ShownOffer {
                    id: own_id.to_owned(),
                    resource_ids: [item.id.clone()],
                    provider,
                    validity: Validity::of(offer, window),
                    offer_attributes: attributes(offer, item, (&bpp.0, &bpp.1), std::slice::from_ref(&slot)),
                    slots: vec![slot],
                });
            }
        }
        Ok(())
    }

    /// Offers as long as there is room for them and their resources; no resource without an offer.
    fn fit(&mut self, room: &mut usize) {
        let size = |id: &str| {
            let resource = self.resources.iter().find(|resource| resource.id == id);
            resource.map_or(0, |resource| resource.resource_attributes.get().len())
        };
        let mut last = None;
        let fit = self.offers.iter().take_while(|offer| {
            let own = &offer.resource_ids[0];
            // Offers of one resource follow each other.
            let of_resource = if last == Some(own) { 0 } else { size(own) };
            last = Some(own);
            let needed = offer.offer_attributes.get().len() + of_resource + BYTES_OF_THE_REST;
            let fits = needed <= *room;
            *room = room.saturating_sub(needed);
            fits
        });
        let fit = fit.count();
        self.offers.truncate(fit);
        let offers = &self.offers;
        self.resources.retain(|resource| offers.iter().any(|offer| offer.resource_ids[0] == resource.id));
    }

    /// The offers of a resource follow each other.
    fn in_order_of_resources(&mut self) {
        let place = |offer: &ShownOffer| {
            self.resources.iter().position(|resource| resource.id == offer.resource_ids[0])
        };
        self.offers.sort_by_key(place);
    }
}

impl ShownOffer {
    fn add(&mut self, slot: Slot) {
        self.slots.push(slot);
        self.slots.sort_by_key(|slot| slot.id);
        let series = Written::of(&self.slots);
        if let Some(attributes) = with(&self.offer_attributes, "commitmentAttributes", &series) {
            self.offer_attributes = attributes;
        }
    }
}

impl Resource {
    fn of(item: &Item) -> Self {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Told<'a> {
            #[serde(borrow, default)]
            descriptor: Option<&'a RawValue>,
            #[serde(borrow, default)]
            resource_attributes: Option<&'a RawValue>,
        }
        let told: Option<Told<'_>> = serde_json::from_str(&item.published).ok();
        let attributes =
            told.as_ref().and_then(|told| typed(told.resource_attributes)).map(ToOwned::to_owned);
        let own = || {
            written(&EnergyResource {
                context: schema::ENERGY_RESOURCE,
                kind: "EnergyResource",
                source_type: &item.source_type,
                id: &item.meter_id,
            })
        };
        Self {
            id: item.id.clone(),
            descriptor: told.and_then(|told| Descriptor::read(told.descriptor)),
            resource_attributes: attributes.unwrap_or_else(own),
        }
    }
}

impl Validity {
    /// As it was published; an offer of ours can be bought until its delivery ends.
    fn of(offer: &Offer, window: TimeWindow) -> Self {
        let kept: Option<Kept<'_>> = serde_json::from_str(&offer.published).ok();
        let told = kept.map(|kept| validity(kept.offer)).unwrap_or_default();
        let end = told.end_date.unwrap_or(window.end());
        Self { start_date: told.start_date.map(instant), end_date: instant(end) }
    }
}

fn slot(offer: &Offer, interval: Option<i64>) -> Result<Slot, InvalidMessage> {
    let window = TimeWindow::try_from(required(offer.window, "window")?)?;
    let price = Money::try_from(required(offer.price_per_kwh.clone(), "price_per_kwh")?)?;
    Ok(Slot {
        id: interval.unwrap_or_default(),
        window: Some(window),
        price: Some(price),
        available: Some(Energy::from_wh(offer.sellable_wh)?),
        requested: None,
    })
}

/// As it was published, with what can still be bought; else made of what we know.
fn attributes(offer: &Offer, item: &Item, bpp: (&str, &str), slots: &[Slot]) -> Box<RawValue> {
    let series = Written::of(slots);
    let published = || {
        let kept: Kept<'_> = serde_json::from_str(&offer.published).ok()?;
        let fields: Fields<'_> = serde_json::from_str(kept.offer.get()).ok()?;
        with(typed(fields.get("offerAttributes").copied())?, "commitmentAttributes", &series)
    };
    published().unwrap_or_else(|| {
        written(&TradeOffer {
            context: schema::ENERGY_TRADE_OFFER,
            kind: "EnergyTradeOffer",
            commitment_attributes: Written::of(slots),
            contract_attributes: NO_ROLES,
            participants: [Customer::of(bpp.0, bpp.1, Some(&item.meter_id))],
        })
    })
}
