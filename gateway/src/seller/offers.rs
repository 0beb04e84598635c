//! `POST` and `GET /seller/offers`, `DELETE /seller/offers/{id}`.

use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use p2p_domain::{Currency, Energy, ItemId, Money, OfferId, ProviderId, TimeWindow};
use p2p_proto::{
    InvalidMessage,
    catalog::{self as proto, ListOffersRequest, Origin, UpsertOfferRequest, WithdrawOfferRequest},
    required,
};
use serde::Serialize;

use super::{ListQuery, items, new_id, next, under_a_new_id};
use crate::{
    access::Seller,
    app::App,
    beckn::{
        Number,
        seed::catalog::{OfferAttributes, Price, Window},
    },
    fields::{Fields, money},
    named::Named,
    reply::{ApiError, JsonBody, json},
};

const REQUIRED: &str = "item_id, provider_id, price_per_kwh, max_qty, and time_window are required";

/// An offer as its seller sees it; `W` is how its window is written.
#[derive(Serialize)]
struct Offer<W> {
    id: String,
    item_id: String,
    provider_id: String,
    #[serde(rename = "offerAttributes")]
    attributes: OfferAttributes,
    price: Price,
    /// All of it, kWh.
    #[serde(rename = "maxQuantity")]
    max_quantity: Number,
    #[serde(rename = "timeWindow")]
    window: W,
}

/// An offer with what became of its blocks.
#[derive(Serialize)]
pub(super) struct Listed {
    #[serde(flatten)]
    offer: Offer<Window>,
    #[serde(rename = "blockStats")]
    blocks: Blocks,
}

/// How many blocks there are.
#[derive(Serialize)]
pub(super) struct Blocks {
    total: i64,
    available: i64,
    reserved: i64,
    sold: i64,
}

impl<W: From<TimeWindow>> Offer<W> {
    fn of(offer: &proto::Offer) -> Result<Self, InvalidMessage> {
        let price = Money::try_from(required(offer.price_per_kwh.clone(), "price_per_kwh")?)?;
        Ok(Self {
            id: offer.id.clone(),
            item_id: offer.item_id.clone(),
            provider_id: offer.provider_id.clone(),
            attributes: offer.into(),
            price: price.into(),
            max_quantity: Energy::from_wh(offer.total_wh)?.into(),
            window: TimeWindow::try_from(required(offer.window, "window")?)?.into(),
        })
    }
}

impl Listed {
    /// # Errors
    /// When the message is not what it should be.
    pub fn of(offer: &proto::Offer) -> Result<Self, InvalidMessage> {
        Ok(Self { offer: Offer::of(offer)?, blocks: Blocks::of(offer) })
    }
}

impl Blocks {
    /// Counts them.
    pub fn of(offer: &proto::Offer) -> Self {
        let blocks = |wh: i64| wh.checked_div(offer.block_wh).unwrap_or_default();
        Self {
            total: blocks(offer.total_wh),
            available: blocks(offer.available_wh),
            reserved: blocks(offer.reserved_wh),
            sold: blocks(offer.sold_wh),
        }
    }
}

#[derive(Serialize)]
struct Made {
    status: &'static str,
    offer: Offer<items::Window>,
}

/// Offers energy of an item.
pub async fn create(
    State(app): State<App>,
    seller: Seller,
    JsonBody(fields): JsonBody<Fields>,
) -> Result<Response, ApiError> {
    let offer = read(&fields, &seller, app.clock.now())?;
    let make = |id| {
        let mut catalog = app.services.catalog.clone();
        let offer = proto::Offer { id, ..offer.clone() };
        let request = UpsertOfferRequest { offer: Some(offer), must_be_new: true };
        async move { catalog.upsert_offer(request).await }
    };
    let made = under_a_new_id(|| new_id("offer", 8), make).await?.into_inner();
    app.publisher.nudge();
    Ok(json(&Made { status: "ok", offer: Offer::of(&required(made.offer, "offer")?)? }))
}

/// The offer that a client describes, without an id.
fn read(fields: &Fields, seller: &Seller, now: DateTime<Utc>) -> Result<proto::Offer, ApiError> {
    let missing = || ApiError::bad_request(REQUIRED);
    let item: ItemId = fields.id("item_id")?.ok_or_else(missing)?;
    let provider: ProviderId = seller.names_or_is(fields.id("provider_id")?).ok_or_else(missing)?;
    let price = fields.price("price_per_kwh")?.ok_or_else(missing)?;
    let total = fields.whole_kwh("max_qty")?.ok_or_else(missing)?;
    let window = fields.window_to_come("time_window", now)?.ok_or_else(missing)?;
    let currency = fields.currency("currency")?.unwrap_or(Currency::USD);
    Ok(proto::Offer {
        item_id: item.into(),
        provider_id: provider.into(),
        price_per_kwh: Some(money(price, currency)?.into()),
        total_wh: total.wh(),
        window: Some(window.into()),
        origin: Origin::Seller.into(),
        ..proto::Offer::default()
    })
}

#[derive(Default, Serialize)]
struct Offers {
    offers: Vec<Listed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Offers that are not withdrawn, oldest first.
pub async fn list(State(app): State<App>, query: ListQuery) -> Result<Response, ApiError> {
    let Some(provider_id) = query.provider_id() else { return Ok(json(&Offers::default())) };
    let request = ListOffersRequest { provider_id, page_size: query.page.size(), cursor: query.page.cursor };
    let found = app.services.catalog.clone().list_offers(request).await?.into_inner();
    let offers = found.offers.iter().map(Listed::of).collect::<Result<_, _>>()?;
    Ok(json(&Offers { offers, next_cursor: next(found.next_cursor) }))
}

#[derive(Serialize)]
struct Withdrawn {
    status: &'static str,
    deleted: String,
}

/// Takes an offer off sale; what is held or sold of it stays so.
pub async fn withdraw(
    State(app): State<App>,
    seller: Seller,
    Named(id): Named<OfferId>,
) -> Result<Response, ApiError> {
    let request = WithdrawOfferRequest {
        offer_id: id.to_string(),
        origin: Origin::Seller.into(),
        provider_id: seller.provider_id(),
    };
    app.services.catalog.clone().withdraw_offer(request).await?;
    app.publisher.nudge();
    Ok(json(&Withdrawn { status: "ok", deleted: id.into() }))
}
