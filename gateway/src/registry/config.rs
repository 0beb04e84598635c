//! Where subscribers are looked up, and how long answers are believed.

use std::{path::PathBuf, time::Duration};

use url::Url;

/// Where subscribers are looked up, and how long answers are believed.
#[derive(Debug, Clone)]
pub struct RegistryConfig {
    /// `REGISTRY_TYPE` with `REGISTRY_URL` or `REGISTRY_FILE`: who is asked.
    pub source: Source,
    /// `REGISTRY_TTL_SECONDS`: an answer that does not say how long it holds is believed so long; 300 s.
    pub ttl: Duration,
    /// `REGISTRY_NEGATIVE_TTL_SECONDS`: who is unknown or refused is not asked for again so long; 60 s.
    pub negative_ttl: Duration,
    /// `REGISTRY_STALE_SECONDS`: while the registry cannot be reached, an answer is used so long after the registry last
    /// confirmed it; 21,600 s (6 h).
    pub stale: Duration,
    /// `ALLOWED_NETWORKS`, separated by commas: of which networks subscribers must be; empty: of any.
    pub allowed_networks: Vec<String>,
}

impl Default for RegistryConfig {
    fn default() -> Self {
        Self {
            source: Source::None,
            ttl: Duration::from_secs(300),
            negative_ttl: Duration::from_secs(60),
            stale: Duration::from_secs(21_600),
            allowed_networks: Vec::new(),
        }
    }
}

/// Who is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Source {
    /// Nobody: no subscriber can be looked up.
    #[default]
    None,
    /// A DeDi registry: `GET {base}/lookup/{subscriber}/subscribers.beckn.one/{key}`. See [`base`].
    Dedi(Url),
    /// A classic Beckn registry: `POST {base}/lookup`. See [`base`].
    Classic(Url),
    /// A JSON file with an array of subscribers, for development and tests.
    File(PathBuf),
}

/// The address of a registry, beneath which it is asked.
///
/// # Errors
/// When it is no http or https address, or has a query or a fragment: what is asked could not be put beneath it.
pub fn base(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|e| e.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("must begin with http:// or https://".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must have no ? and no #".into());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::base;

    #[test]
    fn only_what_can_be_asked_over_http_is_a_registrys_address() {
        assert!(base("https://fabric.nfh.global/registry/dedi").is_ok());
        for no_base in
            ["", "fabric.nfh.global", "mailto:a@b.example", "ftp://a.example", "http://a.example/?b=c"]
        {
            assert!(base(no_base).is_err(), "{no_base}");
        }
    }
}
