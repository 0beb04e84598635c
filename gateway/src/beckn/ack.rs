//! What is answered at once, and how the answers of peers are understood.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{ErrorBody, instant};

/// `ack` of the seed profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ack {
    ack_status: &'static str,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorBody>,
}

impl Ack {
    /// ACK, or NACK with an error.
    pub fn new(at: DateTime<Utc>, error: Option<ErrorBody>) -> Self {
        let ack_status = if error.is_some() { "NACK" } else { "ACK" };
        Self { ack_status, timestamp: instant(at), error }
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<&'a RawValue>,
    ack: Ack,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

/// The answer to a message, its context echoed to the letter. The same arguments give the same bytes.
pub fn acknowledgement(context: Option<&RawValue>, ack: Ack) -> String {
    written(&Answer { context, ack, request_id: None })
}

/// The answer to a message that is not stored, which names the request instead.
pub fn rejection(context: Option<&RawValue>, ack: Ack, request_id: Option<String>) -> String {
    written(&Answer { context, ack, request_id })
}

fn written(answer: &Answer<'_>) -> String {
    // Strings and a raw value: nothing here can fail to be written.
    serde_json::to_string(answer).unwrap_or_default()
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
    fn an_acknowledgement_echoes_the_context_to_the_letter() {
        let context: &RawValue = serde_json::from_str(r#"{"b" : 1,"a":2}"#).unwrap();
        let at = "2026-11-22T00:00:00Z".parse().unwrap();
        assert_eq!(
            acknowledgement(Some(context), Ack::new(at, None)),
            r#"{"context":{"b" : 1,"a":2},"ack":{"ack_status":"ACK","timestamp":"2026-11-22T00:00:00.000Z"}}"#
        );
        let nack = acknowledgement(Some(context), Ack::new(at, Some(ErrorBody::new("40001", "no"))));
        assert!(nack.ends_with(r#""error":{"code":"40001","message":"no"}}}"#), "{nack}");
    }

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
