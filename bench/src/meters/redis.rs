//! Redis's own counters.

use anyhow::Context;
use fred::{
    clients::Client,
    interfaces::ClientLike,
    prelude::{Builder, Config},
    types::InfoKind,
};

use super::{Counts, Reading};

/// Redis.
pub struct Redis(Client);

impl Redis {
    /// One connection.
    pub async fn connect(url: &str) -> anyhow::Result<Self> {
        let client = Builder::from_config(Config::from_url(url)?).build()?;
        client.init().await?;
        Ok(Self(client))
    }

    /// Reads the counters.
    pub async fn read(&self, reading: &mut Reading) -> anyhow::Result<()> {
        let stats: String = self.0.info(Some(InfoKind::Stats)).await?;
        let total = stats.lines().find_map(|line| line.strip_prefix("total_commands_processed:"));
        reading.redis_total = Some(total.context("INFO without total_commands_processed")?.trim().parse()?);
        reading.redis = commands(&self.0.info::<String>(Some(InfoKind::CommandStats)).await?);
        Ok(())
    }
}

/// Calls by command. `cmdstat_hmget:calls=12,usec=34,...`
fn commands(answer: &str) -> Counts {
    let command = |line: &str| {
        let (name, counts) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name.to_owned(), counts.split(',').next()?.parse().ok()?))
    };
    answer.lines().filter_map(command).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_by_command() {
        let answer =
            "# Commandstats\r\ncmdstat_hmget:calls=12,usec=34\r\ncmdstat_config|get:calls=1,usec=2\r\n";
        assert_eq!(commands(answer), Counts::from([("hmget".into(), 12), ("config|get".into(), 1)]));
    }
}
