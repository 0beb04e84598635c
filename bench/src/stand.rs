//! A database of the measurement's own, and a catalog service on it.

use std::{net::TcpListener, path::PathBuf, process::Stdio, time::Duration};

use anyhow::Context;
use p2p_migrations::{Service, up_one};
use p2p_proto::catalog::{SearchCatalogRequest, catalog_service_client::CatalogServiceClient};
use p2p_runtime::{
    Env,
    grpc::{self, Between, DeadlineChannel, channel},
};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};
use url::Url;

const DEADLINE: Duration = Duration::from_secs(10);
const READY_WITHIN: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(50);
const MOST_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// The way to the service.
pub type Catalog = CatalogServiceClient<DeadlineChannel>;

/// What is measured.
pub struct Stand {
    /// The tables.
    pub db: DatabaseConnection,
    /// The service.
    pub catalog: Catalog,
    program: Child,
    admin: DatabaseConnection,
    name: String,
}

impl Stand {
    /// A new database on this PostgreSQL, and the catalog program that was built with this one.
    ///
    /// # Errors
    /// When either cannot be had.
    pub async fn make(postgres: &str) -> anyhow::Result<Self> {
        let admin = connect(postgres).await.context("cannot reach PostgreSQL")?;
        let name = format!("bench_{}", std::process::id());
        admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await?;
        let mut url = Url::parse(postgres)?;
        url.set_path(&name);
        match serve(url.as_str()).await {
            Ok((db, catalog, program)) => Ok(Self { db, catalog, program, admin, name }),
            Err(error) => {
                drop_database(&admin, &name).await?;
                Err(error)
            }
        }
    }

    /// Ends the service and drops the database.
    ///
    /// # Errors
    /// When the system or PostgreSQL refuses.
    pub async fn remove(mut self) -> anyhow::Result<()> {
        self.program.kill().await?;
        self.db.close().await?;
        drop_database(&self.admin, &self.name).await
    }
}

async fn drop_database(admin: &DatabaseConnection, name: &str) -> anyhow::Result<()> {
    admin.execute_unprepared(&format!("DROP DATABASE {name} WITH (FORCE)")).await?;
    Ok(())
}

async fn serve(url: &str) -> anyhow::Result<(DatabaseConnection, Catalog, Child)> {
    up_one(url, Service::Catalog).await?;
    let db = connect(url).await?;
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let program = program()?;
    // It has what this program has.
    let between = Between::from_env(&Env::load()?)?;
    let child = Command::new(&program)
        .env("CATALOG_DATABASE_URL", url)
        .env("CATALOG_ADDR", address.to_string())
        .env("RUST_LOG", "error")
        .env("METRICS_ADDR", "off")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let catalog =
        CatalogServiceClient::new(channel(&between, grpc::Service::Catalog, address.into(), DEADLINE)?);
    let mut catalog = catalog.max_decoding_message_size(MOST_ANSWER_BYTES);
    let deadline = Instant::now() + READY_WITHIN;
    while let Err(error) = catalog.search_catalog(SearchCatalogRequest::default()).await {
        anyhow::ensure!(Instant::now() < deadline, "the catalog does not answer: {error}");
        sleep(POLL).await;
    }
    Ok((db, catalog, child))
}

/// The catalog beside this program.
fn program() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("catalog");
    anyhow::ensure!(program.is_file(), "{} is not there: build the workspace", program.display());
    Ok(program)
}

async fn connect(url: &str) -> anyhow::Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false).acquire_timeout(Duration::from_secs(5));
    Ok(Database::connect(options).await?)
}
