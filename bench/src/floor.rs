//! `bench floor`: what PostgreSQL alone could do at best. The least durable writes of one trade are four
//! transactions of two event rows each; a system that writes less forgets something.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, ensure};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use tokio::process::Command;

use crate::{options::Floor, stand::connect};

const HOME: &str = "/usr/lib/postgresql";

const MAKE: &str = "
    CREATE SCHEMA bench_floor;
    CREATE TABLE bench_floor.events (
        id uuid PRIMARY KEY,
        transaction_id text NOT NULL,
        seq bigint NOT NULL,
        action text NOT NULL,
        raw_json text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX events_of_transaction ON bench_floor.events (transaction_id, seq)";

const DROP: &str = "DROP SCHEMA IF EXISTS bench_floor CASCADE";

/// A message is about a kilobyte.
const WRITE: &str = "BEGIN;
INSERT INTO bench_floor.events (id, transaction_id, seq, action, raw_json)
VALUES (gen_random_uuid(), md5(:trade::text), 1, 'request', repeat('x', 1000)),
       (gen_random_uuid(), md5(:trade::text), 2, 'on_request', repeat('y', 1000));
COMMIT;
";
const TRANSACTIONS: usize = 4;

/// Measures each number of clients in turn, in a schema of its own, and drops it.
///
/// # Errors
/// When pgbench is not there or fails.
pub async fn run(options: Floor) -> anyhow::Result<()> {
    println!("the least durable writes of a trade: {TRANSACTIONS} transactions, 8 event rows");
    for &clients in &options.concurrency {
        println!("{clients:>4} clients {:>10.1} trades/s", trades_per_second(&options, clients).await?);
    }
    Ok(())
}

/// With so many clients, in a schema of its own, which is dropped.
///
/// # Errors
/// When pgbench is not there or fails.
pub async fn trades_per_second(options: &Floor, clients: usize) -> anyhow::Result<f64> {
    let pgbench = find(options.pg_bin.as_deref()).context("no pgbench: set PG_BIN")?;
    let db = connect(&options.database_url).await.context("cannot reach PostgreSQL")?;
    let script = std::env::temp_dir().join(format!("bench-floor-{}.sql", std::process::id()));
    let result = measure(options, clients, &db, &pgbench, &script).await;
    // Whatever was measured, nothing stays behind.
    let _ = fs::remove_file(&script);
    db.execute_unprepared(DROP).await?;
    result
}

async fn measure(
    options: &Floor,
    clients: usize,
    db: &DatabaseConnection,
    pgbench: &Path,
    script: &Path,
) -> anyhow::Result<f64> {
    fs::write(script, format!("\\set trade random(1, 1000000000)\n{}", WRITE.repeat(TRANSACTIONS)))?;
    db.execute_unprepared(DROP).await?;
    db.execute_unprepared(MAKE).await?;
    let mut command = Command::new(pgbench);
    command
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=2", "--file"])
        .arg(script)
        .args([format!("--client={clients}"), format!("--time={}", options.lasts.as_secs())])
        .arg(&options.database_url)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = command.output().await.context("cannot run pgbench")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "pgbench: {}", String::from_utf8_lossy(&output.stderr).trim());
    rate(&said).with_context(|| format!("pgbench says no tps:\n{said}"))
}

/// The number behind `tps = `.
fn rate(said: &str) -> Option<f64> {
    said.lines().find_map(|line| line.strip_prefix("tps = "))?.split_whitespace().next()?.parse().ok()
}

/// In `PG_BIN`, else of the newest version.
fn find(pg_bin: Option<&Path>) -> Option<PathBuf> {
    let versions = fs::read_dir(HOME).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut versions: Vec<PathBuf> = versions.collect();
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    versions.sort_by_key(|path| std::cmp::Reverse(number(path)));
    let bins = versions.into_iter().map(|version| version.join("bin"));
    pg_bin.map(Path::to_owned).into_iter().chain(bins).map(|bin| bin.join("pgbench")).find(|p| p.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_read_from_what_pgbench_says() {
        let said = "latency average = 1.2 ms\ntps = 812.5 (without initial connection time)\n";
        assert_eq!(rate(said), Some(812.5));
        assert_eq!(rate("pgbench: error"), None);
    }
}
