//! A private Redis. It holds no promise of ours, so it writes nothing to disk, and its memory is bounded.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use crate::{
    account::{self, Account},
    guard::{Order, StopSignal},
};

const READY_WITHIN: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(30);
const STOP_GRACE: u64 = 5;
const PONG: &[u8; 7] = b"+PONG\r\n";

/// A server that is to run.
#[derive(Debug)]
pub struct Redis<'a> {
    /// redis-server.
    pub program: &'a Path,
    /// Its working directory.
    pub folder: PathBuf,
    /// Whom root starts it as.
    pub account: Option<&'a Account>,
    /// On 127.0.0.1.
    pub port: u16,
    /// How many logical databases.
    pub databases: u32,
}

impl Redis<'_> {
    /// Makes its folder.
    ///
    /// # Errors
    /// When that cannot be made.
    pub fn prepare(&self) -> anyhow::Result<()> {
        fs::create_dir_all(&self.folder).with_context(|| format!("cannot make {}", self.folder.display()))?;
        account::give(&self.folder, self.account)
    }

    /// How to run it.
    ///
    /// # Errors
    /// When a path is not UTF-8.
    pub fn order(&self) -> anyhow::Result<Order> {
        let program = self.program.to_str().context("a path is not UTF-8")?.to_owned();
        let settings = [
            ("--bind", "127.0.0.1".to_owned()),
            ("--port", self.port.to_string()),
            ("--databases", self.databases.to_string()),
            ("--save", String::new()),
            ("--appendonly", "no".into()),
            ("--maxmemory", "256mb".into()),
            ("--maxmemory-policy", "allkeys-lru".into()),
        ];
        let settings = settings.into_iter().flat_map(|(name, value)| [name.to_owned(), value]);
        Ok(Order {
            command: std::iter::once(program).chain(settings).collect(),
            folder: Some(self.folder.clone()),
            account: self.account.map(|account| (account.uid, account.gid)),
            stop: StopSignal::Terminate,
            grace: STOP_GRACE,
            lock: None,
            remove: None,
        })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

/// Waits until the server answers PING.
///
/// # Errors
/// When it does not in time.
pub async fn answers(port: u16) -> anyhow::Result<()> {
    let deadline = Instant::now() + READY_WITHIN;
    while !timeout(Duration::from_secs(1), ping(port)).await.is_ok_and(|pong| pong.is_ok()) {
        anyhow::ensure!(Instant::now() < deadline, "Redis does not answer");
        sleep(POLL).await;
    }
    Ok(())
}

async fn ping(port: u16) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(b"PING\r\n").await?;
    let mut answer = [0; PONG.len()];
    stream.read_exact(&mut answer).await?;
    if &answer == PONG { Ok(()) } else { Err(std::io::ErrorKind::InvalidData.into()) }
}
