//! The catalog's environment.
//!
//! | variable | default | meaning |
//! |---|---|---|
//! | `CATALOG_ADDR` | 127.0.0.1:50051 | where gRPC is served |
//! | `SERVICE_TOKEN`, `TLS_CA_FILE`, `TLS_CERT_FILE`, `TLS_KEY_FILE` | none | who may call it |
//! | `CATALOG_DATABASE_URL` | `DATABASE_URL` | PostgreSQL with schema `catalog` |
//! | `DATABASE_POOL` | 10 | most connections at once |
//! | `DATABASE_ALLOW_OFF` | none | durable settings that PostgreSQL may have off |
//! | `ITEMS_PER_PROVIDER` | 1000; none in development on loopback | items of one provider; 0 for any number |
//! | `OFFERS_PER_PROVIDER` | the same | its offers that are neither withdrawn nor past; 0 for any number |

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU32,
};

#[cfg(feature = "planted-bugs")]
use p2p_runtime::planted::{Bug, planted};
use p2p_runtime::{Env, EnvError, grpc::Between, postgres, quota};

const PORT: u16 = 50_051;

/// How the catalog is run.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where gRPC is served.
    pub address: SocketAddr,
    /// Who may call it.
    pub between: Between,
    /// Where the tables are.
    pub database: postgres::Config,
    /// When blocks are picked.
    pub picking: Picking,
    /// How much one provider may have.
    pub quotas: Quotas,
}

/// How much one provider may have; none: as much as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quotas {
    /// `ITEMS_PER_PROVIDER`.
    pub items: Option<NonZeroU32>,
    /// `OFFERS_PER_PROVIDER`: neither withdrawn nor past.
    pub offers: Option<NonZeroU32>,
}

impl Quotas {
    /// Of a catalog that listens on this address.
    fn from_env(env: &Env, listens: IpAddr) -> Result<Self, EnvError> {
        Ok(Self {
            items: quota(env, "ITEMS_PER_PROVIDER", listens, 1_000)?,
            offers: quota(env, "OFFERS_PER_PROVIDER", listens, 1_000)?,
        })
    }
}

/// When blocks are picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Picking {
    /// Under the lock of their offer.
    Locked,
    /// As they were before the lock was there: sells blocks twice. For the test that must find it.
    #[cfg(feature = "planted-bugs")]
    Unlocked,
}

impl Default for Picking {
    fn default() -> Self {
        #[cfg(feature = "planted-bugs")]
        if planted(Bug::PickBeforeLock) {
            return Self::Unlocked;
        }
        Self::Locked
    }
}

impl Config {
    /// Reads the variables above.
    ///
    /// # Errors
    /// Names the variable that cannot be used.
    pub fn from_env(env: &Env) -> Result<Self, EnvError> {
        let address = env.value("CATALOG_ADDR", (Ipv4Addr::LOCALHOST, PORT).into())?;
        Ok(Self {
            address,
            between: Between::of_server(env, "CATALOG_ADDR", address)?,
            database: postgres::Config::from_env(env, "CATALOG_DATABASE_URL", "catalog")?,
            picking: Picking::default(),
            quotas: Quotas::from_env(env, address.ip())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogs_own_database_url_comes_before_the_common_one() {
        let common = ("DATABASE_URL", "postgresql://all");
        let own = ("CATALOG_DATABASE_URL", "postgresql://own");
        assert_eq!(Config::from_env(&Env::of([common])).unwrap().database.url.expose(), "postgresql://all");
        assert_eq!(
            Config::from_env(&Env::of([common, own])).unwrap().database.url.expose(),
            "postgresql://own"
        );
        assert!(Config::from_env(&Env::of([("CATALOG_ADDR", "nowhere")])).is_err());
    }
}
