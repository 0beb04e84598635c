//! Providers, items, offers, the stock behind them, and the seed's `offer_blocks` as a view.
//!
//! Ids compare by bytes (`COLLATE "C"`), as the programs compare them. Energy is kWh, `numeric(18,3)`; prices are
//! per kWh, `numeric(18,6)`. Everything that moves in a trade stays out of the indexes, so that PostgreSQL can
//! update rows in place: hence `sellable`, a column that changes only when an offer sells out or gets stock again.

use sea_orm_migration::prelude::*;

const UP: &str = r#"
CREATE TABLE providers (
    id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE catalog_items (
    id text COLLATE "C" PRIMARY KEY,
    provider_id text COLLATE "C" NOT NULL REFERENCES providers (id),
    source_type text NOT NULL,
    delivery_mode text NOT NULL,
    meter_id text,
    production_windows_json jsonb NOT NULL,
    total_qty numeric(18,3) NOT NULL,
    available_qty numeric(18,3) NOT NULL,
    reserved_qty numeric(18,3) NOT NULL DEFAULT 0,
    sold_qty numeric(18,3) NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (id, provider_id, source_type),
    CONSTRAINT catalog_items_counters CHECK (available_qty >= 0 AND reserved_qty >= 0 AND sold_qty >= 0
        AND available_qty + reserved_qty + sold_qty = total_qty)
);

CREATE TABLE catalog_offers (
    id text COLLATE "C" PRIMARY KEY,
    item_id text COLLATE "C" NOT NULL,
    provider_id text COLLATE "C" NOT NULL,
    source_type text NOT NULL,
    price_value numeric(18,6) NOT NULL CHECK (price_value > 0),
    currency text NOT NULL,
    block_qty numeric(18,3) NOT NULL CHECK (block_qty > 0),
    max_qty numeric(18,3) NOT NULL,
    available_qty numeric(18,3) NOT NULL,
    reserved_qty numeric(18,3) NOT NULL DEFAULT 0,
    sold_qty numeric(18,3) NOT NULL DEFAULT 0,
    sellable boolean NOT NULL GENERATED ALWAYS AS (available_qty >= block_qty) STORED,
    time_window_start timestamptz NOT NULL,
    time_window_end timestamptz NOT NULL,
    pricing_model text NOT NULL,
    settlement_type text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- Keeps the copy of the item's source type true, on which searches rely.
    FOREIGN KEY (item_id, provider_id, source_type) REFERENCES catalog_items (id, provider_id, source_type)
        ON UPDATE CASCADE,
    CONSTRAINT catalog_offers_window CHECK (time_window_start < time_window_end),
    CONSTRAINT catalog_offers_counters CHECK (available_qty >= 0 AND reserved_qty >= 0 AND sold_qty >= 0
        AND available_qty + reserved_qty + sold_qty = max_qty)
);
CREATE INDEX catalog_offers_item ON catalog_offers (item_id);
-- Serve the search with and without a source type: walked in the order of the answer, windows and sizes checked
-- without a look at the table.
CREATE INDEX catalog_offers_search
    ON catalog_offers (price_value, id, time_window_end, time_window_start, max_qty) WHERE sellable;
CREATE INDEX catalog_offers_search_source
    ON catalog_offers (source_type, price_value, id, time_window_end, time_window_start, max_qty) WHERE sellable;

-- The only arbiter of an order's stock. lines: [{"offer_id", "quantity_wh"}].
CREATE TABLE reservations (
    order_id text COLLATE "C" PRIMARY KEY,
    transaction_id text,
    status text NOT NULL CHECK (status IN ('HELD', 'SOLD', 'RETURNED', 'RELEASED', 'REFUSED')),
    reason text NOT NULL DEFAULT '',
    lines jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    sold_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Consecutive blocks of one offer with one status; the runs of an offer tile 0..max_qty / block_qty.
CREATE TABLE block_runs (
    offer_id text COLLATE "C" NOT NULL REFERENCES catalog_offers (id),
    first_block bigint NOT NULL CHECK (first_block >= 0),
    blocks bigint NOT NULL CHECK (blocks > 0),
    status text NOT NULL CHECK (status IN ('AVAILABLE', 'RESERVED', 'SOLD')),
    order_id text COLLATE "C",
    PRIMARY KEY (offer_id, first_block),
    CONSTRAINT block_runs_order CHECK ((status = 'AVAILABLE') = (order_id IS NULL))
);
CREATE INDEX block_runs_free ON block_runs (offer_id, first_block) WHERE status = 'AVAILABLE';
CREATE INDEX block_runs_taken ON block_runs (order_id, offer_id, first_block) WHERE order_id IS NOT NULL;

-- One row per block, as the seed has it. Ask for an offer or an order: the whole view may be long.
CREATE VIEW offer_blocks AS
SELECT 'block-' || run.offer_id || '-' || n AS id,
       run.offer_id,
       offer.item_id,
       offer.provider_id,
       run.status,
       run.order_id,
       reservation.transaction_id,
       offer.price_value,
       offer.currency,
       offer.created_at,
       CASE WHEN run.order_id IS NOT NULL THEN reservation.created_at END AS reserved_at,
       CASE WHEN run.status = 'SOLD' THEN reservation.sold_at END AS sold_at
FROM block_runs run
JOIN catalog_offers offer ON offer.id = run.offer_id
LEFT JOIN reservations reservation ON reservation.order_id = run.order_id
CROSS JOIN LATERAL generate_series(run.first_block, run.first_block + run.blocks - 1) AS n;
"#;

const DOWN: &str = "
DROP VIEW offer_blocks;
DROP TABLE block_runs, reservations, catalog_offers, catalog_items, providers;
";

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[allow(elided_lifetimes_in_paths, reason = "as the trait is written")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(UP).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(DOWN).await.map(drop)
    }
}
