//! Where things may be thrown away: on this machine, in development.

use std::{fmt, net::IpAddr, str::FromStr};

use fred::types::config::{Config as RedisConfig, ServerConfig};
use p2p_runtime::{Env, EnvError, Mode, Secret, postgres};
use sea_orm::sqlx::postgres::PgConnectOptions;

const DEFAULT_REDIS: &str = "redis://localhost:6379";

/// A PostgreSQL and a Redis on this machine, and not in production. Only [`Loopback::of`] makes one.
#[derive(Clone)]
pub struct Loopback {
    database: Secret,
    redis: RedisConfig,
}

/// Why nothing may be thrown away.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// `ENV=production`.
    #[error("ENV is production: the seed's state is for development only, nothing was changed")]
    Production,
    /// Another machine.
    #[error("{variable} is on {host}, not on this machine (loopback): nothing was changed")]
    Elsewhere {
        /// Which URL.
        variable: &'static str,
        /// Where it points.
        host: String,
    },
    /// Several machines.
    #[error("REDIS_URL names a cluster or sentinels, not one Redis on this machine: nothing was changed")]
    ManyRedis,
    /// A variable that cannot be used.
    #[error(transparent)]
    Variable(#[from] EnvError),
    /// A text that is no URL.
    #[error("{variable} is no URL that can be used: {why}")]
    Url {
        /// Which URL.
        variable: &'static str,
        /// What is wrong.
        why: String,
    },
}

impl Loopback {
    /// The places of `DATABASE_URL` and `REDIS_URL`.
    ///
    /// # Errors
    /// When either is elsewhere or `ENV` is `production`.
    pub fn of(env: &Env) -> Result<Self, Refusal> {
        if Mode::from_env(env)? == Mode::Production {
            return Err(Refusal::Production);
        }
        let database = postgres::database_url(env)?;
        check_database(database.expose())?;
        let redis = env.secret("REDIS_URL")?.unwrap_or_else(|| Secret::new(DEFAULT_REDIS));
        let redis = RedisConfig::from_url(redis.expose())
            .map_err(|e| Refusal::Url { variable: "REDIS_URL", why: e.details().to_owned() })?;
        let ServerConfig::Centralized { server } = &redis.server else { return Err(Refusal::ManyRedis) };
        check_host("REDIS_URL", &server.host)?;
        Ok(Self { database, redis })
    }

    /// postgresql://...
    pub(super) fn database(&self) -> &str {
        self.database.expose()
    }

    /// One Redis.
    pub(super) fn redis(&self) -> RedisConfig {
        self.redis.clone()
    }
}

impl fmt::Debug for Loopback {
    /// Without passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Loopback")
    }
}

/// Asks the driver where it would connect to: a URL can name its host in several places.
fn check_database(url: &str) -> Result<(), Refusal> {
    let variable = "DATABASE_URL";
    let options =
        PgConnectOptions::from_str(url).map_err(|e| Refusal::Url { variable, why: e.to_string() })?;
    let host = options.get_host();
    if options.get_socket().is_some() || host.starts_with('/') {
        return Ok(());
    }
    check_host(variable, host)
}

fn check_host(variable: &'static str, host: &str) -> Result<(), Refusal> {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    if host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|a| a.is_loopback()) {
        return Ok(());
    }
    Err(Refusal::Elsewhere { variable, host: host.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal<const N: usize>(variables: [(&str, &str); N]) -> String {
        Loopback::of(&Env::of(variables)).unwrap_err().to_string()
    }

    #[test]
    fn this_machine_in_development_is_good() {
        for database in [
            "postgresql://u:p@localhost:5432/p2p",
            "postgresql://127.0.0.1/p2p",
            "postgresql://[::1]/p2p",
            "postgresql:///p2p?host=/var/run/postgresql",
        ] {
            let env = Env::of([("DATABASE_URL", database), ("ENV", "development")]);
            assert!(Loopback::of(&env).is_ok(), "{database}");
        }
        assert!(Loopback::of(&Env::of([("REDIS_URL", "redis://127.0.0.1:56380/7")])).is_ok());
        assert!(Loopback::of(&Env::default()).is_ok());
    }

    #[test]
    fn another_machine_is_refused_wherever_the_url_names_it() {
        for database in [
            "postgresql://u:p@db.example.com/p2p",
            "postgresql://localhost/p2p?host=db.example.com",
            "postgresql://localhost.db.example.com/p2p",
        ] {
            let why = refusal([("DATABASE_URL", database)]);
            assert!(why.starts_with("DATABASE_URL is on "), "{why}");
            assert!(why.contains("db.example.com, not on this machine"), "{why}");
        }
        let why = refusal([("REDIS_URL", "redis://10.0.0.7:6379")]);
        assert_eq!(why, "REDIS_URL is on 10.0.0.7, not on this machine (loopback): nothing was changed");
        let why = refusal([("REDIS_URL", "redis-cluster://127.0.0.1:6379")]);
        assert!(why.starts_with("REDIS_URL names a cluster"), "{why}");
    }

    #[test]
    fn production_is_refused_even_on_this_machine() {
        assert!(refusal([("ENV", "production")]).starts_with("ENV is production"));
    }
}
