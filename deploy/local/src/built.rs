//! The programs of this build, which lie beside the launcher: where they are, and whether they serve.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::Context;
use tokio::{
    net::TcpStream,
    process::Command,
    time::{Instant, sleep},
};

const READY_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// A program that lies beside this one.
///
/// # Errors
/// When it was not built.
pub fn beside_this(name: &str) -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe().context("cannot tell which file this program is")?;
    let file = this.with_file_name(name);
    anyhow::ensure!(file.is_file(), "{} is not built", file.display());
    Ok(file)
}

/// Runs one of our programs to its end.
///
/// # Errors
/// When it fails.
pub async fn one_off(
    name: &str,
    arguments: &[&str],
    environment: &BTreeMap<String, String>,
) -> anyhow::Result<()> {
    let mut command = Command::new(beside_this(name)?);
    command.args(arguments).envs(environment);
    let status = command.kill_on_drop(true).status().await.with_context(|| format!("cannot run {name}"))?;
    anyhow::ensure!(status.success(), "{name} failed ({status})");
    Ok(())
}

/// Waits until a program of ours listens.
///
/// # Errors
/// When it does not for a minute.
pub async fn listens(name: &str, address: SocketAddr) -> anyhow::Result<()> {
    let deadline = Instant::now() + READY_WITHIN;
    while TcpStream::connect(address).await.is_err() {
        anyhow::ensure!(Instant::now() < deadline, "{name} does not listen on {address}; see its log");
        sleep(POLL).await;
    }
    Ok(())
}

/// Waits until a page answers 200.
///
/// # Errors
/// When it does not for a minute.
pub async fn healthy(url: &str) -> anyhow::Result<()> {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
    let deadline = Instant::now() + READY_WITHIN;
    loop {
        let seen = match client.get(url).send().await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(answer) => answer.status().to_string(),
            Err(error) => error.to_string(),
        };
        anyhow::ensure!(Instant::now() < deadline, "{url} does not answer 200: {seen}");
        sleep(POLL).await;
    }
}
