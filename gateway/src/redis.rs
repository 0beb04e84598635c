//! Where Redis is, and whose certificate it shows.

use std::{fs, path::PathBuf};

use fred::{
    prelude::Config,
    rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, pem::PemObject},
    },
    types::config::TlsConnector,
};
use p2p_runtime::{Env, EnvError, Mode, Secret};

const URL: &str = "REDIS_URL";
const AUTHORITY: &str = "REDIS_CA_FILE";
const DEFAULT_URL: &str = "redis://localhost:6379";
const SCHEMES: [&str; 3] = ["redis", "redis-cluster", "redis-sentinel"];
const SCHEMES_OF_TLS: [&str; 3] = ["rediss", "rediss-cluster", "rediss-sentinel"];

/// A Redis, or a cluster of them.
#[derive(Debug, Clone)]
pub struct Redis {
    url: Secret,
    /// PEM: whom to believe who a server of TLS is; the system's authorities when absent.
    authority: Option<PathBuf>,
}

impl Redis {
    /// `REDIS_URL` and `REDIS_CA_FILE`; redis://localhost:6379.
    ///
    /// # Errors
    /// When they cannot be used. What is said does not repeat the URL: it may hold a password.
    pub fn from_env(env: &Env) -> Result<Self, EnvError> {
        let unusable = |name, why: &str| EnvError::Unusable { name, why: why.to_owned() };
        let url = match env.secret(URL)? {
            Some(url) => url,
            None if Mode::from_env(env)? == Mode::Development => Secret::new(DEFAULT_URL),
            None => return Err(unusable(URL, "it must be set when ENV is production")),
        };
        let redis = Self { url, authority: env.optional(AUTHORITY).map(PathBuf::from) };
        let scheme = redis.url.expose().split_once("://").map_or("", |(scheme, _)| scheme);
        if !SCHEMES.iter().chain(&SCHEMES_OF_TLS).any(|known| *known == scheme) {
            let why = "must begin with redis://, redis-cluster:// or redis-sentinel://, or in TLS with rediss://, \
                       rediss-cluster:// or rediss-sentinel://";
            return Err(unusable(URL, why));
        }
        if redis.authority.is_some() && !redis.speaks_tls() {
            return Err(unusable(AUTHORITY, "REDIS_URL does not begin with rediss"));
        }
        redis.driver()?;
        Ok(redis)
    }

    fn speaks_tls(&self) -> bool {
        self.url.expose().starts_with("rediss")
    }

    /// As the driver is told.
    ///
    /// # Errors
    /// When the URL or the file cannot be used.
    pub fn driver(&self) -> Result<Config, EnvError> {
        let unusable = |e: fred::error::Error| EnvError::Unusable { name: URL, why: e.details().to_owned() };
        let url = self.url.expose();
        let Some(file) = &self.authority else { return Config::from_url(url).map_err(unusable) };
        // The scheme of TLS would ask for the system's authorities, and there may be none.
        let mut config = Config::from_url(&url.replacen("rediss", "redis", 1)).map_err(unusable)?;
        let why = |why: String| EnvError::Unusable {
            name: AUTHORITY,
            why: format!("{} cannot be used: {why}", file.display()),
        };
        let pem = fs::read(file).map_err(|error| why(error.to_string()))?;
        config.tls = Some(TlsConnector::from(trusting(&pem).map_err(why)?).into());
        Ok(config)
    }
}

fn trusting(pem: &[u8]) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() {
        return Err("it holds no certificate".into());
    }
    Ok(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said<const N: usize>(variables: [(&str, &str); N]) -> String {
        Redis::from_env(&Env::of(variables)).unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_be_used_is_said_without_the_password() {
        for url in ["http://:hush@h", "redis//:hush@h", "redis://:hush@h:port"] {
            let said = said([(URL, url)]);
            assert!(said.starts_with("REDIS_URL cannot be used: ") && !said.contains("hush"), "{said}");
        }
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let tls = (URL, "rediss://:hush@h");
        assert!(said([(URL, "redis://h"), (AUTHORITY, file)]).starts_with("REDIS_CA_FILE cannot be used: "));
        assert!(
            said([tls, (AUTHORITY, file)]).ends_with("Cargo.toml cannot be used: it holds no certificate")
        );
        assert!(said([tls, (AUTHORITY, "/nowhere")]).starts_with("REDIS_CA_FILE cannot be used: /nowhere"));
        assert_eq!(
            said([("ENV", "production")]),
            "REDIS_URL cannot be used: it must be set when ENV is production"
        );
        let redis = Redis::from_env(&Env::of([(URL, "redis-cluster://:hush@h")])).unwrap();
        assert!(!format!("{redis:?}").contains("hush"));
    }
}
