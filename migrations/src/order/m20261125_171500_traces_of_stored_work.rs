//! Stored work keeps the trace that it belongs to: what is done for it after a crash is found there.

use sea_orm_migration::prelude::*;

/// See above.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

const UP: &str = "
-- W3C Trace Context of the request, or of the work, that made the row.
ALTER TABLE orders.inbox ADD COLUMN traceparent text NOT NULL DEFAULT '';
ALTER TABLE orders.outbox ADD COLUMN traceparent text NOT NULL DEFAULT '';
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(UP).await.map(drop)
    }
}
