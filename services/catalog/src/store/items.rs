//! Tables `providers` and `catalog_items`.

use chrono::{DateTime, Utc};
use p2p_domain::{ItemId, ProviderId, TimeWindow};
use sea_orm::{ConnectionTrait, QueryResult};
use serde::{Deserialize, Serialize};

use super::{Store, Tx, row::Row, sql};
use crate::{
    Error,
    domain::{Item, Provider},
};

const UPSERT_PROVIDER: &str = "
    INSERT INTO providers (id, name) VALUES ($1, $2)
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, updated_at = now()";

const INSERT_ITEM: &str = "
    INSERT INTO catalog_items (id, provider_id, source_type, delivery_mode, meter_id, production_windows_json,
                               total_qty, available_qty)
    VALUES ($1, $2, $3, $4, NULLIF($5, ''), $6, $7, $8)
    ON CONFLICT (id) DO NOTHING";

const UPDATE_ITEM: &str = "
    UPDATE catalog_items
    SET source_type = $2, delivery_mode = $3, meter_id = NULLIF($4, ''), production_windows_json = $5,
        total_qty = $6, available_qty = $7, updated_at = now()
    WHERE id = $1";

/// An element of `production_windows_json`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProductionWindow {
    start_time: DateTime<Utc>,
    end_time: DateTime<Utc>,
}

impl Store {
    /// Makes or renames a provider.
    pub(crate) async fn upsert_provider(&self, provider: &Provider) -> Result<(), Error> {
        let values = [provider.id.as_str().into(), provider.name.as_str().into()];
        self.db.execute_raw(sql(UPSERT_PROVIDER, values)).await?;
        Ok(())
    }
}

impl Tx<'_> {
    /// Whether there is such a provider. None is ever deleted.
    pub(crate) async fn has_provider(&self, id: &ProviderId) -> Result<bool, Error> {
        let query = sql("SELECT 1 FROM providers WHERE id = $1", [id.as_str().into()]);
        Ok(self.0.query_one_raw(query).await?.is_some())
    }

    /// Whose the item is; none if there is no such item. None is ever deleted or passes to another provider.
    pub(crate) async fn provider_of(&self, item: &ItemId) -> Result<Option<ProviderId>, Error> {
        let query = sql("SELECT id, provider_id FROM catalog_items WHERE id = $1", [item.as_str().into()]);
        let Some(columns) = self.0.query_one_raw(query).await? else { return Ok(None) };
        Row::new("catalog_items", "", "id", &columns)?.parsed("provider_id").map(Some)
    }

    /// Writes a new item; false if there is one with its id.
    pub(crate) async fn insert_item(&self, item: &Item) -> Result<bool, Error> {
        let values = [
            item.id.as_str().into(),
            item.provider.as_str().into(),
            item.source_type.as_str().into(),
            item.delivery_mode.as_str().into(),
            item.meter.as_str().into(),
            production_json(&item.production).into(),
            item.total.kwh().into(),
            item.stock.available.kwh().into(),
        ];
        Ok(self.0.execute_raw(sql(INSERT_ITEM, values)).await?.rows_affected() == 1)
    }

    /// The item, locked.
    pub(crate) async fn lock_item(&self, id: &ItemId) -> Result<Option<Item>, Error> {
        let query = sql("SELECT * FROM catalog_items WHERE id = $1 FOR NO KEY UPDATE", [id.as_str().into()]);
        self.0.query_one_raw(query).await?.map(|columns| item(&columns, "")).transpose()
    }

    /// Writes a locked item's description and total.
    pub(crate) async fn update_item(&self, item: &Item) -> Result<(), Error> {
        let values = [
            item.id.as_str().into(),
            item.source_type.as_str().into(),
            item.delivery_mode.as_str().into(),
            item.meter.as_str().into(),
            production_json(&item.production).into(),
            item.total.kwh().into(),
            item.stock.available.kwh().into(),
        ];
        self.0.execute_raw(sql(UPDATE_ITEM, values)).await?;
        Ok(())
    }
}

/// An item from columns with such a prefix.
pub(super) fn item(columns: &QueryResult, prefix: &'static str) -> Result<Item, Error> {
    let row = Row::new("catalog_items", prefix, "id", columns)?;
    let windows: Vec<ProductionWindow> = row.json("production_windows_json")?;
    let production = windows
        .into_iter()
        .map(|w| TimeWindow::new(w.start_time, w.end_time).map_err(|e| row.impossible(e)))
        .collect::<Result<_, _>>()?;
    Ok(Item {
        id: row.parsed("id")?,
        provider: row.parsed("provider_id")?,
        source_type: row.label("source_type")?,
        delivery_mode: row.label("delivery_mode")?,
        meter: row.label("meter_id")?,
        production,
        total: row.energy("total_qty")?,
        stock: row.counters()?,
    })
}

/// A provider from columns with such a prefix.
pub(super) fn provider(columns: &QueryResult, prefix: &'static str) -> Result<Provider, Error> {
    let row = Row::new("providers", prefix, "id", columns)?;
    Ok(Provider { id: row.parsed("id")?, name: row.label("name")? })
}

fn production_json(windows: &[TimeWindow]) -> serde_json::Value {
    let windows: Vec<_> =
        windows.iter().map(|w| ProductionWindow { start_time: w.start(), end_time: w.end() }).collect();
    // A list of instants is always JSON.
    serde_json::to_value(windows).unwrap_or_default()
}
