//! A catalog as it comes in, by catalog/publish or on_discover. Our catalog sells energy of one window at one price, so
//! each delivery interval of an offer is an offer of ours: `offer-1#0`, `offer-1#1`, or `offer-1` where there is but one.

use chrono::{DateTime, Utc};
use p2p_domain::{Energy, ItemId, Money, OfferId, ProviderId, TimeWindow};
use p2p_proto::catalog::{Item, Offer, Origin, Profile, Provider};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    attributes::Descriptor,
    draft::written,
    kept::Kept,
    series::{Series, Slot},
};
use crate::beckn::{Envelope, Fault, Invalid, lts_code as code};

const MOST_CATALOGS: usize = 100;
/// Most windows of an item.
const MOST_WINDOWS: usize = 100;
/// Most delivery intervals of a catalog.
pub const MOST_OFFERS: usize = 1_000;
/// Each interval keeps its offer's text: so many bytes of one message, whatever it says.
const MOST_KEPT_BYTES: usize = 8 * 1024 * 1024;

/// `message` of catalog/publish and on_discover.
#[derive(Deserialize)]
pub struct Message<'a> {
    #[serde(borrow)]
    catalogs: Vec<Catalog<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Catalog<'a> {
    id: String,
    #[serde(default)]
    bpp_id: Option<String>,
    #[serde(default)]
    bpp_uri: Option<String>,
    #[serde(default = "yes")]
    is_active: bool,
    #[serde(borrow)]
    provider: RawProvider<'a>,
    #[serde(borrow, default)]
    resources: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    offers: Vec<&'a RawValue>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
struct RawProvider<'a> {
    id: String,
    #[serde(borrow, default)]
    descriptor: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawResource<'a> {
    pub id: String,
    #[serde(borrow, default)]
    pub resource_attributes: Option<&'a RawValue>,
}

/// What of EnergyResource is known here.
#[derive(Deserialize, Default)]
struct EnergyResource {
    #[serde(rename = "type", default)]
    source_type: Option<String>,
    #[serde(rename = "id", default)]
    meter_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawOffer<'a> {
    pub id: String,
    #[serde(default)]
    resource_ids: Vec<String>,
    #[serde(borrow, default)]
    pub offer_attributes: Option<&'a RawValue>,
}

/// What of EnergyTradeOffer decides anything, or is needed for a contract.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TradeOffer<'a> {
    #[serde(borrow, default)]
    pub commitment_attributes: Option<Series<'a>>,
    #[serde(borrow, default)]
    pub contract_attributes: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub participants: Vec<&'a RawValue>,
}

/// A catalog that was read.
#[derive(Debug)]
pub struct Publication {
    /// Its id.
    pub catalog_id: String,
    /// Who takes the orders: id and URI.
    pub bpp: (String, String),
    /// Who sells.
    pub provider: Provider,
    /// What it has.
    pub items: Vec<Item>,
    /// What it offers of it.
    pub offers: Vec<Offer>,
    /// What of it cannot be taken, each in a sentence.
    pub faults: Faults,
}

/// What became of a published catalog.
#[derive(Debug)]
pub struct Outcome {
    /// Its id.
    pub catalog_id: String,
    /// Offers that are in the index now.
    pub accepted: usize,
    /// What of it was not taken.
    pub faults: Faults,
}

/// The id of our offer that stands for an interval, of so many.
pub fn interval_id(offer_id: &str, interval: i64, of: usize) -> String {
    if of == 1 { offer_id.to_owned() } else { part_id(offer_id, interval) }
}

/// The id of our offer that stands for one of several intervals.
pub fn part_id(offer_id: &str, interval: i64) -> String {
    format!("{offer_id}#{interval}")
}

/// The offer's own id, and the interval, of an offer of ours.
pub fn base(id: &str) -> (&str, Option<i64>) {
    let part = id.rsplit_once('#').and_then(|(base, interval)| Some((base, interval.parse::<u16>().ok()?)));
    match part {
        Some((base, interval)) if !base.is_empty() => (base, Some(interval.into())),
        _ => (id, None),
    }
}

/// Reads catalogs. One that cannot be read at all is a fault of the message; what of it cannot be, is its own.
///
/// # Errors
/// When the message is not what its action says.
pub fn read(envelope: &Envelope<'_>) -> Result<Vec<Publication>, Invalid> {
    let message: Message<'_> = envelope.message()?;
    if message.catalogs.len() > MOST_CATALOGS {
        let why = format!("at most {MOST_CATALOGS} catalogs at once");
        return Err(envelope.invalid(Fault::at(code::SCH_SCHEMA_VALIDATION_FAILED, "message.catalogs", why)));
    }
    let context = &envelope.context;
    let sender = (
        context.bpp_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        context.bpp_uri.clone().unwrap_or_default(),
    );
    let mut room =
        Room { resources: MOST_OFFERS, offers: MOST_OFFERS, intervals: MOST_OFFERS, bytes: MOST_KEPT_BYTES };
    Ok(message.catalogs.iter().map(|catalog| catalog.publication(&sender, &mut room)).collect())
}

/// What a message may still bring.
struct Room {
    resources: usize,
    offers: usize,
    intervals: usize,
    bytes: usize,
}

impl Room {
    fn takes(&mut self, offers: &[Offer]) -> Result<(), String> {
        let intervals = self.intervals.checked_sub(offers.len());
        let why = || format!("a message has at most {MOST_OFFERS} delivery intervals in all");
        self.intervals = intervals.ok_or_else(why)?;
        let kept = offers.iter().map(|offer| offer.published.len()).sum::<usize>();
        let why = || "the texts of the offers, once for each interval, are too long in all".to_owned();
        self.bytes = self.bytes.checked_sub(kept).ok_or_else(why)?;
        Ok(())
    }
}

/// What of a catalog is not taken, in sentences; of very many the first.
#[derive(Debug, Default)]
pub struct Faults(Vec<String>);

impl Faults {
    const MOST: usize = 20;

    /// One more.
    pub fn push(&mut self, why: String) {
        match self.0.len() {
            told if told < Self::MOST => self.0.push(why),
            told if told == Self::MOST => self.0.push("and more".into()),
            _ => {}
        }
    }

    /// Whether all of it is taken.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl<S: Into<String>> FromIterator<S> for Faults {
    fn from_iter<I: IntoIterator<Item = S>>(all: I) -> Self {
        let mut faults = Self::default();
        all.into_iter().for_each(|why| faults.push(why.into()));
        faults
    }
}

impl Catalog<'_> {
    fn publication(&self, (sender_id, sender_uri): &(String, String), room: &mut Room) -> Publication {
        let bpp_id = self.bpp_id.clone().unwrap_or_else(|| sender_id.clone());
        let bpp_uri = self.bpp_uri.clone().unwrap_or_else(|| sender_uri.clone());
        let name = Descriptor::read(self.provider.descriptor).and_then(|descriptor| descriptor.name);
        let provider = Provider {
            id: self.provider.id.clone(),
            name: name.unwrap_or_else(|| self.provider.id.clone()),
            origin: Origin::Sync.into(),
            bpp_id: bpp_id.clone(),
            bpp_uri: bpp_uri.clone(),
            profile: Profile::Lts.into(),
            ..Provider::default()
        };
        let mut publication = Publication {
            catalog_id: self.id.clone(),
            bpp: (bpp_id, bpp_uri),
            provider,
            items: Vec::new(),
            offers: Vec::new(),
            faults: Faults::default(),
        };
        if ProviderId::parse(&self.provider.id).is_err() {
            publication.faults.push("provider.id must be 1 to 255 printable ASCII characters".into());
        } else if self.is_active {
            publication.take(self, room);
        }
        publication
    }
}

impl Publication {
    fn take(&mut self, catalog: &Catalog<'_>, room: &mut Room) {
        if catalog.resources.len() > room.resources || catalog.offers.len() > room.offers {
            return self
                .faults
                .push(format!("a message has at most {MOST_OFFERS} resources and offers in all"));
        }
        room.resources -= catalog.resources.len();
        room.offers -= catalog.offers.len();
        for raw in &catalog.resources {
            match item(&self.provider.id, raw) {
                Ok(item) => self.items.push(item),
                Err(why) => self.faults.push(why),
            }
        }
        for raw in &catalog.offers {
            let read = self.offer(&catalog.id, raw);
            match read.and_then(|offers| room.takes(&offers).map(|()| offers)) {
                Ok(offers) => self.add(offers),
                Err(why) => self.faults.push(why),
            }
        }
        self.items.retain(|item| item.total_wh > 0);
        // Of very many, when it begins and when it ends.
        self.items.iter_mut().filter(|item| item.production_windows.len() > MOST_WINDOWS).for_each(whole);
    }

    /// What the intervals of an item sell together is what there is of it.
    fn add(&mut self, offers: Vec<Offer>) {
        for offer in offers {
            if let Some(item) = self.items.iter_mut().find(|item| item.id == offer.item_id) {
                item.total_wh = item.total_wh.saturating_add(offer.total_wh).min(Energy::MOST.wh());
                if !item.production_windows.iter().any(|known| Some(known) == offer.window.as_ref()) {
                    item.production_windows.extend(offer.window);
                }
            }
            self.offers.push(offer);
        }
    }

    fn offer(&self, catalog_id: &str, raw: &RawValue) -> Result<Vec<Offer>, String> {
        let offer: RawOffer<'_> =
            serde_json::from_str(raw.get()).map_err(|e| format!("an offer cannot be read: {e}"))?;
        let of_it = |why: &str| format!("offer {:.255}: {why}", offer.id);
        let [resource] = offer.resource_ids.as_slice() else {
            return Err(of_it("resourceIds must name one resource"));
        };
        if !self.items.iter().any(|item| &item.id == resource) {
            return Err(of_it("its resource is not among the catalog's resources"));
        }
        let attributes = offer.offer_attributes.ok_or_else(|| of_it("offerAttributes are required"))?;
        let trade: TradeOffer<'_> = serde_json::from_str(attributes.get())
            .map_err(|e| of_it(&format!("offerAttributes cannot be read: {e}")))?;
        let series = trade.commitment_attributes.ok_or_else(|| of_it("commitmentAttributes are required"))?;
        let slots = series.slots().map_err(|why| of_it(&why))?;
        if slots.is_empty() {
            return Err(of_it("it has no delivery interval"));
        }
        if self.offers.iter().any(|known| base(&known.id).0 == offer.id) {
            return Err(of_it("it is there twice"));
        }
        let published = written(&Kept { catalog_id: catalog_id.into(), offer: raw }).get().to_owned();
        let of = slots.len();
        let sold = slots.iter().filter(|slot| slot.available.is_none_or(|available| !available.is_zero()));
        sold.map(|slot| {
            let id = interval_id(&offer.id, slot.id, of);
            OfferId::parse(&id).map_err(|e| of_it(&e.to_string()))?;
            if self.offers.iter().any(|known| known.id == id) {
                return Err(of_it(&format!("{id} stands for another's interval")));
            }
            let sale = Sale::of(slot).map_err(|why| of_it(&why))?;
            Ok(Offer {
                id,
                item_id: resource.clone(),
                provider_id: self.provider.id.clone(),
                price_per_kwh: Some(sale.price.into()),
                block_wh: LOT_WH,
                total_wh: sale.available.wh(),
                window: Some(sale.window.into()),
                pricing_model: "PER_KWH".into(),
                settlement_type: "ON_FULFILLMENT".into(),
                origin: Origin::Sync.into(),
                published: published.clone(),
                ..Offer::default()
            })
        })
        .collect()
    }
}

/// What is sold of an interval.
struct Sale {
    price: Money,
    available: Energy,
    window: TimeWindow,
}

impl Sale {
    fn of(slot: &Slot) -> Result<Self, String> {
        let missing = |what: &str| format!("interval {} has no {what}", slot.id);
        Ok(Self {
            price: slot.price.ok_or_else(|| missing("PRICE_PER_KWH"))?,
            available: slot.available.ok_or_else(|| missing("AVAILABLE_QTY"))?,
            window: slot.window.ok_or_else(|| missing("place in time: intervalPeriod is required"))?,
        })
    }
}

/// The network sells any amount, and the lot of an offer is fixed with its first publication.
const LOT_WH: i64 = 1;

/// From the first window's beginning to the last one's end.
fn whole(item: &mut Item) {
    let instants = |of: fn(&TimeWindow) -> DateTime<Utc>| {
        let windows = item.production_windows.iter().filter_map(|window| TimeWindow::try_from(*window).ok());
        windows.map(move |window| of(&window)).collect::<Vec<_>>()
    };
    let (start, end) = (instants(|window| window.start()), instants(|window| window.end()));
    let hull = start.into_iter().min().zip(end.into_iter().max());
    let hull = hull.and_then(|(start, end)| TimeWindow::new(start, end).ok());
    item.production_windows = hull.map(Into::into).into_iter().collect();
}

fn item(provider_id: &str, raw: &RawValue) -> Result<Item, String> {
    let resource: RawResource<'_> =
        serde_json::from_str(raw.get()).map_err(|e| format!("a resource cannot be read: {e}"))?;
    let of_it = |why: &str| format!("resource {:.255}: {why}", resource.id);
    ItemId::parse(&resource.id).map_err(|e| of_it(&e.to_string()))?;
    let known: EnergyResource = resource
        .resource_attributes
        .map(|raw| serde_json::from_str(raw.get()))
        .transpose()
        .map_err(|e| of_it(&format!("resourceAttributes cannot be read: {e}")))?
        .unwrap_or_default();
    Ok(Item {
        id: resource.id,
        provider_id: provider_id.to_owned(),
        source_type: known.source_type.unwrap_or_else(|| "UNKNOWN".into()).to_uppercase(),
        delivery_mode: "SCHEDULED".into(),
        meter_id: known.meter_id.unwrap_or_default(),
        origin: Origin::Sync.into(),
        published: raw.get().to_owned(),
        ..Item::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_of_several_has_an_id_of_its_own() {
        assert_eq!(interval_id("offer-1", 0, 1), "offer-1");
        assert_eq!(interval_id("offer-1", 3, 24), "offer-1#3");
        assert_eq!(base("offer-1#3"), ("offer-1", Some(3)));
        for whole in ["offer-1", "offer#x", "#3", "offer-1#-1"] {
            assert_eq!(base(whole), (whole, None));
        }
    }
}
