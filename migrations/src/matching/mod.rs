//! Migrations of the matching service's schema.

use sea_orm_migration::prelude::*;

mod m20261122_213000_provider_trust;

/// Brings the schema up to date.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m20261122_213000_provider_trust::Migration)]
    }
}
