//! Values to messages.

use std::collections::HashSet;

use p2p_proto::{
    catalog::{self as message, GetOffersResponse, ReservationStatus, SearchCatalogResponse},
    common, timestamp,
};

use crate::{
    app::search_catalog::Page,
    domain::{
        Cursor, Item, Line, Listing, Lot, Offer, Origin, Page as ListPage, Place, Profile, Provider,
        Reservation, State, Use,
    },
    store::{OrderRun, Violation},
};

pub(super) fn provider(provider: &Provider) -> message::Provider {
    let bpp = provider.bpp.as_ref();
    message::Provider {
        id: provider.id.to_string(),
        name: provider.name.to_string(),
        origin: origin(provider.origin),
        bpp_id: bpp.map(|bpp| bpp.id.to_string()).unwrap_or_default(),
        bpp_uri: bpp.map(|bpp| bpp.uri.as_str().to_owned()).unwrap_or_default(),
        created_at: provider.created_at.map(timestamp),
        profile: profile(provider.profile),
        published: provider.published.as_str().to_owned(),
    }
}

fn origin(origin: Origin) -> i32 {
    match origin {
        Origin::Seller => message::Origin::Seller,
        Origin::Sync => message::Origin::Sync,
    }
    .into()
}

fn profile(profile: Profile) -> i32 {
    match profile {
        Profile::Seed => message::Profile::Seed,
        Profile::Lts => message::Profile::Lts,
    }
    .into()
}

pub(super) fn item(item: &Item) -> message::Item {
    message::Item {
        id: item.id.to_string(),
        provider_id: item.provider.to_string(),
        source_type: item.source_type.to_string(),
        delivery_mode: item.delivery_mode.to_string(),
        meter_id: item.meter.to_string(),
        production_windows: item.production.iter().copied().map(Into::into).collect(),
        total_wh: item.total.wh(),
        available_wh: item.stock.available.wh(),
        reserved_wh: item.stock.reserved.wh(),
        sold_wh: item.stock.sold.wh(),
        origin: origin(item.origin),
        published: item.published.as_str().to_owned(),
    }
}

pub(super) fn offer(listing: &Listing) -> message::Offer {
    let offer = &listing.offer;
    message::Offer {
        id: offer.id.to_string(),
        item_id: offer.item.to_string(),
        provider_id: offer.provider.to_string(),
        price_per_kwh: Some(offer.price.money().into()),
        block_wh: offer.block.wh(),
        total_wh: offer.total.wh(),
        available_wh: offer.stock.available.wh(),
        reserved_wh: offer.stock.reserved.wh(),
        sold_wh: offer.stock.sold.wh(),
        sellable_wh: listing.sellable().wh(),
        window: Some(offer.window.into()),
        pricing_model: offer.pricing_model.to_string(),
        settlement_type: offer.settlement_type.to_string(),
        origin: origin(offer.origin),
        withdrawn: offer.withdrawn,
        published: offer.published.as_str().to_owned(),
    }
}

pub(super) fn offers(listings: &[Listing]) -> GetOffersResponse {
    GetOffersResponse {
        offers: listings.iter().map(offer).collect(),
        items: items(listings),
        providers: providers(listings),
    }
}

pub(super) fn page(page: &Page) -> SearchCatalogResponse {
    let listing = |listing: &Listing| message::Listing {
        offer: Some(offer(listing)),
        cursor: Cursor::behind(listing).to_string(),
    };
    SearchCatalogResponse {
        listings: page.listings.iter().map(listing).collect(),
        items: items(&page.listings),
        providers: providers(&page.listings),
        next_cursor: page.next.as_ref().map(Cursor::to_string).unwrap_or_default(),
    }
}

/// Where the next page of a list begins; empty when this was the last.
pub(super) fn next_cursor<T>(page: &ListPage<T>) -> String {
    page.next.as_ref().map(Place::to_string).unwrap_or_default()
}

/// Each item once.
fn items(listings: &[Listing]) -> Vec<message::Item> {
    let mut seen = HashSet::new();
    listings.iter().map(|l| &l.item).filter(|i| seen.insert(&i.id)).map(item).collect()
}

/// Each provider once.
fn providers(listings: &[Listing]) -> Vec<message::Provider> {
    let mut seen = HashSet::new();
    listings.iter().map(|l| &l.provider).filter(|p| seen.insert(&p.id)).map(provider).collect()
}

pub(super) fn stats(offer: &Offer) -> message::BlockStats {
    message::BlockStats {
        offer_id: offer.id.to_string(),
        total: offer.blocks(offer.total),
        available: offer.blocks(offer.stock.available),
        reserved: offer.blocks(offer.stock.reserved),
        sold: offer.blocks(offer.stock.sold),
    }
}

pub(super) fn reservation(Reservation { order, state, .. }: Reservation) -> message::Reservation {
    use ReservationStatus::{Held, Refused, Released, Returned, Sold};
    let (status, reason, lines) = match state {
        State::Held(lots) => (Held, String::new(), lots.into_iter().map(lot).collect()),
        State::Sold(lots) => (Sold, String::new(), lots.into_iter().map(lot).collect()),
        State::Returned(lots) => (Returned, String::new(), lots.into_iter().map(lot).collect()),
        State::Released { reason, lots } => (Released, reason, lots.into_iter().map(lot).collect()),
        State::Refused { reason, lines } => (Refused, reason, lines.into_iter().map(line).collect()),
    };
    message::Reservation { order_id: order.to_string(), status: status.into(), reason, lines }
}

pub(super) fn violation(Violation { rule, what }: Violation) -> common::Violation {
    common::Violation { rule: rule.to_owned(), what }
}

fn lot(Lot { offer, quantity }: Lot) -> message::StockLine {
    message::StockLine { offer_id: offer.into(), quantity_wh: quantity.wh() }
}

fn line(Line { offer, quantity_wh }: Line) -> message::StockLine {
    message::StockLine { offer_id: offer.into(), quantity_wh }
}

pub(super) fn run(OrderRun { offer, run }: OrderRun) -> message::BlockRun {
    let status = match run.used {
        Use::Free => "AVAILABLE",
        Use::Held(_) => "RESERVED",
        Use::Sold(_) => "SOLD",
    };
    message::BlockRun {
        offer_id: offer.into(),
        first_block: run.first,
        blocks: run.blocks,
        status: status.to_owned(),
    }
}
