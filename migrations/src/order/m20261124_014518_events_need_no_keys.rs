//! A message's rows in inbox and outbox are written by the statement that writes its event, and events are never
//! removed: a key on the event would only be looked up and locked twenty times a trade.

use sea_orm_migration::prelude::*;

/// See above.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

const UP: &str = "
ALTER TABLE orders.inbox DROP CONSTRAINT inbox_event_id_fkey;
ALTER TABLE orders.outbox DROP CONSTRAINT outbox_event_id_fkey;
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(UP).await.map(drop)
    }
}
