//! The context of the LTS profile. Its schema requires nothing (beckn-network.md §1); we do.

use chrono::{DateTime, Utc};
use p2p_domain::{MessageId, ParticipantId, TransactionId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::{Fault, code};
use crate::beckn::{Action, Carried, Context, Profile, Ttl, VERSION, duration, instant};

/// A context is kept and echoed into callbacks: no more than so many schemas of so many bytes each.
const MOST_SCHEMAS: usize = 32;
const MOST_TEXT: usize = 2_048;

/// As it comes in.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Received {
    domain: Option<String>,
    network_id: Option<String>,
    version: Option<String>,
    action: Option<String>,
    bap_id: Option<String>,
    bap_uri: Option<String>,
    bpp_id: Option<String>,
    bpp_uri: Option<String>,
    /// The four as later versions call them.
    sender_id: Option<String>,
    sender_uri: Option<String>,
    receiver_id: Option<String>,
    receiver_uri: Option<String>,
    transaction_id: Option<String>,
    message_id: Option<String>,
    timestamp: Option<String>,
    ttl: Option<String>,
    #[serde(default)]
    schema_context: Vec<String>,
}

impl Received {
    fn by_older_names(&mut self) {
        for (older, newer) in [
            (&mut self.bap_id, &mut self.sender_id),
            (&mut self.bap_uri, &mut self.sender_uri),
            (&mut self.bpp_id, &mut self.receiver_id),
            (&mut self.bpp_uri, &mut self.receiver_uri),
        ] {
            *older = older.take().or_else(|| newer.take());
        }
    }
}

/// An action as its path says it; the specification knows two spellings of some.
fn plain(action: &str) -> &str {
    match action {
        "catalog_publish" => Action::Publish.as_str(),
        "on_catalog_publish" | "catalog_on_publish" => Action::Publish.callback(),
        action => action,
    }
}

/// Reads a context, and requires what its schema forgets to.
///
/// # Errors
/// Names the field that is missing, or is not what it must be.
pub fn read(text: &str) -> Result<Context, Fault> {
    let mut received: Received = serde_json::from_str(text)
        .map_err(|e| Fault::at(code::CTX_INVALID_FIELD, "context", format!("context cannot be read: {e}")))?;
    received.by_older_names();
    if received.version.as_deref().is_some_and(|version| version != VERSION) {
        let why = format!("context.version must be {VERSION:?}");
        return Err(Fault::at(code::CTX_VERSION_UNSUPPORTED, "context.version", why));
    }
    required(&received.version, "version")?;
    let action = plain(required(&received.action, "action")?);
    let publication = action.starts_with("catalog/");
    let (bpp_id, bpp_uri) = (&received.bpp_id, &received.bpp_uri);
    let (bap_id, bap_uri) = match publication {
        // Between a BPP and a CDS there is no buyer.
        true => (required(bpp_id, "bppId")?, required(bpp_uri, "bppUri")?),
        false => (required(&received.bap_id, "bapId")?, required(&received.bap_uri, "bapUri")?),
    };
    // A CDS is asked by whoever looks, and answers for many.
    if !publication && Action::Discover.as_str() != action && Action::Discover.callback() != action {
        required(bpp_id, "bppId")?;
        required(bpp_uri, "bppUri")?;
    }
    let timestamp = required(&received.timestamp, "timestamp")?;
    let ttl = required(&received.ttl, "ttl")?;
    let carried = Carried {
        domain: received.domain.clone().filter(|domain| domain.len() <= MOST_TEXT),
        version: None,
        network_id: received.network_id.clone().filter(|id| id.len() <= MOST_TEXT),
        schema_context: schemas(&received.schema_context),
    };
    Ok(Context {
        profile: Profile::Lts,
        timestamp: DateTime::parse_from_rfc3339(timestamp)
            .map(|at| at.with_timezone(&Utc))
            .map_err(|_e| invalid("timestamp", "an RFC 3339 instant"))?,
        message_id: message_id(&received)?,
        transaction_id: TransactionId::parse(uuid(&received.transaction_id, "transactionId")?)
            .map_err(|_e| invalid("transactionId", "a UUID"))?,
        bap_id: participant(bap_id, if publication { "bppId" } else { "bapId" })?,
        bap_uri: bap_uri.to_owned(),
        bpp_id: bpp_id.as_deref().map(|id| participant(id, "bppId")).transpose()?,
        bpp_uri: bpp_uri.clone(),
        ttl: duration(ttl)
            .map(|ttl| Some(Ttl(ttl)))
            .ok_or_else(|| invalid("ttl", "an ISO 8601 duration such as PT30S"))?,
        action: action.to_owned(),
        carried,
    })
}

fn required<'a>(value: &'a Option<String>, name: &str) -> Result<&'a str, Fault> {
    value.as_deref().filter(|value| !value.is_empty()).ok_or_else(|| {
        Fault::at(code::CTX_MISSING_FIELD, format!("context.{name}"), format!("context.{name} is required"))
    })
}

fn invalid(name: &str, expected: &str) -> Fault {
    let why = format!("context.{name} must be {expected}");
    Fault::at(code::CTX_INVALID_FIELD, format!("context.{name}"), why)
}

fn uuid<'a>(value: &'a Option<String>, name: &str) -> Result<&'a str, Fault> {
    let text = required(value, name)?;
    Some(text).filter(|text| is_uuid(text)).ok_or_else(|| invalid(name, "a UUID"))
}

/// As the schema means it, without the other ways of writing one.
fn is_uuid(text: &str) -> bool {
    text.len() == Uuid::nil().hyphenated().to_string().len() && Uuid::try_parse(text).is_ok()
}

fn message_id(received: &Received) -> Result<MessageId, Fault> {
    MessageId::parse(uuid(&received.message_id, "messageId")?).map_err(|_e| invalid("messageId", "a UUID"))
}

fn participant(id: &str, name: &str) -> Result<ParticipantId, Fault> {
    ParticipantId::parse(id).map_err(|_e| invalid(name, "1 to 255 printable ASCII characters"))
}

/// Only what may be sent on: URIs.
fn schemas(told: &[String]) -> Vec<String> {
    let is_uri = |text: &&String| text.len() <= MOST_TEXT && url::Url::parse(text).is_ok();
    told.iter().filter(is_uri).take(MOST_SCHEMAS).cloned().collect()
}

/// Whether a message is of use at this time: neither from the future, by a clock that is so far ahead of ours, nor
/// older than its ttl. (Those of the seed profile always are.)
///
/// # Errors
/// Says which.
pub fn timely(context: &Context, now: DateTime<Utc>, ahead_seconds: u32) -> Result<(), Fault> {
    if context.profile == Profile::Seed {
        return Ok(());
    }
    let age = now - context.timestamp;
    if age.num_milliseconds() < -i64::from(ahead_seconds) * 1_000 {
        return Err(invalid(
            "timestamp",
            &format!("at most {ahead_seconds} seconds ahead of {}", instant(now)),
        ));
    }
    let ttl = context.ttl.map_or(u128::MAX, |ttl| ttl.0.as_millis());
    if u128::try_from(age.num_milliseconds()).is_ok_and(|age| age > ttl) {
        let why = format!("the message is older than its ttl: it is {} here", instant(now));
        return Err(Fault::at(code::CTX_TTL_EXPIRED, "context.ttl", why));
    }
    Ok(())
}

/// Whether a trade can be carried on in this profile at all.
pub fn is_fit(transaction_id: &TransactionId) -> bool {
    is_uuid(transaction_id.as_str())
}

/// As it is sent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Wire<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_id: Option<&'a str>,
    version: &'static str,
    action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bap_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bap_uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bpp_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bpp_uri: Option<&'a str>,
    transaction_id: &'a str,
    message_id: &'a str,
    timestamp: String,
    ttl: Ttl,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    schema_context: &'a [String],
}

impl<'a> From<&'a Context> for Wire<'a> {
    fn from(context: &'a Context) -> Self {
        let buyer = |text: &'a str| (!context.is_publication()).then_some(text);
        Self {
            domain: context.carried.domain.as_deref(),
            network_id: context.carried.network_id.as_deref(),
            version: VERSION,
            action: &context.action,
            bap_id: buyer(context.bap_id.as_str()),
            bap_uri: buyer(&context.bap_uri),
            bpp_id: context.bpp_id.as_ref().map(ParticipantId::as_str),
            bpp_uri: context.bpp_uri.as_deref(),
            transaction_id: context.transaction_id.as_str(),
            message_id: context.message_id.as_str(),
            timestamp: instant(context.timestamp),
            ttl: context.ttl.unwrap_or(Ttl(std::time::Duration::from_secs(30))),
            schema_context: &context.carried.schema_context,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: &str = r#"{"networkId":"n/1","version":"2.0.0","action":"select","bapId":"bap.example",
        "bapUri":"https://bap.example/beckn","bppId":"bpp.example","bppUri":"https://bpp.example/beckn",
        "transactionId":"7c1f2f0e-5a0b-4d53-9f1c-2f6b7f6f0a11","messageId":"00000000-0000-4000-8000-000000000002",
        "timestamp":"2026-11-22T06:00:00Z","ttl":"PT30S","schemaContext":["https://a.example/b","no uri"],"try":true}"#;

    #[test]
    fn a_context_is_read_and_written_again_without_what_nobody_knows() {
        let context = read(CONTEXT).unwrap();
        let json = serde_json::to_value(Wire::from(&context)).unwrap();
        let mut expected: serde_json::Value = serde_json::from_str(CONTEXT).unwrap();
        expected["timestamp"] = "2026-11-22T06:00:00.000Z".into();
        expected["schemaContext"] = serde_json::json!(["https://a.example/b"]);
        expected.as_object_mut().unwrap().remove("try");
        assert_eq!(json, expected);
        let on_select = context.callback(Action::Select, context.timestamp, None);
        assert_eq!(on_select.callback_uri(), "https://bap.example/beckn/on_select");
    }

    #[test]
    fn what_the_schema_forgets_to_require_is_required() {
        for name in [
            "version",
            "action",
            "bapId",
            "bapUri",
            "bppId",
            "bppUri",
            "transactionId",
            "messageId",
            "timestamp",
            "ttl",
        ] {
            let text = CONTEXT.replace(&format!("\"{name}\":"), "\"unknown\":");
            let fault = read(&text).unwrap_err();
            let path = Some(format!("context.{name}"));
            assert_eq!((fault.code, fault.path), (code::CTX_MISSING_FIELD, path), "{name}");
        }
        for (find, replace, code) in [
            ("2.0.0", "2.0.0-rc", code::CTX_VERSION_UNSUPPORTED),
            ("7c1f2f0e-5a0b", "trade-1", code::CTX_INVALID_FIELD),
            ("00000000-0000-4000", "message", code::CTX_INVALID_FIELD),
            ("2026-11-22T06", "yesterday", code::CTX_INVALID_FIELD),
            ("PT30S", "30", code::CTX_INVALID_FIELD),
        ] {
            assert_eq!(read(&CONTEXT.replace(find, replace)).unwrap_err().code, code, "{replace}");
        }
        // Asked by whoever looks.
        let discover = CONTEXT.replace("\"select\"", "\"discover\"").replace("bpp", "other");
        assert!(read(&discover).unwrap().bpp_id.is_none());
    }

    #[test]
    fn a_message_is_of_use_from_when_it_was_written_until_its_ttl_is_over() {
        let context = read(CONTEXT).unwrap();
        let at = |second: i64| timely(&context, context.timestamp + chrono::TimeDelta::seconds(second), 5);
        assert!(at(0).is_ok() && at(30).is_ok() && at(-5).is_ok());
        assert_eq!(at(31).unwrap_err().code, code::CTX_TTL_EXPIRED);
        assert_eq!(at(-6).unwrap_err().code, code::CTX_INVALID_FIELD);
    }
}
