//! Why a request is not let in, and how it is told.

use std::{net::IpAddr, time::Duration};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use chrono::{DateTime, Utc};
use tonic::Status;

use super::{
    shed::Shed,
    who::{Needs, Who},
};
use crate::{metrics, reply::ApiError};

const BUSY_PEER: &str = "busy_peer";
/// When who is shed may come back.
const SHED_FOR: Duration = Duration::from_secs(1);

/// Every reason, as a label.
pub const REFUSALS: [&str; 10] = [
    "overload",
    BUSY_PEER,
    "address_rate",
    "key_rate",
    "registration_rate",
    "no_peer",
    "no_key",
    "wrong_key",
    "other_kind",
    "unavailable",
];

/// Why a request is not let in.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Too many of its class are at work.
    Overload,
    /// Too many came from its address; after how long there may be another.
    Address(Duration),
    /// Too many came with its key.
    Key(Duration),
    /// Too many providers were registered from its address.
    Registration(Duration),
    /// It is for peers, and PEER_SENDERS does not name where this one comes from.
    NoPeer(Option<IpAddr>),
    /// There is no key.
    NoKey,
    /// What is presented opens nothing: it is no key, unknown, wrong or revoked. Which, is not told.
    WrongKey,
    /// It opens something else.
    OtherKind(Needs),
    /// Nobody can tell whether the key opens anything.
    Unknown(Status),
}

impl Refusal {
    /// As a label, of [`REFUSALS`].
    fn word(&self) -> &'static str {
        match self {
            Self::Overload => "overload",
            Self::Address(_) => "address_rate",
            Self::Key(_) => "key_rate",
            Self::Registration(_) => "registration_rate",
            Self::NoPeer(_) => "no_peer",
            Self::NoKey => "no_key",
            Self::WrongKey => "wrong_key",
            Self::OtherKind(_) => "other_kind",
            Self::Unknown(_) => "unavailable",
        }
    }

    /// In the form of the route.
    pub fn answer(self, who: Who, now: DateTime<Utc>) -> Response {
        metrics::turned_away(self.word());
        let later = match &self {
            Self::Overload => Some(SHED_FOR),
            Self::Address(later) | Self::Key(later) | Self::Registration(later) => Some(*later),
            _ => None,
        };
        let shed = matches!(self, Self::Overload);
        let (status, sentence) = match self {
            Self::Overload => {
                (StatusCode::SERVICE_UNAVAILABLE, "too many requests are at work here, try again".to_owned())
            }
            Self::Address(_) => {
                (StatusCode::TOO_MANY_REQUESTS, "too many requests from this address".to_owned())
            }
            Self::Key(_) => (StatusCode::TOO_MANY_REQUESTS, "too many requests with this key".to_owned()),
            Self::Registration(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "too many providers were registered from this address".to_owned(),
            ),
            Self::NoPeer(from) => {
                tracing::info!(?from, "not among PEER_SENDERS");
                let why = "this gateway takes Beckn messages only from peers it knows";
                (StatusCode::FORBIDDEN, why.to_owned())
            }
            Self::NoKey => {
                (StatusCode::UNAUTHORIZED, "a key is needed: Authorization: Bearer <key>".to_owned())
            }
            Self::WrongKey => (StatusCode::UNAUTHORIZED, "the key is not valid".to_owned()),
            Self::OtherKind(needs) => (StatusCode::FORBIDDEN, format!("this needs {} key", needs.whose())),
            Self::Unknown(status) => return ApiError::from(status).answer(who, now),
        };
        let mut response = ApiError::new(status, sentence).answer(who, now);
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        if let Some(later) = later {
            response.headers_mut().insert(header::RETRY_AFTER, whole_seconds(later).into());
        }
        if shed {
            response.extensions_mut().insert(Shed);
        }
        response
    }
}

/// What a client is told when so many wait for a peer that another would only wait as well.
pub fn busy_peer() -> ApiError {
    metrics::turned_away(BUSY_PEER);
    let why = "too many requests wait for the other side, try again";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, why)
}

/// Rounded up: who waits so long is let in.
fn whole_seconds(later: Duration) -> u64 {
    let begun = u64::from(later.subsec_nanos() > 0);
    later.as_secs().saturating_add(begun).max(1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reason_is_a_label() {
        let now = Duration::ZERO;
        let all = [
            Refusal::Overload,
            Refusal::Address(now),
            Refusal::Key(now),
            Refusal::Registration(now),
            Refusal::NoPeer(None),
            Refusal::NoKey,
            Refusal::WrongKey,
            Refusal::OtherKind(Needs::Operator),
            Refusal::Unknown(Status::unavailable("")),
        ];
        let words = all.iter().map(Refusal::word).chain([BUSY_PEER]);
        assert_eq!(words.collect::<BTreeSet<_>>(), REFUSALS.into());
    }

    #[test]
    fn who_is_told_to_wait_waits_long_enough() {
        let waits = [0, 1, 999, 1_000, 1_001, 3_599_500];
        assert_eq!(waits.map(|ms| whole_seconds(Duration::from_millis(ms))), [1, 1, 1, 1, 2, 3_600]);
    }
}
