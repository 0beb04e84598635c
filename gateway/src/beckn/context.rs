//! The context of the seed profile (seed.md, "Beckn Compliance").

use std::{fmt, str::FromStr, time::Duration};

use chrono::{DateTime, SecondsFormat, Utc};
use p2p_domain::{MessageId, ParticipantId, TransactionId};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

const DOMAIN: &str = "energy:trading:p2p";
const VERSION: &str = "2.0.0";
const TTL: Ttl = Ttl(Duration::from_secs(30));

/// An instant as the profile writes it: UTC, milliseconds, `Z`.
pub fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A request; its callback is `on_` and the same word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Find offers.
    Discover,
    /// Ask for a price.
    Select,
    /// Make an order.
    Init,
    /// Buy it.
    Confirm,
    /// Ask how it is.
    Status,
    /// Give it up.
    Cancel,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Discover, Self::Select, Self::Init, Self::Confirm, Self::Status, Self::Cancel];

    /// The word of the request.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Discover => "discover",
            Self::Select => "select",
            Self::Init => "init",
            Self::Confirm => "confirm",
            Self::Status => "status",
            Self::Cancel => "cancel",
        }
    }

    /// The word of the callback.
    pub fn callback(self) -> &'static str {
        match self {
            Self::Discover => "on_discover",
            Self::Select => "on_select",
            Self::Init => "on_init",
            Self::Confirm => "on_confirm",
            Self::Status => "on_status",
            Self::Cancel => "on_cancel",
        }
    }
}

impl FromStr for Action {
    type Err = ();

    /// By the word of the request or of the callback.
    fn from_str(text: &str) -> Result<Self, ()> {
        let word = text.strip_prefix("on_").unwrap_or(text);
        Self::ALL.into_iter().find(|action| action.as_str() == word).ok_or(())
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How long a message is of use: an ISO 8601 duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ttl(pub Duration);

impl Serialize for Ttl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("PT{}S", self.0.as_secs()))
    }
}

impl<'de> Deserialize<'de> for Ttl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let bad = || D::Error::custom("ttl must be an ISO 8601 duration such as PT30S");
        let span: jiff::Span = text.parse().map_err(|_e: jiff::Error| bad())?;
        let duration = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_e| bad())?;
        Duration::try_from(duration).map(Self).map_err(|_negative| bad())
    }
}

/// The context of a message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Context {
    /// energy:trading:p2p.
    #[serde(default = "domain")]
    pub domain: String,
    /// 2.0.0.
    #[serde(default = "version")]
    pub version: String,
    /// select, on_select, ...
    pub action: String,
    /// When it was written; must parse, is not enforced.
    #[serde(default, serialize_with = "write_instant")]
    pub timestamp: DateTime<Utc>,
    /// Lives through a request and its callback.
    pub message_id: MessageId,
    /// The trade.
    pub transaction_id: TransactionId,
    /// The buyer's side.
    pub bap_id: ParticipantId,
    /// Where its callbacks go.
    pub bap_uri: String,
    /// The seller's side: in this profile the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bpp_id: Option<ParticipantId>,
    /// Where its actions go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bpp_uri: Option<String>,
    /// How long it is of use; must parse, is not enforced.
    #[serde(default)]
    pub ttl: Option<Ttl>,
}

/// A BPP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seller {
    /// context.bpp_id.
    pub bpp_id: ParticipantId,
    /// Where it is reached; none: with us.
    pub bpp_uri: Option<String>,
}

fn domain() -> String {
    DOMAIN.into()
}

fn version() -> String {
    VERSION.into()
}

fn write_instant<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&instant(*at))
}

impl Context {
    /// Of a request that our buyer's side makes.
    pub fn request(
        action: Action,
        at: DateTime<Utc>,
        transaction_id: TransactionId,
        bap: (&ParticipantId, &str),
        bpp: Option<(&ParticipantId, &str)>,
    ) -> Self {
        Self {
            domain: domain(),
            version: version(),
            action: action.as_str().into(),
            timestamp: at,
            message_id: MessageId::new(at),
            transaction_id,
            bap_id: bap.0.clone(),
            bap_uri: bap.1.into(),
            bpp_id: bpp.map(|bpp| bpp.0.clone()),
            bpp_uri: bpp.map(|bpp| bpp.1.into()),
            ttl: Some(TTL),
        }
    }

    /// Of the callback to this request: the same message_id, from the seller given unless the request named one.
    pub fn callback(&self, action: Action, at: DateTime<Utc>, bpp: Option<(&ParticipantId, &str)>) -> Self {
        let mut context = self.clone();
        context.action = action.callback().into();
        context.timestamp = at;
        context.ttl = self.ttl.or(Some(TTL));
        if let Some((id, uri)) = bpp {
            context.bpp_id.get_or_insert_with(|| id.clone());
            context.bpp_uri.get_or_insert_with(|| uri.into());
        }
        context
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = r#"{"domain":"energy:trading:p2p","version":"2.0.0","action":"select",
        "timestamp":"2026-11-22T00:00:00.000Z","message_id":"m-1","transaction_id":"t-1","bap_id":"bap",
        "bap_uri":"http://127.0.0.1:4000","ttl":"PT30S","unknown":1}"#;

    #[test]
    fn a_callback_keeps_the_ids_and_names_the_seller() {
        let request: Context = serde_json::from_str(REQUEST).unwrap();
        let seller = ParticipantId::parse("provider-1").unwrap();
        let at = "2026-11-22T00:00:01.500Z".parse().unwrap();
        let callback = request.callback(Action::Select, at, Some((&seller, "http://127.0.0.1:4000")));
        let json = serde_json::to_value(&callback).unwrap();
        assert_eq!(json["action"], "on_select");
        assert_eq!(json["message_id"], "m-1");
        assert_eq!(json["timestamp"], "2026-11-22T00:00:01.500Z");
        assert_eq!(json["bpp_id"], "provider-1");
        assert_eq!(json["ttl"], "PT30S");
    }

    #[test]
    fn a_context_without_ids_or_with_an_unreadable_ttl_or_timestamp_is_refused() {
        for (find, replace) in [
            ("\"message_id\":\"m-1\",", ""),
            ("\"t-1\"", "\"\""),
            ("PT30S", "soon"),
            ("2026-11-22T00:00:00.000Z", "yesterday"),
            ("\"bap\"", "7"),
        ] {
            let text = REQUEST.replace(find, replace);
            assert!(serde_json::from_str::<Context>(&text).is_err(), "{find} -> {replace}");
        }
    }
}
