//! How programs of ours know one another: by a token that they share, by mutual TLS, or by both.

use std::net::SocketAddr;

use tonic::transport::{Endpoint, Error, Server};

use super::{
    Service,
    tls::Tls,
    token::{Admission, Tokens},
};
use crate::{Env, EnvError, Reach};

const CLOSED: &str = "set SERVICE_TOKEN, or TLS_CA_FILE, TLS_CERT_FILE and TLS_KEY_FILE (the same in all programs), or \
     listen on loopback; in development PUBLISHED_ADDR=127.0.0.1 says that a container's port is published there only";

/// What a program shows of itself, and asks of others. Nothing by default.
#[derive(Debug, Clone, Default)]
pub struct Between {
    tokens: Option<Tokens>,
    tls: Option<Tls>,
}

impl Between {
    /// From `SERVICE_TOKEN`, `TLS_CA_FILE`, `TLS_CERT_FILE` and `TLS_KEY_FILE`.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn from_env(env: &Env) -> Result<Self, EnvError> {
        Ok(Self { tokens: Tokens::from_env(env)?, tls: Tls::from_env(env)? })
    }

    /// The same, for a program that serves gRPC.
    ///
    /// # Errors
    /// And when it asks nothing of others though they can reach it.
    pub fn of_server(env: &Env, variable: &'static str, listens: SocketAddr) -> Result<Self, EnvError> {
        let between = Self::from_env(env)?;
        let asks = between.tokens.is_some() || between.tls.is_some();
        match Reach::of(env, listens.ip())? {
            Reach::Network if !asks => {
                let why =
                    format!("{listens} can be reached by anybody, and nothing is asked of them: {CLOSED}");
                Err(EnvError::Unusable { name: variable, why })
            }
            Reach::Network | Reach::Loopback => Ok(between),
        }
    }

    /// What a client sends with each call.
    pub(super) fn tokens(&self) -> Option<&Tokens> {
        self.tokens.as_ref()
    }

    /// Who may call a server.
    pub(super) fn admission(&self) -> Admission {
        Admission(self.tokens.clone())
    }

    /// The server, in TLS if programs speak it.
    ///
    /// # Errors
    /// When the files cannot be used.
    pub(super) fn secured(&self, server: Server) -> Result<Server, Error> {
        match &self.tls {
            Some(tls) => server.tls_config(tls.server()),
            None => Ok(server),
        }
    }

    /// Where one address of a service is.
    ///
    /// # Errors
    /// When the files cannot be used.
    pub(crate) fn endpoint(&self, service: Service, address: SocketAddr) -> Result<Endpoint, Error> {
        match &self.tls {
            Some(tls) => Endpoint::from_shared(format!("https://{address}"))?.tls_config(tls.client(service)),
            None => Endpoint::from_shared(format!("http://{address}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<const N: usize>(address: &str, variables: [(&str, &str); N]) -> Result<Between, String> {
        let between = Between::of_server(&Env::of(variables), "ORDER_ADDR", address.parse().unwrap());
        between.map_err(|error| error.to_string())
    }

    #[test]
    fn a_server_that_others_can_reach_asks_something_of_them() {
        let said = of("0.0.0.0:50053", []).unwrap_err();
        assert!(
            said.starts_with("ORDER_ADDR cannot be used: 0.0.0.0:50053 can be reached by anybody"),
            "{said}"
        );
        assert!(said.contains("set SERVICE_TOKEN, or TLS_CA_FILE"), "{said}");
        assert!(of("0.0.0.0:50053", [("ENV", "production"), ("PUBLISHED_ADDR", "127.0.0.1")]).is_err());
        of("127.0.0.1:50053", []).unwrap();
        of("0.0.0.0:50053", [("PUBLISHED_ADDR", "127.0.0.1")]).unwrap();
        of("0.0.0.0:50053", [("SERVICE_TOKEN", "0123456789abcdef0123456789abcdef")]).unwrap();
    }
}
