//! Messages to values: the one place where they are checked.

use std::str::FromStr;

use p2p_domain::{Energy, Money, OrderId, ProviderId, TimeWindow};
use p2p_proto::{
    InvalidMessage,
    catalog::{
        BlockStatus, Filter as FilterMessage, ListReservationsRequest, Origin as OriginMessage,
        Profile as ProfileMessage, ReservationStatus, ReserveBlocksRequest, SearchCatalogRequest, StockLine,
        UpsertItemRequest, UpsertOfferRequest, UpsertProviderRequest,
    },
    common, required, utc,
};

use crate::{
    Error,
    domain::{
        Blocks, Counters, Existing, Filter, Invalid, Item, Label, Line, Offer, Origin, PageSize, Place,
        Price, Profile, Provider, Published, Search, Sought, Status, Wish, Word, add_up, storable,
    },
};

const MOST_IDS: usize = 1_000;
const SCHEDULED: &str = "SCHEDULED";
const PER_KWH: &str = "PER_KWH";
const DAILY: &str = "DAILY";

pub(super) fn provider(request: UpsertProviderRequest) -> Result<Provider, Error> {
    let provider = required(request.provider, "provider")?;
    let origin = origin(provider.origin, "provider.origin")?;
    Ok(Provider {
        id: id(&provider.id)?,
        name: Label::parse(&provider.name, "provider.name")?.required("provider.name")?,
        origin,
        bpp: Provider::bpp(&provider.bpp_id, &provider.bpp_uri, origin)?,
        profile: profile(provider.profile)?.of(origin)?,
        published: Published::parse(&provider.published, origin, "provider.published")?,
        created_at: None,
    })
}

pub(super) fn existing(must_be_new: bool) -> Existing {
    if must_be_new { Existing::Refuse } else { Existing::Change }
}

/// Unspecified counts as the seller's.
pub(super) fn origin(value: i32, field: &'static str) -> Result<Origin, Error> {
    match OriginMessage::try_from(value) {
        Ok(OriginMessage::Unspecified | OriginMessage::Seller) => Ok(Origin::Seller),
        Ok(OriginMessage::Sync) => Ok(Origin::Sync),
        Err(_) => Err(Invalid::Unknown { field, value }.into()),
    }
}

/// Unspecified counts as the seed's.
fn profile(value: i32) -> Result<Profile, Error> {
    match ProfileMessage::try_from(value) {
        Ok(ProfileMessage::Unspecified | ProfileMessage::Seed) => Ok(Profile::Seed),
        Ok(ProfileMessage::Lts) => Ok(Profile::Lts),
        Err(_) => Err(Invalid::Unknown { field: "provider.profile", value }.into()),
    }
}

pub(super) fn item(request: UpsertItemRequest) -> Result<Item, Error> {
    let item = required(request.item, "item")?;
    let source_type = Label::parse(&item.source_type, "item.source_type")?.required("item.source_type")?;
    let production =
        item.production_windows.into_iter().map(TimeWindow::try_from).collect::<Result<_, _>>()?;
    let total = energy(item.total_wh, "item.total_wh")?;
    let origin = origin(item.origin, "item.origin")?;
    Ok(Item {
        id: id(&item.id)?,
        provider: id(&item.provider_id)?,
        source_type: source_type.capitals(),
        delivery_mode: Label::parse(&item.delivery_mode, "item.delivery_mode")?.or(SCHEDULED),
        meter: Label::parse(&item.meter_id, "item.meter_id")?,
        production: Item::production(production)?,
        total,
        stock: Counters::all_free(total),
        origin,
        published: Published::parse(&item.published, origin, "item.published")?,
    })
}

pub(super) fn offer(request: UpsertOfferRequest) -> Result<Offer, Error> {
    let offer = required(request.offer, "offer")?;
    let price = required(offer.price_per_kwh, "offer.price_per_kwh")?;
    let total = energy(offer.total_wh, "offer.total_wh")?;
    let origin = origin(offer.origin, "offer.origin")?;
    Ok(Offer {
        id: id(&offer.id)?,
        item: id(&offer.item_id)?,
        provider: id(&offer.provider_id)?,
        price: Price::new(Money::try_from(price)?)?,
        block: Offer::block(energy(offer.block_wh, "offer.block_wh")?, total)?,
        total,
        stock: Counters::all_free(total),
        window: window(required(offer.window, "offer.window")?)?,
        pricing_model: Label::parse(&offer.pricing_model, "offer.pricing_model")?.or(PER_KWH),
        settlement_type: Label::parse(&offer.settlement_type, "offer.settlement_type")?.or(DAILY),
        origin,
        withdrawn: false,
        published: Published::parse(&offer.published, origin, "offer.published")?,
    })
}

/// What can be no id names nothing that is known, and is left out.
pub(super) fn ids<T: FromStr>(ids: &[String]) -> Result<Vec<T>, Error> {
    if ids.len() > MOST_IDS {
        return Err(Invalid::TooManyIds.into());
    }
    Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
}

/// None when there are none: then nothing is said about ids.
pub(super) fn some_ids<T: FromStr>(texts: &[String]) -> Result<Option<Vec<T>>, Error> {
    if texts.is_empty() { Ok(None) } else { ids(texts).map(Some) }
}

/// None when it is empty.
pub(super) fn some_provider(text: &str) -> Result<Option<ProviderId>, Error> {
    if text.is_empty() { Ok(None) } else { id(text).map(Some) }
}

/// A page of a list: behind which place, and how long.
pub(super) fn page(cursor: &str, size: u32) -> Result<(Place, PageSize), Error> {
    let after = if cursor.is_empty() { Place::front() } else { cursor.parse()? };
    Ok((after, PageSize::new(size)?))
}

pub(super) fn search(request: SearchCatalogRequest) -> Result<Search, Error> {
    let SearchCatalogRequest { filter: message, page_size, cursor } = request;
    Ok(Search {
        filter: message.map(filter).transpose()?.unwrap_or_default(),
        page: PageSize::new(page_size)?,
        after: if cursor.is_empty() { None } else { Some(cursor.parse()?) },
    })
}

fn filter(filter: FilterMessage) -> Result<Filter, Error> {
    let source_type = filter.source_type.map(|text| Label::parse(&text, "filter.source_type")).transpose()?;
    Ok(Filter {
        source_type: source_type.map(Label::capitals),
        min_available: energy(filter.min_available_wh.unwrap_or_default(), "filter.min_available_wh")?,
        window: filter.window.map(window).transpose()?,
    })
}

pub(super) fn wish(request: ReserveBlocksRequest) -> Result<Wish, Error> {
    let lines = request.lines.into_iter().map(line).collect::<Result<_, Error>>()?;
    Ok(Wish {
        order: order(&request.order_id)?,
        transaction: id(&request.transaction_id)?,
        lines: add_up(lines)?,
    })
}

fn line(line: StockLine) -> Result<Line, Error> {
    Ok(Line { offer: id(&line.offer_id)?, quantity_wh: line.quantity_wh })
}

pub(super) fn order(text: &str) -> Result<OrderId, Error> {
    id(text)
}

/// Numbers of blocks, and what they are now.
pub(super) fn blocks(numbers: Vec<i64>, status: i32) -> Result<(Blocks, Word), Error> {
    let word = match BlockStatus::try_from(status) {
        Ok(BlockStatus::Available) => Word::Free,
        Ok(BlockStatus::Reserved) => Word::Held,
        Ok(BlockStatus::Sold) => Word::Sold,
        Ok(BlockStatus::Unspecified) | Err(_) => {
            return Err(Invalid::Unknown { field: "status", value: status }.into());
        }
    };
    Ok((Blocks::new(numbers)?, word))
}

/// Without a status, those in any.
pub(super) fn sought(request: ListReservationsRequest) -> Result<Sought, Error> {
    let ListReservationsRequest { statuses, changed_since, unchanged_since, page_size, cursor } = request;
    let statuses = statuses.into_iter().map(status).collect::<Result<Vec<_>, _>>()?;
    Ok(Sought {
        statuses: if statuses.is_empty() { Status::ALL.to_vec() } else { statuses },
        changed_since: changed_since.map(utc).transpose()?,
        unchanged_since: unchanged_since.map(utc).transpose()?,
        page: PageSize::new(page_size)?,
        after: if cursor.is_empty() { None } else { Some(cursor.parse().map_err(|_no_id| Invalid::Cursor)?) },
    })
}

fn status(value: i32) -> Result<Status, Error> {
    match ReservationStatus::try_from(value) {
        Ok(ReservationStatus::Held) => Ok(Status::Held),
        Ok(ReservationStatus::Sold) => Ok(Status::Sold),
        Ok(ReservationStatus::Returned) => Ok(Status::Returned),
        Ok(ReservationStatus::Released) => Ok(Status::Released),
        Ok(ReservationStatus::Refused) => Ok(Status::Refused),
        Ok(ReservationStatus::Unspecified) | Err(_) => {
            Err(Invalid::Unknown { field: "statuses", value }.into())
        }
    }
}

pub(super) fn reason(text: &str) -> Result<Label, Error> {
    Ok(Label::parse(text, "reason")?)
}

pub(super) fn id<T: FromStr<Err = p2p_domain::IdError>>(text: &str) -> Result<T, Error> {
    text.parse().map_err(|e| InvalidMessage::Id(e).into())
}

/// Whose it must be; none for anybody's.
pub(super) fn owner(provider_id: &str) -> Result<Option<ProviderId>, Error> {
    if provider_id.is_empty() { Ok(None) } else { id(provider_id).map(Some) }
}

pub(super) fn energy(wh: i64, field: &'static str) -> Result<Energy, Error> {
    Energy::from_wh(wh).map_err(|rule| Invalid::Energy { field, rule }.into())
}

fn window(window: common::TimeWindow) -> Result<TimeWindow, Error> {
    Ok(storable(TimeWindow::try_from(window)?)?)
}
