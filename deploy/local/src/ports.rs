//! Which ports are free.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// How many ports are tried before giving up.
const TRIES: u16 = 200;
/// Below the range that outgoing connections take theirs from, so that a port found free stays free.
const FIRST_FOR_TESTS: u16 = 15_000;
const FOR_TESTS: u16 = 16_000;

/// Every port that was tried is taken.
#[derive(Debug, thiserror::Error)]
#[error("no port is free from {first} on: {TRIES} were tried")]
pub struct NoneFree {
    first: u16,
}

/// Whether nothing listens on the address.
pub fn is_free(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_ok()
}

/// The first port from the wished one on that nothing listens on.
///
/// # Errors
/// When none of the next ones is free.
pub fn from(first: u16) -> Result<u16, NoneFree> {
    (first..)
        .take(TRIES.into())
        .find(|port| is_free((Ipv4Addr::LOCALHOST, *port).into()))
        .ok_or(NoneFree { first })
}

/// The same, but none of these, which are promised to others that do not listen yet.
///
/// # Errors
/// When none of the next ones is free.
pub fn from_but(first: u16, promised: &[u16]) -> Result<u16, NoneFree> {
    let mut port = from(first)?;
    while promised.contains(&port) {
        port = from(port.checked_add(1).ok_or(NoneFree { first })?)?;
    }
    Ok(port)
}

/// A free port that another test run on this machine, started at the same moment, is unlikely to choose too.
///
/// # Errors
/// When none is free.
pub fn for_tests(pid: u32) -> Result<u16, NoneFree> {
    // 37 apart: neighbouring processes have neighbouring numbers.
    let offset = u16::try_from(pid.wrapping_mul(37) % u32::from(FOR_TESTS)).unwrap_or_default();
    from(FIRST_FOR_TESTS + offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_passed_over() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert!(!is_free((Ipv4Addr::LOCALHOST, port).into()));
        let next = from(port).unwrap();
        assert!(next > port);
        assert!(from_but(port, &[next]).unwrap() > next);
    }

    #[test]
    fn tests_stay_below_the_range_of_outgoing_connections() {
        for pid in [1, 4_321, u32::MAX] {
            assert!((15_000..32_000).contains(&for_tests(pid).unwrap()));
        }
    }
}
