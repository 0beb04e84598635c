//! How orders ended, one row for each that was counted: what keeps an order from counting twice.

use sea_orm_migration::prelude::*;

/// Makes `order_outcomes`.
#[derive(DeriveMigrationName)]
pub struct Migration;

const UP: &str = r#"
    CREATE TABLE order_outcomes (
        order_id    text COLLATE "C" PRIMARY KEY CHECK (length(order_id) BETWEEN 1 AND 255),
        provider_id text COLLATE "C" NOT NULL CHECK (length(provider_id) BETWEEN 1 AND 255),
        outcome     text NOT NULL CHECK (outcome IN ('SUCCESS', 'FAILURE')),
        created_at  timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX order_outcomes_provider ON order_outcomes (provider_id)"#;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(UP).await?;
        Ok(())
    }
}
