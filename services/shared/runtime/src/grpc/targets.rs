//! Where a program of ours is found: `host:port`, or several of them for its replicas.

use std::{
    collections::BTreeSet,
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
    time::Duration,
};

use tokio::{net::lookup_host, time::timeout};

const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// One or more hosts with their ports. A host that resolves to several addresses counts as several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets(Vec<Target>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    host: String,
    port: u16,
}

/// Why a text names no targets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetsError {
    /// There is nothing before, between or after commas.
    #[error("an address is empty; wanted host:port, or several separated by commas")]
    Empty,
    /// One has no port.
    #[error("{0:?} has no port; wanted host:port, or several separated by commas")]
    Port(String),
    /// What follows the last colon is no port.
    #[error("the port of {0:?} is no number from 1 to 65535")]
    Number(String),
    /// What precedes it is no host.
    #[error("the host of {0:?} is neither a name nor an IP address (an IPv6 address stands in brackets)")]
    Host(String),
}

/// The addresses of targets.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    pub addresses: BTreeSet<SocketAddr>,
    /// Why some hosts could not be resolved.
    pub failure: Option<String>,
}

impl Targets {
    /// The address, when there is one only and it needs no lookup.
    pub(super) fn literal(&self) -> Option<SocketAddr> {
        match &self.0[..] {
            [Target { host, port }] => Some(SocketAddr::new(host.parse().ok()?, *port)),
            _ => None,
        }
    }

    /// All addresses as they are now.
    pub(super) async fn resolve(&self) -> Resolved {
        let mut resolved = Resolved::default();
        for target in &self.0 {
            match timeout(LOOKUP_TIMEOUT, lookup_host((target.host.as_str(), target.port))).await {
                Ok(Ok(found)) => resolved.addresses.extend(found),
                Ok(Err(error)) => resolved.failure = Some(format!("{target}: {error}")),
                Err(_late) => resolved.failure = Some(format!("{target}: no answer in time")),
            }
        }
        resolved
    }
}

impl From<SocketAddr> for Targets {
    fn from(address: SocketAddr) -> Self {
        Self(vec![Target { host: address.ip().to_string(), port: address.port() }])
    }
}

impl FromStr for Targets {
    type Err = TargetsError;

    fn from_str(text: &str) -> Result<Self, TargetsError> {
        text.split(',').map(|target| target.trim().parse()).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Target {
    type Err = TargetsError;

    fn from_str(text: &str) -> Result<Self, TargetsError> {
        if text.is_empty() {
            return Err(TargetsError::Empty);
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(|| TargetsError::Port(text.to_owned()))?;
        let port = port.parse().ok().filter(|port| *port != 0);
        let port = port.ok_or_else(|| TargetsError::Number(text.to_owned()))?;
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bracketed.unwrap_or(host);
        let is_ip = host.parse().is_ok_and(|ip: IpAddr| ip.is_ipv6() == bracketed.is_some());
        let is_name = bracketed.is_none()
            && !host.is_empty()
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
        match is_ip || is_name {
            true => Ok(Self { host: host.to_owned(), port }),
            false => Err(TargetsError::Host(text.to_owned())),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, target) in self.0.iter().enumerate() {
            write!(f, "{}{target}", if n == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_addresses_are_read_and_written() {
        for text in ["127.0.0.1:50051", "catalog:50051", "a-1.b_2:1,127.0.0.1:2,[::1]:65535"] {
            assert_eq!(text.parse::<Targets>().unwrap().to_string(), text);
        }
        let spaced = "catalog-1:50051, catalog-2:50051".parse::<Targets>().unwrap();
        assert_eq!(spaced.to_string(), "catalog-1:50051,catalog-2:50051");
        let literal: SocketAddr = "[::1]:50051".parse().unwrap();
        assert_eq!(Targets::from(literal).literal(), Some(literal));
        assert_eq!("catalog:50051".parse::<Targets>().unwrap().literal(), None);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let said = |text: &str| text.parse::<Targets>().unwrap_err();
        for text in ["", "a:1,", ",a:1", "a:1,,b:2"] {
            assert_eq!(said(text), TargetsError::Empty, "{text}");
        }
        assert_eq!(said("nowhere"), TargetsError::Port("nowhere".into()));
        for text in ["a:", "a:0", "a:65536", "a:http", "http://a"] {
            assert_eq!(said(text), TargetsError::Number(text.into()));
        }
        for text in [":1", "http://a:1", "::1:50051", "[a]:1", "[127.0.0.1]:1", "a b:1"] {
            assert_eq!(said(text), TargetsError::Host(text.into()));
        }
        assert_eq!(
            said("a:1,b").to_string(),
            r#""b" has no port; wanted host:port, or several separated by commas"#
        );
    }

    #[tokio::test]
    async fn what_cannot_be_resolved_does_not_keep_the_others_from_it() {
        let targets: Targets = "no-such-host.invalid:1,127.0.0.1:2".parse().unwrap();
        let resolved = targets.resolve().await;
        assert_eq!(resolved.addresses, BTreeSet::from(["127.0.0.1:2".parse().unwrap()]));
        assert!(resolved.failure.unwrap().starts_with("no-such-host.invalid:1: "));
    }
}
