//! Beckn errors, in the codes of the seed profile; the LTS profile translates them.

use serde::{Deserialize, Serialize};

use super::lts_code;

/// The seed profile's codes that the gateway itself gives, or translates.
pub mod code {
    /// Not what can be done: bad quantity, unknown offer, wrong state, unreadable message.
    pub const INVALID: &str = "40001";
    /// Not signed, or not by whom it must be.
    pub const UNAUTHORIZED: &str = "40101";
    /// The same message under the same signature as before.
    pub const REPLAYED: &str = "40102";
    /// Not from this sender.
    pub const FORBIDDEN: &str = "40301";
    /// No such offer.
    pub const OFFER_NOT_FOUND: &str = "40401";
    /// No such item.
    pub const ITEM_NOT_FOUND: &str = "40402";
    /// No such order.
    pub const ORDER_NOT_FOUND: &str = "40403";
    /// Less is left than is asked for.
    pub const SHORT_OF_STOCK: &str = "40901";
    /// Our side failed.
    pub const INTERNAL: &str = "50001";
}

/// `{code, message}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// One of the profile's codes.
    #[serde(default, alias = "errorCode")]
    pub code: String,
    /// A sentence.
    #[serde(default, alias = "errorMessage")]
    pub message: String,
}

impl ErrorBody {
    /// A code with a sentence.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }

    /// Whether it says that the message has come before and is done.
    pub fn is_replay(&self) -> bool {
        [code::REPLAYED, lts_code::AUT_REPLAY_DETECTED].contains(&self.code.as_str())
    }
}
