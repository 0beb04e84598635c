//! The edge alone, to be measured: what is done with a Beckn action before anything else is asked.

use axum::http::{HeaderMap, HeaderValue, header};
use p2p_domain::Clock;
use p2p_runtime::Tasks;

use crate::{
    access::Auth,
    beckn::{self, Action, Envelope, Invalid, acknowledgement},
    config::Config,
    exchange::acceptable,
    metrics,
    peers::Peers,
    registry::{Registry, through},
    signed::{Presented, Side, Signatures, Signed},
};

/// Reads and checks Beckn actions as the gateway does, and forgets them.
#[derive(Clone)]
pub struct Edge {
    peers: Peers,
    signatures: Signatures,
    auth: Auth,
    clock: Clock,
}

/// What a signed message is answered with.
#[derive(Debug)]
pub struct Acknowledged {
    /// The body.
    pub body: String,
    /// Its `Signature` header.
    pub signature: String,
}

impl Edge {
    /// As it is configured.
    ///
    /// # Errors
    /// When the configuration cannot be used.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let Config { identity, peers, callback_per_peer, signatures, .. } = config;
        let (tasks, clock) = (Tasks::new(), Clock::system());
        let peers = Peers::new(identity, peers, *callback_per_peer, &tasks)?;
        let fetch = through(peers.to_the_operators());
        let registry = Registry::new(&signatures.registry, fetch, clock.clone(), tasks, metrics::looked_up);
        let signatures = Signatures::new(signatures, identity, registry, clock.clone());
        Ok(Self { peers, signatures, auth: config.access.auth, clock })
    }

    /// Reads the body of an action: its outside, its context, whether its sender can be answered, and what it says.
    ///
    /// # Errors
    /// The sentence of the NACK.
    pub fn read(&self, action: &str, body: &str) -> Result<(), String> {
        let action: Action = action.parse().map_err(|()| format!("{action} is no action"))?;
        let read =
            Envelope::read(body, action.as_str()).and_then(|envelope| self.checked(action, &envelope, None));
        read.map_err(|invalid| invalid.why().to_owned())
    }

    fn checked(
        &self,
        action: Action,
        envelope: &Envelope<'_>,
        signed: Option<&Signed>,
    ) -> Result<(), Invalid> {
        acceptable(&self.signatures, &self.peers, self.auth, action, envelope, signed)?;
        beckn::read(action, envelope).map(drop)
    }

    /// Accepts a signed action as far as that is done before anything is stored: its signature, its outside, whether it is
    /// of use now and from whom it says, whether its sender can be answered, and what it says; and signs the answer.
    ///
    /// # Errors
    /// The sentence of the NACK.
    pub async fn accept(
        &self,
        action: &str,
        body: &str,
        authorization: &str,
    ) -> Result<Acknowledged, String> {
        let action: Action = action.parse().map_err(|()| format!("{action} is no action"))?;
        let value = HeaderValue::from_str(authorization).map_err(|e| e.to_string())?;
        let presented = Presented::of(&HeaderMap::from_iter([(header::AUTHORIZATION, value)]));
        let signed = self.signatures.verify(&presented, body.as_bytes(), None).await;
        let signed = signed.map_err(|fault| fault.why)?.ok_or("nobody looks at signatures")?;
        let why = |invalid: Invalid| invalid.why().to_owned();
        let envelope = Envelope::read(body, action.as_str()).map_err(why)?;
        self.checked(action, &envelope, Some(&signed)).map_err(why)?;
        let now = self.clock.now();
        let body = acknowledgement(&envelope.context, envelope.raw_context, now, None).text;
        let sealed = self.signatures.seal(Side::Bpp, body.as_bytes(), &presented);
        let (_, value) = sealed.ok_or("nothing is signed")?;
        let signature = value.to_str().map_err(|e| e.to_string())?.to_owned();
        Ok(Acknowledged { body, signature })
    }
}
