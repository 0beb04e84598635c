//! The context of the seed profile (seed.md, "Beckn Compliance").

use chrono::{DateTime, Utc};
use p2p_domain::{MessageId, ParticipantId, TransactionId};
use serde::{Deserialize, Serialize, Serializer};

use crate::beckn::{Carried, Context, Profile, Ttl, VERSION, instant};

const DOMAIN: &str = "energy:trading:p2p";

/// As it goes over the wire.
#[derive(Debug, Serialize, Deserialize)]
pub struct Wire {
    /// energy:trading:p2p.
    #[serde(default = "domain")]
    domain: String,
    /// 2.0.0.
    #[serde(default = "version")]
    version: String,
    action: String,
    /// Must parse, is not enforced.
    #[serde(default, serialize_with = "write_instant")]
    timestamp: DateTime<Utc>,
    message_id: MessageId,
    transaction_id: TransactionId,
    bap_id: ParticipantId,
    bap_uri: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bpp_id: Option<ParticipantId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bpp_uri: Option<String>,
    /// Must parse, is not enforced.
    #[serde(default)]
    ttl: Option<Ttl>,
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

impl From<Wire> for Context {
    fn from(wire: Wire) -> Self {
        Self {
            profile: Profile::Seed,
            action: wire.action,
            timestamp: wire.timestamp,
            message_id: wire.message_id,
            transaction_id: wire.transaction_id,
            bap_id: wire.bap_id,
            bap_uri: wire.bap_uri,
            bpp_id: wire.bpp_id,
            bpp_uri: wire.bpp_uri,
            ttl: wire.ttl,
            carried: Carried { domain: Some(wire.domain), version: Some(wire.version), ..Carried::default() },
        }
    }
}

impl From<&Context> for Wire {
    fn from(context: &Context) -> Self {
        let Context { carried, .. } = context;
        Self {
            domain: carried.domain.clone().unwrap_or_else(domain),
            version: carried.version.clone().unwrap_or_else(version),
            action: context.action.clone(),
            timestamp: context.timestamp,
            message_id: context.message_id.clone(),
            transaction_id: context.transaction_id.clone(),
            bap_id: context.bap_id.clone(),
            bap_uri: context.bap_uri.clone(),
            bpp_id: context.bpp_id.clone(),
            bpp_uri: context.bpp_uri.clone(),
            ttl: context.ttl,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::beckn::Action;

    const REQUEST: &str = r#"{"domain":"energy:trading:p2p","version":"2.0.0","action":"select",
        "timestamp":"2026-11-22T00:00:00.000Z","message_id":"m-1","transaction_id":"t-1","bap_id":"bap",
        "bap_uri":"http://127.0.0.1:4000","ttl":"PT30S","unknown":1}"#;

    #[test]
    fn a_callback_keeps_the_ids_and_names_the_seller() {
        let request: Context = serde_json::from_str::<Wire>(REQUEST).unwrap().into();
        let seller = ParticipantId::parse("provider-1").unwrap();
        let at = "2026-11-22T00:00:01.500Z".parse().unwrap();
        let callback = request.callback(Action::Select, at, Some((&seller, "http://127.0.0.1:4000")));
        assert_eq!(callback.callback_uri(), "http://127.0.0.1:4000/callbacks/on_select");
        let json = serde_json::to_value(Wire::from(&callback)).unwrap();
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
            assert!(serde_json::from_str::<Wire>(&text).is_err(), "{find} -> {replace}");
        }
    }
}
