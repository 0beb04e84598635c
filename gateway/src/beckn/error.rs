//! Beckn errors of the seed profile.

use serde::{Deserialize, Serialize};

/// The seed profile's codes that the gateway itself gives.
pub mod code {
    /// Not what can be done: bad quantity, unknown offer, wrong state, unreadable message.
    pub const INVALID: &str = "40001";
    /// Not from this sender.
    pub const FORBIDDEN: &str = "40301";
    /// No such order.
    pub const ORDER_NOT_FOUND: &str = "40403";
    /// Our side failed.
    pub const INTERNAL: &str = "50001";
}

/// `{code, message}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// One of the profile's codes.
    #[serde(default)]
    pub code: String,
    /// A sentence.
    #[serde(default)]
    pub message: String,
}

impl ErrorBody {
    /// A code with a sentence.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }
}
