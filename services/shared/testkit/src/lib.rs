//! For tests only: a fresh database and a fresh Redis per test, on the private servers that `make test` starts.

mod interleavings;
mod postgres_server;
mod redis_server;
#[cfg(feature = "specification")]
mod specification;

pub use interleavings::interleavings;
pub use postgres_server::PostgresServer;
pub use redis_server::RedisServer;
#[cfg(feature = "specification")]
pub use specification::Specification;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    ops::Range,
};

use anyhow::Context;
use sea_orm::{ConnectionTrait, Database};
use url::Url;
use uuid::Uuid;

/// The private PostgreSQL's superuser URL, and the private Redis's.
const POSTGRES: &str = "TEST_DATABASE_URL";
const REDIS: &str = "TEST_REDIS_URL";
/// The private servers may forget: a variable for programs that use them.
pub const ALLOW_OFF: (&str, &str) = ("DATABASE_ALLOW_OFF", "fsync,full_page_writes,synchronous_commit");
/// How many databases of the private Redis are given out, from 1 on: fred keeps their number in one byte.
const REDIS_DATABASES: u32 = 255;
/// Where the private servers are; other runs begin elsewhere in it.
const PORTS: Range<u16> = 15_000..32_000;

#[allow(clippy::disallowed_methods, reason = "tests have no configuration to read it from")]
fn variable(name: &'static str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set: run the tests with `make test`"))
}

/// A new database with all schemas in place. Returns its URL.
///
/// # Errors
/// When there is no private PostgreSQL or a migration fails.
pub async fn database() -> anyhow::Result<String> {
    let url = empty_database().await?;
    p2p_migrations::up(&url).await?;
    Ok(url)
}

/// A new database without anything in it. Returns its URL.
///
/// # Errors
/// When there is no private PostgreSQL.
pub async fn empty_database() -> anyhow::Result<String> {
    let mut url = Url::parse(&variable(POSTGRES)?)?;
    let name = format!("test_{}", Uuid::new_v4().simple());
    let admin = Database::connect(url.as_str()).await?;
    admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await?;
    admin.close().await?;
    url.set_path(&name);
    Ok(url.into())
}

/// Whether a database lets anybody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// It does.
    Open,
    /// It does not, and whoever is in is thrown out: to its clients it is away.
    Shut,
}

/// Opens or shuts the database of this URL.
///
/// # Errors
/// When there is no private PostgreSQL or it refuses.
pub async fn set_door(url: &str, door: Door) -> anyhow::Result<()> {
    let url = Url::parse(url)?;
    let name = url.path().trim_start_matches('/');
    let admin = Database::connect(variable(POSTGRES)?).await?;
    let open = door == Door::Open;
    admin.execute_unprepared(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {open}")).await?;
    if !open {
        let all = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
        admin.execute_unprepared(&all).await?;
    }
    Ok(admin.close().await?)
}

/// An empty logical database of the private Redis. Returns its URL. It stays the test's own until 255 others have
/// been given out.
///
/// # Errors
/// When there is no private Redis.
pub fn redis() -> anyhow::Result<String> {
    let mut url = Url::parse(&variable(REDIS)?)?;
    let mut redis = RedisLine::connect(&url)?;
    let given: u32 = redis.ask("INCR testkit:given")?.trim_start_matches(':').parse()?;
    let number = 1 + given % REDIS_DATABASES;
    redis.ask(&format!("SELECT {number}"))?;
    redis.ask("FLUSHDB")?;
    url.set_path(&number.to_string());
    Ok(url.into())
}

/// A port for a server of the test's own: no other test of this run gets it before thousands have been given out.
/// It lies below those that the system gives to clients, so it stays free while its server is dead.
///
/// # Errors
/// When there is no private Redis, which counts them.
pub fn free_port() -> anyhow::Result<u16> {
    let url = Url::parse(&variable(REDIS)?)?;
    let first = url.port().unwrap_or(PORTS.start).saturating_sub(PORTS.start);
    let mut redis = RedisLine::connect(&url)?;
    loop {
        let given: u64 = redis.ask("INCR testkit:ports")?.trim_start_matches(':').parse()?;
        let offset = u16::try_from((u64::from(first) + given) % PORTS.len() as u64)?;
        let port = PORTS.start + offset;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
}

/// As much of a Redis client as tests need: one line there, one answer back.
struct RedisLine(BufReader<TcpStream>);

impl RedisLine {
    fn connect(url: &Url) -> anyhow::Result<Self> {
        let host = url.host_str().context("TEST_REDIS_URL has no host")?;
        let stream = TcpStream::connect((host, url.port().unwrap_or(6379)));
        Ok(Self(BufReader::new(stream.context("the private Redis is away: run the tests with `make test`")?)))
    }

    fn ask(&mut self, command: &str) -> anyhow::Result<String> {
        write!(self.0.get_mut(), "{command}\r\n")?;
        let mut answer = String::new();
        self.0.read_line(&mut answer)?;
        anyhow::ensure!(!answer.starts_with('-'), "Redis answers {command} with {answer}");
        let answer = answer.trim_end();
        let Some(length) = answer.strip_prefix('$') else { return Ok(answer.to_owned()) };
        let mut text = vec![0; length.parse()?];
        self.0.read_exact(&mut text)?;
        // The line's end.
        self.0.read_exact(&mut [0; 2])?;
        Ok(String::from_utf8(text)?)
    }
}
