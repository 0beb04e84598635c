//! Migrations of the order service's schema.

mod m20261122_000001_mailbox;
mod m20261124_014518_events_need_no_keys;
mod m20261125_140000_how_orders_end;
mod m20261125_171500_traces_of_stored_work;
mod m20261128_090000_who_may_act;
mod m20261128_091000_unconfirmed_orders;
mod m20261201_190000_deliveries_that_expire;
mod m20261201_204000_trades_have_versions;
mod m20261201_210000_events_in_lz4;
mod m20261201_233000_signed_messages;

use sea_orm_migration::prelude::*;

/// Brings the schema up to date.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_000001_mailbox::Migration),
            Box::new(m20261124_014518_events_need_no_keys::Migration),
            Box::new(m20261125_140000_how_orders_end::Migration),
            Box::new(m20261125_171500_traces_of_stored_work::Migration),
            Box::new(m20261128_090000_who_may_act::Migration),
            Box::new(m20261128_091000_unconfirmed_orders::Migration),
            Box::new(m20261201_190000_deliveries_that_expire::Migration),
            Box::new(m20261201_204000_trades_have_versions::Migration),
            Box::new(m20261201_210000_events_in_lz4::Migration),
            Box::new(m20261201_233000_signed_messages::Migration),
        ]
    }
}
