//! Messages may be signed. The signature of a callback covers that of the request which it answers, a request is sent
//! again as it was signed first, and what was accepted is not taken again under the same signature.

use sea_orm_migration::prelude::*;

/// See above.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

/// Without values for the rows that there are: nothing was signed before.
const UP: &str = r#"
-- The canonical Authorization header that the message came with, or is sent with; null when it is not signed, and for
-- our callbacks, which are signed anew at each attempt.
ALTER TABLE orders.events ADD COLUMN "authorization" text;
-- For a callback: the event of the request that it answers; null when nobody asked.
ALTER TABLE orders.outbox ADD COLUMN request_event_id uuid;
"#;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(UP).await.map(drop)
    }
}
