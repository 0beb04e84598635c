//! Long texts of events are compressed by LZ4, where PostgreSQL knows it: a third of pglz's work.

use sea_orm_migration::{prelude::*, sea_orm::Statement};

/// See above.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

/// Whether the server knows it: it is built without it where its builder wanted so, and other engines compress by themselves.
const KNOWN: &str = "
SELECT 1 FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)";

const UP: &str = "
ALTER TABLE orders.events
    ALTER COLUMN raw_json SET COMPRESSION lz4, ALTER COLUMN buyer_json SET COMPRESSION lz4";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        let known = db.query_one_raw(Statement::from_string(db.get_database_backend(), KNOWN)).await?;
        match known {
            Some(_) => db.execute_unprepared(UP).await.map(drop),
            None => Ok(()),
        }
    }
}
