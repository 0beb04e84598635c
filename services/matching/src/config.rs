//! What the service can be told by its environment.
//!
//! | variable | default | meaning |
//! |---|---|---|
//! | `MATCHING_ADDR` | 127.0.0.1:50052 | where it listens |
//! | `SERVICE_TOKEN`, `TLS_CA_FILE`, `TLS_CERT_FILE`, `TLS_KEY_FILE` | none | who may call it |
//! | `MATCHING_DATABASE_URL` | `DATABASE_URL` | its PostgreSQL |
//! | `MATCH_WEIGHT_PRICE` | 0.40 | weight of the price score |
//! | `MATCH_WEIGHT_TRUST` | 0.35 | weight of the trust score |
//! | `MATCH_WEIGHT_TIME` | 0.25 | weight of the time fit; the three add up to 1 |
//! | `MIN_TRUST_THRESHOLD` | 0.2 | trust below which no offer is matched, 0 to 1 |
//! | `MATCH_DECISION_DAYS` | 30 | how long it can be explained why a trade got its offer |

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroU16,
    time::Duration,
};

use p2p_runtime::{Env, EnvError, grpc::Between, postgres};

use crate::domain::{Policy, Share, Weights, WeightsError};

const PORT: u16 = 50052;
const SCHEMA: &str = "matching";
const DECISION_DAYS: NonZeroU16 = NonZeroU16::new(30).expect("it is not zero");
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The service's configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens.
    pub address: SocketAddr,
    /// Who may call it.
    pub between: Between,
    /// Its PostgreSQL.
    pub database: postgres::Config,
    /// How it ranks.
    pub policy: Policy,
    /// How long it can be explained why a trade got its offer.
    pub decisions_kept_for: Duration,
}

/// Why the environment is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// One variable cannot be used.
    #[error(transparent)]
    Variable(#[from] EnvError),
    /// Each weight is one, but not all three together.
    #[error("MATCH_WEIGHT_PRICE, MATCH_WEIGHT_TRUST and MATCH_WEIGHT_TIME cannot be used")]
    Weights(#[from] WeightsError),
}

impl Config {
    /// From the environment.
    ///
    /// # Errors
    /// Names the variables that cannot be used.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let default = Weights::default();
        let weights = Weights::new(
            env.value("MATCH_WEIGHT_PRICE", default.price())?,
            env.value("MATCH_WEIGHT_TRUST", default.trust())?,
            env.value("MATCH_WEIGHT_TIME", default.time())?,
        )?;
        let address = env.value("MATCHING_ADDR", SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)))?;
        Ok(Self {
            address,
            between: Between::of_server(env, "MATCHING_ADDR", address)?,
            database: postgres::Config::from_env(env, "MATCHING_DATABASE_URL", SCHEMA)?,
            policy: Policy { weights, min_trust: env.value("MIN_TRUST_THRESHOLD", Share::MIN_TRUST)? },
            decisions_kept_for: DAY * u32::from(env.value("MATCH_DECISION_DAYS", DECISION_DAYS)?.get()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the program says it before it ends.
    fn refusal<const N: usize>(variables: [(&str, &str); N]) -> String {
        format!("{:#}", anyhow::Error::from(Config::from_env(&Env::of(variables)).unwrap_err()))
    }

    #[test]
    fn without_variables_the_seeds_weights_hold() {
        let config = Config::from_env(&Env::default()).unwrap();
        assert_eq!(config.address.to_string(), "127.0.0.1:50052");
        assert_eq!(config.policy, Policy::default());
        assert_eq!(config.decisions_kept_for, 30 * DAY);
        assert_eq!(config.policy.to_string(), "0.4 price + 0.35 trust + 0.25 time, trust at least 0.2");
    }

    #[test]
    fn weights_from_the_environment_replace_the_defaults() {
        let env = Env::of([
            ("MATCH_WEIGHT_PRICE", "1"),
            ("MATCH_WEIGHT_TRUST", "0"),
            ("MATCH_WEIGHT_TIME", "0"),
            ("MIN_TRUST_THRESHOLD", "0"),
        ]);
        let policy = Config::from_env(&env).unwrap().policy;
        assert_eq!(policy.to_string(), "1 price + 0 trust + 0 time, trust at least 0");
    }

    #[test]
    fn weights_that_do_not_add_up_to_one_are_refused_with_their_sum() {
        assert_eq!(
            refusal([("MATCH_WEIGHT_PRICE", "0.5")]),
            "MATCH_WEIGHT_PRICE, MATCH_WEIGHT_TRUST and MATCH_WEIGHT_TIME cannot be used: \
             weights must add up to 1, but 0.5 + 0.35 + 0.25 is 1.1"
        );
    }

    #[test]
    fn a_weight_or_threshold_outside_zero_to_one_is_refused_by_name() {
        for text in ["-0.1", "1.5", "NaN", "inf", "much"] {
            let why = format!("MATCH_WEIGHT_TIME={text:?} cannot be used: must be a number from 0 to 1");
            assert_eq!(refusal([("MATCH_WEIGHT_TIME", text)]), why);
            let why = format!("MIN_TRUST_THRESHOLD={text:?} cannot be used: must be a number from 0 to 1");
            assert_eq!(refusal([("MIN_TRUST_THRESHOLD", text)]), why);
        }
    }
}
