//! The context of a message, whichever profile it is written in.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use p2p_domain::{MessageId, ParticipantId, TransactionId};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{Action, Profile};

/// Version 2.0.0, of both profiles.
pub const VERSION: &str = "2.0.0";
const TTL: Ttl = Ttl(Duration::from_secs(30));
/// on_discover and on_select are of no use an hour after the ttl of what they answer.
pub const USEFUL_AFTER_TTL: Duration = Duration::from_secs(60 * 60);
/// What has become of an order is of use as long as it is told: attempts to deliver it go on for hours.
const TTL_OF_ORDERS: Ttl = Ttl(Duration::from_secs(24 * 60 * 60));

/// An instant as the profiles write it: UTC, milliseconds, `Z`.
pub fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
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
        duration(&text)
            .map(Self)
            .ok_or_else(|| D::Error::custom("ttl must be an ISO 8601 duration such as PT30S"))
    }
}

/// An ISO 8601 duration, a day being 24 hours.
pub fn duration(text: &str) -> Option<Duration> {
    let span: jiff::Span = text.parse().ok()?;
    let duration = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(duration).ok()
}

/// The context of a message.
#[derive(Debug, Clone)]
pub struct Context {
    /// In which it is written, and in which it is answered.
    pub profile: Profile,
    /// select, on_select, ...
    pub action: String,
    /// When it was written. Enforced together with `ttl` in the LTS profile only.
    pub timestamp: DateTime<Utc>,
    /// Lives through a request and its callback.
    pub message_id: MessageId,
    /// The trade.
    pub transaction_id: TransactionId,
    /// The buyer's side. Of a publication, which has none: who publishes.
    pub bap_id: ParticipantId,
    /// Where its callbacks go.
    pub bap_uri: String,
    /// The seller's side: in the seed profile the provider.
    pub bpp_id: Option<ParticipantId>,
    /// Where its actions go.
    pub bpp_uri: Option<String>,
    /// How long it is of use.
    pub ttl: Option<Ttl>,
    /// What else the profile says.
    pub carried: Carried,
}

/// What else a context says; carried into the callback.
#[derive(Debug, Clone, Default)]
pub struct Carried {
    /// `domain`.
    pub domain: Option<String>,
    /// `version`, in the seed profile.
    pub version: Option<String>,
    /// `networkId`: the network that the trade belongs to.
    pub network_id: Option<String>,
    /// `schemaContext`: JSON-LD contexts of what is said.
    pub schema_context: Vec<String>,
}

/// A BPP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seller {
    /// context.bpp_id.
    pub bpp_id: ParticipantId,
    /// Where it is reached; none: with us.
    pub bpp_uri: Option<String>,
    /// What it speaks.
    #[serde(default, skip_serializing_if = "is_seed")]
    pub profile: Profile,
}

fn is_seed(profile: &Profile) -> bool {
    *profile == Profile::Seed
}

impl Context {
    /// Of a request that our buyer's side makes.
    pub fn request(
        profile: Profile,
        action: Action,
        at: DateTime<Utc>,
        transaction_id: TransactionId,
        bap: (&ParticipantId, &str),
        bpp: Option<(&ParticipantId, &str)>,
        network_id: Option<String>,
    ) -> Self {
        Self {
            profile,
            action: action.as_str().into(),
            timestamp: at,
            message_id: MessageId::new(at),
            transaction_id,
            bap_id: bap.0.clone(),
            bap_uri: bap.1.into(),
            bpp_id: bpp.map(|bpp| bpp.0.clone()),
            bpp_uri: bpp.map(|bpp| bpp.1.into()),
            ttl: Some(TTL),
            carried: Carried { network_id, ..Carried::default() },
        }
    }

    /// Of the callback to this request: the same message_id, from the seller given unless the request named one.
    pub fn callback(&self, action: Action, at: DateTime<Utc>, bpp: Option<(&ParticipantId, &str)>) -> Self {
        let mut context = self.clone();
        context.action = action.callback().into();
        context.timestamp = at;
        context.ttl = match (self.profile, action) {
            (Profile::Seed, _) => self.ttl.or(Some(TTL)),
            // Enforced there: it is of use as long as it is delivered.
            (Profile::Lts, Action::Discover | Action::Select) => {
                let asked = self.ttl.unwrap_or(TTL).0;
                Some(Ttl(asked.saturating_add(USEFUL_AFTER_TTL)))
            }
            (Profile::Lts, _) => Some(TTL_OF_ORDERS),
        };
        if let Some((id, uri)) = bpp {
            context.bpp_id.get_or_insert_with(|| id.clone());
            context.bpp_uri.get_or_insert_with(|| uri.into());
        }
        context
    }

    /// Where a callback with this context goes.
    pub fn callback_uri(&self) -> String {
        let base = match (self.is_publication(), &self.bpp_uri) {
            (true, Some(bpp_uri)) => bpp_uri,
            _ => &self.bap_uri,
        };
        let base = base.trim_end_matches('/');
        match self.profile {
            Profile::Seed => format!("{base}/callbacks/{}", self.action),
            Profile::Lts => format!("{base}/{}", self.action),
        }
    }

    /// Whether it is of a publication or of the answer to one: between a BPP and a CDS, without a buyer.
    pub fn is_publication(&self) -> bool {
        self.action.starts_with("catalog/")
    }
}
