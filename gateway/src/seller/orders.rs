//! `GET /seller/orders`, `POST /seller/orders/{id}/complete` and `/cancel`.

use std::collections::{BTreeSet, HashMap};

use axum::{extract::State, response::Response};
use p2p_domain::{Energy, OrderId, ProviderId};
use p2p_proto::{
    InvalidMessage,
    catalog::{self, GetOffersRequest, GetOffersResponse},
    order::{
        self as proto, CancelOrderRequest, CompleteOrderRequest, ListProviderOrdersRequest, OrderStatus,
    },
    required,
};
use serde::Serialize;

use super::{ListQuery, items::unsold, next, offers::Blocks};
use crate::{
    access::Seller,
    app::App,
    beckn::{Number, seed::order},
    fields::Fields,
    named::Named,
    reply::{ApiError, JsonBody, json},
};

/// An order as its seller sees it.
#[derive(Serialize)]
struct Order {
    #[serde(flatten)]
    order: order::Order,
    /// Why it was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Order {
    fn of(order: proto::Order) -> Result<Self, InvalidMessage> {
        let cancelled = order.status() == OrderStatus::Cancelled;
        let reason = Some(order.reason.clone()).filter(|reason| cancelled && !reason.is_empty());
        Ok(Self { order: order::Order::of(order)?, reason })
    }
}

/// An order with how the stock stands that it is taken from.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    order: Order,
    #[serde(rename = "itemInfo", skip_serializing_if = "Option::is_none")]
    stock: Option<Stock>,
}

/// The stock behind the first line of an order, kWh.
#[derive(Serialize)]
struct Stock {
    item_id: String,
    offer_id: String,
    /// Of the item, not sold.
    available_quantity: Number,
    /// Of the offer.
    sold_quantity: Number,
    /// Of the item, neither sold nor held.
    remaining_quantity: Number,
    block_stats: Blocks,
}

impl Stock {
    fn of(offer: &catalog::Offer, item: &catalog::Item) -> Result<Self, InvalidMessage> {
        Ok(Self {
            item_id: item.id.clone(),
            offer_id: offer.id.clone(),
            available_quantity: unsold(item)?.into(),
            sold_quantity: Energy::from_wh(offer.sold_wh)?.into(),
            remaining_quantity: Energy::from_wh(item.available_wh)?.into(),
            block_stats: Blocks::of(offer),
        })
    }
}

#[derive(Default, Serialize)]
struct Orders {
    orders: Vec<Listed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Orders, newest first.
pub async fn list(State(app): State<App>, query: ListQuery) -> Result<Response, ApiError> {
    let Some(provider_id) = query.provider_id() else { return Ok(json(&Orders::default())) };
    let request =
        ListProviderOrdersRequest { provider_id, page_size: query.page.size(), cursor: query.page.cursor };
    let found = app.services.orders.clone().list_provider_orders(request).await?.into_inner();
    let orders = with_stock(&app, found.orders).await?;
    Ok(json(&Orders { orders, next_cursor: next(found.next_cursor) }))
}

/// Orders with the stock behind them, which is asked for once.
async fn with_stock(app: &App, orders: Vec<proto::Order>) -> Result<Vec<Listed>, ApiError> {
    let offer_ids: BTreeSet<String> = orders.iter().filter_map(first_offer).map(ToOwned::to_owned).collect();
    if offer_ids.is_empty() {
        return Ok(Vec::new());
    }
    let request = GetOffersRequest { offer_ids: offer_ids.into_iter().collect() };
    let GetOffersResponse { offers, items, .. } =
        app.services.catalog.clone().get_offers(request).await?.into_inner();
    let offers: HashMap<&str, _> = offers.iter().map(|offer| (offer.id.as_str(), offer)).collect();
    let items: HashMap<&str, _> = items.iter().map(|item| (item.id.as_str(), item)).collect();
    let listed = |order: proto::Order| {
        let offer = first_offer(&order).and_then(|id| offers.get(id));
        let stock = offer.and_then(|offer| Some((*offer, *items.get(offer.item_id.as_str())?)));
        let stock = stock.map(|(offer, item)| Stock::of(offer, item)).transpose()?;
        Ok(Listed { order: Order::of(order)?, stock })
    };
    orders.into_iter().map(listed).collect()
}

fn first_offer(order: &proto::Order) -> Option<&str> {
    Some(order.quote.as_ref()?.lines.first()?.offer_id.as_str())
}

#[derive(Serialize)]
struct Moved {
    status: &'static str,
    order: Order,
}

impl Moved {
    fn of(order: Option<proto::Order>) -> Result<Self, InvalidMessage> {
        Ok(Self { status: "ok", order: Order::of(required(order, "order")?)? })
    }
}

/// Whose the order must be; empty for anybody's, when nobody is said.
fn whose(seller: &Seller, fields: &Fields) -> Result<String, ApiError> {
    let whose: Option<ProviderId> = seller.names_or_is(fields.id("provider_id")?);
    Ok(whose.map(Into::into).unwrap_or_default())
}

/// Says that an order was delivered.
pub async fn complete(
    State(app): State<App>,
    seller: Seller,
    Named(id): Named<OrderId>,
    JsonBody(fields): JsonBody<Fields>,
) -> Result<Response, ApiError> {
    let request = CompleteOrderRequest { order_id: id.to_string(), provider_id: whose(&seller, &fields)? };
    let order = app.services.orders.clone().complete_order(request).await?.into_inner().order;
    Ok(json(&Moved::of(order)?))
}

/// Gives up an order.
pub async fn cancel(
    State(app): State<App>,
    seller: Seller,
    Named(id): Named<OrderId>,
    JsonBody(fields): JsonBody<Fields>,
) -> Result<Response, ApiError> {
    let request = CancelOrderRequest {
        order_id: id.to_string(),
        provider_id: whose(&seller, &fields)?,
        reason: fields.text("reason")?.unwrap_or_default(),
    };
    let order = app.services.orders.clone().cancel_order(request).await?.into_inner().order;
    app.publisher.nudge();
    Ok(json(&Moved::of(order)?))
}
