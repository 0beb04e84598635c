//! The variables that say whether and how often we publish.

use std::{str::FromStr, time::Duration};

use p2p_runtime::{Env, EnvError};

/// Whether our sellers' catalogs are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wanted {
    /// Where there is a CDS elsewhere, of the network whose profile we speak.
    #[default]
    AsUsual,
    /// Yes: the CDS is elsewhere.
    On,
    /// No.
    Off,
}

impl FromStr for Wanted {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            _ => Err("must be on or off"),
        }
    }
}

impl Wanted {
    /// `PUBLISH`.
    ///
    /// # Errors
    /// When it is neither on nor off.
    pub fn from_env(env: &Env) -> Result<Self, EnvError> {
        env.value("PUBLISH", Self::default())
    }
}

/// Whether and how often we publish.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    /// `PUBLISH`: whether our sellers' catalogs are published to `CDS_URI`; on with `BECKN_PROFILE=lts` and a CDS that is
    /// none of our own gateways, else off.
    pub wanted: Wanted,
    /// `PUBLISH_SECONDS`: between two looks at what has changed; 5.
    pub every: Duration,
    /// `PUBLISH_AGAIN_SECONDS`: what has not changed is published again after so long; 600.
    pub again: Duration,
}

impl Config {
    /// From the environment.
    ///
    /// # Errors
    /// Names the variable that cannot be used.
    pub fn from_env(env: &Env) -> Result<Self, EnvError> {
        Ok(Self {
            wanted: Wanted::from_env(env)?,
            every: env.seconds("PUBLISH_SECONDS", 5)?,
            again: env.seconds("PUBLISH_AGAIN_SECONDS", 600)?,
        })
    }
}
