//! Who can reach what a program serves: decides what it may do without keys.

use std::{net::IpAddr, num::NonZeroU32, str::FromStr};

use crate::{Env, EnvError};

/// `ENV`: what the program runs for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// On the machine of who works on it.
    #[default]
    Development,
    /// For others.
    Production,
}

impl FromStr for Mode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().to_ascii_lowercase().as_str() {
            "development" => Ok(Self::Development),
            "production" => Ok(Self::Production),
            _ => Err("must be development or production"),
        }
    }
}

impl Mode {
    /// From `ENV`; development.
    ///
    /// # Errors
    /// When it says something else.
    pub fn from_env(env: &Env) -> Result<Self, EnvError> {
        env.value("ENV", Self::default())
    }
}

/// Who can reach a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Only programs of this machine.
    Loopback,
    /// Whoever the network lets through.
    Network,
}

impl Reach {
    /// Of a program that listens on this address. In development a container's ports may be published on loopback
    /// only: it says so by `PUBLISHED_ADDR`, the address where they are published.
    ///
    /// # Errors
    /// When a variable cannot be used.
    pub fn of(env: &Env, listens: IpAddr) -> Result<Self, EnvError> {
        let published: IpAddr = env.value("PUBLISHED_ADDR", listens)?;
        let on_loopback = listens.to_canonical().is_loopback()
            || (Mode::from_env(env)? == Mode::Development && published.to_canonical().is_loopback());
        Ok(if on_loopback { Self::Loopback } else { Self::Network })
    }
}

/// How much of something one tenant of a program that listens on this address may have; none: as much as it likes. The
/// variable says how much, 0 for none; unset, none in development on loopback, else as usual.
///
/// # Errors
/// When a variable cannot be used.
pub fn quota(
    env: &Env,
    name: &'static str,
    listens: IpAddr,
    usual: u32,
) -> Result<Option<NonZeroU32>, EnvError> {
    let open = Mode::from_env(env)? == Mode::Development && Reach::of(env, listens)? == Reach::Loopback;
    env.value(name, if open { 0 } else { usual }).map(NonZeroU32::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_development_can_be_published_on_loopback() {
        let anywhere = "0.0.0.0".parse().unwrap();
        let reach = |env: Env, listens| Reach::of(&env, listens).unwrap();
        assert_eq!(reach(Env::of([]), "127.0.0.2".parse().unwrap()), Reach::Loopback);
        assert_eq!(reach(Env::of([]), "::ffff:127.0.0.1".parse().unwrap()), Reach::Loopback);
        assert_eq!(reach(Env::of([]), anywhere), Reach::Network);
        let published = ("PUBLISHED_ADDR", "127.0.0.1");
        assert_eq!(reach(Env::of([published]), anywhere), Reach::Loopback);
        assert_eq!(reach(Env::of([published, ("ENV", "production")]), anywhere), Reach::Network);
        assert_eq!(reach(Env::of([("PUBLISHED_ADDR", "10.0.0.1")]), anywhere), Reach::Network);
        assert!(Reach::of(&Env::of([("ENV", "prod")]), anywhere).is_err());
    }

    #[test]
    fn there_are_quotas_unless_only_this_machines_developer_can_reach_it() {
        let [here, anywhere] = ["127.0.0.1", "0.0.0.0"].map(|address| address.parse().unwrap());
        let of = |env: Env, listens| quota(&env, "MOST", listens, 7).unwrap().map_or(0, NonZeroU32::get);
        let production = ("ENV", "production");
        assert_eq!(of(Env::of([]), here), 0);
        assert_eq!(of(Env::of([production]), here), 7);
        assert_eq!(of(Env::of([]), anywhere), 7);
        assert_eq!(of(Env::of([("PUBLISHED_ADDR", "127.0.0.1")]), anywhere), 0);
        assert_eq!(of(Env::of([("MOST", "0"), production]), anywhere), 0);
        assert_eq!(of(Env::of([("MOST", "3")]), here), 3);
        assert!(quota(&Env::of([("MOST", "-1")]), "MOST", here, 7).is_err());
    }
}
