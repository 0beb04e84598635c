//! The variables that say who may act, and how often.

use std::{collections::BTreeSet, net::IpAddr, num::NonZeroU32, str::FromStr};

use p2p_runtime::{Env, EnvError, Mode, Reach, Secret};

use super::shed::AtOnce;

const OPERATOR_KEY: &str = "OPERATOR_KEY";
const SHORTEST_OPERATOR_KEY: usize = 32;
/// A key of fewer different characters was typed, not made.
const FEWEST_CHARACTERS: usize = 8;

/// `AUTH`: whether callers need keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// Whoever reaches the gateway may do everything.
    Off,
    /// Sellers, clients and the operator show keys.
    Keys,
}

impl FromStr for Auth {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().to_ascii_lowercase().as_str() {
            "off" => Ok(Self::Off),
            "keys" => Ok(Self::Keys),
            _ => Err("must be off or keys"),
        }
    }
}

/// Who may act, and how often.
#[derive(Debug, Clone)]
pub struct Config {
    /// `AUTH`: off in development, keys in production.
    pub auth: Auth,
    /// `OPERATOR_KEY`, or what `OPERATOR_KEY_FILE` holds; at least 32 characters.
    pub operator_key: Option<Secret>,
    /// How often one may ask.
    pub rates: Rates,
    /// How many requests may be at work at once.
    pub at_once: AtOnce,
}

/// How often one may ask; none: as often as one likes.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// `RATE_PER_ADDRESS`: requests per second of one address.
    pub per_address: Option<NonZeroU32>,
    /// `RATE_PER_KEY`: requests per second with one key.
    pub per_key: Option<NonZeroU32>,
    /// `REGISTER_PER_HOUR`: providers that one address may register in an hour.
    pub registrations: Option<NonZeroU32>,
}

impl Config {
    /// From the environment, for a gateway that listens on this address.
    ///
    /// # Errors
    /// When a variable cannot be used, when others could act without keys, or when there is no operator's key.
    pub fn from_env(env: &Env, listens: IpAddr) -> Result<Self, EnvError> {
        let (mode, reach) = (Mode::from_env(env)?, Reach::of(env, listens)?);
        let usual = match mode {
            Mode::Development => Auth::Off,
            Mode::Production => Auth::Keys,
        };
        let config = Self {
            auth: env.value("AUTH", usual)?,
            operator_key: env.secret(OPERATOR_KEY)?,
            rates: Rates::from_env(env, mode, reach)?,
            at_once: AtOnce::from_env(env)?,
        };
        match config.auth {
            Auth::Off if reach == Reach::Network => {
                let why = format!(
                    "off lets whoever reaches {listens} do everything: set AUTH=keys and OPERATOR_KEY, or listen on \
                     loopback (BIND_ADDR=127.0.0.1)"
                );
                return Err(EnvError::Unusable { name: "AUTH", why });
            }
            Auth::Off => {}
            Auth::Keys => fit(config.operator_key.as_ref(), mode)?,
        }
        Ok(config)
    }
}

/// Refuses a key of the operator that could be guessed.
fn fit(key: Option<&Secret>, mode: Mode) -> Result<(), EnvError> {
    let unusable = |why: &str| Err(EnvError::Unusable { name: OPERATOR_KEY, why: why.to_owned() });
    let Some(key) = key.map(Secret::expose) else {
        return unusable(
            "AUTH=keys needs it: at least 32 random characters, such as `openssl rand -hex 32` makes",
        );
    };
    if key.chars().count() < SHORTEST_OPERATOR_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return unusable("it must have at least 32 characters, printable ASCII without spaces");
    }
    let typed = key.chars().collect::<BTreeSet<_>>().len() < FEWEST_CHARACTERS;
    if mode == Mode::Production && typed {
        return unusable(
            "it is a sample; in production it must be random, such as `openssl rand -hex 32` makes",
        );
    }
    Ok(())
}

impl Rates {
    fn from_env(env: &Env, mode: Mode, reach: Reach) -> Result<Self, EnvError> {
        let open = mode == Mode::Development && reach == Reach::Loopback;
        let usual = |limit| if open { 0 } else { limit };
        Ok(Self {
            per_address: NonZeroU32::new(env.value("RATE_PER_ADDRESS", usual(50))?),
            per_key: NonZeroU32::new(env.value("RATE_PER_KEY", usual(100))?),
            registrations: NonZeroU32::new(env.value("REGISTER_PER_HOUR", usual(20))?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: (&str, &str) = ("OPERATOR_KEY", "3c9f0a17b52e4d688a1be07f5d2c9463");
    const PRODUCTION: (&str, &str) = ("ENV", "production");
    const ANYWHERE: &str = "0.0.0.0";

    fn config<const N: usize>(listens: &str, variables: [(&str, &str); N]) -> Result<Config, String> {
        Config::from_env(&Env::of(variables), listens.parse().unwrap()).map_err(|e| e.to_string())
    }

    #[test]
    fn keys_are_needed_as_soon_as_others_can_reach_it() {
        let here = config("127.0.0.1", []).unwrap();
        assert!(here.auth == Auth::Off && here.rates.per_address.is_none());
        let why = config(ANYWHERE, []).unwrap_err();
        assert!(why.starts_with("AUTH cannot be used") && why.contains("AUTH=keys"), "{why}");
        assert!(config(ANYWHERE, [PRODUCTION, KEY, ("AUTH", "off")]).is_err());
        let published = config(ANYWHERE, [("PUBLISHED_ADDR", "127.0.0.1")]).unwrap();
        assert_eq!(published.auth, Auth::Off);
        let open = config(ANYWHERE, [PRODUCTION, KEY]).unwrap();
        let rates = open.rates;
        assert_eq!(open.auth, Auth::Keys);
        let rates = [rates.per_address, rates.per_key, rates.registrations].map(|rate| rate.unwrap().get());
        assert_eq!(rates, [50, 100, 20]);
    }

    #[test]
    fn a_key_of_the_operator_that_can_be_guessed_is_refused() {
        let refused = |mode, key: &str| {
            let why =
                config("127.0.0.1", [("AUTH", "keys"), ("ENV", mode), ("OPERATOR_KEY", key)]).unwrap_err();
            assert!(why.starts_with("OPERATOR_KEY "), "{why}");
            assert!(key.is_empty() || !why.contains(key), "{why}");
        };
        for mode in ["development", "production"] {
            refused(mode, "");
            refused(mode, "3c9f0a17b52e4d688a1be07f5d2c946");
            refused(mode, "3c9f0a17b52e4d68 8a1be07f5d2c9463");
        }
        refused("production", &"a".repeat(64));
        refused("production", "p2p_password_p2p_password_3c9f0a17");
        assert!(config("127.0.0.1", [PRODUCTION, KEY]).is_ok());
        assert!(config("127.0.0.1", [("AUTH", "on")]).unwrap_err().contains("must be off or keys"));
    }

    #[test]
    fn a_rate_of_zero_is_none() {
        let rates = [("RATE_PER_ADDRESS", "0"), ("RATE_PER_KEY", "7")];
        let [(address, none), (key, seven)] = rates;
        let config = config("127.0.0.1", [PRODUCTION, KEY, (address, none), (key, seven)]).unwrap();
        assert_eq!((config.rates.per_address, config.rates.per_key.map(NonZeroU32::get)), (None, Some(7)));
    }
}
