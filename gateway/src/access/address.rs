//! Where a request comes from: the address at the other end of its connection, never what a header says.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, Request},
    http::Uri,
};

/// The address of who sent a request; none when a gateway of ours serves itself without a connection.
pub(super) fn of(request: &Request) -> Option<IpAddr> {
    let ConnectInfo(peer) = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
    Some(peer.ip().to_canonical())
}

/// Where the gateways of our mailbox are.
pub(super) struct Ours {
    addresses: Vec<IpAddr>,
    loopback: bool,
}

impl Ours {
    /// By their URIs. Of a host name only `localhost` says an address.
    pub fn of(uris: &[String]) -> Self {
        let hosts: Vec<String> =
            uris.iter().filter_map(|uri| Some(uri.parse::<Uri>().ok()?.host()?.to_owned())).collect();
        let bare = |host: &String| host.trim_start_matches('[').trim_end_matches(']').parse().ok();
        let addresses: Vec<IpAddr> =
            hosts.iter().filter_map(bare).map(|ip: IpAddr| ip.to_canonical()).collect();
        let named = hosts.iter().any(|host| host.eq_ignore_ascii_case("localhost"));
        Self { loopback: named || addresses.iter().any(IpAddr::is_loopback), addresses }
    }

    /// Whether a gateway of ours may call from there. What calls from the address of one counts as one: on loopback
    /// that is whatever runs on this machine.
    pub fn have(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address) || (self.loopback && address.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn ours_are_known_by_their_addresses() {
        let ours = |uris: &[&str]| Ours::of(&uris.iter().map(|uri| (*uri).to_owned()).collect::<Vec<_>>());
        assert!(ours(&["http://localhost:4000"]).have(ip("127.0.0.1")));
        assert!(ours(&["http://127.0.0.1:4000"]).have(ip("127.0.0.2")));
        assert!(ours(&["http://[2001:db8::1]:4000"]).have(ip("2001:db8::1")));
        let public = ours(&["https://trade.example.org", "http://192.0.2.1:4000/beckn", "no uri"]);
        assert!(public.have(ip("192.0.2.1")));
        assert!(!public.have(ip("192.0.2.2")) && !public.have(ip("127.0.0.1")));
    }
}
