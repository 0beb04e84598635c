//! Keys of participants, and the file in which a gateway looks them up.

use std::{fs, path::PathBuf};

use p2p_domain::Clock;
use p2p_gateway::signature::{PrivateKey, Signer, SigningKey};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Client};

/// The network of the tests.
pub const NETWORK: &str = "example.org/test-network";
const KEY_ID: &str = "k1";

/// A participant with a key of its own.
#[derive(Clone)]
pub struct Participant {
    pub id: &'static str,
    seed: String,
}

impl Participant {
    /// Its key is that of a number.
    pub fn new(id: &'static str, number: u8) -> Self {
        // 32 equal bytes in base64; the last of 44 characters is padding.
        let bytes = [number; 32];
        Self { id, seed: base64(&bytes) }
    }

    fn key(&self) -> SigningKey {
        let private = PrivateKey::from_base64(&self.seed).unwrap();
        SigningKey::new(Signer::new(self.id, KEY_ID).unwrap(), private)
    }

    /// As BAP_SIGNING_KEYS and BPP_SIGNING_KEYS have it.
    pub fn variable(&self) -> String {
        format!("{KEY_ID}:{}", self.seed)
    }

    /// Its entry in the registry's file.
    pub fn registered(&self, url: &str) -> Value {
        json!({
            "subscriber_id": self.id,
            "key_id": KEY_ID,
            "url": url,
            "signing_public_key": self.key().public().to_string(),
            "network_memberships": [NETWORK],
        })
    }

    /// The header for a body, made so many seconds ago.
    pub fn signs(&self, body: &str, seconds_ago: i64) -> String {
        let created = Clock::system().now().timestamp() - seconds_ago;
        self.key().sign(body.as_bytes(), created, created + 60, None).to_string()
    }

    /// POSTs what it signs.
    pub async fn post(&self, client: &Client, url: &str, body: &str) -> Answer {
        post(client, url, body, &self.signs(body, 0)).await
    }
}

/// POSTs a body with this header.
pub async fn post(client: &Client, url: &str, body: &str, authorization: &str) -> Answer {
    client.saying("authorization", authorization).send(Method::POST, url, Some(body.into())).await
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let of = |chunk: &[u8]| {
        let at = |n: usize| u32::from(chunk.get(n).copied().unwrap_or_default());
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        let letter = |n: usize| match n <= chunk.len() {
            true => char::from(LETTERS[(bits >> (18 - 6 * n)) as usize & 63]),
            false => '=',
        };
        (0..4).map(letter).collect::<String>()
    };
    bytes.chunks(3).map(of).collect()
}

/// A file with subscribers, which goes with this value.
pub struct Registry(PathBuf);

impl Registry {
    /// Of nobody yet.
    pub fn new() -> Self {
        let name = format!("p2p-registry-{}.json", uuid::Uuid::new_v4().simple());
        let registry = Self(std::env::temp_dir().join(name));
        registry.has(&[]);
        registry
    }

    /// From now on it has these, and no others.
    pub fn has(&self, subscribers: &[Value]) {
        fs::write(&self.0, Value::from(subscribers).to_string()).unwrap();
    }

    /// What a gateway of these participants needs to sign and to verify.
    pub fn variables(&self, bap: &Participant, bpp: &Participant) -> Vec<(&'static str, String)> {
        vec![
            ("SIGNATURES", "required".into()),
            ("BAP_ID", bap.id.into()),
            ("BPP_ID", bpp.id.into()),
            ("BAP_SIGNING_KEYS", bap.variable()),
            ("BPP_SIGNING_KEYS", bpp.variable()),
            ("REGISTRY_TYPE", "file".into()),
            ("REGISTRY_FILE", self.0.to_string_lossy().into_owned()),
            ("ALLOWED_NETWORKS", NETWORK.into()),
            ("NETWORK_ID", NETWORK.into()),
        ]
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        fs::remove_file(&self.0).unwrap();
    }
}
