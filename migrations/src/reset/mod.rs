//! Puts a development system back to exactly the seed's state: two providers, their items, offers and trust, and
//! nothing else. Or fills an empty one with that state.

mod loopback;
mod redis;
mod rows;
mod tables;

pub use loopback::{Loopback, Refusal};

use std::time::Duration;

use anyhow::Context;
use p2p_domain::Clock;
use p2p_runtime::postgres::sql_state;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement, TransactionTrait};

/// How often it is tried against programs that work on the same rows, and how long it waits in between.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(200);
/// Serialisation conflict, deadlock, lock not got, and a row of a running program between two of our statements
/// (a child of what is deleted; a twin of what is inserted).
const CONFLICTS: [&str; 5] = ["40001", "40P01", "55P03", "23503", "23505"];

/// What was done to the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emptied {
    /// `schema.table` and how many rows were deleted of it.
    pub tables: Vec<(String, u64)>,
}

/// Empties every table but the migrators' own and `gateways`, and inserts the seed's rows, dated tomorrow: all in
/// one transaction, while the programs run.
///
/// # Errors
/// When the database cannot be reached, has no schemas yet, or programs keep the rows locked.
pub async fn database(place: &Loopback, clock: &Clock) -> anyhow::Result<Emptied> {
    let db = crate::connect(place.database(), "public").await.context("cannot connect to DATABASE_URL")?;
    let result = until_done(&db, clock).await;
    db.close().await?;
    let tables = result.context("cannot put the database back to the seed's state")?;
    anyhow::ensure!(!tables.is_empty(), "the database has no schemas yet: run `migrate` first");
    Ok(Emptied { tables })
}

/// Inserts the seed's rows, dated tomorrow, where no provider is known yet. Nothing is removed, wherever the database
/// is. Returns whether there were none. Any number of processes may do so at once.
///
/// # Errors
/// When the database cannot be reached or has no schemas yet.
pub async fn fill(url: &str, clock: &Clock) -> anyhow::Result<bool> {
    let db = crate::connect(url, "catalog").await.context("cannot connect to DATABASE_URL")?;
    let result = fill_empty(&db, clock).await;
    db.close().await?;
    result.context("cannot insert the seed's rows")
}

async fn fill_empty(db: &DatabaseConnection, clock: &Clock) -> Result<bool, DbErr> {
    let transaction = db.begin().await?;
    // Two must not find it empty at once.
    transaction.execute_unprepared("SELECT 1 FROM catalog.migration_lock WHERE id = 1 FOR UPDATE").await?;
    let any = Statement::from_string(DbBackend::Postgres, "SELECT 1 FROM catalog.providers LIMIT 1");
    let empty = transaction.query_one_raw(any).await?.is_none();
    if empty {
        rows::insert(&transaction, clock).await?;
    }
    transaction.commit().await?;
    Ok(empty)
}

/// Removes the buyers' state from Redis: the keys `txn:*` and `msg:*`, no others. Returns how many there were.
///
/// # Errors
/// When Redis is away.
pub async fn cache(place: &Loopback) -> anyhow::Result<u64> {
    redis::remove_keys(place.redis()).await
}

async fn until_done(db: &DatabaseConnection, clock: &Clock) -> Result<Vec<(String, u64)>, DbErr> {
    let mut tries = 1;
    loop {
        match attempt(db, clock).await {
            Err(error) if tries < TRIES && is_conflict(&error) => {
                tries += 1;
                tokio::time::sleep(PAUSE).await;
            }
            result => return result,
        }
    }
}

async fn attempt(db: &DatabaseConnection, clock: &Clock) -> Result<Vec<(String, u64)>, DbErr> {
    let transaction = db.begin().await?;
    transaction.execute_unprepared("SET LOCAL lock_timeout = '5s'").await?;
    let emptied = tables::empty(&transaction).await?;
    if !emptied.is_empty() {
        rows::insert(&transaction, clock).await?;
    }
    transaction.commit().await?;
    Ok(emptied)
}

fn is_conflict(error: &DbErr) -> bool {
    sql_state(error).is_some_and(|state| CONFLICTS.contains(&state.as_str()))
}
