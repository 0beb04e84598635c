//! Migrations of the matching service's schema.

use sea_orm_migration::prelude::*;

/// Brings the schema up to date.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![]
    }
}
