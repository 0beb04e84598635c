//! Makes keys. The answer to who asks for one is the only place that ever shows it.

use axum::http::StatusCode;
use p2p_proto::{
    order::{Key, KeyKind},
    reason,
};
use p2p_runtime::Secret;
use tonic::Status;

use super::{
    Access, Auth,
    digest::Digest,
    key::{KeyId, Kind, NewKey},
};
use crate::reply::ApiError;

/// How often another id is tried when one is taken.
const TRIES: usize = 5;

/// A key that was stored just now.
pub struct Issued {
    /// Names it.
    pub id: KeyId,
    /// The key itself.
    pub key: Secret,
}

impl Access {
    /// Makes a key. Not with AUTH=off: a key that anybody could make would open something once AUTH=keys.
    ///
    /// # Errors
    /// With AUTH=off, when the owner has too many, or when the order service does not answer.
    pub async fn issue(&self, kind: Kind, owner_id: &str, label: String) -> Result<Issued, ApiError> {
        if self.auth == Auth::Off {
            return Err(ApiError::new(StatusCode::CONFLICT, "nobody needs a key: AUTH=off"));
        }
        for _ in 0..TRIES {
            let NewKey { id, text } = NewKey::random(kind).map_err(|error| {
                tracing::error!(%error, "the operating system has no randomness");
                ApiError::internal()
            })?;
            let key = Key {
                id: id.to_string(),
                kind: KeyKind::from(kind).into(),
                owner_id: owner_id.to_owned(),
                digest: Digest::of(text.expose()).bytes(),
                label: label.clone(),
                ..Key::default()
            };
            if self.keys.create(key).await.map_err(refused)? {
                tracing::info!(key_id = %id, kind = kind.word(), owner_id, "a key was made");
                return Ok(Issued { id, key: text });
            }
        }
        Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "no free id was found, try again"))
    }
}

/// Whoever has too many keys need not try again, but revoke some.
fn refused(status: Status) -> ApiError {
    match reason(&status).as_deref() {
        Some("TOO_MANY_KEYS") => ApiError::new(StatusCode::CONFLICT, status.message()),
        _ => status.into(),
    }
}

/// The id of a new client.
///
/// # Errors
/// When the operating system has no randomness.
pub fn new_client() -> Result<String, ApiError> {
    NewKey::random(Kind::Client).map(|key| format!("client-{}", key.id)).map_err(|_none| ApiError::internal())
}
