//! A Redis of a test's own, to be killed, frozen, and brought back with older data.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use url::Url;
use uuid::Uuid;

use crate::{REDIS, RedisLine, free_port, variable};

const READY_WITHIN: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(10);
/// Where it keeps its data, in its folder.
const FILE: &str = "dump.rdb";

/// A running Redis. It is gone when this is dropped.
#[derive(Debug)]
pub struct RedisServer {
    program: String,
    folder: PathBuf,
    port: u16,
    child: Child,
}

impl RedisServer {
    /// An empty one, of the same program as the private Redis.
    ///
    /// # Errors
    /// When there is no private Redis or this one does not start.
    pub async fn start() -> anyhow::Result<Self> {
        let told = RedisLine::connect(&Url::parse(&variable(REDIS)?)?)?.ask("INFO server")?;
        let program = told.lines().find_map(|line| line.strip_prefix("executable:"));
        let program = program.context("Redis does not say where its program is")?.to_owned();
        let folder = std::env::temp_dir().join(format!("p2p-redis-{}", Uuid::new_v4().simple()));
        fs::create_dir(&folder)?;
        let port = free_port()?;
        let child = spawn(&program, &folder, port)?;
        let server = Self { program, folder, port, child };
        server.answers().await?;
        Ok(server)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Asks for this password from now on.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn protect(&self, password: &str) -> anyhow::Result<()> {
        self.line()?.ask(&format!("CONFIG SET requirepass {password}")).map(|_ok| ())
    }

    /// Speaks TLS on another port too, of which this is the URL; none when this Redis was built without it. It shows the
    /// certificate and asks for none.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn speak_tls(
        &self,
        authority: &Path,
        certificate: &Path,
        key: &Path,
    ) -> anyhow::Result<Option<String>> {
        let mut line = self.line()?;
        if line.ask("CONFIG SET tls-auth-clients no").is_err() {
            return Ok(None);
        }
        let (authority, certificate, key) = (authority.display(), certificate.display(), key.display());
        line.ask(&format!(
            "CONFIG SET tls-ca-cert-file {authority} tls-cert-file {certificate} tls-key-file {key}"
        ))?;
        let port = free_port()?;
        line.ask(&format!("CONFIG SET tls-port {port}"))?;
        Ok(Some(format!("rediss://127.0.0.1:{port}")))
    }

    /// FLUSHALL.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn flush(&self) -> anyhow::Result<()> {
        self.line()?.ask("FLUSHALL").map(|_ok| ())
    }

    /// What it has now, to be brought back by [`restart`](Self::restart).
    ///
    /// # Errors
    /// When it does not answer.
    pub fn saved(&self) -> anyhow::Result<Vec<u8>> {
        self.line()?.ask("SAVE")?;
        Ok(fs::read(self.folder.join(FILE))?)
    }

    /// kill -9, and starts it again with what was saved earlier; empty without.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn restart(&mut self, saved: Option<&[u8]>) -> anyhow::Result<()> {
        self.end()?;
        let file = self.folder.join(FILE);
        match saved {
            Some(saved) => fs::write(file, saved)?,
            None if file.exists() => fs::remove_file(file)?,
            None => {}
        }
        self.child = spawn(&self.program, &self.folder, self.port)?;
        self.answers().await
    }

    /// SIGSTOP: it takes connections and commands and answers none.
    ///
    /// # Errors
    /// When it has died.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// SIGCONT: it does what it was told meanwhile.
    ///
    /// # Errors
    /// When it has died.
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGCONT)
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        Ok(kill(Pid::from_raw(self.child.id().try_into()?), signal)?)
    }

    /// kill -9. It can be started again.
    ///
    /// # Errors
    /// When it was gone already.
    pub fn end(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    fn line(&self) -> anyhow::Result<RedisLine> {
        RedisLine::connect(&Url::parse(&self.url())?)
    }

    async fn answers(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        while self.line().and_then(|mut line| line.ask("PING")).is_err() {
            anyhow::ensure!(started.elapsed() < READY_WITHIN, "a Redis on {} does not answer", self.port);
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.end();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn spawn(program: &str, folder: &PathBuf, port: u16) -> anyhow::Result<Child> {
    let port = port.to_string();
    let settings = ["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no"];
    let mut command = Command::new(program);
    command.args(settings).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
    command.spawn().with_context(|| format!("cannot run {program}"))
}
