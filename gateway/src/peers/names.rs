//! What names lead to. The connector is given only addresses that were judged: what is checked is what is connected to,
//! however often a name changes its mind.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use hickory_resolver::{
    TokioResolver,
    config::{
        ConnectionConfig, LookupIpStrategy, NameServerConfig, ProtocolConfig, ResolverConfig, ResolverOpts,
    },
    net::{NetError, runtime::TokioRuntimeProvider},
};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::time::timeout;

use super::allow::{Allow, can_be_called};

/// For all that looking up one name takes.
const DEADLINE: Duration = Duration::from_millis(1_500);
/// For one answer of a nameserver.
const ANSWER: Duration = Duration::from_millis(600);
/// Addresses of one name that are tried.
const MOST_ADDRESSES: usize = 8;
/// Names that are remembered, and how long at most.
const MOST_NAMES: u64 = 1_024;
const REMEMBERED: Duration = Duration::from_secs(60);
const REMEMBERED_AS_UNKNOWN: Duration = Duration::from_secs(5);

/// Why a name leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    /// DNS does not know it, or not now.
    #[error("{name} cannot be resolved")]
    Unknown {
        /// The name.
        name: String,
        /// What the nameserver said.
        source: Box<NetError>,
    },
    /// No answer in time.
    #[error("{0} is not resolved in time")]
    Late(String),
    /// None of its addresses may be called. Which ones they are is in the log.
    #[error("{0} leads to no address that may be called")]
    NotAllowed(String),
}

/// Looks names up in `/etc/hosts`, then in DNS: without threads that a slow nameserver could use up, and with a deadline.
#[derive(Clone)]
pub struct Names(TokioResolver);

impl Names {
    /// Of this nameserver; of the system's (`/etc/resolv.conf`, as it is now) without one.
    ///
    /// # Errors
    /// When there can be no resolver.
    pub fn new(nameserver: Option<SocketAddr>) -> Result<Self, NetError> {
        let runtime = TokioRuntimeProvider::default;
        let mut builder = match nameserver {
            Some(address) => TokioResolver::builder_with_config(only(address), runtime()),
            None => TokioResolver::builder_tokio().unwrap_or_else(|error| {
                tracing::info!(%error, "no nameserver is configured: names are asked for on this machine");
                let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 53));
                TokioResolver::builder_with_config(only(here), runtime())
            }),
        };
        configure(builder.options_mut());
        Ok(Self(builder.build()?))
    }

    /// The addresses of a name.
    ///
    /// # Errors
    /// When it has none, or not now.
    pub async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, NameError> {
        let found = timeout(DEADLINE, self.0.lookup_ip(name)).await;
        let found = found.map_err(|_elapsed| NameError::Late(name.to_owned()))?;
        let unknown = |source| NameError::Unknown { name: name.to_owned(), source: Box::new(source) };
        Ok(found.map_err(unknown)?.iter().collect())
    }
}

fn only(nameserver: SocketAddr) -> ResolverConfig {
    let connections = [ProtocolConfig::Udp, ProtocolConfig::Tcp].map(|protocol| {
        let mut connection = ConnectionConfig::new(protocol);
        connection.port = nameserver.port();
        connection
    });
    let server = NameServerConfig::new(nameserver.ip(), true, connections.into());
    ResolverConfig::from_parts(None, Vec::new(), vec![server])
}

fn configure(options: &mut ResolverOpts) {
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.timeout = ANSWER;
    options.attempts = 2;
    options.cache_size = MOST_NAMES;
    options.positive_max_ttl = Some(REMEMBERED);
    options.negative_max_ttl = Some(REMEMBERED_AS_UNKNOWN);
}

/// Whose names are looked up.
#[derive(Debug, Clone)]
pub enum Judge {
    /// Strangers': what is allowed.
    Allowed(Arc<Allow>),
    /// The operator's own: all but where nobody may be called.
    Own,
}

impl Judge {
    fn permits(&self, name: &str, address: IpAddr) -> bool {
        match self {
            Self::Allowed(allow) => allow.permits(address, Some(name)),
            Self::Own => can_be_called(address),
        }
    }
}

/// What the connector asks for addresses.
pub struct Guarded {
    /// Looks up.
    pub names: Names,
    /// Sorts out.
    pub judge: Judge,
}

impl Guarded {
    async fn judged(names: Names, judge: Judge, name: String) -> Result<Vec<IpAddr>, NameError> {
        let found = names.addresses(&name).await?;
        let (mut permitted, refused): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|address| judge.permits(&name, *address));
        if !refused.is_empty() {
            tracing::info!(name, ?refused, ?permitted, "a name leads to addresses that may not be called");
        }
        if permitted.is_empty() {
            return Err(NameError::NotAllowed(name));
        }
        permitted.truncate(MOST_ADDRESSES);
        Ok(permitted)
    }
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (names, judge) = (self.names.clone(), self.judge.clone());
        Box::pin(async move {
            let judged = Self::judged(names, judge, name.as_str().to_owned()).await?;
            // The connector puts the port in.
            let addresses: Addrs = Box::new(judged.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

/// Whether a connection was not made because its name leads to no address that may be called.
pub fn is_not_allowed(error: &reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if matches!(cause.downcast_ref(), Some(NameError::NotAllowed(_))) {
            return true;
        }
        source = cause.source();
    }
    false
}
