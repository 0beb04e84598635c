//! `POST` and `GET /seller/items`, `PUT /seller/items/{id}/quantity`.

use axum::{extract::State, response::Response};
use chrono::{DateTime, SecondsFormat, Utc};
use p2p_domain::{Energy, ItemId, ProviderId, TimeWindow};
use p2p_proto::{
    InvalidMessage,
    catalog::{self as proto, ListItemsRequest, Origin, SetItemQuantityRequest, UpsertItemRequest},
    required,
};
use serde::Serialize;

use super::{ListQuery, new_id, next, under_a_new_id};
use crate::{
    access::Seller,
    app::App,
    beckn::Number,
    fields::Fields,
    named::Named,
    reply::{ApiError, JsonBody, json},
};

const REQUIRED: &str = "provider_id, source_type, and available_qty are required";
const QUANTITY: &str = "Valid quantity is required";

/// An item as sellers see it.
#[derive(Serialize)]
pub(super) struct Item {
    id: String,
    provider_id: String,
    source_type: String,
    delivery_mode: String,
    /// kWh that are not sold.
    available_qty: Number,
    production_windows: Vec<Window>,
    #[serde(skip_serializing_if = "String::is_empty")]
    meter_id: String,
}

/// `{startTime, endTime}`, without the fraction of a second where there is none.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Window {
    start_time: String,
    end_time: String,
}

impl From<TimeWindow> for Window {
    fn from(window: TimeWindow) -> Self {
        let short = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        Self { start_time: short(window.start()), end_time: short(window.end()) }
    }
}

impl Item {
    /// # Errors
    /// When the message is not what it should be.
    pub fn of(item: proto::Item) -> Result<Self, InvalidMessage> {
        let windows = item.production_windows.iter().map(|window| Ok(TimeWindow::try_from(*window)?.into()));
        Ok(Self {
            available_qty: unsold(&item)?.into(),
            production_windows: windows.collect::<Result<_, InvalidMessage>>()?,
            id: item.id,
            provider_id: item.provider_id,
            source_type: item.source_type,
            delivery_mode: item.delivery_mode,
            meter_id: item.meter_id,
        })
    }
}

/// What of an item is held or free.
pub(super) fn unsold(item: &proto::Item) -> Result<Energy, InvalidMessage> {
    Ok(Energy::from_wh(item.available_wh.saturating_add(item.reserved_wh))?)
}

#[derive(Serialize)]
struct Made {
    status: &'static str,
    item: Item,
}

/// Makes an item of a provider.
pub async fn create(
    State(app): State<App>,
    seller: Seller,
    JsonBody(fields): JsonBody<Fields>,
) -> Result<Response, ApiError> {
    let item = read(&fields, &seller)?;
    let word = format!("item-{}", item.source_type.to_ascii_lowercase());
    let make = |id| {
        let mut catalog = app.services.catalog.clone();
        let item = proto::Item { id, ..item.clone() };
        let request = UpsertItemRequest { item: Some(item), must_be_new: true };
        async move { catalog.upsert_item(request).await }
    };
    let made = under_a_new_id(|| new_id(&word, 12), make).await?.into_inner();
    app.publisher.nudge();
    Ok(json(&Made { status: "ok", item: Item::of(required(made.item, "item")?)? }))
}

/// The item that a client describes, without an id.
fn read(fields: &Fields, seller: &Seller) -> Result<proto::Item, ApiError> {
    let missing = || ApiError::bad_request(REQUIRED);
    let provider: ProviderId = seller.names_or_is(fields.id("provider_id")?).ok_or_else(missing)?;
    let source_type = fields.word("source_type")?.ok_or_else(missing)?;
    let total = fields.some_energy("available_qty")?.ok_or_else(missing)?;
    let production = fields.windows("production_windows")?.unwrap_or_default();
    Ok(proto::Item {
        provider_id: provider.into(),
        source_type,
        delivery_mode: fields.word("delivery_mode")?.unwrap_or_default(),
        meter_id: fields.text("meter_id")?.unwrap_or_default(),
        production_windows: production.into_iter().map(Into::into).collect(),
        total_wh: total.wh(),
        origin: Origin::Seller.into(),
        ..proto::Item::default()
    })
}

#[derive(Default, Serialize)]
struct Items {
    items: Vec<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Items, oldest first.
pub async fn list(State(app): State<App>, query: ListQuery) -> Result<Response, ApiError> {
    let Some(provider_id) = query.provider_id() else { return Ok(json(&Items::default())) };
    let request = ListItemsRequest {
        ids: Vec::new(),
        provider_id,
        page_size: query.page.size(),
        cursor: query.page.cursor,
    };
    let found = app.services.catalog.clone().list_items(request).await?.into_inner();
    let items = found.items.into_iter().map(Item::of).collect::<Result<_, _>>()?;
    Ok(json(&Items { items, next_cursor: next(found.next_cursor) }))
}

#[derive(Serialize)]
struct Changed {
    status: &'static str,
    item_id: String,
    new_quantity: Number,
}

/// Says how much of an item is unsold.
pub async fn set_quantity(
    State(app): State<App>,
    seller: Seller,
    Named(id): Named<ItemId>,
    JsonBody(fields): JsonBody<Fields>,
) -> Result<Response, ApiError> {
    let request = SetItemQuantityRequest {
        item_id: id.into(),
        unsold_wh: quantity(&fields)?.wh(),
        origin: Origin::Seller.into(),
        provider_id: seller.provider_id(),
    };
    let item = app.services.catalog.clone().set_item_quantity(request).await?.into_inner().item;
    app.publisher.nudge();
    let item = required(item, "item")?;
    let new_quantity = unsold(&item)?.into();
    Ok(json(&Changed { status: "ok", item_id: item.id, new_quantity }))
}

/// A missing or negative quantity is refused in the seed's words alone.
fn quantity(fields: &Fields) -> Result<Energy, ApiError> {
    let negative = fields.number("quantity").is_some_and(|Number(kwh)| kwh.is_sign_negative());
    match fields.energy("quantity") {
        Ok(Some(quantity)) => Ok(quantity),
        Ok(None) => Err(ApiError::bad_request(QUANTITY)),
        Err(_) if negative => Err(ApiError::bad_request(QUANTITY)),
        Err(refused) => Err(refused.after(QUANTITY)),
    }
}
