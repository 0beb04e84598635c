//! What a measurement costs the machine: read before and after, and subtracted.

mod database;
pub mod processes;
mod redis;

use std::{collections::BTreeMap, time::Duration};

use tokio::time::sleep;

use self::{database::Database, redis::Redis};
use crate::options::Trade;

/// PostgreSQL's sessions report what they did at most once a second, when they are idle.
const STATISTICS_LAG: Duration = Duration::from_millis(1_300);

/// Counts by what is counted.
pub type Counts = BTreeMap<String, u64>;

/// The meters that could be found.
pub struct Meters {
    pids: Vec<(String, u32)>,
    database: Option<Database>,
    redis: Option<Redis>,
}

/// All readings at one moment, or between two.
#[derive(Debug, Default, Clone)]
pub struct Reading {
    /// Milliseconds of processor time by process.
    pub cpu_ms: Counts,
    /// Transactions that PostgreSQL has committed, reads included.
    pub commits: Option<u64>,
    /// SQL statements by role, from pg_stat_statements.
    pub statements: Counts,
    /// COMMIT statements by role, from pg_stat_statements.
    pub committed: Counts,
    /// All commands of Redis; those that a script makes are counted too.
    pub redis_total: Option<u64>,
    /// Commands of Redis by name.
    pub redis: Counts,
}

impl Meters {
    /// Connects to what is to be read. What cannot be read is said and left out.
    pub async fn connect(trade: &Trade) -> Self {
        let database = match &trade.database_url {
            Some(url) => Database::connect(url).await.map_err(|error| skipped("PostgreSQL", &error)).ok(),
            None => None,
        };
        let redis = match &trade.redis_url {
            Some(url) => Redis::connect(url).await.map_err(|error| skipped("Redis", &error)).ok(),
            None => None,
        };
        let mut pids = trade.pids.clone();
        pids.push(("(bench itself)".to_owned(), std::process::id()));
        Self { pids, database, redis }
    }

    /// Reads all before a measurement, when nothing is under way.
    pub async fn before(&self) -> anyhow::Result<Reading> {
        sleep(STATISTICS_LAG).await;
        let mut reading = self.counters().await?;
        reading.cpu_ms = processes::cpu(&self.pids);
        Ok(reading)
    }

    /// Reads all after a measurement: processor time at once, counters when they have been reported.
    pub async fn after(&self) -> anyhow::Result<Reading> {
        let cpu_ms = processes::cpu(&self.pids);
        sleep(STATISTICS_LAG).await;
        Ok(Reading { cpu_ms, ..self.counters().await? })
    }

    async fn counters(&self) -> anyhow::Result<Reading> {
        let mut reading = Reading::default();
        if let Some(database) = &self.database {
            database.read(&mut reading).await?;
        }
        if let Some(redis) = &self.redis {
            redis.read(&mut reading).await?;
        }
        Ok(reading)
    }
}

fn skipped(what: &str, error: &anyhow::Error) {
    eprintln!("bench: {what} is not counted: {error:#}");
}

impl Reading {
    /// What was added since an earlier reading.
    pub fn since(&self, earlier: &Self) -> Self {
        let total = |now: Option<u64>, then: Option<u64>| Some(now?.saturating_sub(then?));
        Self {
            cpu_ms: added(&self.cpu_ms, &earlier.cpu_ms),
            commits: total(self.commits, earlier.commits),
            statements: added(&self.statements, &earlier.statements),
            committed: added(&self.committed, &earlier.committed),
            redis_total: total(self.redis_total, earlier.redis_total),
            redis: added(&self.redis, &earlier.redis),
        }
    }
}

fn added(now: &Counts, then: &Counts) -> Counts {
    let since = |(name, count): (&String, &u64)| {
        let added = count.saturating_sub(then.get(name).copied().unwrap_or_default());
        (added > 0).then(|| (name.clone(), added))
    };
    now.iter().filter_map(since).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_not_moved_is_left_out() {
        let count = |a, b| Counts::from([("a".to_owned(), a), ("b".to_owned(), b)]);
        assert_eq!(added(&count(5, 7), &count(5, 3)), Counts::from([("b".to_owned(), 4)]));
    }
}
