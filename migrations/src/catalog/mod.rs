//! Migrations of the catalog service's schema.

mod m20261122_000001_stock;
mod m20261125_135500_sellers_and_sync;
mod m20261125_141500_reservations_by_status_and_age;
mod m20261125_145000_search_at_size;
mod m20261128_091000_offers_on_sale;
mod m20261201_233000_what_is_published;

use sea_orm_migration::prelude::*;

/// Brings the schema up to date.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_000001_stock::Migration),
            Box::new(m20261125_135500_sellers_and_sync::Migration),
            Box::new(m20261125_141500_reservations_by_status_and_age::Migration),
            Box::new(m20261125_145000_search_at_size::Migration),
            Box::new(m20261128_091000_offers_on_sale::Migration),
            Box::new(m20261201_233000_what_is_published::Migration),
        ]
    }
}
