//! Synchronous answers of the LTS profile, as beckn-onix gives them (beckn-network.md §2).

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::error::{Fault, registered};
use crate::beckn::{Action, ErrorBody, Reply};

#[derive(Serialize)]
struct Answer<'a> {
    message: Message<'a>,
    #[serde(rename = "requestId", skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error<'a>>,
}

#[derive(Serialize)]
struct Error<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details<'a>>,
}

#[derive(Serialize)]
struct Details<'a> {
    path: &'a str,
}

/// Received, and no callback will follow (AckNoCallback; 409 in the specification's text of April).
const NO_CALLBACK: u16 = 202;

/// The answer to a message that is stored: ACK; or NACK, after which no callback follows.
pub fn verdict(message_id: &str, action: Option<Action>, refusal: Option<&ErrorBody>) -> Reply {
    let error = refusal.map(|error| Error {
        code: registered(error, action),
        message: &error.message,
        details: None,
    });
    let (status, word) = if refusal.is_some() { (NO_CALLBACK, "NACK") } else { (200, "ACK") };
    Reply { status, text: written(word, Some(message_id), error, None) }
}

/// The answer to a message that is not stored.
pub fn rejection(
    context: Option<&RawValue>,
    status: u16,
    fault: &Fault,
    request_id: Option<String>,
) -> Reply {
    #[derive(Deserialize)]
    struct Named {
        #[serde(rename = "messageId")]
        message_id: Option<String>,
    }
    let named = context.and_then(|context| serde_json::from_str::<Named>(context.get()).ok()?.message_id);
    let details = fault.path.as_deref().map(|path| Details { path });
    let error = Error { code: fault.code, message: &fault.why, details };
    Reply { status, text: written("NACK", named.as_deref(), Some(error), request_id) }
}

fn written(
    status: &'static str,
    message_id: Option<&str>,
    error: Option<Error<'_>>,
    request_id: Option<String>,
) -> String {
    // Strings only: nothing here can fail to be written.
    serde_json::to_string(&Answer { message: Message { status, message_id, error }, request_id })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_what_the_adapter_sends() {
        let ack = verdict("54fb3f15-48aa-4408-bca4-52486b767679", Some(Action::Confirm), None);
        assert_eq!(ack.status, 200);
        // The body of vector v5.
        assert_eq!(
            ack.text,
            r#"{"message":{"status":"ACK","messageId":"54fb3f15-48aa-4408-bca4-52486b767679"}}"#
        );
        let nack = verdict("m", Some(Action::Select), Some(&ErrorBody::new("40901", "less is left")));
        assert_eq!(nack.status, 202);
        assert_eq!(
            nack.text,
            r#"{"message":{"status":"NACK","messageId":"m","error":{"code":"BIZ_QUANTITY_UNAVAILABLE","message":"less is left"}}}"#
        );
    }
}
