//! The reconciler asks which reservations are held for too long, and which changed lately. Unlike the counters a
//! reservation moves only once or twice in its life, so an index on what moves costs it little.

use sea_orm_migration::prelude::*;

/// See above.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

const UP: &str = "CREATE INDEX reservations_status ON reservations (status, updated_at)";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(UP).await.map(drop)
    }
}
