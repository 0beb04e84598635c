//! A subscriber as registries and the file write it.

use chrono::{DateTime, Datelike, Utc};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;

use super::subscriber::{KeyName, Status, Subscriber};

/// DeDi's `details`, a classic Subscription, or an entry of the file. What nothing depends on may have any shape.
#[derive(Debug, Deserialize)]
pub(super) struct Record {
    #[serde(default)]
    pub subscriber_id: Option<String>,
    #[serde(default)]
    pub key_id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    url: String,
    #[serde(default, rename = "type", deserialize_with = "text")]
    kind: String,
    #[serde(default, deserialize_with = "text")]
    domain: String,
    #[serde(default)]
    signing_public_key: Option<String>,
    #[serde(default)]
    pub network_memberships: Option<Vec<String>>,
    #[serde(default, deserialize_with = "moment")]
    valid_from: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "moment")]
    valid_until: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "text")]
    status: String,
}

impl Record {
    /// The subscriber that was asked for.
    ///
    /// # Errors
    /// When the record is somebody else's, or has no key.
    pub fn subscriber(self, key: &KeyName) -> Result<Subscriber, String> {
        if let Some(other) = self.subscriber_id.filter(|id| !id.is_empty() && *id != key.subscriber) {
            return Err(format!("it is about {other}"));
        }
        let signing_public_key = self.signing_public_key.filter(|text| !text.is_empty());
        Ok(Subscriber {
            subscriber_id: key.subscriber.clone(),
            key_id: key.key_id.clone(),
            url: self.url,
            kind: self.kind,
            domain: self.domain,
            signing_public_key: signing_public_key.ok_or("it has no signing_public_key")?,
            network_memberships: self.network_memberships,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            status: status(&self.status),
        })
    }
}

fn status(text: &str) -> Option<Status> {
    let Ok(status) = text.parse();
    (!text.is_empty()).then_some(status)
}

fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => text,
        _ => String::new(),
    })
}

/// No date is written as nothing, as "", or as the year 1 (Go's zero time). One that cannot be read is an error: it
/// might be over.
fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let text = Option::<String>::deserialize(from)?.unwrap_or_default();
    if text.is_empty() {
        return Ok(None);
    }
    let moment = DateTime::parse_from_rfc3339(&text);
    let moment = moment.map_err(|e| D::Error::custom(format_args!("{text:?} is no time: {e}")))?.to_utc();
    Ok((moment.year() > 1).then_some(moment))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(record: Value) -> Result<Subscriber, String> {
        let record: Record = serde_json::from_value(record).map_err(|e| e.to_string())?;
        record.subscriber(&KeyName::parse("a.example", "k1").unwrap())
    }

    #[test]
    fn what_nothing_depends_on_may_be_missing_or_odd() {
        let subscriber =
            read(json!({"signing_public_key": "k", "url": null, "domain": ["x"], "more": 1})).unwrap();
        assert_eq!(subscriber.subscriber_id, "a.example");
        assert_eq!((subscriber.url.as_str(), subscriber.domain.as_str()), ("", ""));
        assert_eq!((subscriber.status, subscriber.network_memberships), (None, None));
    }

    #[test]
    fn a_record_that_could_be_believed_wrongly_is_none() {
        for (record, why) in [
            (json!({}), "it has no signing_public_key"),
            (json!({"signing_public_key": ""}), "it has no signing_public_key"),
            (json!({"signing_public_key": "k", "subscriber_id": "b.example"}), "it is about b.example"),
            (json!({"signing_public_key": "k", "valid_until": "soon"}), "\"soon\" is no time"),
            (json!({"signing_public_key": 7}), "invalid type"),
        ] {
            let error = read(record.clone()).unwrap_err();
            assert!(error.contains(why), "{record}: {error}");
        }
    }
}
