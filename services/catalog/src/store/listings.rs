//! Offers read together with their items and providers.

use p2p_domain::{OfferId, ProviderId};
use sea_orm::{ConnectionTrait, QueryResult, Statement};

use super::{Store, items, offers, providers, row::Row, sql};
use crate::{
    Error,
    domain::{Listing, PageSize, Place},
};

/// All of an offer `o`, its item and its provider, but for what was published of them.
pub(super) const COLUMNS: &str = "
           o.id AS o_id, o.item_id AS o_item_id, o.provider_id AS o_provider_id, o.price_value AS o_price_value,
           o.currency AS o_currency, o.block_qty AS o_block_qty, o.max_qty AS o_max_qty,
           o.available_qty AS o_available_qty, o.reserved_qty AS o_reserved_qty, o.sold_qty AS o_sold_qty,
           o.time_window_start AS o_time_window_start, o.time_window_end AS o_time_window_end,
           o.pricing_model AS o_pricing_model, o.settlement_type AS o_settlement_type,
           o.origin AS o_origin, o.withdrawn_at AS o_withdrawn_at, o.created_at AS o_created_at,
           i.id AS i_id, i.provider_id AS i_provider_id, i.source_type AS i_source_type,
           i.delivery_mode AS i_delivery_mode, i.meter_id AS i_meter_id,
           i.production_windows_json AS i_production_windows_json, i.total_qty AS i_total_qty,
           i.available_qty AS i_available_qty, i.reserved_qty AS i_reserved_qty, i.sold_qty AS i_sold_qty,
           i.origin AS i_origin,
           p.id AS p_id, p.name AS p_name, p.origin AS p_origin, p.bpp_id AS p_bpp_id, p.bpp_uri AS p_bpp_uri,
           p.profile AS p_profile, p.created_at AS p_created_at";

/// What was published of them.
const PUBLISHED: &str = "o.published AS o_published, i.published AS i_published, p.published AS p_published";

/// In its place where many are read and few are shown.
pub(super) const UNREAD: &str =
    "NULL::text AS o_published, NULL::text AS i_published, NULL::text AS p_published";

/// Where it all is.
pub(super) const FROM: &str = "
    FROM catalog_offers o
    JOIN catalog_items i ON i.id = o.item_id
    JOIN providers p ON p.id = o.provider_id";

const BY_ID: &str = "WHERE o.id = ANY($1)";

/// The page is found before anything is joined to it.
const LISTED: &str = "
    WHERE o.id = ANY (ARRAY(
        SELECT id FROM catalog_offers
        WHERE withdrawn_at IS NULL AND (created_at, id) > ($1, $2) AND $4::text IS NULL
        ORDER BY created_at, id LIMIT $3
    ))
    ORDER BY o.created_at, o.id";

const LISTED_OF_PROVIDER: &str = "
    WHERE o.id = ANY (ARRAY(
        SELECT id FROM catalog_offers
        WHERE withdrawn_at IS NULL AND (created_at, id) > ($1, $2) AND provider_id = $4
        ORDER BY created_at, id LIMIT $3
    ))
    ORDER BY o.created_at, o.id";

impl Store {
    /// Those of the offers that are known, in any order.
    pub(crate) async fn listings(&self, ids: &[OfferId]) -> Result<Vec<Listing>, Error> {
        let ids: Vec<String> = ids.iter().map(|id| id.as_str().to_owned()).collect();
        self.read(sql(&format!("SELECT {COLUMNS}, {PUBLISHED} {FROM} {BY_ID}"), [ids.into()])).await
    }

    /// All that are not withdrawn, or a provider's, oldest first: one more than the page has if more follow.
    pub(crate) async fn list_offers(
        &self,
        of: Option<&ProviderId>,
        after: &Place,
        page: PageSize,
    ) -> Result<Vec<(Place, Listing)>, Error> {
        let query = if of.is_some() { LISTED_OF_PROVIDER } else { LISTED };
        let of = of.map(ToString::to_string);
        let values = [after.created_at.into(), (&*after.id).into(), page.and_one().into(), of.into()];
        let query = format!("SELECT {COLUMNS}, {PUBLISHED} {FROM} {query}");
        let rows = self.db.query_all_raw(sql(&query, values)).await?;
        rows.iter()
            .map(|columns| {
                let row = Row::new("catalog_offers", "o_", "id", columns)?;
                Ok((row.place()?, listing(columns)?))
            })
            .collect()
    }

    async fn read(&self, query: Statement) -> Result<Vec<Listing>, Error> {
        self.db.query_all_raw(query).await?.iter().map(listing).collect()
    }
}

/// A row of [`COLUMNS`], and [`PUBLISHED`] or [`UNREAD`].
pub(super) fn listing(columns: &QueryResult) -> Result<Listing, Error> {
    Ok(Listing {
        offer: offers::offer(columns, "o_")?,
        item: items::item(columns, "i_")?,
        provider: providers::provider(columns, "p_")?,
    })
}
