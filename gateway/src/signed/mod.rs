//! Who signed a message, and our own signatures: `signature` with keys, the registry and the time.

mod config;
mod identity;
mod presented;

pub use config::{Config, Policy};
pub use presented::Presented;

use std::sync::Arc;

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use chrono::{DateTime, Utc};
use p2p_domain::Clock;

use crate::{
    beckn::{Context, Fault, lts_code as code, timely},
    config::Identity,
    peers::Answered,
    registry::{Registry, RegistryError, Subscriber},
    signature::{Error, Header, SigningKey, VerifyingKey, http, verify},
};

/// Checks and makes signatures. Clones are the same.
#[derive(Clone)]
pub struct Signatures(Arc<Parts>);

struct Parts {
    config: Config,
    us: Identity,
    registry: Registry,
    clock: Clock,
}

/// For whom we sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The buyer's side.
    Bap,
    /// The seller's side, and the CDS.
    Bpp,
}

/// A signature that holds.
#[derive(Debug, Clone)]
pub struct Signed {
    header: Header,
    by: Arc<Subscriber>,
}

impl Signed {
    /// Who has signed.
    pub fn subscriber(&self) -> &str {
        &self.by.subscriber_id
    }

    /// As the mailbox keeps it.
    pub fn authorization(&self) -> String {
        self.header.to_string()
    }
}

impl Signatures {
    /// As configured, of who we are.
    pub fn new(config: &Config, us: &Identity, registry: Registry, clock: Clock) -> Self {
        Self(Arc::new(Parts { config: config.clone(), us: us.clone(), registry, clock }))
    }

    /// Who signed this body; nobody where that need not be. `request` is the signature of the request that it answers,
    /// where it answers one.
    ///
    /// # Errors
    /// When it must be signed and is not, when the signature does not hold, or when nobody can tell.
    pub async fn verify(
        &self,
        presented: &Presented,
        body: &[u8],
        request: Option<&str>,
    ) -> Result<Option<Signed>, Fault> {
        let Parts { config, .. } = &*self.0;
        if config.policy == Policy::Off {
            return Ok(None);
        }
        let invalid = |error: Error| Fault::new(code::AUT_SIGNATURE_INVALID, sentence(&error));
        let of_gateway = |fault: Fault| Fault { path: Some(http::GATEWAY_AUTHORIZATION.to_owned()), ..fault };
        if let Some(gateway) =
            presented.gateway(config.dialect).map_err(|error| of_gateway(invalid(error)))?
        {
            self.holds(gateway, body, None).await.map_err(of_gateway)?;
        }
        match (presented.sender(config.dialect).map_err(invalid)?, config.policy) {
            (Some(header), _) => self.holds(header, body, request).await.map(Some),
            (None, Policy::Required) => {
                let why = "the message must be signed: Authorization: Signature keyId=...";
                Err(Fault::new(code::AUT_SIGNATURE_MISSING, why))
            }
            (None, _) => Ok(None),
        }
    }

    /// Looks up who a request says that it is of, so that the answer is at hand when its signature is looked at.
    pub async fn look_up(&self, presented: &Presented) {
        let Parts { config, registry, .. } = &*self.0;
        if config.policy == Policy::Off {
            return;
        }
        let told = [presented.gateway(config.dialect), presented.sender(config.dialect)];
        for header in told.into_iter().filter_map(|header| header.ok()?) {
            let signer = header.signer();
            if self.ourselves(signer.subscriber(), signer.key_id()).is_none() {
                // What comes of it is told to whoever asks again.
                let _ = registry.find(signer.subscriber(), signer.key_id()).await;
            }
        }
    }

    async fn holds(&self, header: Header, body: &[u8], request: Option<&str>) -> Result<Signed, Fault> {
        let Parts { config, registry, clock, .. } = &*self.0;
        let signer = header.signer();
        let by = match self.ourselves(signer.subscriber(), signer.key_id()) {
            Some(us) => us,
            None => registry.find(signer.subscriber(), signer.key_id()).await.map_err(|e| unknown(&e))?,
        };
        let invalid = |error: Error| Fault::new(code::AUT_SIGNATURE_INVALID, sentence(&error));
        let key = VerifyingKey::from_base64(&by.signing_public_key).map_err(|error| {
            tracing::warn!(subscriber = by.subscriber_id, %error, "the registry has no usable key");
            invalid(error)
        })?;
        let now = clock.now().timestamp();
        verify(&header, &key, body, now, config.tolerance_seconds, request).map_err(|error| {
            let subscriber = &by.subscriber_id;
            tracing::info!(subscriber, key_id = by.key_id, %error, "a signature does not hold");
            invalid(error)
        })?;
        Ok(Signed { header, by })
    }

    /// Looks at the signature of a peer's synchronous answer to a request of ours with this header. The answer counts
    /// whatever comes of it, as with beckn-onix: what is wrong is said in the log.
    pub async fn look_at_answer(&self, uri: &str, answer: &Answered, request: &str) {
        let Some(signature) = &answer.signature else {
            return tracing::debug!(uri, "a peer's answer is not signed");
        };
        let held = match Header::parse(signature, self.0.config.dialect) {
            Ok(header) => {
                let request = self.signature_of(request);
                self.holds(header, &answer.body, request.as_deref())
                    .await
                    .map(drop)
                    .map_err(|fault| fault.why)
            }
            Err(error) => Err(sentence(&error)),
        };
        if let Err(why) = held {
            tracing::warn!(uri, why, "a peer's answer is not signed as it should be");
        }
    }

    /// Our own keys are known without asking, the one that signs and the ones before or after it.
    fn ourselves(&self, subscriber: &str, key_id: &str) -> Option<Arc<Subscriber>> {
        let Parts { config, us, .. } = &*self.0;
        let of = |keys: &[SigningKey], url: &str| {
            let is_it = |key: &&SigningKey| {
                key.signer().subscriber() == subscriber && key.signer().key_id() == key_id
            };
            let key = keys.iter().find(is_it)?;
            Some(Arc::new(Subscriber {
                subscriber_id: subscriber.to_owned(),
                key_id: key_id.to_owned(),
                url: url.to_owned(),
                kind: String::new(),
                domain: String::new(),
                signing_public_key: key.public().to_string(),
                network_memberships: None,
                valid_from: None,
                valid_until: None,
                status: None,
            }))
        };
        of(&config.bap, &us.bap_uri).or_else(|| of(&config.bpp, &us.bpp_uri))
    }

    /// Whether a message is of use now.
    ///
    /// # Errors
    /// Says why not.
    pub fn timely(&self, context: &Context) -> Result<(), Fault> {
        timely(context, self.0.clock.now(), self.0.config.tolerance_seconds)
    }

    /// Whether we sign at all.
    pub fn signs(&self) -> bool {
        let Config { policy, bap, bpp, .. } = &self.0.config;
        *policy != Policy::Off && !(bap.is_empty() && bpp.is_empty())
    }

    /// The header that a request of ours goes with; none when nothing is signed.
    pub fn sign_request(&self, side: Side, body: &str, now: DateTime<Utc>) -> Option<String> {
        self.sign(side, body.as_bytes(), None, now).map(|header| header.to_string())
    }

    /// The header that a callback goes with: it covers the signature of the request that it answers, when that was signed.
    pub fn sign_callback(&self, body: &str, request: &str, now: DateTime<Utc>) -> Option<String> {
        let request = Header::parse(request, self.0.config.dialect).ok();
        let request = request.as_ref().map(Header::signature);
        self.sign(Side::Bpp, body.as_bytes(), request, now).map(|header| header.to_string())
    }

    fn sign(&self, side: Side, body: &[u8], request: Option<&str>, now: DateTime<Utc>) -> Option<Header> {
        let Parts { config, .. } = &*self.0;
        if config.policy == Policy::Off {
            return None;
        }
        let keys = match side {
            Side::Bap => &config.bap,
            Side::Bpp => &config.bpp,
        };
        let created = now.timestamp();
        Some(keys.first()?.sign(body, created, created + config.lifetime_seconds, request))
    }

    /// Signs a synchronous answer: it covers the signature of what it answers, when that was signed.
    pub fn seal(&self, side: Side, body: &[u8], presented: &Presented) -> Option<(HeaderName, HeaderValue)> {
        let request = presented.signature(self.0.config.dialect);
        let header = self.sign(side, body, request.as_deref(), self.0.clock.now())?;
        let name = HeaderName::from_bytes(http::SIGNATURE.as_bytes()).ok()?;
        Some((name, HeaderValue::from_str(&header.to_string()).ok()?))
    }

    /// Whether the message is signed over the signature of the request that it answers.
    pub fn answers_a_request(&self, presented: &Presented) -> bool {
        let Config { policy, dialect, .. } = self.0.config;
        policy != Policy::Off && presented.answers_a_request(dialect)
    }

    /// The signature within a header of ours.
    pub fn signature_of(&self, authorization: &str) -> Option<String> {
        let header = Header::parse(authorization, self.0.config.dialect).ok()?;
        Some(header.signature().to_owned())
    }

    /// Says with a 401 how one signs.
    pub fn challenge(&self, side: Side, fault: &Fault, mut answer: Response) -> Response {
        if answer.status() == StatusCode::UNAUTHORIZED {
            let us = &self.0.us;
            let id = match side {
                Side::Bap => us.bap_id.as_str(),
                Side::Bpp => us.bpp_id.as_str(),
            };
            if let Ok(challenge) = HeaderValue::from_str(&http::challenge(id)) {
                let of_gateway = fault.path.as_deref() == Some(http::GATEWAY_AUTHORIZATION);
                let name = if of_gateway { header::PROXY_AUTHENTICATE } else { header::WWW_AUTHENTICATE };
                answer.headers_mut().insert(name, challenge);
            }
        }
        answer
    }
}

/// With what caused it, as far as that helps who debugs a header.
fn sentence(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("the signature is refused: {error}: {cause}"),
        None => format!("the signature is refused: {error}"),
    }
}

fn unknown(error: &RegistryError) -> Fault {
    Fault::new(error.code(), error.to_string())
}
