//! Which dialect of Beckn a message speaks (beckn-network.md, "Profile detection").

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A dialect of Beckn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// The simplified JSON of seed.md: snake_case context, `message.order`.
    #[default]
    Seed,
    /// Beckn v2.0.0 LTS: camelCase context, `message.contract`.
    Lts,
}

/// Where the release candidate's messages say that they belong; it says version 2.0.0 as well.
const RELEASE_CANDIDATE: &str = "beckn.one:deg:";
/// How its names begin.
const JSON_LD: &str = "beckn:";

/// What tells the profiles apart.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Signs {
    domain: Option<Loose>,
    transaction_id: Option<Loose>,
    message_id: Option<Loose>,
    bap_id: Option<Loose>,
    bap_uri: Option<Loose>,
    bpp_id: Option<Loose>,
    bpp_uri: Option<Loose>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Loose {
    Text(String),
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize, Default)]
struct MessageSigns {
    contract: Option<serde::de::IgnoredAny>,
    order: Option<BTreeMap<String, serde::de::IgnoredAny>>,
}

impl Profile {
    /// Recognised from the body. None: it is the release candidate's, which is not spoken here.
    pub(super) fn of(context: &RawValue, message: Option<&RawValue>) -> Option<Self> {
        let signs: Signs = serde_json::from_str(context.get()).unwrap_or_default();
        let candidate =
            matches!(&signs.domain, Some(Loose::Text(domain)) if domain.starts_with(RELEASE_CANDIDATE));
        let Signs { transaction_id, message_id, bap_id, bap_uri, bpp_id, bpp_uri, domain: _ } = signs;
        let camel =
            [transaction_id, message_id, bap_id, bap_uri, bpp_id, bpp_uri].iter().any(Option::is_some);
        let said = message.and_then(|message| serde_json::from_str::<MessageSigns>(message.get()).ok());
        let said = said.unwrap_or_default();
        let prefixed = said.order.is_some_and(|order| order.keys().any(|key| key.starts_with(JSON_LD)));
        match camel || said.contract.is_some() {
            _ if prefixed => None,
            true => Some(Self::Lts),
            false if candidate => None,
            false => Some(Self::Seed),
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seed => "seed",
            Self::Lts => "lts",
        })
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "seed" => Ok(Self::Seed),
            "lts" => Ok(Self::Lts),
            _ => Err("must be seed or lts".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_told_by_its_names() {
        for (context, message, profile) in [
            (r#"{"message_id":"m","bap_id":"b"}"#, "{}", Some(Profile::Seed)),
            (r#"{"messageId":"m"}"#, "{}", Some(Profile::Lts)),
            (r#"{"bapUri":7}"#, "{}", Some(Profile::Lts)),
            (r#"{"message_id":"m"}"#, r#"{"contract":{}}"#, Some(Profile::Lts)),
            (r#"{"message_id":"m"}"#, r#"{"order":{"id":"o"}}"#, Some(Profile::Seed)),
            (r#"{"message_id":"m","domain":"beckn.one:deg:p2p"}"#, "{}", None),
            (r#"{"messageId":"m"}"#, r#"{"order":{"beckn:id":"o"}}"#, None),
            (r#"{"messageId":"m","domain":"beckn.one:deg:p2p"}"#, r#"{"contract":{}}"#, Some(Profile::Lts)),
            ("{}", "7", Some(Profile::Seed)),
        ] {
            let [context, message] =
                [context, message].map(|text| serde_json::from_str::<&RawValue>(text).unwrap());
            assert_eq!(Profile::of(context, Some(message)), profile, "{context} {message}");
        }
    }
}
