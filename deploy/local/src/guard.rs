//! `local guard`: a small process between the launcher and each process it starts. It holds the reading end of
//! a pipe whose writing end only the launcher has: when the launcher ends, however it ends, the pipe does too,
//! and the guard ends its process.

use std::{
    ffi::OsStr,
    os::{fd::AsFd, unix::process::ExitStatusExt},
    path::PathBuf,
    process::{ExitCode, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::Context;
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::AsyncReadExt,
    net::unix::pipe,
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
    time::timeout,
};

use crate::lock;

/// What a guard is to do, handed over as its one argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What to run, and its arguments.
    pub command: Vec<String>,
    /// Its working directory; the guard's own when missing.
    pub folder: Option<PathBuf>,
    /// User and group to run it as.
    pub account: Option<(u32, u32)>,
    /// The signal that asks it to end.
    pub stop: StopSignal,
    /// Seconds until it is killed.
    pub grace: u64,
    /// A file to hold locked meanwhile.
    pub lock: Option<PathBuf>,
    /// A folder to remove once it has been stopped. If it ends by itself, its log there tells why.
    pub remove: Option<PathBuf>,
}

/// How a process is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopSignal {
    /// What programs and Redis take as "end now, but well".
    Terminate,
    /// What PostgreSQL calls a fast shutdown: it waits for no client.
    Interrupt,
}

impl From<StopSignal> for Signal {
    fn from(stop: StopSignal) -> Self {
        match stop {
            StopSignal::Terminate => Self::SIGTERM,
            StopSignal::Interrupt => Self::SIGINT,
        }
    }
}

impl Order {
    /// Back from [`Order::text`].
    ///
    /// # Errors
    /// When the text is none.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        serde_json::from_str(text).context("`local guard` is for the launcher only")
    }

    /// As an argument.
    ///
    /// # Errors
    /// When a path is not UTF-8.
    pub fn text(&self) -> anyhow::Result<String> {
        serde_json::to_string(self).context("a path is not UTF-8")
    }
}

/// Runs the process until it ends by itself or the launcher does. The exit code is the process's.
///
/// # Errors
/// When it cannot be started or ended.
pub async fn run(order: Order) -> anyhow::Result<ExitCode> {
    let _lock = order.lock.as_deref().map(lock::guard).transpose()?;
    let mut process = start(&order)?;
    tokio::select! {
        status = process.wait() => return Ok(exit_code(status?)),
        reason = told_to_stop() => reason?,
    }
    let status = stop(&mut process, &order).await?;
    if let Some(folder) = &order.remove {
        std::fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(exit_code(status))
}

fn start(order: &Order) -> anyhow::Result<Child> {
    let program = order.command.first().context("nothing to guard")?;
    let words = tied_to_the_guard(order);
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).process_group(0);
    if let Some(folder) = &order.folder {
        command.current_dir(folder);
    }
    if let Some((uid, gid)) = order.account {
        command.uid(uid).gid(gid).env("HOME", OsStr::new("/"));
    }
    command.spawn().with_context(|| format!("cannot start {program}"))
}

/// The command, told by the kernel to end should the guard itself be killed, where this machine's `setpriv` can
/// arrange that.
fn tied_to_the_guard(order: &Order) -> Vec<String> {
    let signal = match order.stop {
        StopSignal::Terminate => "TERM",
        StopSignal::Interrupt => "INT",
    };
    let tie = ["setpriv", "--pdeathsig", signal, "--"];
    let able = std::process::Command::new(tie[0])
        .args(&tie[1..])
        .arg("true")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let tie = if able { &tie[..] } else { &[] };
    tie.iter().map(|word| (*word).to_owned()).chain(order.command.iter().cloned()).collect()
}

/// The launcher closed the pipe or is gone, or somebody ends the guard itself.
async fn told_to_stop() -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut launcher = pipe::Receiver::from_owned_fd(std::io::stdin().as_fd().try_clone_to_owned()?)
        .context("a guard's standard input is a pipe from the launcher")?;
    let mut nothing = [0; 1];
    tokio::select! {
        _ = launcher.read(&mut nothing) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

async fn stop(process: &mut Child, order: &Order) -> anyhow::Result<ExitStatus> {
    let Some(id) = process.id() else { return Ok(process.wait().await?) };
    let group = Pid::from_raw(i32::try_from(id)?);
    // Only the process itself: PostgreSQL ends its own children, and in order.
    nix::sys::signal::kill(group, Signal::from(order.stop))?;
    match timeout(Duration::from_secs(order.grace), process.wait()).await {
        Ok(status) => Ok(status?),
        Err(_elapsed) => {
            eprintln!("{:?} did not end within {} s: killed", order.command.first(), order.grace);
            killpg(group, Signal::SIGKILL)?;
            Ok(process.wait().await?)
        }
    }
}

/// The process's own exit code, or 128 and the signal that ended it, as shells say it.
pub fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_survives_the_way_to_the_guard() {
        let order = Order {
            command: vec!["redis-server".into(), "--save".into(), String::new()],
            folder: Some("/a b".into()),
            account: Some((101, 104)),
            stop: StopSignal::Interrupt,
            grace: 30,
            lock: None,
            remove: Some("/tmp/x".into()),
        };
        assert_eq!(Order::parse(&order.text().unwrap()).unwrap(), order);
    }
}
