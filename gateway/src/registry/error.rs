//! Why there is no subscriber.

use chrono::{DateTime, SecondsFormat, Utc};

use super::subscriber::Unusable;

/// Why there is no subscriber. Nothing here says where the registry is: peers may read it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// The registry does not know the subscriber, or does not tell whether it is only the key that it does not know.
    #[error("no subscriber {subscriber} with a key {key_id} is registered")]
    SubscriberNotFound {
        /// Who was looked up.
        subscriber: String,
        /// Which of its keys.
        key_id: String,
    },
    /// The registry knows the subscriber by other keys.
    #[error("subscriber {subscriber} has no key {key_id}")]
    KeyNotFound {
        /// Who was looked up.
        subscriber: String,
        /// Which of its keys.
        key_id: String,
    },
    /// The key is registered and must not be believed.
    #[error("key {key_id} of {subscriber} {why}")]
    KeyExpiredOrRevoked {
        /// Who was looked up.
        subscriber: String,
        /// Which of its keys.
        key_id: String,
        /// Why not.
        why: Unusable,
    },
    /// The registry gives no answer that can be read, and none that it gave before can be used. The log has the reason.
    #[error("the registry has given no answer since {}", at(since))]
    Unavailable {
        /// Its first failure after it last answered.
        since: DateTime<Utc>,
    },
    /// Nobody can be asked.
    #[error("no registry is configured")]
    NotConfigured,
}

fn at(since: &DateTime<Utc>) -> String {
    since.to_rfc3339_opts(SecondsFormat::Secs, true)
}

impl RegistryError {
    /// Its code on the network (Beckn NFH-008).
    pub fn code(&self) -> &'static str {
        match self {
            Self::SubscriberNotFound { .. } => "AUT_SUBSCRIBER_NOT_FOUND",
            Self::KeyNotFound { .. } => "AUT_KEY_NOT_FOUND",
            Self::KeyExpiredOrRevoked { .. } => "AUT_KEY_EXPIRED_OR_REVOKED",
            Self::Unavailable { .. } => "NET_DOWNSTREAM_UNAVAILABLE",
            Self::NotConfigured => "NET_INTERNAL_ERROR",
        }
    }
}
