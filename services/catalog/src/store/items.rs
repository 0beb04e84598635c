//! Table `catalog_items`.

use chrono::{DateTime, Utc};
use p2p_domain::{ItemId, ProviderId, TimeWindow};
use sea_orm::{ConnectionTrait, QueryResult};
use serde::{Deserialize, Serialize};

use super::{Store, Tx, providers::origin_text, row::Row, sql};
use crate::{
    Error,
    domain::{Item, Origin, PageSize, Place},
};

const INSERT_ITEM: &str = "
    INSERT INTO catalog_items (id, provider_id, source_type, delivery_mode, meter_id, production_windows_json,
                               total_qty, available_qty, origin, published)
    VALUES ($1, $2, $3, $4, NULLIF($5, ''), $6, $7, $8, $9, NULLIF($10, ''))
    ON CONFLICT (id) DO NOTHING";

const UPDATE_ITEM: &str = "
    UPDATE catalog_items
    SET source_type = $2, delivery_mode = $3, meter_id = NULLIF($4, ''), production_windows_json = $5,
        total_qty = $6, available_qty = $7, published = NULLIF($8, ''), updated_at = now()
    WHERE id = $1";

const BY_ID: &str = "
    SELECT * FROM catalog_items WHERE id = ANY ($1) AND ($2 = '' OR provider_id = $2) ORDER BY created_at, id";

const LISTED: &str = "
    SELECT * FROM catalog_items WHERE (created_at, id) > ($1, $2) AND $4::text IS NULL
    ORDER BY created_at, id LIMIT $3";

const LISTED_OF_PROVIDER: &str = "
    SELECT * FROM catalog_items WHERE (created_at, id) > ($1, $2) AND provider_id = $4
    ORDER BY created_at, id LIMIT $3";

/// An element of `production_windows_json`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProductionWindow {
    start_time: DateTime<Utc>,
    end_time: DateTime<Utc>,
}

impl Store {
    /// Those that are known, oldest first; of this provider only, if one is named.
    pub(crate) async fn items(&self, ids: &[ItemId], of: Option<&ProviderId>) -> Result<Vec<Item>, Error> {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let values = [ids.into(), of.map_or("", ProviderId::as_str).into()];
        let rows = self.db.query_all_raw(sql(BY_ID, values)).await?;
        rows.iter().map(|columns| item(columns, "")).collect()
    }

    /// All, or a provider's, oldest first: one more than the page has if more follow.
    pub(crate) async fn list_items(
        &self,
        of: Option<&ProviderId>,
        after: &Place,
        page: PageSize,
    ) -> Result<Vec<(Place, Item)>, Error> {
        let query = if of.is_some() { LISTED_OF_PROVIDER } else { LISTED };
        let of = of.map(ToString::to_string);
        let values = [after.created_at.into(), (&*after.id).into(), page.and_one().into(), of.into()];
        let rows = self.db.query_all_raw(sql(query, values)).await?;
        rows.iter()
            .map(|columns| {
                let row = Row::new("catalog_items", "", "id", columns)?;
                Ok((row.place()?, item(columns, "")?))
            })
            .collect()
    }
}

impl Tx<'_> {
    /// Whose the item is and which way it came; none if there is no such item. None is ever deleted, passes to
    /// another provider or comes another way.
    pub(crate) async fn provider_of(&self, item: &ItemId) -> Result<Option<(ProviderId, Origin)>, Error> {
        let query = "SELECT id, provider_id, origin FROM catalog_items WHERE id = $1";
        let Some(columns) = self.0.query_one_raw(sql(query, [item.as_str().into()])).await? else {
            return Ok(None);
        };
        let row = Row::new("catalog_items", "", "id", &columns)?;
        Ok(Some((row.parsed("provider_id")?, row.origin()?)))
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
            origin_text(item.origin).into(),
            item.published.as_str().into(),
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
            item.published.as_str().into(),
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
        origin: row.origin()?,
        published: row.published()?,
    })
}

fn production_json(windows: &[TimeWindow]) -> serde_json::Value {
    let windows: Vec<_> =
        windows.iter().map(|w| ProductionWindow { start_time: w.start(), end_time: w.end() }).collect();
    // A list of instants is always JSON.
    serde_json::to_value(windows).unwrap_or_default()
}
