//! Indexes by which a search among a million offers looks at a bounded number of them: by price, by window, by size.

use sea_orm_migration::prelude::*;

/// See above.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

const UP: &str = r#"
-- past: the window was over when the catalog last looked. Such offers leave the indexes below, or the cheapest of
-- all times would stand before those that can still be bought.
-- window_hours: a power of two, not below the window's length. An offer that overlaps a wanted window ends after it
-- begins, and no later than so many hours after it ends: a range of one index for each power.
ALTER TABLE catalog_offers
    ADD COLUMN past boolean NOT NULL DEFAULT false,
    ADD COLUMN window_hours integer NOT NULL GENERATED ALWAYS AS (
        power(2, ceil(log(2, greatest(extract(epoch FROM time_window_end - time_window_start) / 3600, 1))))
    ) STORED;

-- As before, but for past offers.
DROP INDEX catalog_offers_search, catalog_offers_search_source;
CREATE INDEX catalog_offers_search
    ON catalog_offers (price_value, id, time_window_end, time_window_start, max_qty)
    WHERE sellable AND NOT past;
CREATE INDEX catalog_offers_search_source
    ON catalog_offers (source_type, price_value, id, time_window_end, time_window_start, max_qty)
    WHERE sellable AND NOT past;

-- What is only included serves no condition of a scan, so that no plan takes one of these for the other.
CREATE INDEX catalog_offers_by_window
    ON catalog_offers (window_hours, time_window_end)
    INCLUDE (time_window_start, price_value, id, max_qty, source_type) WHERE sellable AND NOT past;
CREATE INDEX catalog_offers_by_size
    ON catalog_offers (max_qty)
    INCLUDE (time_window_end, time_window_start, price_value, id, source_type) WHERE sellable AND NOT past;
"#;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(UP).await.map(drop)
    }
}
