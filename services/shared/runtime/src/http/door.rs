//! How many may be connected at once, in all and from one network.

use std::{
    collections::HashMap,
    io::{self, ErrorKind},
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    time::{Instant, sleep},
};

use crate::{Env, EnvError, Mode, Reach};

const MOST: usize = 1_024;
const MOST_PER_PEER: usize = 256;
/// So many connections may wait to be let in, if the system does not say fewer (`net.core.somaxconn`).
const WAITING: u32 = 4_096;
/// Between two attempts to accept, when the system has no socket left.
const PAUSE: Duration = Duration::from_millis(100);
/// Between two warnings that connections are refused.
const QUIET: Duration = Duration::from_secs(10);

/// How many connections there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// In all.
    pub most: usize,
    /// Of one address, IPv6 of one /64; 0: as many as in all.
    pub per_peer: usize,
}

impl Connections {
    /// `MAX_CONNECTIONS` (1024) and `MAX_CONNECTIONS_PER_PEER` (256; none in development on loopback, where all clients
    /// have one address) of a program that listens on this address.
    ///
    /// # Errors
    /// Names the variable that cannot be used.
    pub fn from_env(env: &Env, listens: IpAddr) -> Result<Self, EnvError> {
        let alone = Mode::from_env(env)? == Mode::Development && Reach::of(env, listens)? == Reach::Loopback;
        let most = match env.value("MAX_CONNECTIONS", MOST)? {
            0 => {
                let why = "must be at least 1".into();
                return Err(EnvError::Invalid { name: "MAX_CONNECTIONS", text: "0".into(), why });
            }
            most => most,
        };
        let per_peer = if alone { 0 } else { MOST_PER_PEER };
        Ok(Self { most, per_peer: env.value("MAX_CONNECTIONS_PER_PEER", per_peer)? })
    }
}

/// Listens there. A burst of connections fills the usual queue of 128, and the system then drops honest ones without a
/// word: they try again a second later. In this one there is room.
///
/// # Errors
/// When the address is taken or is none of this machine's.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING)
}

/// The whole of an address that one peer can have for itself: IPv6 its /64, IPv4 itself, also where it is written as IPv6.
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

/// Lets connections in while there is room. Clones are the same door.
#[derive(Debug, Clone)]
pub struct Door(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    connections: Connections,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    all: usize,
    peers: HashMap<IpAddr, usize>,
    warned: Option<Instant>,
}

/// A connection's place; it is free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    door: Door,
    peer: IpAddr,
}

impl Door {
    /// With so much room.
    pub fn new(connections: Connections) -> Self {
        Self(Arc::new(Shared { connections, inside: Mutex::default() }))
    }

    /// The next connection that there is room for. The others are closed at once.
    pub async fn enter(&self, listener: &TcpListener) -> (TcpStream, SocketAddr, Place) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    if let Some(place) = self.place(network_of(peer.ip())) {
                        return (stream, peer, place);
                    }
                }
                Err(error) if of_the_client(error.kind()) => {}
                Err(error) => {
                    tracing::error!(%error, "no connection can be accepted");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    fn place(&self, peer: IpAddr) -> Option<Place> {
        let Connections { most, per_peer } = self.0.connections;
        let mut inside = self.0.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let of_peer = inside.peers.get(&peer).copied().unwrap_or_default();
        if inside.all >= most || (per_peer > 0 && of_peer >= per_peer) {
            if inside.warned.is_none_or(|at| at.elapsed() > QUIET) {
                inside.warned = Some(Instant::now());
                tracing::warn!(%peer, of_peer, all = inside.all, "connections are refused: there are too many");
            }
            return None;
        }
        inside.all += 1;
        inside.peers.insert(peer, of_peer + 1);
        Some(Place { door: self.clone(), peer })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.door.0.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.all -= 1;
        match inside.peers.get_mut(&self.peer) {
            Some(of_peer) if *of_peer > 1 => *of_peer -= 1,
            _ => drop(inside.peers.remove(&self.peer)),
        }
    }
}

fn of_the_client(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_cannot_take_all_the_room_and_gets_its_room_back() {
        let door = Door::new(Connections { most: 3, per_peer: 2 });
        let enter = |address: &str| door.place(network_of(address.parse().unwrap()));
        let (first, second) = (enter("2001:db8::1").unwrap(), enter("2001:db8::ffff:0:1").unwrap());
        assert!(enter("2001:db8::2").is_none());
        let other = enter("::ffff:10.0.0.1").unwrap();
        assert_eq!(other.peer, IpAddr::from([10, 0, 0, 1]));
        assert!(enter("2001:db8:0:1::").is_none(), "it is full");
        drop(first);
        assert!(enter("2001:db8::2").is_some());
        drop((second, other));
        assert!(door.0.inside.lock().unwrap().peers.is_empty());
    }

    #[test]
    fn on_loopback_in_development_a_peer_may_have_all_connections() {
        let of = |env: Env, listens: &str| Connections::from_env(&env, listens.parse().unwrap()).unwrap();
        assert_eq!(of(Env::of([]), "127.0.0.1"), Connections { most: 1_024, per_peer: 0 });
        assert_eq!(of(Env::of([]), "0.0.0.0").per_peer, 256);
        assert_eq!(of(Env::of([("ENV", "production")]), "127.0.0.1").per_peer, 256);
        assert_eq!(of(Env::of([("MAX_CONNECTIONS_PER_PEER", "7")]), "127.0.0.1").per_peer, 7);
        let none = Env::of([("MAX_CONNECTIONS", "0")]);
        assert!(Connections::from_env(&none, "127.0.0.1".parse().unwrap()).is_err());
    }
}
