//! A subscriber with one of its keys, as a registry tells it.

use std::{convert::Infallible, fmt, str::FromStr};

use chrono::{DateTime, SecondsFormat, Utc};

/// Longest subscriber's and key's id that is asked for, in bytes: that of a host name.
const MOST_ID: usize = 255;

/// A subscriber with one of its keys (Beckn v2, registry; DeDi's `details`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriber {
    /// Who it is.
    pub subscriber_id: String,
    /// Which of its keys this is.
    pub key_id: String,
    /// Where it is reached; empty: not told.
    pub url: String,
    /// BAP, BPP, CDS and others, as told; empty: not told.
    pub kind: String,
    /// As told; empty: not told.
    pub domain: String,
    /// Ed25519: 32 bytes in base64. Not empty, and not checked.
    pub signing_public_key: String,
    /// Of which networks (`namespace/registry`) it is; none: the registry does not tell of networks.
    pub network_memberships: Option<Vec<String>>,
    /// Its key must not be believed before.
    pub valid_from: Option<DateTime<Utc>>,
    /// Its key must not be believed from then on.
    pub valid_until: Option<DateTime<Utc>>,
    /// How far its subscription is; none: not told.
    pub status: Option<Status>,
}

impl Subscriber {
    /// Whether its key may be believed now. Who has not finished its onboarding may be.
    ///
    /// # Errors
    /// When it is revoked, over, or not yet valid.
    pub fn usable(&self, now: DateTime<Utc>) -> Result<(), Unusable> {
        match &self.status {
            Some(Status::Initiated | Status::UnderSubscription | Status::Subscribed) | None => {}
            Some(refused) => return Err(Unusable::Status(refused.clone())),
        }
        match (self.valid_from, self.valid_until) {
            (Some(from), _) if now < from => Err(Unusable::NotBefore(from)),
            (_, Some(until)) if now >= until => Err(Unusable::Over(until)),
            _ => Ok(()),
        }
    }
}

/// How far a subscription is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// `INITIATED`: the onboarding has begun.
    Initiated,
    /// `UNDER_SUBSCRIPTION`: the onboarding goes on.
    UnderSubscription,
    /// `SUBSCRIBED`
    Subscribed,
    /// `EXPIRED`
    Expired,
    /// `UNSUBSCRIBED`
    Unsubscribed,
    /// `INVALID_SSL`
    InvalidSsl,
    /// None that Beckn knows: not believed.
    Other(String),
}

impl FromStr for Status {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.to_ascii_uppercase().as_str() {
            "INITIATED" => Self::Initiated,
            "UNDER_SUBSCRIPTION" => Self::UnderSubscription,
            "SUBSCRIBED" => Self::Subscribed,
            "EXPIRED" => Self::Expired,
            "UNSUBSCRIBED" => Self::Unsubscribed,
            "INVALID_SSL" => Self::InvalidSsl,
            _ => Self::Other(text.to_owned()),
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Initiated => "INITIATED",
            Self::UnderSubscription => "UNDER_SUBSCRIPTION",
            Self::Subscribed => "SUBSCRIBED",
            Self::Expired => "EXPIRED",
            Self::Unsubscribed => "UNSUBSCRIBED",
            Self::InvalidSsl => "INVALID_SSL",
            Self::Other(text) => text,
        })
    }
}

/// Why a registered key must not be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// Its subscription has ended, or is in no state that Beckn knows.
    Status(Status),
    /// It is not valid yet.
    NotBefore(DateTime<Utc>),
    /// It is valid no longer.
    Over(DateTime<Utc>),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |at: &DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        match self {
            Self::Status(status) => write!(f, "is {status}"),
            Self::NotBefore(from) => write!(f, "is not valid before {}", seconds(from)),
            Self::Over(until) => write!(f, "was valid until {}", seconds(until)),
        }
    }
}

/// Which key of which subscriber is looked up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct KeyName {
    pub subscriber: String,
    pub key_id: String,
}

impl KeyName {
    /// None of what no registry can have, or what would be another address when put into one.
    pub fn parse(subscriber: &str, key_id: &str) -> Option<Self> {
        let fits = |id: &str| {
            (1..=MOST_ID).contains(&id.len()) && !id.contains(char::is_control) && id != "." && id != ".."
        };
        (fits(subscriber) && fits(key_id))
            .then(|| Self { subscriber: subscriber.to_owned(), key_id: key_id.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::record::Record;

    #[test]
    fn a_key_is_believed_while_its_subscription_and_its_dates_allow_it() {
        let now = "2026-09-01T12:00:00Z".parse().unwrap();
        for (status, from, until, said) in [
            ("", "", "", ""),
            ("INITIATED", "", "", ""),
            ("UNDER_SUBSCRIPTION", "", "", ""),
            ("subscribed", "2026-09-01T12:00:00Z", "2026-09-01T12:00:01Z", ""),
            ("SUBSCRIBED", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", ""),
            ("EXPIRED", "", "", "is EXPIRED"),
            ("UNSUBSCRIBED", "", "", "is UNSUBSCRIBED"),
            ("INVALID_SSL", "", "", "is INVALID_SSL"),
            ("SUSPENDED", "", "", "is SUSPENDED"),
            ("SUBSCRIBED", "2026-09-01T12:00:01Z", "", "is not valid before 2026-09-01T12:00:01Z"),
            ("SUBSCRIBED", "", "2026-09-01T12:00:00Z", "was valid until 2026-09-01T12:00:00Z"),
        ] {
            let record = serde_json::json!({
                "signing_public_key": "k", "status": status, "valid_from": from, "valid_until": until,
            });
            let record: Record = serde_json::from_value(record).unwrap();
            let subscriber = record.subscriber(&KeyName::parse("a.example", "k1").unwrap()).unwrap();
            let why = subscriber.usable(now).err().map(|why| why.to_string()).unwrap_or_default();
            assert_eq!(why, said, "{status} {from} {until}");
        }
    }

    #[test]
    fn what_no_registry_can_have_is_not_asked_for() {
        let long = "a".repeat(256);
        for id in ["", ".", "..", "a\nb", "a\0", &long] {
            assert_eq!(KeyName::parse(id, "k1"), None, "{id:?}");
            assert_eq!(KeyName::parse("a.example", id), None, "{id:?}");
        }
        assert!(KeyName::parse("a/../b.example", "ä k|1").is_some());
    }
}
