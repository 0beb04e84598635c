//! An index by which the offers of a provider that are on sale are counted, without those whose window is over.

use sea_orm_migration::prelude::*;

/// See above.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

const UP: &str = "
CREATE INDEX catalog_offers_on_sale ON catalog_offers (provider_id, time_window_end) WHERE withdrawn_at IS NULL";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(UP).await.map(drop)
    }
}
