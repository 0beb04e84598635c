//! Values to messages.

use std::collections::HashSet;

use p2p_proto::catalog::{self as message, GetOffersResponse, ReservationStatus, SearchCatalogResponse};

use crate::{
    app::search_catalog::Page,
    domain::{Cursor, Item, Line, Listing, Lot, Offer, Provider, Reservation, State, Use},
    store::OrderRun,
};

pub(super) fn provider(provider: &Provider) -> message::Provider {
    message::Provider { id: provider.id.to_string(), name: provider.name.to_string(), ..Default::default() }
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
        ..Default::default()
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
        ..Default::default()
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
