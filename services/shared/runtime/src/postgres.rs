//! PostgreSQL: the pool of a service, and transactions that are run again when they lost a race.

mod failure;
mod fit;
mod parts;

pub use failure::{AsDbErr, is_passing, lost_race, sql_state};
pub use fit::{AllowOff, Forgetful};
pub use parts::{Parts, column};

use std::{future::Future, num::NonZeroU32, pin::Pin, sync::Arc, time::Duration};

use sea_orm::{ConnectOptions, Database, DatabaseConnection, DatabaseTransaction, DbErr, TransactionTrait};
use url::Url;

use self::fit::Watch;
use crate::{Env, EnvError, Mode, Secret, failpoint, metrics, trace};

/// Where PostgreSQL is when nothing is said.
pub const DEFAULT_URL: &str = "postgresql://p2p_user:p2p_password@localhost:5432/p2p_trading";

const POOL_CONNECTIONS: NonZeroU32 = NonZeroU32::new(10).expect("10 is not zero");
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// A connection that was idle for so long is asked whether it is still there before it is used.
const TESTED_WHEN_IDLE_FOR: Duration = Duration::from_secs(1);
/// Bounds on the server's side: a statement, a wait for a lock, a transaction left open. And every statement of
/// ours reads by key: a plan that was made while a table was small must not scan it when it has grown, and none
/// gets better by being made again for each call, or is worth workers that have to be started first.
const SERVER_SETTINGS: [(&str, &str); 7] = [
    ("statement_timeout", "10s"),
    ("lock_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "10s"),
    ("enable_seqscan", "off"),
    ("plan_cache_mode", "force_generic_plan"),
    ("jit", "off"),
    ("max_parallel_workers_per_gather", "0"),
];
/// How often a transaction is run that loses a race each time.
pub const TRIES: u32 = 5;

/// How a service reaches its schema.
#[derive(Debug, Clone)]
pub struct Config {
    /// postgresql://...
    pub url: Secret,
    /// The service's schema.
    pub schema: &'static str,
    /// Most connections at once.
    pub connections: u32,
    /// `DATABASE_ALLOW_OFF`: what need not be durable.
    pub allow_off: AllowOff,
}

impl Config {
    /// From the service's own variable, else `DATABASE_URL`; pool size from `DATABASE_POOL`; `DATABASE_ALLOW_OFF`.
    ///
    /// # Errors
    /// When `DATABASE_POOL` is no number above zero, the URL is none, or a setting has another name.
    pub fn from_env(env: &Env, variable: &'static str, schema: &'static str) -> Result<Self, EnvError> {
        let url = match env.secret(variable)? {
            Some(url) => {
                check_url(variable, url.expose())?;
                url
            }
            None => database_url(env)?,
        };
        let connections = env.value("DATABASE_POOL", POOL_CONNECTIONS)?.get();
        Ok(Self {
            url,
            schema,
            connections,
            allow_off: env.value("DATABASE_ALLOW_OFF", AllowOff::default())?,
        })
    }
}

/// `DATABASE_URL`; in development the usual one when it is not set.
///
/// # Errors
/// When it is no URL, or not set in production.
pub fn database_url(env: &Env) -> Result<Secret, EnvError> {
    let name = "DATABASE_URL";
    let url = match env.secret("DATABASE_URL")? {
        Some(url) => url,
        None if Mode::from_env(env)? == Mode::Development => Secret::new(DEFAULT_URL),
        None => return Err(EnvError::Unusable { name, why: "it must be set when ENV is production".into() }),
    };
    check_url(name, url.expose())?;
    Ok(url)
}

/// Whether PostgreSQL can be asked for at this URL. What is said of it does not repeat it: it may hold a password.
///
/// # Errors
/// Names the variable, and what is wrong with it.
pub fn check_url(name: &'static str, url: &str) -> Result<(), EnvError> {
    let why = match Url::parse(url) {
        Err(error) => error.to_string(),
        Ok(url) if !matches!(url.scheme(), "postgres" | "postgresql") => {
            "must begin with postgresql://".to_owned()
        }
        Ok(_) => return Ok(()),
    };
    let why = format!(
        "{why} (a URL such as postgresql://user:password@host:5432/database; # / ? @ in a password are written %23 %2F %3F %40)"
    );
    Err(EnvError::Unusable { name, why })
}

/// A pool that connects when it is first needed and again whenever it must. No connection to a server that takes no
/// writes, or may forget what it has committed, is ever used.
///
/// # Errors
/// When the URL is none, or the server answers now and is such a one.
pub async fn connect(config: &Config) -> Result<DatabaseConnection, DbErr> {
    let watch = Arc::new(Watch::new(config.allow_off.clone()));
    let db = open(config, config.connections, &watch).await?;
    if db.ping().await.is_err()
        && let Some(forgetful) = watch.forgetful()
    {
        return Err(DbErr::Custom(forgetful.to_string()));
    }
    metrics::watch_pool(&db);
    Ok(db)
}

/// The same for one who writes one thing after the other: a connection of its own, on which each statement is planned
/// once. It is not among the `DATABASE_POOL`.
///
/// # Errors
/// When the URL is none.
pub async fn connect_writer(config: &Config) -> Result<DatabaseConnection, DbErr> {
    open(config, 1, &Arc::new(Watch::new(config.allow_off.clone()))).await
}

async fn open(config: &Config, connections: u32, watch: &Arc<Watch>) -> Result<DatabaseConnection, DbErr> {
    let (watched, schema) = (watch.clone(), config.schema);
    let mut options = ConnectOptions::new(config.url.expose());
    options
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_lazy(true)
        .test_before_acquire_if_idle_for(TESTED_WHEN_IDLE_FOR)
        .sqlx_logging(false)
        .map_sqlx_postgres_opts(move |options| {
            options.options(SERVER_SETTINGS).options([("search_path", schema)])
        })
        .map_sqlx_postgres_pool_opts(move |options| {
            let watch = watched.clone();
            options.after_connect(move |connection, _| {
                let watch = watch.clone();
                Box::pin(async move { watch.check(connection).await })
            })
        });
    let mut db = Database::connect(options).await?;
    db.set_metric_callback(|statement| {
        trace::statement(statement);
        metrics::statement(statement);
    });
    Ok(db)
}

/// Commits, in a span and with a duration of its own: it waits for the disk, and no statement tells of it.
async fn commit(transaction: DatabaseTransaction) -> Result<(), DbErr> {
    metrics::operation("postgresql", "COMMIT", transaction.commit()).await
}

/// A boxed future that borrows the transaction.
pub type InTransaction<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// Runs the work in one transaction and commits it; from the start again when PostgreSQL chose it as the loser
/// of a deadlock or a serialisation conflict. An error rolls everything back.
///
/// # Errors
/// The work's own error, or the database's as the work's error type.
pub async fn transact<T, E, W>(db: &DatabaseConnection, work: W) -> Result<T, E>
where
    E: From<DbErr> + AsDbErr,
    W: for<'a> Fn(&'a DatabaseTransaction) -> InTransaction<'a, T, E>,
{
    let mut tries = 1;
    loop {
        match attempt(db, &work).await {
            Err(error) if tries < TRIES && error.lost_race() => {
                tries += 1;
                tracing::debug!(tries, "transaction lost a race, again");
            }
            result => return result,
        }
    }
}

async fn attempt<T, E, W>(db: &DatabaseConnection, work: &W) -> Result<T, E>
where
    E: From<DbErr>,
    W: for<'a> Fn(&'a DatabaseTransaction) -> InTransaction<'a, T, E>,
{
    let transaction = db.begin().await?;
    match work(&transaction).await {
        Ok(value) => {
            failpoint!("transact.written");
            commit(transaction).await?;
            Ok(value)
        }
        Err(error) => {
            transaction.rollback().await?;
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_is_none_is_named_and_its_password_kept() {
        for url in [
            "postgresql://u:pass#word@h:1/x",
            "mysql://u:password@h/x",
            "u:password@h",
            "postgresql://u:password@h:port",
        ] {
            let said = check_url("ORDER_DATABASE_URL", url).unwrap_err().to_string();
            assert!(said.starts_with("ORDER_DATABASE_URL cannot be used: "), "{said}");
            assert!(!said.contains("pass#word") && !said.contains("u:pass"), "{said}");
        }
        check_url("DATABASE_URL", DEFAULT_URL).unwrap();
        check_url("DATABASE_URL", "postgresql:///p2p").unwrap();
    }
}
