//! Who asks: noted on a request when it is let in, and asked for by every handler of what belongs to somebody.

use axum::{extract::FromRequestParts, http::request::Parts};
use p2p_domain::{ClientId, ProviderId};
use uuid::Uuid;

use crate::reply::ApiError;

/// Who a request's caller is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Nobody in particular: the route needs no key, or none does.
    Anyone,
    /// A client.
    Client(ClientId),
    /// A provider.
    Provider(ProviderId),
    /// Who runs the system.
    Operator,
}

/// Whose transactions a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Buyer {
    /// Everybody's: AUTH=off.
    Anyone,
    /// This client's and no other's.
    Client(ClientId),
}

impl Buyer {
    /// For the services: the client's id, or empty for everybody's.
    pub fn client_id(&self) -> String {
        match self {
            Self::Anyone => String::new(),
            Self::Client(id) => id.to_string(),
        }
    }
}

/// Whose things a seller's request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seller {
    /// Everybody's: AUTH=off.
    Anyone,
    /// This provider's and no other's.
    Provider(ProviderId),
}

impl Seller {
    /// The provider that a request names, as this seller may name it. Another's is asked for as one that nobody is,
    /// so that it answers like one that is not there, to the byte.
    pub fn names(&self, named: ProviderId) -> ProviderId {
        match self {
            Self::Provider(own) if *own != named => Uuid::new_v4().into(),
            Self::Provider(_) | Self::Anyone => named,
        }
    }

    /// The same where it need not be named: then it is the seller itself, or everybody for everybody.
    pub fn names_or_is(&self, named: Option<ProviderId>) -> Option<ProviderId> {
        match (self, named) {
            (seller, Some(named)) => Some(seller.names(named)),
            (Self::Provider(own), None) => Some(own.clone()),
            (Self::Anyone, None) => None,
        }
    }

    /// For the services: whose it must be, or empty for anybody's.
    pub fn provider_id(&self) -> String {
        match self {
            Self::Provider(own) => own.to_string(),
            Self::Anyone => String::new(),
        }
    }
}

/// The caller, which is noted on every request that is let in.
fn caller(parts: &Parts) -> Result<&Caller, ApiError> {
    parts.extensions.get().ok_or_else(unasked)
}

/// A handler asks for somebody whom its route does not need: a fault of ours.
fn unasked() -> ApiError {
    tracing::error!("a route does not need the key that its handler asks for");
    ApiError::internal()
}

impl<S: Send + Sync> FromRequestParts<S> for Buyer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        match caller(parts)? {
            Caller::Anyone => Ok(Self::Anyone),
            Caller::Client(id) => Ok(Self::Client(id.clone())),
            Caller::Provider(_) | Caller::Operator => Err(unasked()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Seller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        match caller(parts)? {
            Caller::Anyone => Ok(Self::Anyone),
            Caller::Provider(id) => Ok(Self::Provider(id.clone())),
            Caller::Client(_) | Caller::Operator => Err(unasked()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seller_names_itself_or_nobody() {
        let id = |text| ProviderId::parse(text).unwrap();
        let seller = Seller::Provider(id("own"));
        assert_eq!(seller.names(id("own")), id("own"));
        let (one, two) = (seller.names(id("other")), seller.names(id("other")));
        assert!(one != two && [id("own"), id("other")].iter().all(|known| *known != one));
        assert_eq!(seller.names_or_is(None), Some(id("own")));
        assert_eq!(Seller::Anyone.names(id("other")), id("other"));
        assert_eq!(Seller::Anyone.names_or_is(None), None);
    }
}
