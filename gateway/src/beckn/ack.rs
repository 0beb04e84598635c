//! What is answered at once, and how the answers of peers are understood.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Action, Context, ErrorBody, Invalid, Profile, code, lts, seed};

/// An answer: an HTTP status and a JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub text: String,
}

/// The answer to a message that is stored, by its verdict. The same arguments give the same bytes.
pub fn acknowledgement(
    context: &Context,
    raw_context: &RawValue,
    at: DateTime<Utc>,
    refusal: Option<&ErrorBody>,
) -> Reply {
    match context.profile {
        Profile::Seed => {
            let text = seed::ack::written(Some(raw_context), seed::Ack::new(at, refusal.cloned()), None);
            Reply { status: 200, text }
        }
        Profile::Lts => {
            let action = context.action.parse::<Action>().ok();
            lts::reply::verdict(context.message_id.as_str(), action, refusal)
        }
    }
}

/// The answer to a message that is not stored. `status` is what happened, as HTTP says it.
pub fn rejection(
    invalid: &Invalid,
    status: u16,
    at: DateTime<Utc>,
    error: ErrorBody,
    request_id: Option<String>,
) -> Reply {
    let context = invalid.context.as_deref();
    match invalid.profile {
        Profile::Seed => {
            let text = seed::ack::written(context, seed::Ack::new(at, Some(error)), request_id);
            Reply { status, text }
        }
        Profile::Lts => lts::reply::rejection(context, status, &invalid.fault, request_id),
    }
}

/// The answer to a callback that was heard, in the LTS profile.
pub fn heard(context: &Context) -> Reply {
    lts::reply::verdict(context.message_id.as_str(), None, None)
}

/// The answer to what nobody has read.
pub fn turned_away(status: u16, at: DateTime<Utc>, error: ErrorBody, request_id: Option<String>) -> Reply {
    Reply { status, text: seed::ack::written(None, seed::Ack::new(at, Some(error)), request_id) }
}

/// The code of the seed profile for a fault.
pub fn seed_code(fault: &lts::error::Fault) -> &'static str {
    match fault.code.split_once('_') {
        Some(("AUT", _)) => code::UNAUTHORIZED,
        Some(("NET", _)) => code::INTERNAL,
        _ => code::INVALID,
    }
}

/// A peer's synchronous answer, of whichever known shape: `ack.ack_status`, `message.ack.status`,
/// `message.status`, `ack_status` or `status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerAnswer {
    /// It accepted.
    Ack,
    /// It refused.
    Nack(ErrorBody),
}

#[derive(Deserialize, Default)]
struct Loose {
    ack: Option<Box<Loose>>,
    message: Option<LooseMessage>,
    ack_status: Option<String>,
    status: Option<String>,
    error: Option<LooseError>,
}

/// `message` is an object in an acknowledgement and a sentence elsewhere.
#[derive(Deserialize)]
#[serde(untagged)]
enum LooseMessage {
    Object(Box<Loose>),
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize, Clone)]
struct LooseError {
    #[serde(alias = "errorCode", default)]
    code: String,
    #[serde(alias = "errorMessage", default)]
    message: String,
}

impl PeerAnswer {
    /// Understands a body; none when it says neither ACK nor NACK.
    pub fn read(body: &[u8]) -> Option<Self> {
        let loose: Loose = serde_json::from_slice(body).ok()?;
        let (status, error) = loose.find(None)?;
        match status.as_str() {
            "ACK" => Some(Self::Ack),
            "NACK" => {
                let error = error.map(|e| ErrorBody { code: e.code, message: e.message });
                Some(Self::Nack(error.unwrap_or_else(|| ErrorBody::new("", "refused without a reason"))))
            }
            _ => None,
        }
    }
}

impl Loose {
    /// The status that is nearest the outside, and the error nearest to it.
    fn find(self, outer: Option<LooseError>) -> Option<(String, Option<LooseError>)> {
        let error = self.error.or(outer);
        if let Some(status) = self.ack_status.or(self.status) {
            return Some((status, error));
        }
        match (self.ack, self.message) {
            (Some(ack), _) => ack.find(error),
            (None, Some(LooseMessage::Object(message))) => message.find(error),
            (None, Some(LooseMessage::Other(_)) | None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_all_known_shapes_are_understood() {
        for ack in [
            r#"{"context":{},"ack":{"ack_status":"ACK","timestamp":"x"}}"#,
            r#"{"message":{"ack":{"status":"ACK"}}}"#,
            r#"{"message":{"status":"ACK","messageId":"m"}}"#,
            r#"{"ack_status":"ACK"}"#,
            r#"{"status":"ACK","signature":"s"}"#,
        ] {
            assert_eq!(PeerAnswer::read(ack.as_bytes()), Some(PeerAnswer::Ack), "{ack}");
        }
        for nack in [
            r#"{"ack":{"ack_status":"NACK","error":{"code":"40001","message":"no"}}}"#,
            r#"{"message":{"ack":{"status":"NACK"},"error":{"code":"40001","message":"no"}}}"#,
            r#"{"message":{"status":"NACK","error":{"errorCode":"40001","errorMessage":"no"}}}"#,
        ] {
            let expected = PeerAnswer::Nack(ErrorBody::new("40001", "no"));
            assert_eq!(PeerAnswer::read(nack.as_bytes()), Some(expected), "{nack}");
        }
        for neither in ["", "{}", "<html>", r#"{"status":"ok"}"#, r#"{"message":"hello"}"#] {
            assert_eq!(PeerAnswer::read(neither.as_bytes()), None, "{neither}");
        }
    }
}
