//! For tests only: a fresh database and a fresh Redis per test, on the private servers that `make test` starts.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context;
use sea_orm::{ConnectionTrait, Database};
use url::Url;
use uuid::Uuid;

/// The private PostgreSQL's superuser URL, and the private Redis's.
const POSTGRES: &str = "TEST_DATABASE_URL";
const REDIS: &str = "TEST_REDIS_URL";
/// How many databases the private Redis has.
const REDIS_DATABASES: u32 = 4096;

#[allow(clippy::disallowed_methods, reason = "tests have no configuration to read it from")]
fn variable(name: &'static str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set: run the tests with `make test`"))
}

/// A new database with all schemas in place. Returns its URL.
///
/// # Errors
/// When there is no private PostgreSQL or a migration fails.
pub async fn database() -> anyhow::Result<String> {
    let mut url = Url::parse(&variable(POSTGRES)?)?;
    let name = format!("test_{}", Uuid::new_v4().simple());
    let admin = Database::connect(url.as_str()).await?;
    admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await?;
    admin.close().await?;
    url.set_path(&name);
    p2p_migrations::up(url.as_str()).await?;
    Ok(url.into())
}

/// An empty logical database of the private Redis. Returns its URL.
///
/// # Errors
/// When there is no private Redis.
pub fn redis() -> anyhow::Result<String> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mut url = Url::parse(&variable(REDIS)?)?;
    let first = std::process::id().wrapping_mul(61);
    let number = first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % REDIS_DATABASES;
    url.set_path(&number.to_string());
    Ok(url.into())
}
