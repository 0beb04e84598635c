//! A client for the demo, where clients need keys.

use anyhow::Context;
use p2p_runtime::{Env, Secret};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::buyer::{self, Buyer};

/// Said when an answer is 401.
pub const NEEDED: &str =
    "clients need keys there (AUTH=keys): set OPERATOR_KEY or CLIENT_KEY, as it runs with";

/// The key that the demo trades with.
pub struct ClientKey {
    /// Shown in every request.
    pub key: Secret,
    /// The key's id, and who made it: it is revoked again.
    made: Option<(String, Buyer)>,
}

impl ClientKey {
    /// `CLIENT_KEY`, or that of a new client, which `OPERATOR_KEY` makes; none where nobody needs one.
    ///
    /// # Errors
    /// When the system makes none.
    pub async fn obtain(env: &Env, bap: &str) -> anyhow::Result<Option<Self>> {
        if let Some(key) = env.secret("CLIENT_KEY")? {
            return Ok(Some(Self { key, made: None }));
        }
        let Some(operator) = env.secret("OPERATOR_KEY")? else { return Ok(None) };
        let operator = Buyer::new(bap.to_owned(), String::new(), Some(&operator))?;
        println!("\n== a client\nPOST {bap}/operator/clients");
        let (status, body) = operator.ask_for("/operator/clients", &json!({"name": "demo"})).await?;
        match status {
            StatusCode::OK => {
                let mut client: Value = serde_json::from_str(&body).context("answered no JSON")?;
                let key = buyer::text(&client, "/key")?;
                let id = buyer::text(&client, "/key_id")?;
                client["key"] = "(shown once, to its client)".into();
                buyer::show("200", &client);
                Ok(Some(Self { key: Secret::new(key), made: Some((id, operator)) }))
            }
            // AUTH=off.
            StatusCode::CONFLICT => {
                println!("409: nobody needs a key there");
                Ok(None)
            }
            _ => anyhow::bail!("/operator/clients answered {status}: {body}"),
        }
    }

    /// Nobody needs it any more.
    ///
    /// # Errors
    /// When it is not revoked.
    pub async fn give_back(self) -> anyhow::Result<()> {
        let Some((id, operator)) = self.made else { return Ok(()) };
        operator.delete(&format!("/operator/keys/{id}")).await?;
        println!("\nthe client's key {id} is revoked");
        Ok(())
    }
}
