//! A process under guard, seen from the launcher.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::Context;
use tokio::process::{Child, ChildStdin, Command};

use crate::guard::Order;

/// How many last lines of a log are shown when its process died.
const LAST_LINES: usize = 8;

/// A running process that ends when this value is stopped or the launcher dies.
#[derive(Debug)]
pub struct Guarded {
    name: String,
    guard: Child,
    pipe: Option<ChildStdin>,
    log: PathBuf,
}

impl Guarded {
    /// Starts the process; what it prints goes to `<logs>/<name>.log`, begun anew.
    ///
    /// # Errors
    /// When the log or the guard cannot be made.
    pub fn start(
        name: &str,
        order: &Order,
        environment: &BTreeMap<String, String>,
        logs: &Path,
    ) -> anyhow::Result<Self> {
        let log = logs.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let this = std::env::current_exe().context("cannot tell which file this program is")?;
        let mut guard = Command::new(this)
            .arg("guard")
            .arg(order.text()?)
            .envs(environment)
            // Logs go to files.
            .env("NO_COLOR", "1")
            .stdin(Stdio::piped())
            .stdout(file.try_clone()?)
            .stderr(file)
            // Ctrl-C in a terminal reaches the launcher alone, which then stops all in order.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let pipe = guard.stdin.take();
        Ok(Self { name: name.to_owned(), guard, pipe, log })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Waits until the process has ended by itself; says how.
    pub async fn died(&mut self) -> anyhow::Error {
        match self.guard.wait().await {
            Ok(status) => self.obituary(status),
            Err(error) => anyhow::Error::new(error).context(format!("lost sight of {}", self.name)),
        }
    }

    /// Stops the process and waits until it has ended, at most its grace.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub async fn stop(mut self) -> anyhow::Result<ExitStatus> {
        drop(self.pipe.take());
        Ok(self.guard.wait().await?)
    }

    fn obituary(&self, status: ExitStatus) -> anyhow::Error {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n    ");
        anyhow::anyhow!(
            "{} ended unexpectedly ({status}); the end of {}:\n    {last}",
            self.name,
            self.log.display()
        )
    }
}

/// The grace of the programs and two seconds on top, so that they can say themselves that it was too short.
pub fn program_grace(shutdown: Duration) -> u64 {
    shutdown.as_secs() + 2
}
