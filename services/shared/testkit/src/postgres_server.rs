//! A PostgreSQL of a test's own, which lets in by password: in TLS only, or to be killed and started again.

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

/// What a commit waits for where PostgreSQL is killed: what it does in production.
const DURABLE: [&str; 3] = ["fsync=on", "synchronous_commit=on", "full_page_writes=on"];

/// A running PostgreSQL. It is gone when this is dropped.
#[derive(Debug)]
pub struct PostgresServer {
    home: Home,
    port: u16,
    password: String,
    settings: Vec<String>,
    /// sslmode=..., by which this process speaks to it.
    ssl: &'static str,
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
        let home = Home::make(admin).await?;
        for (name, file) in [("server.pem", certificate), ("server.key", key)] {
            let copy = home.folder.join(name);
            fs::copy(file, &copy)?;
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o600))?;
            chown(&copy, Some(home.account.0), Some(home.account.1))?;
        }
        home.initialise(password, "hostssl")?;
        let settings = vec![
            "fsync=off".to_owned(),
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", home.folder.join("server.pem").display()),
            format!("ssl_key_file={}", home.folder.join("server.key").display()),
        ];
        Self::run(home, password, settings, "sslmode=require").await.map(Some)
    }

    /// An empty one that keeps what it has committed when it is killed.
    ///
    /// # Errors
    /// When there is no private PostgreSQL or this one does not start.
    pub async fn durable(password: &str) -> anyhow::Result<Self> {
        let home = Home::make(Database::connect(variable(POSTGRES)?).await?).await?;
        home.initialise(password, "host")?;
        Self::run(home, password, DURABLE.map(str::to_owned).into(), "sslmode=disable").await
    }

    async fn run(
        home: Home,
        password: &str,
        settings: Vec<String>,
        ssl: &'static str,
    ) -> anyhow::Result<Self> {
        let port = free_port()?;
        let child = home.spawn(port, &settings)?;
        let mut server = Self { home, port, password: password.to_owned(), settings, ssl, child };
        server.answers().await?;
        Ok(server)
    }

    /// Its URL, of its superuser, with what else is said of how to connect.
    pub fn url(&self, parameters: &str) -> String {
        self.url_at(self.port, parameters)
    }

    /// The same by way of another port.
    pub fn url_at(&self, port: u16, parameters: &str) -> String {
        format!("postgresql://{USER}:{}@127.0.0.1:{port}/postgres?{parameters}", self.password)
    }

    /// Where it listens on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// kill -9, of the postmaster and of all that it has started. It can be started again.
    ///
    /// # Errors
    /// When it was gone already.
    pub fn crash(&mut self) -> anyhow::Result<()> {
        let id = self.child.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        self.child.kill()?;
        for child in children.split_whitespace() {
            // Those that have ended by themselves meanwhile are gone.
            let _ = kill(Pid::from_raw(child.parse()?), Signal::SIGKILL);
        }
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again on its data, after a [`crash`](Self::crash), and waits until it answers.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            self.child = self.home.spawn(self.port, &self.settings)?;
            match self.answers().await {
                // One that finds the memory of the one before still in use ends at once.
                Err(_) if self.child.try_wait()?.is_some() && started.elapsed() < READY_WITHIN => {}
                answered => return answered,
            }
        }
    }

    async fn answers(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            let mut options = ConnectOptions::new(self.url(self.ssl));
            options.sqlx_logging(false).max_connections(1);
            let given_up = started.elapsed() > READY_WITHIN || self.child.try_wait()?.is_some();
            match Database::connect(options).await {
                Ok(db) => return Ok(db.close().await?),
                Err(error) if given_up => return Err(error.into()),
                Err(_not_yet) => tokio::time::sleep(POLL).await,
            }
        }
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // At once, with its children.
        if let Ok(id) = self.child.id().try_into()
            && matches!(self.child.try_wait(), Ok(None))
        {
            let _ = kill(Pid::from_raw(id), Signal::SIGQUIT);
        }
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.home.folder);
    }
}

/// Where it lives, by which programs and as whom.
#[derive(Debug)]
struct Home {
    bin: PathBuf,
    folder: PathBuf,
    account: (u32, u32),
}

impl Home {
    /// A new folder, of the same account as the private PostgreSQL's.
    async fn make(admin: DatabaseConnection) -> anyhow::Result<Self> {
        let bin = PathBuf::from(told(&admin, "SELECT setting FROM pg_config WHERE name = 'BINDIR'").await?);
        let data = told(&admin, "SELECT current_setting('data_directory')").await?;
        admin.close().await?;
        let account = fs::metadata(data)?;
        let account = (account.uid(), account.gid());
        let folder = std::env::temp_dir().join(format!("p2p-postgres-{}", Uuid::new_v4().simple()));
        fs::create_dir(&folder)?;
        chown(&folder, Some(account.0), Some(account.1))?;
        Ok(Self { bin, folder, account })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.uid(self.account.0).gid(self.account.1).current_dir(&self.folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Makes the cluster, with this kind of door.
    fn initialise(&self, password: &str, door: &str) -> anyhow::Result<()> {
        let file = self.folder.join("password");
        fs::write(&file, password)?;
        chown(&file, Some(self.account.0), Some(self.account.1))?;
        let settings =
            ["--no-sync", "--no-locale", "--encoding=UTF8", "--auth=scram-sha-256", "--pwfile=password"];
        let mut command = self.command("initdb");
        let status = command.args(["--pgdata=data", "--username", USER]).args(settings).status()?;
        anyhow::ensure!(status.success(), "initdb failed");
        let doors = format!("{door} all all 127.0.0.1/32 scram-sha-256\n");
        Ok(fs::write(self.folder.join("data/pg_hba.conf"), doors)?)
    }

    fn spawn(&self, port: u16, settings: &[String]) -> anyhow::Result<Child> {
        let mut command = self.command("postgres");
        command.args(["-D", "data", "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
        command.args(["-c", &format!("port={port}")]);
        for setting in settings {
            command.args(["-c", setting]);
        }
        command.spawn().context("cannot run postgres")
    }
}

async fn told(db: &DatabaseConnection, question: &str) -> anyhow::Result<String> {
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, question)).await?;
    Ok(row.context("no row")?.try_get_by_index(0)?)
}
