//! The schemas: one migrator per service, each with its own schema and migration table.

pub mod catalog;
pub mod matching;
pub mod order;

use anyhow::Context;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, TransactionTrait};
use sea_orm_migration::MigratorTrait;

/// A service that owns a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Providers, items, offers, stock.
    Catalog,
    /// Trust and ranking.
    Matching,
    /// Orders and the mailbox.
    Order,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Catalog, Self::Matching, Self::Order];

    /// The schema's name.
    pub fn schema(self) -> &'static str {
        match self {
            Self::Catalog => "catalog",
            Self::Matching => "matching",
            Self::Order => "orders",
        }
    }
}

/// Brings all schemas up to date. Any number of processes may do so at once: one works, the others wait.
///
/// # Errors
/// When the database cannot be reached or a migration fails; the failed migration leaves nothing behind.
pub async fn up(url: &str) -> anyhow::Result<()> {
    for service in Service::ALL {
        let schema = service.schema();
        let db = connect(url, schema).await.with_context(|| format!("cannot connect to migrate {schema}"))?;
        let result = migrate(&db, service).await;
        db.close().await?;
        result.with_context(|| format!("cannot migrate {schema}"))?;
    }
    Ok(())
}

async fn connect(url: &str, schema: &str) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    // One connection holds the lock, another works.
    options.set_schema_search_path(schema).min_connections(0).max_connections(2).sqlx_logging(false);
    Database::connect(options).await
}

async fn migrate(db: &DatabaseConnection, service: Service) -> Result<(), DbErr> {
    make_lock_table(db, service.schema()).await?;
    let lock = db.begin().await?;
    lock.execute_unprepared("SELECT 1 FROM migration_lock WHERE id = 1 FOR UPDATE").await?;
    match service {
        Service::Catalog => catalog::Migrator::up(db, None).await?,
        Service::Matching => matching::Migrator::up(db, None).await?,
        Service::Order => order::Migrator::up(db, None).await?,
    }
    lock.commit().await
}

/// `IF NOT EXISTS` still collides when two processes make the same thing at once; the second try finds it made.
async fn make_lock_table(db: &DatabaseConnection, schema: &str) -> Result<(), DbErr> {
    let sql = format!(
        "CREATE SCHEMA IF NOT EXISTS {schema};
         CREATE TABLE IF NOT EXISTS {schema}.migration_lock (id integer PRIMARY KEY);
         INSERT INTO {schema}.migration_lock VALUES (1) ON CONFLICT DO NOTHING"
    );
    let mut tries = 5;
    loop {
        tries -= 1;
        match db.execute_unprepared(&sql).await {
            Ok(_) => return Ok(()),
            Err(error) if tries == 0 => return Err(error),
            Err(_collision) => {}
        }
    }
}
