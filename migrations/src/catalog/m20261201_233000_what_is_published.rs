//! What another network's catalog said of what came by sync, kept to the letter, and which profile of Beckn its BPP
//! speaks.

use sea_orm_migration::prelude::*;

/// See above.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

const UP: &str = "
ALTER TABLE providers
    ADD COLUMN profile text NOT NULL DEFAULT 'SEED' CHECK (profile IN ('SEED', 'LTS')),
    ADD COLUMN published text,
    ADD CONSTRAINT providers_published CHECK (origin = 'SYNC' OR (profile = 'SEED' AND published IS NULL));
ALTER TABLE catalog_items
    ADD COLUMN published text,
    ADD CONSTRAINT catalog_items_published CHECK (origin = 'SYNC' OR published IS NULL);
ALTER TABLE catalog_offers
    ADD COLUMN published text,
    ADD CONSTRAINT catalog_offers_published CHECK (origin = 'SYNC' OR published IS NULL);
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(UP).await.map(drop)
    }
}
