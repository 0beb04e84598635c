//! One system per checkout. File locks end with their process, so a crash leaves none behind.

use std::{
    fs::{File, TryLockError},
    io::{Read, Write},
    path::Path,
    time::Duration,
};

use anyhow::Context;
use tokio::time::{Instant, sleep};

const ENDING: Duration = Duration::from_secs(45);
const POLL: Duration = Duration::from_millis(100);

/// Held by the launcher while it runs.
const LAUNCHER: &str = "lock";
/// Held by every guard until its process has ended.
const GUARDS: &str = "guards";

/// A lock that lasts as long as this value.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Another launcher runs in this checkout.
#[derive(Debug, thiserror::Error)]
#[error("one runs in this checkout already (process {pid})")]
pub struct Running {
    /// Its process id, as far as it has written it.
    pub pid: String,
}

/// Makes this process the checkout's only launcher.
///
/// # Errors
/// [`Running`] when there is one, else when the file cannot be used.
pub fn launcher(local: &Path) -> anyhow::Result<Lock> {
    let path = local.join(LAUNCHER);
    let mut file = open(&path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            file.read_to_string(&mut pid)?;
            return Err(Running { pid }.into());
        }
        Err(TryLockError::Error(e)) => {
            return Err(e).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    file.set_len(0)?;
    write!(file, "{}", std::process::id())?;
    Ok(Lock { _file: file })
}

/// Whether a launcher runs in this checkout.
///
/// # Errors
/// When the file cannot be used.
pub fn is_running(local: &Path) -> anyhow::Result<bool> {
    match open(&local.join(LAUNCHER))?.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(e)) => Err(e.into()),
    }
}

/// Says, as long as the value lives, that a process of this checkout has not ended.
///
/// # Errors
/// When the file cannot be used.
pub fn guard(path: &Path) -> anyhow::Result<Lock> {
    let file = open(path)?;
    file.lock_shared().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(Lock { _file: file })
}

/// The file that guards hold.
pub fn guards_file(local: &Path) -> std::path::PathBuf {
    local.join(GUARDS)
}

/// Waits until all has ended that a killed launcher left behind: its guards are about it.
///
/// # Errors
/// When it does not end.
pub async fn earlier_guards_gone(local: &Path) -> anyhow::Result<()> {
    let file = open(&guards_file(local))?;
    let deadline = Instant::now() + ENDING;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(POLL).await,
            Err(TryLockError::WouldBlock) => anyhow::bail!("processes of an earlier run do not end"),
            Err(TryLockError::Error(e)) => return Err(e.into()),
        }
    }
}

fn open(path: &Path) -> anyhow::Result<File> {
    File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_launcher_is_told_the_first_ones_process() {
        let folder = std::env::temp_dir().join(format!("p2p-lock-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&folder).unwrap();
        let first = launcher(&folder).unwrap();
        let second = launcher(&folder).unwrap_err().downcast::<Running>().unwrap();
        assert_eq!(second.pid, std::process::id().to_string());
        assert!(is_running(&folder).unwrap());
        drop(first);
        assert!(!is_running(&folder).unwrap());
        launcher(&folder).unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }
}
