//! A private PostgreSQL: made when new, started on loopback, asked until it answers.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use anyhow::Context;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, Statement};
use tokio::{
    process::Command,
    time::{Instant, sleep},
};

use crate::{
    account::{self, Account},
    guard::{Order, StopSignal},
};

const READY_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(30);
const STOP_GRACE: u64 = 30;

/// Whether what is committed survives a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Every commit reaches the disk, as in production.
    Durable,
    /// For tests, whose data nobody misses: commits wait for no disk.
    Forgetful,
}

impl Durability {
    /// The three settings that decide it, said aloud so that no default can change them.
    fn settings(self) -> [&'static str; 3] {
        match self {
            Self::Durable => ["fsync=on", "synchronous_commit=on", "full_page_writes=on"],
            Self::Forgetful => ["fsync=off", "synchronous_commit=off", "full_page_writes=off"],
        }
    }
}

/// A server that is to run.
#[derive(Debug)]
pub struct Postgres<'a> {
    /// Where postgres and initdb are.
    pub bin: &'a Path,
    /// Its own folder; the cluster lies in `data` below it.
    pub folder: PathBuf,
    /// Whom root starts it as.
    pub account: Option<&'a Account>,
    /// On 127.0.0.1.
    pub port: u16,
    /// Most connections at once.
    pub connections: u32,
    /// What a commit waits for.
    pub durability: Durability,
}

impl Postgres<'_> {
    /// Makes the cluster if there is none. Only loopback can reach it, so it trusts everybody.
    ///
    /// # Errors
    /// When initdb fails, or the cluster is another version's.
    pub async fn prepare(&self) -> anyhow::Result<()> {
        let data = self.data();
        if data.join("PG_VERSION").is_file() {
            return self.ensure_same_version(&data).await;
        }
        fs::create_dir_all(&self.folder).with_context(|| format!("cannot make {}", self.folder.display()))?;
        account::give(&self.folder, self.account)?;
        // Made beside its place and moved there when whole: a half-made one is never started.
        let unfinished = self.folder.join("unfinished");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).context("cannot remove a half-made cluster")?;
        }
        let mut initdb = Command::new(self.bin.join("initdb"));
        initdb
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-D"])
            .arg(&unfinished)
            .args((self.durability == Durability::Forgetful).then_some("--no-sync"));
        let output = self.as_account(&mut initdb).await.context("cannot run initdb")?;
        anyhow::ensure!(
            output.status.success(),
            "initdb failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        fs::rename(&unfinished, &data).with_context(|| format!("cannot make {}", data.display()))
    }

    async fn ensure_same_version(&self, data: &Path) -> anyhow::Result<()> {
        let made_by = fs::read_to_string(data.join("PG_VERSION")).context("cannot read PG_VERSION")?;
        let output = Command::new(self.bin.join("postgres")).arg("--version").output().await?;
        let found = String::from_utf8_lossy(&output.stdout);
        let found = found.split_whitespace().nth(2).and_then(|version| version.split('.').next());
        anyhow::ensure!(
            found == Some(made_by.trim()),
            "{} was made by PostgreSQL {}, but {} is PostgreSQL {}: set PG_BIN to the older one, or `make clean-db`",
            data.display(),
            made_by.trim(),
            self.bin.display(),
            found.unwrap_or("of no version")
        );
        Ok(())
    }

    async fn as_account(&self, command: &mut Command) -> std::io::Result<Output> {
        command.current_dir(&self.folder).stdin(Stdio::null()).kill_on_drop(true);
        if let Some(account) = self.account {
            command.uid(account.uid).gid(account.gid).env("HOME", "/");
        }
        command.output().await
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// How to run it.
    ///
    /// # Errors
    /// When a path is not UTF-8.
    pub fn order(&self) -> anyhow::Result<Order> {
        let text = |path: PathBuf| path.into_os_string().into_string().ok().context("a path is not UTF-8");
        let mut command = vec![text(self.bin.join("postgres"))?, "-D".into(), text(self.data())?];
        let settings = [
            "listen_addresses=127.0.0.1".to_owned(),
            "unix_socket_directories=".into(),
            format!("port={}", self.port),
            format!("max_connections={}", self.connections),
            "timezone=UTC".into(),
            "log_timezone=UTC".into(),
        ];
        for setting in settings.into_iter().chain(self.durability.settings().map(str::to_owned)) {
            command.extend(["-c".to_owned(), setting]);
        }
        Ok(Order {
            command,
            folder: Some(self.folder.clone()),
            account: self.account.map(|account| (account.uid, account.gid)),
            stop: StopSignal::Interrupt,
            grace: STOP_GRACE,
            lock: None,
            remove: None,
        })
    }

    /// The superuser's URL.
    pub fn superuser_url(&self) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

/// Waits until the server answers.
///
/// # Errors
/// When it does not within a minute.
pub async fn answers(url: &str) -> anyhow::Result<DatabaseConnection> {
    let deadline = Instant::now() + READY_WITHIN;
    loop {
        match connect(url).await {
            Ok(db) => return Ok(db),
            Err(_) if Instant::now() < deadline => sleep(POLL).await,
            Err(error) => return Err(error).context("PostgreSQL does not answer"),
        }
    }
}

/// One connection, now.
///
/// # Errors
/// When there is none to be had.
pub async fn connect(url: &str) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false).acquire_timeout(Duration::from_secs(5));
    Database::connect(options).await
}

/// The truth of a condition.
///
/// # Errors
/// When the database cannot tell.
pub async fn holds(db: &DatabaseConnection, condition: &str) -> anyhow::Result<bool> {
    let statement = Statement::from_string(db.get_database_backend(), format!("SELECT {condition} AS holds"));
    let row = db.query_one_raw(statement).await?.context("SELECT without a row")?;
    Ok(row.try_get("", "holds")?)
}

/// Makes the development role and its database, as the compose file does.
///
/// # Errors
/// When the superuser may not.
pub async fn make_development_database(db: &DatabaseConnection) -> anyhow::Result<()> {
    if !holds(db, "EXISTS (SELECT FROM pg_roles WHERE rolname = 'p2p_user')").await? {
        db.execute_unprepared("CREATE ROLE p2p_user LOGIN CREATEROLE PASSWORD 'p2p_password'").await?;
    }
    if !holds(db, "EXISTS (SELECT FROM pg_database WHERE datname = 'p2p_trading')").await? {
        db.execute_unprepared("CREATE DATABASE p2p_trading OWNER p2p_user").await?;
    }
    Ok(())
}
