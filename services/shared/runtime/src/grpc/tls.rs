//! Mutual TLS between programs of ours (rustls): each shows a certificate of one authority, and asks for one.
//!
//! A server's certificate must name the service that is called: `catalog`, `matching` or `order`, whatever host or
//! address it was found at. Replicas come and go and are found by their addresses, so these say nothing of who is
//! there; and nobody who holds the catalog's key can be taken for the order service.
//!
//! The files are read once: a program that is to use renewed ones is started again.

use std::{fmt, fs, time::Duration};

use tonic::transport::{Certificate, ClientTlsConfig, Identity, Server, ServerTlsConfig};

use super::Service;
use crate::{Env, EnvError};

const CA: &str = "TLS_CA_FILE";
const CERT: &str = "TLS_CERT_FILE";
const KEY: &str = "TLS_KEY_FILE";
/// For the handshake; who connects and says nothing goes.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who we are and whom we believe.
#[derive(Clone)]
pub(super) struct Tls {
    authority: Certificate,
    own: Identity,
}

impl fmt::Debug for Tls {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(..)")
    }
}

impl Tls {
    /// From the files (PEM) that `TLS_CA_FILE`, `TLS_CERT_FILE` and `TLS_KEY_FILE` name; none when none is named.
    ///
    /// # Errors
    /// When only some are named, or what they hold cannot be used.
    pub fn from_env(env: &Env) -> Result<Option<Self>, EnvError> {
        let named = [(CA, env.optional(CA)), (CERT, env.optional(CERT)), (KEY, env.optional(KEY))];
        if let [(_, None), (_, None), (_, None)] = named {
            return Ok(None);
        }
        let [authority, certificate, key] = named.map(|(name, file)| read(name, file));
        let tls = Self {
            authority: Certificate::from_pem(authority?),
            own: Identity::from_pem(certificate?, key?),
        };
        tls.check()?;
        Ok(Some(tls))
    }

    /// What a server shows and asks for.
    pub fn server(&self) -> ServerTlsConfig {
        let config = ServerTlsConfig::new().identity(self.own.clone());
        config.client_ca_root(self.authority.clone()).timeout(PATIENCE)
    }

    /// What a client of a service shows and asks for.
    pub fn client(&self, service: Service) -> ClientTlsConfig {
        let config = ClientTlsConfig::new().identity(self.own.clone());
        config.ca_certificate(self.authority.clone()).domain_name(service.name()).timeout(PATIENCE)
    }

    /// Now, and not when somebody connects.
    fn check(&self) -> Result<(), EnvError> {
        let checked = Server::builder().tls_config(self.server());
        checked.map(drop).map_err(|error| {
            let why = format!("{} (with {CA} and {KEY})", crate::chain(&error));
            EnvError::Unusable { name: CERT, why }
        })
    }
}

fn read(name: &'static str, file: Option<String>) -> Result<String, EnvError> {
    let unusable = |why: String| EnvError::Unusable { name, why };
    let together = || unusable(format!("it is not set; {CA}, {CERT} and {KEY} go together"));
    let file = file.ok_or_else(together)?;
    fs::read_to_string(&file).map_err(|error| unusable(format!("{file} cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_missing_or_hold_something_else_are_named() {
        let said = |variables| Tls::from_env(&Env::of(variables)).unwrap_err().to_string();
        let no = "/nowhere/at.all";
        assert_eq!(
            said([(CA, no), (CERT, ""), (KEY, "")]),
            "TLS_CA_FILE cannot be used: /nowhere/at.all cannot be read: No such file or directory (os error 2)"
        );
        let file = std::env::temp_dir().join(format!("p2p-no-pem-{}", std::process::id()));
        fs::write(&file, "hush").unwrap();
        let path = file.to_str().unwrap();
        assert_eq!(
            said([(CA, path), (CERT, path), (KEY, "")]),
            "TLS_KEY_FILE cannot be used: it is not set; TLS_CA_FILE, TLS_CERT_FILE and TLS_KEY_FILE go together"
        );
        let nothing = said([(CA, path), (CERT, path), (KEY, path)]);
        assert!(
            nothing.starts_with("TLS_CERT_FILE cannot be used: ") && !nothing.contains("hush"),
            "{nothing}"
        );
        fs::remove_file(file).unwrap();
        assert!(Tls::from_env(&Env::default()).unwrap().is_none());
    }
}
