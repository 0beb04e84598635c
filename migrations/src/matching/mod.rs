//! Migrations of the matching service's schema.

mod m20261122_213000_provider_trust;
mod m20261125_134500_order_outcomes;
mod m20261125_171500_match_decisions;

use sea_orm_migration::prelude::*;

/// Brings the schema up to date.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_213000_provider_trust::Migration),
            Box::new(m20261125_134500_order_outcomes::Migration),
            Box::new(m20261125_171500_match_decisions::Migration),
        ]
    }
}
