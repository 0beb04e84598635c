//! Every variable of the gateway, with unit and default.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    time::Duration,
};

use p2p_domain::ParticipantId;
use p2p_runtime::{
    Env, EnvError,
    grpc::{Between, Targets},
    http::Connections,
};

use crate::{
    access,
    beckn::Profile,
    peers::PeerConfig,
    redis::Redis,
    seller::publish::{PublishConfig, Wanted},
    signed,
};

const CALLBACK_PER_PEER: NonZeroUsize = NonZeroUsize::new(64).expect("64 is not zero");

/// The gateway's configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// `BIND_ADDR` (127.0.0.1) and `BAP_PORT` (4000): buyer's and seller's side.
    pub prosumer: SocketAddr,
    /// `BIND_ADDR` and `CDS_PORT` (4001): catalog discovery.
    pub cds: SocketAddr,
    /// Who may act, and how often.
    pub access: access::Config,
    /// `MAX_CONNECTIONS` (1024) and `MAX_CONNECTIONS_PER_PEER` (256; none in development on loopback), of both.
    pub connections: Connections,
    /// Who we are on the network.
    pub identity: Identity,
    /// Who is called, and who may call.
    pub peers: PeerConfig,
    /// What is signed, and whose signatures are believed.
    pub signatures: signed::Config,
    /// `BECKN_PROFILE`: in which our buyer's side asks the CDS, and our seller's side publishes; seed. Who is asked for an
    /// order is asked in what it speaks.
    pub profile: Profile,
    /// `NETWORK_ID`: which network our LTS messages belong to; none.
    pub network_id: Option<String>,
    /// Whether and how often our sellers' catalogs are published.
    pub publish: PublishConfig,
    /// `GATEWAY_ID`: names this gateway among those of one mailbox; host:BAP_PORT.
    pub gateway_id: String,
    /// `REDIS_URL` and `REDIS_CA_FILE`: where transaction state is cached; redis://localhost:6379.
    pub redis: Redis,
    /// `SERVICE_TOKEN`, `TLS_CA_FILE`, `TLS_CERT_FILE`, `TLS_KEY_FILE`: what services are shown.
    pub between: Between,
    /// `CATALOG_ADDR`: host:port, or several separated by commas; 127.0.0.1:50051.
    pub catalog: Targets,
    /// `MATCHING_ADDR`: host:port, or several separated by commas; 127.0.0.1:50052.
    pub matching: Targets,
    /// `ORDER_ADDR`: host:port, or several separated by commas; 127.0.0.1:50053.
    pub order: Targets,
    /// `CALLBACK_DELAY`: a callback is sent so many milliseconds after the acceptance; 100.
    pub callback_delay: Duration,
    /// `CALLBACK_PER_PEER`: callbacks to one host and port at once; 64.
    pub callback_per_peer: usize,
    /// `ACK_DEADLINE_MS`: the ACK goes out so long after the commit, whatever is still to be done; 500.
    pub ack_deadline: Duration,
    /// `DISCOVER_LIMIT`: most offers of one on_discover, 1 to 1,000; 100.
    pub discover_limit: u32,
}

/// Who we are on the network.
#[derive(Debug, Clone)]
pub struct Identity {
    /// `BAP_ID`: bap.p2p-trading.local.
    pub bap_id: ParticipantId,
    /// `BAP_URI`: where callbacks reach us; http://127.0.0.1:{BAP_PORT}.
    pub bap_uri: String,
    /// `BPP_ID`: bpp.p2p-trading.local.
    pub bpp_id: ParticipantId,
    /// `BPP_URI`: where actions reach us; http://127.0.0.1:{BAP_PORT}.
    pub bpp_uri: String,
    /// `CDS_URI`: who answers discover; http://127.0.0.1:{CDS_PORT}.
    pub cds_uri: String,
    /// `OWN_URIS`: all gateways of this mailbox, separated by commas; BAP_URI, BPP_URI, and CDS_URI unless `PUBLISH=on`
    /// says that the CDS is elsewhere.
    pub own_uris: Vec<String>,
}

impl Config {
    /// From the environment.
    ///
    /// # Errors
    /// Names the variable that cannot be used.
    pub fn from_env(env: &Env) -> Result<Self, EnvError> {
        let host = env.value("BIND_ADDR", IpAddr::from(Ipv4Addr::LOCALHOST))?;
        let (bap_port, cds_port) = (env.value("BAP_PORT", 4000)?, env.value("CDS_PORT", 4001)?);
        let local = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let identity = Identity::from_env(env, bap_port, cds_port)?;
        Ok(Self {
            prosumer: SocketAddr::new(host, bap_port),
            cds: SocketAddr::new(host, cds_port),
            connections: Connections::from_env(env, host)?,
            profile: env.value("BECKN_PROFILE", Profile::default())?,
            network_id: env.optional("NETWORK_ID"),
            publish: PublishConfig::from_env(env)?,
            peers: PeerConfig::from_env(env, host)?,
            access: access::Config::from_env(env, host)?,
            signatures: signed::Config::from_env(env, host, &identity)?,
            identity,
            gateway_id: env.text("GATEWAY_ID", &format!("{}:{bap_port}", env.text("HOSTNAME", "localhost"))),
            redis: Redis::from_env(env)?,
            between: Between::from_env(env)?,
            catalog: env.value("CATALOG_ADDR", local(50051).into())?,
            matching: env.value("MATCHING_ADDR", local(50052).into())?,
            order: env.value("ORDER_ADDR", local(50053).into())?,
            callback_delay: env.millis("CALLBACK_DELAY", 100)?,
            callback_per_peer: env.value("CALLBACK_PER_PEER", CALLBACK_PER_PEER)?.get(),
            ack_deadline: env.millis("ACK_DEADLINE_MS", 500)?,
            discover_limit: match env.value("DISCOVER_LIMIT", 100)? {
                limit @ 1..=1_000 => limit,
                limit => {
                    let why = "must be 1 to 1000".into();
                    return Err(EnvError::Invalid { name: "DISCOVER_LIMIT", text: limit.to_string(), why });
                }
            },
        })
    }
}

impl Identity {
    pub(crate) fn from_env(env: &Env, bap_port: u16, cds_port: u16) -> Result<Self, EnvError> {
        let participant = |name, default: &'static str| {
            let text = env.text(name, default);
            ParticipantId::parse(&text).map_err(|e| EnvError::Invalid { name, why: e.to_string(), text })
        };
        let uri = |name, port: u16| {
            let text = env.text(name, &format!("http://127.0.0.1:{port}"));
            match url::Url::parse(&text) {
                Ok(_) => Ok(text.trim_end_matches('/').to_owned()),
                Err(e) => Err(EnvError::Invalid { name, why: e.to_string(), text }),
            }
        };
        let (bap_uri, bpp_uri) = (uri("BAP_URI", bap_port)?, uri("BPP_URI", bap_port)?);
        let cds_uri = uri("CDS_URI", cds_port)?;
        let ours = match Wanted::from_env(env)? {
            Wanted::On => format!("{bap_uri},{bpp_uri}"),
            Wanted::AsUsual | Wanted::Off => format!("{bap_uri},{bpp_uri},{cds_uri}"),
        };
        let own = env.text("OWN_URIS", &ours);
        Ok(Self {
            bap_id: participant("BAP_ID", "bap.p2p-trading.local")?,
            bpp_id: participant("BPP_ID", "bpp.p2p-trading.local")?,
            own_uris: own.split(',').map(|uri| uri.trim().trim_end_matches('/').to_owned()).collect(),
            bap_uri,
            bpp_uri,
            cds_uri,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cds_that_is_published_to_is_none_of_our_own_gateways() {
        let own = |publish| {
            let env = Env::of([("PUBLISH", publish), ("CDS_URI", "https://cds.example")]);
            Identity::from_env(&env, 4000, 4001).map(|us| us.own_uris.contains(&us.cds_uri))
        };
        assert_eq!([own("on").unwrap(), own("off").unwrap(), own("").unwrap()], [false, true, true]);
        assert!(own("yes").is_err());
    }
}
