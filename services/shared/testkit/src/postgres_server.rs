//! A PostgreSQL of a test's own, which lets in by password and in TLS only.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use uuid::Uuid;

use crate::{POSTGRES, free_port, variable};

const READY_WITHIN: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);
const USER: &str = "postgres";

/// A running PostgreSQL. It is gone when this is dropped.
#[derive(Debug)]
pub struct PostgresServer {
    folder: PathBuf,
    port: u16,
    password: String,
    child: Child,
}

impl PostgresServer {
    /// An empty one, of the same programs and account as the private PostgreSQL; none when those were built without
    /// TLS. It shows the certificate.
    ///
    /// # Errors
    /// When there is no private PostgreSQL or this one does not start.
    pub async fn start(certificate: &Path, key: &Path, password: &str) -> anyhow::Result<Option<Self>> {
        let admin = Database::connect(variable(POSTGRES)?).await?;
        if told(&admin, "SELECT current_setting('ssl_library')").await?.is_empty() {
            return Ok(None);
        }
        let bin = PathBuf::from(told(&admin, "SELECT setting FROM pg_config WHERE name = 'BINDIR'").await?);
        let data = told(&admin, "SELECT current_setting('data_directory')").await?;
        admin.close().await?;
        let account = fs::metadata(data)?;
        let account = (account.uid(), account.gid());
        let folder = std::env::temp_dir().join(format!("p2p-postgres-{}", Uuid::new_v4().simple()));
        fs::create_dir(&folder)?;
        chown(&folder, Some(account.0), Some(account.1))?;
        for (name, file) in [("server.pem", certificate), ("server.key", key)] {
            let copy = folder.join(name);
            fs::copy(file, &copy)?;
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o600))?;
            chown(&copy, Some(account.0), Some(account.1))?;
        }
        initialise(&bin, &folder, account, password)?;
        let port = free_port()?;
        let child = spawn(&bin, &folder, account, port)?;
        let server = Self { folder, port, password: password.to_owned(), child };
        server.answers().await?;
        Ok(Some(server))
    }

    /// Its URL, of its superuser, with what else is said of how to connect.
    pub fn url(&self, parameters: &str) -> String {
        format!("postgresql://{USER}:{}@127.0.0.1:{}/postgres?{parameters}", self.password, self.port)
    }

    async fn answers(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            let mut options = ConnectOptions::new(self.url("sslmode=require"));
            options.sqlx_logging(false).max_connections(1);
            match Database::connect(options).await {
                Ok(db) => return Ok(db.close().await?),
                Err(error) if started.elapsed() > READY_WITHIN => return Err(error.into()),
                Err(_not_yet) => tokio::time::sleep(POLL).await,
            }
        }
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // At once, with its children.
        if let Ok(id) = self.child.id().try_into() {
            let _ = kill(Pid::from_raw(id), Signal::SIGQUIT);
        }
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

async fn told(db: &DatabaseConnection, question: &str) -> anyhow::Result<String> {
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, question)).await?;
    Ok(row.context("no row")?.try_get_by_index(0)?)
}

fn as_account(program: PathBuf, folder: &Path, account: (u32, u32)) -> Command {
    let mut command = Command::new(program);
    command.uid(account.0).gid(account.1).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn initialise(bin: &Path, folder: &Path, account: (u32, u32), password: &str) -> anyhow::Result<()> {
    let file = folder.join("password");
    fs::write(&file, password)?;
    chown(&file, Some(account.0), Some(account.1))?;
    let mut command = as_account(bin.join("initdb"), folder, account);
    let settings =
        ["--no-sync", "--no-locale", "--encoding=UTF8", "--auth=scram-sha-256", "--pwfile=password"];
    let status = command.args(["--pgdata=data", "--username", USER]).args(settings).status()?;
    anyhow::ensure!(status.success(), "initdb failed");
    let doors = "hostssl all all 127.0.0.1/32 scram-sha-256\n";
    Ok(fs::write(folder.join("data/pg_hba.conf"), doors)?)
}

fn spawn(bin: &Path, folder: &Path, account: (u32, u32), port: u16) -> anyhow::Result<Child> {
    let settings = [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        "unix_socket_directories=".to_owned(),
        "fsync=off".to_owned(),
        "ssl=on".to_owned(),
        format!("ssl_cert_file={}", folder.join("server.pem").display()),
        format!("ssl_key_file={}", folder.join("server.key").display()),
    ];
    let mut command = as_account(bin.join("postgres"), folder, account);
    command.args(["-D", "data"]);
    for setting in &settings {
        command.args(["-c", setting]);
    }
    command.spawn().context("cannot run postgres")
}
