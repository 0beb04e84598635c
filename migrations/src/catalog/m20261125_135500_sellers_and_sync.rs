//! What sellers and the CDS's sync bring with them: which way a row came, the BPP of a provider that came by sync,
//! offers off sale, lists in a stable order, and blocks that another BPP has given away.

use sea_orm_migration::prelude::*;

/// See above.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

const UP: &str = r#"
ALTER TABLE providers
    ADD COLUMN origin text NOT NULL DEFAULT 'SELLER' CHECK (origin IN ('SELLER', 'SYNC')),
    ADD COLUMN bpp_id text,
    ADD COLUMN bpp_uri text,
    ADD CONSTRAINT providers_bpp CHECK ((bpp_id IS NULL) = (bpp_uri IS NULL)
        AND (bpp_id IS NULL OR origin = 'SYNC'));
ALTER TABLE catalog_items
    ADD COLUMN origin text NOT NULL DEFAULT 'SELLER' CHECK (origin IN ('SELLER', 'SYNC'));
ALTER TABLE catalog_offers
    ADD COLUMN origin text NOT NULL DEFAULT 'SELLER' CHECK (origin IN ('SELLER', 'SYNC')),
    ADD COLUMN withdrawn_at timestamptz;

-- A generated column cannot be altered. Its indexes go and come back with it.
ALTER TABLE catalog_offers DROP COLUMN sellable;
ALTER TABLE catalog_offers ADD COLUMN sellable boolean NOT NULL
    GENERATED ALWAYS AS (available_qty >= block_qty AND withdrawn_at IS NULL) STORED;
CREATE INDEX catalog_offers_search
    ON catalog_offers (price_value, id, time_window_end, time_window_start, max_qty) WHERE sellable;
CREATE INDEX catalog_offers_search_source
    ON catalog_offers (source_type, price_value, id, time_window_end, time_window_start, max_qty) WHERE sellable;

-- Lists, oldest first. None of their columns moves in a trade.
CREATE INDEX providers_listed ON providers (created_at, id);
CREATE INDEX catalog_items_listed ON catalog_items (created_at, id);
CREATE INDEX catalog_items_listed_provider ON catalog_items (provider_id, created_at, id);
CREATE INDEX catalog_offers_listed ON catalog_offers (created_at, id) WHERE withdrawn_at IS NULL;
CREATE INDEX catalog_offers_listed_provider
    ON catalog_offers (provider_id, created_at, id) WHERE withdrawn_at IS NULL;

-- A taken run without an order was taken through another BPP.
ALTER TABLE block_runs DROP CONSTRAINT block_runs_order;
ALTER TABLE block_runs ADD CONSTRAINT block_runs_order CHECK (status <> 'AVAILABLE' OR order_id IS NULL);
"#;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(UP).await.map(drop)
    }
}
