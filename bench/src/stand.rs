//! A database of the measurement's own, and a service on it.

use std::{net::TcpListener, path::PathBuf, process::Stdio, time::Duration};

use anyhow::Context;
use p2p_migrations::{Service, up_one};
use p2p_proto::{
    catalog::catalog_service_client::CatalogServiceClient,
    matching::matching_service_client::MatchingServiceClient,
};
use p2p_runtime::{
    Env,
    grpc::{self, Between, DeadlineChannel, channel},
};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::{Instant, sleep},
};
use url::Url;

const DEADLINE: Duration = Duration::from_secs(10);
const READY_WITHIN: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(50);
const MOST_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// The way to a catalog service.
pub type Catalog = CatalogServiceClient<DeadlineChannel>;

/// The way to a matching service.
pub type Matching = MatchingServiceClient<DeadlineChannel>;

/// What is measured.
pub struct Stand {
    /// The tables.
    pub db: DatabaseConnection,
    channel: DeadlineChannel,
    program: Child,
    admin: DatabaseConnection,
    name: String,
}

impl Stand {
    /// A new database on this PostgreSQL, and the service's program that was built with this one.
    ///
    /// # Errors
    /// When either cannot be had.
    pub async fn make(postgres: &str, service: Service) -> anyhow::Result<Self> {
        let admin = connect(postgres).await.context("cannot reach PostgreSQL")?;
        let name = format!("bench_{}", std::process::id());
        admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await?;
        let mut url = Url::parse(postgres)?;
        url.set_path(&name);
        match serve(url.as_str(), service).await {
            Ok((db, channel, program)) => Ok(Self { db, channel, program, admin, name }),
            Err(error) => {
                drop_database(&admin, &name).await?;
                Err(error)
            }
        }
    }

    /// The service, when it is the catalog.
    pub fn catalog(&self) -> Catalog {
        CatalogServiceClient::new(self.channel.clone()).max_decoding_message_size(MOST_ANSWER_BYTES)
    }

    /// The service, when it is matching.
    pub fn matching(&self) -> Matching {
        MatchingServiceClient::new(self.channel.clone()).max_decoding_message_size(MOST_ANSWER_BYTES)
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

async fn serve(url: &str, service: Service) -> anyhow::Result<(DatabaseConnection, DeadlineChannel, Child)> {
    up_one(url, service).await?;
    let db = connect(url).await?;
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let program = program(service.name())?;
    // It has what this program has.
    let between = Between::from_env(&Env::load()?)?;
    let child = Command::new(&program)
        .env(service.url_variable(), url)
        .env(format!("{}_ADDR", service.name().to_uppercase()), address.to_string())
        .env("RUST_LOG", "error")
        .env("METRICS_ADDR", "off")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let deadline = Instant::now() + READY_WITHIN;
    while TcpStream::connect(address).await.is_err() {
        anyhow::ensure!(Instant::now() < deadline, "{} does not listen", program.display());
        sleep(POLL).await;
    }
    let service = match service {
        Service::Catalog => grpc::Service::Catalog,
        Service::Matching => grpc::Service::Matching,
        Service::Order => grpc::Service::Order,
    };
    Ok((db, channel(&between, service, address.into(), DEADLINE)?, child))
}

/// The program beside this one.
fn program(name: &str) -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name(name);
    anyhow::ensure!(program.is_file(), "{} is not there: build the workspace", program.display());
    Ok(program)
}

/// One connection.
///
/// # Errors
/// When there is none.
pub async fn connect(url: &str) -> anyhow::Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false).acquire_timeout(Duration::from_secs(5));
    Ok(Database::connect(options).await?)
}
