//! `ack` of the seed profile.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::beckn::{ErrorBody, instant};

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

/// An answer, its context echoed to the letter; what is not stored names the request as well. The same arguments give
/// the same bytes.
pub fn written(context: Option<&RawValue>, ack: Ack, request_id: Option<String>) -> String {
    // Strings and a raw value: nothing here can fail to be written.
    serde_json::to_string(&Answer { context, ack, request_id }).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_echoes_the_context_to_the_letter() {
        let context: &RawValue = serde_json::from_str(r#"{"b" : 1,"a":2}"#).unwrap();
        let at = "2026-11-22T00:00:00Z".parse().unwrap();
        assert_eq!(
            written(Some(context), Ack::new(at, None), None),
            r#"{"context":{"b" : 1,"a":2},"ack":{"ack_status":"ACK","timestamp":"2026-11-22T00:00:00.000Z"}}"#
        );
        let nack = written(Some(context), Ack::new(at, Some(ErrorBody::new("40001", "no"))), None);
        assert!(nack.ends_with(r#""error":{"code":"40001","message":"no"}}}"#), "{nack}");
    }
}
