//! Keys in answers.

use axum::{
    http::{HeaderValue, header},
    response::Response,
};
use p2p_proto::{
    order::{Key, ListKeysResponse},
    utc,
};
use serde::Serialize;

use super::key::{KeyId, Kind};
use crate::{beckn::instant, reply::json};

/// The answer that shows a key: nobody on its way may keep it.
pub fn shown_once<T: Serialize>(value: &T) -> Response {
    let mut answer = json(value);
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// A key as lists show it: all but the key.
#[derive(Serialize)]
struct ShownKey {
    id: String,
    kind: &'static str,
    owner_id: String,
    label: String,
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<String>,
}

impl From<Key> for ShownKey {
    fn from(key: Key) -> Self {
        let at = |at: Option<_>| Some(instant(utc(at?).ok()?));
        Self {
            kind: Kind::of(key.kind()).map_or("", Kind::word),
            created_at: at(key.created_at),
            revoked_at: at(key.revoked_at),
            id: key.id,
            owner_id: key.owner_id,
            label: key.label,
        }
    }
}

/// A page of keys.
#[derive(Default, Serialize)]
pub struct KeyPage {
    /// Newest first.
    keys: Vec<ShownKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl From<ListKeysResponse> for KeyPage {
    fn from(found: ListKeysResponse) -> Self {
        let next_cursor = Some(found.next_cursor).filter(|cursor| !cursor.is_empty());
        Self { keys: found.keys.into_iter().map(Into::into).collect(), next_cursor }
    }
}

/// What is said of a key that opens nothing any more.
#[derive(Serialize)]
pub struct Revoked {
    status: &'static str,
    revoked: String,
}

impl Revoked {
    /// Of this key.
    pub fn of(id: KeyId) -> Self {
        Self { status: "ok", revoked: id.to_string() }
    }
}
