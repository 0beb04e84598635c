//! Why trades got the offers they got, one row for each choice, for a while.

use sea_orm_migration::prelude::*;

/// Makes `match_decisions`.
#[derive(DeriveMigrationName)]
pub struct Migration;

const UP: &str = r#"
    CREATE TABLE match_decisions (
        bap_id         text COLLATE "C" NOT NULL CHECK (length(bap_id) BETWEEN 1 AND 255),
        transaction_id text COLLATE "C" NOT NULL CHECK (length(transaction_id) BETWEEN 1 AND 255),
        decided_at     timestamptz NOT NULL,
        -- What was asked for.
        quantity_wh    bigint NOT NULL CHECK (quantity_wh > 0),
        window_start   timestamptz NOT NULL,
        window_end     timestamptz NOT NULL CHECK (window_end > window_start),
        -- Null: no limit.
        max_price      numeric(24,9),
        currency       text,
        -- What the ranking went by.
        weight_price   double precision NOT NULL CHECK (weight_price BETWEEN 0 AND 1),
        weight_trust   double precision NOT NULL CHECK (weight_trust BETWEEN 0 AND 1),
        weight_time    double precision NOT NULL CHECK (weight_time BETWEEN 0 AND 1),
        min_trust      double precision NOT NULL CHECK (min_trust BETWEEN 0 AND 1),
        candidates     integer NOT NULL CHECK (candidates >= 0),
        eligible       integer NOT NULL CHECK (eligible BETWEEN 0 AND candidates),
        -- The best ten, best first: the first one was chosen.
        ranked_json    jsonb NOT NULL,
        -- The newest of a trade is read backwards.
        PRIMARY KEY (bap_id, transaction_id, decided_at)
    );
    CREATE INDEX match_decisions_age ON match_decisions (decided_at)"#;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(UP).await?;
        Ok(())
    }
}
