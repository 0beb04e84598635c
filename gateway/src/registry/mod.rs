//! Who a subscriber of the network is: looked up in a registry (Beckn v2: DeDi, or the classic registry) or a file.

mod cached;
mod config;
mod error;
mod fetch;
mod file;
mod memory;
mod networks;
mod outage;
mod record;
mod remote;
mod subscriber;

pub use config::{RegistryConfig, Source, base};
pub use error::RegistryError;
pub use fetch::{Fetch, through};
pub use networks::check_networks;
pub use subscriber::Subscriber;

use std::sync::Arc;

use p2p_domain::Clock;
use p2p_runtime::Tasks;

use self::{
    cached::{Answer, Cached},
    file::SubscriberFile,
    memory::Memory,
    remote::{Kind, Remote},
    subscriber::KeyName,
};

/// What a look-up came to, for whoever measures them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Known, without asking the registry.
    Remembered,
    /// The registry was asked, or the file has it.
    Found,
    /// The registry gives no answer; what it last confirmed was used.
    Stale,
    /// Unknown, now or moments ago.
    NotFound,
    /// Its key must not be believed.
    Refused,
    /// Nothing is known, and the registry gives no answer.
    Unavailable,
}

impl Outcome {
    /// All, for a counter that begins at 0.
    pub const ALL: [Self; 6] =
        [Self::Remembered, Self::Found, Self::Stale, Self::NotFound, Self::Refused, Self::Unavailable];

    /// As a label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Remembered => "remembered",
            Self::Found => "found",
            Self::Stale => "stale",
            Self::NotFound => "not_found",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
        }
    }

    fn of(answer: &Answer) -> Self {
        match answer {
            Ok((_, outcome)) => *outcome,
            Err(RegistryError::SubscriberNotFound { .. } | RegistryError::KeyNotFound { .. }) => {
                Self::NotFound
            }
            Err(RegistryError::KeyExpiredOrRevoked { .. }) => Self::Refused,
            Err(RegistryError::Unavailable { .. } | RegistryError::NotConfigured) => Self::Unavailable,
        }
    }
}

/// Looks subscribers up. Clones remember together.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    place: Place,
    clock: Clock,
    counted: fn(Outcome),
}

enum Place {
    Nowhere,
    File(SubscriberFile),
    Remote(Arc<Cached>),
}

impl Registry {
    /// Asks by `fetch`, in tasks of these, and tells `counted` of each look-up.
    pub fn new(
        config: &RegistryConfig,
        fetch: Fetch,
        clock: Clock,
        tasks: Tasks,
        counted: fn(Outcome),
    ) -> Self {
        let remote = |kind, base| {
            let remote = Remote::new(kind, base, fetch);
            Place::Remote(Arc::new(Cached::new(remote, Memory::new(config), clock.clone(), tasks)))
        };
        let place = match config.source.clone() {
            Source::None => Place::Nowhere,
            Source::Dedi(base) => remote(Kind::Dedi, base),
            Source::Classic(base) => remote(Kind::Classic, base),
            Source::File(path) => Place::File(SubscriberFile::new(path)),
        };
        Self(Arc::new(Inner { place, clock, counted }))
    }

    /// The subscriber with that key. Takes up to 5 s when nothing is known, half a second when something is, nothing
    /// when that is fresh or the registry has just failed.
    ///
    /// # Errors
    /// When there is none, its key must not be believed, or the registry gives no answer and has given none for long.
    pub async fn find(&self, subscriber: &str, key_id: &str) -> Result<Arc<Subscriber>, RegistryError> {
        let answer = self.answer(subscriber, key_id).await;
        (self.0.counted)(Outcome::of(&answer));
        answer.map(|(subscriber, _)| subscriber)
    }

    async fn answer(&self, subscriber: &str, key_id: &str) -> Answer {
        let Some(key) = KeyName::parse(subscriber, key_id) else {
            let (subscriber, key_id) = (subscriber.to_owned(), key_id.to_owned());
            return Err(RegistryError::SubscriberNotFound { subscriber, key_id });
        };
        match &self.0.place {
            Place::Nowhere => Err(RegistryError::NotConfigured),
            Place::Remote(cached) => cached.find(key).await,
            Place::File(file) => {
                let now = self.0.clock.now();
                let found = file.find(key, now)?;
                match found.usable(now) {
                    Ok(()) => Ok((found, Outcome::Found)),
                    Err(why) => {
                        let (subscriber, key_id) = (subscriber.to_owned(), key_id.to_owned());
                        Err(RegistryError::KeyExpiredOrRevoked { subscriber, key_id, why })
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
