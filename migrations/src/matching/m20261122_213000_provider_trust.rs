//! Trust in providers, one row for each that was ever set or counted.

use sea_orm_migration::prelude::*;

/// Makes `provider_trust`.
#[derive(DeriveMigrationName)]
pub struct Migration;

const UP: &str = r#"
    CREATE TABLE provider_trust (
        provider_id       text COLLATE "C" PRIMARY KEY CHECK (length(provider_id) BETWEEN 1 AND 255),
        trust_score       double precision NOT NULL CHECK (trust_score BETWEEN 0 AND 1),
        total_orders      bigint NOT NULL CHECK (total_orders BETWEEN 0 AND 4294967295),
        successful_orders bigint NOT NULL CHECK (successful_orders BETWEEN 0 AND total_orders),
        created_at        timestamptz NOT NULL DEFAULT now(),
        updated_at        timestamptz NOT NULL DEFAULT now()
    )"#;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(UP).await?;
        Ok(())
    }
}
