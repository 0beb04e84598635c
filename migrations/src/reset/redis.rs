//! Our keys in Redis.

use std::time::Duration;

use anyhow::Context;
use fred::{
    prelude::*,
    types::{Builder, config::Config as RedisConfig},
};
use futures::{TryStreamExt, pin_mut};

/// What is ours (the seed's Redis keys; `txn:all` is among them).
const PATTERNS: [&str; 2] = ["txn:*", "msg:*"];
const KEYS_AT_ONCE: usize = 500;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const COMMAND_TIMEOUT: Duration = Duration::from_secs(5);

/// Removes our keys by SCAN. Returns how many there were.
pub(super) async fn remove_keys(config: RedisConfig) -> anyhow::Result<u64> {
    let client = Builder::from_config(config)
        .with_connection_config(|connection| connection.connection_timeout = CONNECT_TIMEOUT)
        .with_performance_config(|performance| performance.default_command_timeout = COMMAND_TIMEOUT)
        .build()
        .context("cannot use REDIS_URL")?;
    let connected = tokio::time::timeout(CONNECT_TIMEOUT, client.init()).await;
    connected.context("Redis does not answer")?.context("cannot connect to Redis")?;
    let mut removed = 0;
    for pattern in PATTERNS {
        removed += remove(&client, pattern).await.with_context(|| format!("cannot remove {pattern}"))?;
    }
    client.quit().await.context("cannot say goodbye to Redis")?;
    Ok(removed)
}

async fn remove(client: &Client, pattern: &str) -> Result<u64, Error> {
    let keys = client.scan_buffered(pattern, Some(1_000), None).try_chunks(KEYS_AT_ONCE);
    pin_mut!(keys);
    let mut removed = 0;
    while let Some(some) = keys.try_next().await.map_err(|chunk| chunk.1)? {
        removed += client.unlink::<u64, _>(some).await?;
    }
    Ok(removed)
}
