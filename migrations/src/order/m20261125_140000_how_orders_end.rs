//! How orders end: who gave one up and where it stood, what its end says about the seller, and what is said of it
//! unasked, whose text is made when a gateway claims it.

use sea_orm_migration::prelude::*;

/// See above.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

const UP: &str = "
ALTER TABLE orders.orders
    ADD COLUMN cancelled_by text CHECK (cancelled_by IN ('BUYER', 'SELLER', 'PLATFORM')),
    ADD COLUMN cancelled_from text CHECK (cancelled_from IN ('DRAFT', 'PENDING', 'ACTIVE')),
    ADD COLUMN outcome text CHECK (outcome IN ('SUCCESS', 'FAILURE')),
    -- When the matching service had counted it.
    ADD COLUMN outcome_recorded_at timestamptz;
CREATE INDEX orders_newest ON orders.orders (created_at DESC, id DESC);
CREATE INDEX orders_of_provider ON orders.orders (provider_id, created_at DESC, id DESC);
CREATE INDEX orders_held ON orders.orders (hold_until) WHERE status IN ('DRAFT', 'PENDING', 'EXPIRING');
CREATE INDEX orders_cancelling ON orders.orders (updated_at) WHERE status = 'CANCELLING';
CREATE INDEX orders_untold ON orders.orders (updated_at) WHERE outcome IS NOT NULL AND outcome_recorded_at IS NULL;

ALTER TABLE orders.outbox
    ALTER COLUMN event_id DROP NOT NULL,
    -- What a message is about that nobody asked for.
    ADD COLUMN order_id uuid,
    ADD CONSTRAINT outbox_says_something CHECK (event_id IS NOT NULL OR order_id IS NOT NULL);
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(UP).await.map(drop)
    }
}
