//! PostgreSQL's own counters.

use std::time::Duration;

use anyhow::Context;
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, Statement};

use super::Reading;

const COMMITS: &str =
    "SELECT sum(xact_commit)::bigint AS commits FROM pg_stat_database WHERE datname = current_database()";

const HAS_STATEMENTS: &str =
    "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements') AS there";

/// Without what this connection does itself.
const STATEMENTS: &str = "
    SELECT role.rolname::text AS role, sum(s.calls)::bigint AS calls,
           coalesce(sum(s.calls) FILTER (WHERE s.query ILIKE 'commit%'), 0)::bigint AS commits
    FROM pg_stat_statements s JOIN pg_roles role ON role.oid = s.userid
    WHERE role.rolname <> current_user
      AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    GROUP BY role.rolname";

/// PostgreSQL.
pub struct Database {
    connection: DatabaseConnection,
    has_statements: bool,
}

fn sql(text: &str) -> Statement {
    Statement::from_string(DbBackend::Postgres, text)
}

impl Database {
    /// One connection.
    pub async fn connect(url: &str) -> anyhow::Result<Self> {
        let mut options = ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false).acquire_timeout(Duration::from_secs(5));
        let connection = sea_orm::Database::connect(options).await?;
        // Refused to whoever may not: then the statements are simply not counted.
        let _ = connection.execute_raw(sql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")).await;
        let there = connection.query_one_raw(sql(HAS_STATEMENTS)).await?.context("no row")?;
        let mut has_statements = there.try_get("", "there")?;
        // The extension can be made without its library being loaded.
        has_statements = has_statements && connection.query_all_raw(sql(STATEMENTS)).await.is_ok();
        if !has_statements {
            eprintln!("bench: statements are not counted: pg_stat_statements is not loaded");
        }
        Ok(Self { connection, has_statements })
    }

    /// Reads the counters.
    pub async fn read(&self, reading: &mut Reading) -> anyhow::Result<()> {
        let row = self.connection.query_one_raw(sql(COMMITS)).await?.context("no row")?;
        reading.commits = row.try_get::<Option<i64>>("", "commits")?.map(i64::unsigned_abs);
        if !self.has_statements {
            return Ok(());
        }
        for row in self.connection.query_all_raw(sql(STATEMENTS)).await? {
            let role: String = row.try_get("", "role")?;
            let count = |column| row.try_get::<i64>("", column).map(i64::unsigned_abs);
            reading.statements.insert(role.clone(), count("calls")?);
            reading.committed.insert(role, count("commits")?);
        }
        Ok(())
    }
}
