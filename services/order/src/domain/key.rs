//! Keys of sellers and of clients, without their secrets.

use chrono::{DateTime, Utc};
use p2p_domain::{KeyId, OwnerId};

/// Most keys that one owner has at a time.
pub const MOST_KEYS: i64 = 20;

/// What a key opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// The seller's API.
    Provider,
    /// The buyer's API.
    Client,
}

impl KeyKind {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "PROVIDER",
            Self::Client => "CLIENT",
        }
    }
}

/// A key to be stored.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Names it.
    pub id: KeyId,
    /// What it opens.
    pub kind: KeyKind,
    /// Whose it is.
    pub owner: OwnerId,
    /// SHA-256 of the whole key: what is compared with what is presented.
    pub digest: [u8; 32],
    /// What it is for, in its owner's words.
    pub label: String,
}

/// A stored key.
#[derive(Debug, Clone)]
pub struct Key {
    /// As it was to be stored.
    pub key: NewKey,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was revoked; none while it opens something.
    pub revoked_at: Option<DateTime<Utc>>,
}
