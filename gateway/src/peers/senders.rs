//! Who may send Beckn messages to a gateway that the network reaches: allowed addresses, those of allowed names, and our
//! own gateways.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    time::Duration,
};

use futures::future::join_all;
use tokio::{sync::Mutex, time::Instant};

use super::{allow::Allow, names::Names};
/// How long the addresses of the allowed names are believed.
const BELIEVED: Duration = Duration::from_secs(60);

/// Who may send.
pub struct Senders {
    allow: Allow,
    names: Names,
    /// Allowed names without a *, and those of our own gateways.
    hosts: HashSet<String>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    asked: Option<Instant>,
    addresses: HashMap<String, Vec<IpAddr>>,
}

impl Senders {
    /// Our own gateways (host:port) may, beside those that are allowed.
    pub fn new<'a>(allow: Allow, names: Names, own: impl IntoIterator<Item = &'a String>) -> Self {
        let own = own.into_iter().filter_map(|place| place.rsplit_once(':')).map(|(host, _port)| host);
        let hosts = allow.exact_names().chain(own).map(str::to_owned).collect();
        Self { allow, names, hosts, known: Mutex::default() }
    }

    /// Whether who calls from there may send Beckn messages. Names are looked up once a minute, however many call.
    pub async fn admit(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if self.allow.permits(address, None) {
            return true;
        }
        let mut known = self.known.lock().await;
        if known.asked.is_none_or(|asked| asked.elapsed() > BELIEVED) {
            let found = join_all(self.hosts.iter().map(async |host| {
                // An address of ours is one, without asking anybody.
                let literal = host.trim_matches(['[', ']']).parse().map(|address| vec![address]);
                let found =
                    if let Ok(literal) = literal { Ok(literal) } else { self.names.addresses(host).await };
                (host.clone(), found)
            }));
            for (host, found) in found.await {
                match found {
                    Ok(found) => drop(known.addresses.insert(host, found)),
                    Err(error) => tracing::warn!(%error, "an allowed sender's addresses stay what they were"),
                }
            }
            known.asked = Some(Instant::now());
        }
        known.addresses.values().flatten().any(|known| known.to_canonical() == address)
    }
}

/// Says of a request that no socket brought it: our own client did, since our listener refused it.
#[derive(Debug, Clone, Copy)]
pub struct FromOurselves;
