//! The edge alone, to be measured: what is done with a Beckn action before anything else is asked.

use p2p_runtime::Tasks;

use crate::{
    beckn::{Action, Envelope, seed::request},
    config::Config,
    peers::Peers,
};

/// Reads and checks Beckn actions as the gateway does, and forgets them.
pub struct Edge(Peers);

impl Edge {
    /// As it is configured.
    ///
    /// # Errors
    /// When the configuration cannot be used.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let Config { identity, peers, callback_per_peer, .. } = config;
        Ok(Self(Peers::new(identity, peers, *callback_per_peer, &Tasks::new())?))
    }

    /// Reads the body of an action: its outside, its context, whether its sender can be answered, and what it says.
    ///
    /// # Errors
    /// The sentence of the NACK.
    pub fn read(&self, action: &str, body: &str) -> Result<(), String> {
        let action: Action = action.parse().map_err(|()| format!("{action} is no action"))?;
        let envelope = Envelope::read(body, action.as_str()).map_err(|invalid| invalid.why)?;
        let read = self.0.can_answer(&envelope).and_then(|()| request::read(action, &envelope));
        read.map_err(|invalid| invalid.why)
    }
}
