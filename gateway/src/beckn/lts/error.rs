//! The error registry of the LTS profile (NFH-008), as far as our errors map onto it.

use crate::beckn::{Action, ErrorBody, code as seed};

/// Codes of the registry that we give.
pub mod code {
    /// A field of the context is missing.
    pub const CTX_MISSING_FIELD: &str = "CTX_MISSING_FIELD";
    /// A field of the context is not what it must be.
    pub const CTX_INVALID_FIELD: &str = "CTX_INVALID_FIELD";
    /// context.action is not that of the path.
    pub const CTX_ACTION_MISMATCH: &str = "CTX_ACTION_MISMATCH";
    /// Not 2.0.0.
    pub const CTX_VERSION_UNSUPPORTED: &str = "CTX_VERSION_UNSUPPORTED";
    /// Older than its ttl.
    pub const CTX_TTL_EXPIRED: &str = "CTX_TTL_EXPIRED";
    /// The message_id was used for another message.
    pub const CTX_MESSAGE_ID_DUPLICATE: &str = "CTX_MESSAGE_ID_DUPLICATE";
    /// bppUri is not where the BPP is registered, or cannot be called.
    pub const CTX_INVALID_BPP_URI: &str = "CTX_INVALID_BPP_URI";
    /// There is no signature, and there must be.
    pub const AUT_SIGNATURE_MISSING: &str = "AUT_SIGNATURE_MISSING";
    /// The signature does not hold.
    pub const AUT_SIGNATURE_INVALID: &str = "AUT_SIGNATURE_INVALID";
    /// The signer is not who the context says, or may not do this.
    pub const AUT_UNAUTHORIZED_ACTION: &str = "AUT_UNAUTHORIZED_ACTION";
    /// Not of the network.
    pub const AUT_DOMAIN_NOT_ALLOWED: &str = "AUT_DOMAIN_NOT_ALLOWED";
    /// The same signature came before.
    pub const AUT_REPLAY_DETECTED: &str = "AUT_REPLAY_DETECTED";
    /// No JSON.
    pub const SCH_INVALID_JSON: &str = "SCH_INVALID_JSON";
    /// Not what the schema says.
    pub const SCH_SCHEMA_VALIDATION_FAILED: &str = "SCH_SCHEMA_VALIDATION_FAILED";
    /// A field is missing.
    pub const SCH_REQUIRED_FIELD_MISSING: &str = "SCH_REQUIRED_FIELD_MISSING";
    /// A field is not what it must be.
    pub const SCH_INVALID_FORMAT: &str = "SCH_INVALID_FORMAT";
    /// A field that means nothing here.
    pub const SCH_FIELD_NOT_ALLOWED: &str = "SCH_FIELD_NOT_ALLOWED";
    /// A filter expression that cannot be read.
    pub const SCH_INVALID_JSONPATH: &str = "SCH_INVALID_JSONPATH";
    /// Another profile of Beckn.
    pub const SCH_TYPE_NOT_SUPPORTED: &str = "SCH_TYPE_NOT_SUPPORTED";
    /// An action that is not built.
    pub const NET_NOT_IMPLEMENTED: &str = "NET_NOT_IMPLEMENTED";
    /// Too much to do.
    pub const NET_OVERLOADED: &str = "NET_OVERLOADED";
    /// What we lean on does not answer.
    pub const NET_DOWNSTREAM_UNAVAILABLE: &str = "NET_DOWNSTREAM_UNAVAILABLE";
    /// Our side failed.
    pub const NET_INTERNAL_ERROR: &str = "NET_INTERNAL_ERROR";
    /// No such offer.
    pub const BIZ_OFFER_NOT_FOUND: &str = "BIZ_OFFER_NOT_FOUND";
    /// No such item.
    pub const BIZ_ITEM_NOT_FOUND: &str = "BIZ_ITEM_NOT_FOUND";
    /// No such order.
    pub const BIZ_ORDER_NOT_FOUND: &str = "BIZ_ORDER_NOT_FOUND";
    /// Less is left.
    pub const BIZ_QUANTITY_UNAVAILABLE: &str = "BIZ_QUANTITY_UNAVAILABLE";
    /// It costs more than the buyer says.
    pub const BIZ_PRICE_MISMATCH: &str = "BIZ_PRICE_MISMATCH";
    /// Something of a published catalog is not taken (beckn-onix's own).
    pub const BIZ_PUBLISH_FAILED: &str = "BIZ_PUBLISH_FAILED";
    /// Not in the order's state.
    pub const BIZ_INVALID_STATE_TRANSITION: &str = "BIZ_INVALID_STATE_TRANSITION";
}

/// Why a message is refused before anything is asked about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Of the registry.
    pub code: &'static str,
    /// Which field, as a path of names from the body; none when it is not about one.
    pub path: Option<String>,
    /// A sentence for the sender.
    pub why: String,
}

impl Fault {
    /// Not about a field.
    pub fn new(code: &'static str, why: impl Into<String>) -> Self {
        Self { code, path: None, why: why.into() }
    }

    /// About a field.
    pub fn at(code: &'static str, path: impl Into<String>, why: impl Into<String>) -> Self {
        Self { code, path: Some(path.into()), why: why.into() }
    }
}

/// The registry's code for an error of ours: those of the registry as they are, those of the seed profile by what they
/// mean for the action (beckn-network.md §2).
pub fn registered(error: &ErrorBody, action: Option<Action>) -> &str {
    match error.code.as_str() {
        seed::INVALID if matches!(action, Some(Action::Confirm | Action::Cancel)) => {
            code::BIZ_INVALID_STATE_TRANSITION
        }
        seed::INVALID => code::SCH_INVALID_FORMAT,
        seed::UNAUTHORIZED => code::AUT_SIGNATURE_INVALID,
        seed::FORBIDDEN => code::AUT_UNAUTHORIZED_ACTION,
        seed::OFFER_NOT_FOUND => code::BIZ_OFFER_NOT_FOUND,
        seed::ITEM_NOT_FOUND => code::BIZ_ITEM_NOT_FOUND,
        seed::ORDER_NOT_FOUND => code::BIZ_ORDER_NOT_FOUND,
        seed::SHORT_OF_STOCK => code::BIZ_QUANTITY_UNAVAILABLE,
        seed::INTERNAL | "" => code::NET_INTERNAL_ERROR,
        registered => registered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_codes_have_their_place_in_the_registry() {
        for (ours, action, theirs) in [
            ("40001", Some(Action::Select), "SCH_INVALID_FORMAT"),
            ("40001", Some(Action::Confirm), "BIZ_INVALID_STATE_TRANSITION"),
            ("40401", None, "BIZ_OFFER_NOT_FOUND"),
            ("40402", None, "BIZ_ITEM_NOT_FOUND"),
            ("40403", None, "BIZ_ORDER_NOT_FOUND"),
            ("40901", Some(Action::Init), "BIZ_QUANTITY_UNAVAILABLE"),
            ("50001", None, "NET_INTERNAL_ERROR"),
            ("BIZ_PRICE_MISMATCH", None, "BIZ_PRICE_MISMATCH"),
        ] {
            assert_eq!(registered(&ErrorBody::new(ours, ""), action), theirs);
        }
    }
}
