//! `POST /sync/item`.

use axum::{extract::State, response::Response};
use p2p_domain::{Energy, ItemId, ProviderId, TimeWindow};
use p2p_proto::catalog::{Item, ListItemsRequest, Origin, UpsertItemRequest};

use super::synced;
use crate::{
    app::App,
    fields::Fields,
    reply::{ApiError, JsonBody},
};

const REQUIRED: &str = "id and provider_id are required";
const REQUIRED_OF_NEW: &str = "source_type and available_qty are required for a new item";

/// Makes or changes an item; `available_qty` is all of it.
pub async fn sync(State(app): State<App>, JsonBody(fields): JsonBody<Fields>) -> Result<Response, ApiError> {
    let told = Told::read(&fields)?;
    let item = match known(&app, &told.id).await? {
        Some(known) => told.onto(known),
        None if told.source_type.is_some() && told.total.is_some() => told.onto(Item::default()),
        None => return Err(ApiError::bad_request(REQUIRED_OF_NEW)),
    };
    let id = item.id.clone();
    let request = UpsertItemRequest { item: Some(item), must_be_new: false };
    app.services.catalog.clone().upsert_item(request).await?;
    Ok(synced("item", id))
}

/// The item as far as it is known.
async fn known(app: &App, id: &ItemId) -> Result<Option<Item>, ApiError> {
    let request = ListItemsRequest { ids: vec![id.to_string()], ..ListItemsRequest::default() };
    Ok(app.services.catalog.clone().list_items(request).await?.into_inner().items.pop())
}

/// What is told of an item.
struct Told {
    id: ItemId,
    provider: ProviderId,
    source_type: Option<String>,
    delivery_mode: Option<String>,
    total: Option<Energy>,
    production: Option<Vec<TimeWindow>>,
    meter: Option<String>,
}

impl Told {
    fn read(fields: &Fields) -> Result<Self, ApiError> {
        let missing = || ApiError::bad_request(REQUIRED);
        Ok(Self {
            id: fields.id("id")?.ok_or_else(missing)?,
            provider: fields.id("provider_id")?.ok_or_else(missing)?,
            source_type: fields.word("source_type")?,
            delivery_mode: fields.word("delivery_mode")?,
            total: fields.energy("available_qty")?,
            production: fields.windows("production_windows")?,
            meter: fields.text("meter_id")?,
        })
    }

    /// What is told, over what is known.
    fn onto(self, known: Item) -> Item {
        let production = self.production.map(|windows| windows.into_iter().map(Into::into).collect());
        Item {
            id: self.id.into(),
            provider_id: self.provider.into(),
            source_type: self.source_type.unwrap_or(known.source_type),
            delivery_mode: self.delivery_mode.unwrap_or(known.delivery_mode),
            total_wh: self.total.map_or(known.total_wh, Energy::wh),
            production_windows: production.unwrap_or(known.production_windows),
            meter_id: self.meter.unwrap_or(known.meter_id),
            origin: Origin::Sync.into(),
            published: known.published,
            ..Item::default()
        }
    }
}
