//! Whom a route is for.

use super::Kind;

/// Whom a route is for: declared beside it, enforced before its body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Who {
    /// Whoever asks how the program is; nobody is turned away for asking too often.
    Probe,
    /// Anyone.
    Anyone,
    /// Anyone, so many times an hour: who wants to sell.
    Newcomer,
    /// A client of our buyer's side, with a key.
    Client,
    /// A provider, with a key.
    Provider,
    /// Who runs the system, with OPERATOR_KEY.
    Operator,
    /// Another participant of the network, or a gateway of ours.
    Peer,
}

/// Which key a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// A provider's or a client's.
    Kind(Kind),
    /// OPERATOR_KEY.
    Operator,
}

impl Who {
    pub(super) fn needs(self) -> Option<Needs> {
        match self {
            Self::Probe | Self::Anyone | Self::Newcomer | Self::Peer => None,
            Self::Client => Some(Needs::Kind(Kind::Client)),
            Self::Provider => Some(Needs::Kind(Kind::Provider)),
            Self::Operator => Some(Needs::Operator),
        }
    }
}

impl Needs {
    /// Whose key it is, for a sentence.
    pub fn whose(self) -> &'static str {
        match self {
            Self::Kind(Kind::Client) => "a client's",
            Self::Kind(Kind::Provider) => "a provider's",
            Self::Operator => "the operator's",
        }
    }
}
