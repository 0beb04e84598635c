//! The schemas: one migrator per service, each with its own schema and migration table. Beside them the services'
//! database roles, and the way back to the seed's state.
#![allow(elided_lifetimes_in_paths, reason = "async_trait needs SchemaManager as its trait declares it")]

pub mod catalog;
pub mod matching;
pub mod order;
pub mod reset;
pub mod roles;
pub mod scaffold;

use anyhow::Context;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, TransactionTrait};
use sea_orm_migration::MigratorTrait;

/// Tables of the migrators themselves, in every schema.
pub const BOOKKEEPING: [&str; 2] = ["migration_lock", "seaql_migrations"];

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

    /// The service's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Catalog => "catalog",
            Self::Matching => "matching",
            Self::Order => "order",
        }
    }

    /// The schema's name.
    pub fn schema(self) -> &'static str {
        match self {
            Self::Catalog => "catalog",
            Self::Matching => "matching",
            Self::Order => "orders",
        }
    }

    /// The variable that holds the URL by which the service reaches its schema.
    pub fn url_variable(self) -> &'static str {
        match self {
            Self::Catalog => "CATALOG_DATABASE_URL",
            Self::Matching => "MATCHING_DATABASE_URL",
            Self::Order => "ORDER_DATABASE_URL",
        }
    }
}

/// Brings all schemas up to date. Any number of processes may do so at once: one works, the others wait.
///
/// # Errors
/// When the database cannot be reached or a migration fails; the failed migration leaves nothing behind.
pub async fn up(url: &str) -> anyhow::Result<()> {
    for service in Service::ALL {
        up_one(url, service).await?;
    }
    Ok(())
}

/// Brings one schema up to date. Returns the names of the migrations that it took.
///
/// # Errors
/// As [`up`].
pub async fn up_one(url: &str, service: Service) -> anyhow::Result<Vec<String>> {
    let schema = service.schema();
    let db = connect(url, schema).await.with_context(|| format!("cannot connect to migrate {schema}"))?;
    let result = migrate(&db, service).await;
    db.close().await?;
    result.with_context(|| format!("cannot migrate {schema}"))
}

async fn connect(url: &str, schema: &str) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    // One connection holds the lock, another works.
    options.set_schema_search_path(schema).min_connections(0).max_connections(2).sqlx_logging(false);
    Database::connect(options).await
}

async fn migrate(db: &DatabaseConnection, service: Service) -> Result<Vec<String>, DbErr> {
    make_lock_table(db, service.schema()).await?;
    let lock = db.begin().await?;
    lock.execute_unprepared("SELECT 1 FROM migration_lock WHERE id = 1 FOR UPDATE").await?;
    let taken = match service {
        Service::Catalog => take_pending::<catalog::Migrator>(db).await?,
        Service::Matching => take_pending::<matching::Migrator>(db).await?,
        Service::Order => take_pending::<order::Migrator>(db).await?,
    };
    lock.commit().await?;
    Ok(taken)
}

async fn take_pending<M: MigratorTrait>(db: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    let pending = M::get_pending_migrations(db).await?;
    let names = pending.iter().map(|migration| migration.name().to_owned()).collect();
    M::up(db, None).await?;
    Ok(names)
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
