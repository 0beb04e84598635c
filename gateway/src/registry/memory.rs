//! What a registry said, and how long each of it is believed.
//!
//! Who exists and who does not are remembered apart: whoever makes ids up drives out only other ids that do not exist.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use quick_cache::sync::Cache;
use tokio::time::Instant;

use super::{
    Outcome, RegistryConfig,
    cached::Answer,
    error::RegistryError,
    subscriber::{KeyName, Subscriber},
};

/// Most keys that are remembered, and most that are remembered not to be.
const MOST_KEYS: usize = 10_000;
/// The least and the longest that an answer is believed, whatever the registry tells.
const FRESH: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(24 * 60 * 60));
/// The longest that may be configured: beyond it a moment could not be told.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// After a failure the registry is not asked for that key again so long.
const PAUSE: Duration = Duration::from_secs(1);
/// Who has an answer that was good before waits so long for a new one. Not when the last attempt failed.
const PATIENCE: Duration = Duration::from_millis(500);

/// What is remembered.
pub(super) struct Memory {
    known: Cache<KeyName, Known>,
    barred: Cache<KeyName, Barred>,
    ttl: Duration,
    negative_ttl: Duration,
    stale: Duration,
}

#[derive(Clone)]
struct Known {
    subscriber: Arc<Subscriber>,
    fresh_until: Instant,
    stale_until: Instant,
}

/// The registry said no, or nothing.
#[derive(Clone)]
struct Barred {
    error: RegistryError,
    until: Instant,
}

impl Barred {
    fn is_failure(&self) -> bool {
        matches!(self.error, RegistryError::Unavailable { .. })
    }
}

/// What is remembered of a key.
pub(super) enum Recalled {
    /// The registry need not be asked.
    Answer(Answer),
    /// It is to be asked. What it said before may be used after so long, or when it gives no answer.
    Stale { subscriber: Arc<Subscriber>, patience: Duration },
    /// It is to be asked.
    Nothing,
}

impl Memory {
    pub fn new(config: &RegistryConfig) -> Self {
        Self {
            known: Cache::new(MOST_KEYS),
            barred: Cache::new(MOST_KEYS),
            ttl: config.ttl,
            negative_ttl: config.negative_ttl.min(LONGEST),
            stale: config.stale.min(LONGEST),
        }
    }

    pub fn recall(&self, key: &KeyName, now: DateTime<Utc>) -> Recalled {
        let moment = Instant::now();
        let known = self.known.get(key).filter(|known| known.subscriber.usable(now).is_ok());
        if let Some(Known { subscriber, fresh_until, .. }) = &known
            && moment < *fresh_until
        {
            return Recalled::Answer(Ok((subscriber.clone(), Outcome::Remembered)));
        }
        let stale = known.filter(|known| moment < known.stale_until).map(|known| known.subscriber);
        let barred = self.barred.get(key);
        let failed_before = barred.as_ref().is_some_and(Barred::is_failure);
        match (stale, barred.filter(|barred| moment < barred.until)) {
            (Some(stale), Some(barred)) if barred.is_failure() => {
                Recalled::Answer(Ok((stale, Outcome::Stale)))
            }
            (_, Some(barred)) => Recalled::Answer(Err(barred.error)),
            (Some(subscriber), None) => Recalled::Stale {
                subscriber,
                patience: if failed_before { Duration::ZERO } else { PATIENCE },
            },
            (None, None) => Recalled::Nothing,
        }
    }

    /// The registry told who it is when it was asked, and how long that holds.
    pub fn confirm(
        &self,
        key: &KeyName,
        subscriber: Subscriber,
        asked: Instant,
        ttl: Option<Duration>,
        now: DateTime<Utc>,
    ) -> Arc<Subscriber> {
        let left = subscriber.valid_until.map(|until| (until - now).to_std().unwrap_or_default());
        let fresh = ttl.into_iter().chain(left).min().unwrap_or(self.ttl).clamp(FRESH.0, FRESH.1);
        let subscriber = Arc::new(subscriber);
        self.known.insert(
            key.clone(),
            Known {
                subscriber: subscriber.clone(),
                fresh_until: asked + fresh,
                stale_until: asked + self.stale,
            },
        );
        self.barred.remove(key);
        subscriber
    }

    /// The registry said no: what it said before counts no more.
    pub fn deny(&self, key: &KeyName, error: RegistryError) {
        self.known.remove(key);
        self.bar(key, error, self.negative_ttl);
    }

    /// The registry gave no answer: it is left alone for a moment.
    pub fn pause(&self, key: &KeyName, error: RegistryError) {
        self.bar(key, error, PAUSE);
    }

    fn bar(&self, key: &KeyName, error: RegistryError, so_long: Duration) {
        self.barred.insert(key.clone(), Barred { error, until: Instant::now() + so_long });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_do_not_exist_drive_out_none_that_do() {
        let memory = Memory::new(&RegistryConfig::default());
        let now = "2026-09-01T12:00:00Z".parse().unwrap();
        let name = |nth: usize| KeyName { subscriber: format!("{nth}.example"), key_id: "k1".into() };
        let record = serde_json::json!({"signing_public_key": "k"});
        let record: crate::registry::record::Record = serde_json::from_value(record).unwrap();
        memory.confirm(&name(0), record.subscriber(&name(0)).unwrap(), Instant::now(), None, now);
        for nth in 1..=3 * MOST_KEYS {
            memory.deny(&name(nth), RegistryError::NotConfigured);
        }
        assert!(matches!(memory.recall(&name(0), now), Recalled::Answer(Ok(_))));
        assert!(memory.barred.len() <= MOST_KEYS);
    }
}
