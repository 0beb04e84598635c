//! Beckn messages as another participant would write them.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::{Answer, Client};

pub const OWN_BAP: &str = "bap.p2p-trading.local";

/// A message in the making.
#[derive(Debug, Clone)]
pub struct Message(pub Value);

impl Message {
    /// With a message_id of its own, from our own BAP through `client`.
    pub fn new(client: &Client, action: &str, transaction: &str, message: Value) -> Self {
        Self(json!({
            "context": {
                "domain": "energy:trading:p2p",
                "version": "2.0.0",
                "action": action,
                "timestamp": "2026-11-22T00:00:00.000Z",
                "message_id": Uuid::new_v4().to_string(),
                "transaction_id": transaction,
                "bap_id": OWN_BAP,
                "bap_uri": client.bap,
                "bpp_id": "provider-solar-alpha",
                "bpp_uri": client.bap,
                "ttl": "PT30S",
            },
            "message": message,
        }))
    }

    /// From a BAP of somebody else, which takes its callbacks at `uri`.
    pub fn elsewhere(self, uri: &str) -> Self {
        self.with("bap_id", "bap.elsewhere").with("bap_uri", uri)
    }

    /// With another value in its context.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0["context"][name] = value.into();
        self
    }

    /// Says what went wrong instead of something.
    pub fn failed(mut self, code: &str, message: &str) -> Self {
        self.0.as_object_mut().unwrap().remove("message");
        self.0["error"] = json!({"code": code, "message": message});
        self
    }

    /// POSTs it where its action belongs.
    pub async fn post(&self, client: &Client) -> Answer {
        let path = format!("/{}", self.0["context"]["action"].as_str().unwrap());
        client.post_text(&path, &self.text()).await
    }

    pub fn id(&self) -> String {
        self.0["context"]["message_id"].as_str().unwrap().to_owned()
    }

    pub fn text(&self) -> String {
        self.0.to_string()
    }
}

/// `message` of a select.
pub fn select(offer: &str, kwh: &Value) -> Value {
    json!({"orderItems": [{"item_id": item_of(offer), "offer_id": offer, "quantity": kwh}]})
}

/// `message` of an init.
pub fn init(offer: &str, kwh: &Value) -> Value {
    json!({"order": {
        "items": [{"item_id": item_of(offer), "offer_id": offer, "quantity": kwh}],
        "provider": {"id": provider_of(offer)},
    }})
}

fn item_of(offer: &str) -> &'static str {
    if offer.contains("beta") { "item-solar-002" } else { "item-solar-001" }
}

pub fn provider_of(offer: &str) -> &'static str {
    if offer.contains("beta") { "provider-solar-beta" } else { "provider-solar-alpha" }
}
