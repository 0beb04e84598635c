//! An index by which what one BAP holds unconfirmed is added up.

use sea_orm_migration::prelude::*;

/// See above.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

const UP: &str = "
CREATE INDEX orders_unconfirmed ON orders.orders (bap_id) INCLUDE (total_qty)
    WHERE status IN ('DRAFT', 'PENDING', 'EXPIRING')";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(UP).await.map(drop)
    }
}
