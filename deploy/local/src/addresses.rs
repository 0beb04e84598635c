//! Where the four programs listen.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use p2p_runtime::{Env, EnvError};

use crate::ports;

/// The addresses of the four programs, by the variable that sets each.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// `CATALOG_ADDR`.
    pub catalog: SocketAddr,
    /// `MATCHING_ADDR`.
    pub matching: SocketAddr,
    /// `ORDER_ADDR`.
    pub order: SocketAddr,
    /// `BIND_ADDR` and `BAP_PORT`.
    pub bap: SocketAddr,
    /// `BIND_ADDR` and `CDS_PORT`.
    pub cds: SocketAddr,
}

/// Somebody else listens where our programs should.
#[derive(Debug, thiserror::Error)]
#[error("taken already: {}; stop what listens there, or choose other addresses in .env", .0.join(", "))]
pub struct Taken(Vec<String>);

impl Addresses {
    /// From the environment, else the usual ones.
    ///
    /// # Errors
    /// When a variable is no address or port.
    pub fn from_env(env: &Env) -> Result<Self, EnvError> {
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let bind = env.value("BIND_ADDR", IpAddr::from(Ipv4Addr::LOCALHOST))?;
        Ok(Self {
            catalog: env.value("CATALOG_ADDR", local(50_051))?,
            matching: env.value("MATCHING_ADDR", local(50_052))?,
            order: env.value("ORDER_ADDR", local(50_053))?,
            bap: (bind, env.value("BAP_PORT", 4000)?).into(),
            cds: (bind, env.value("CDS_PORT", 4001)?).into(),
        })
    }

    /// Fails if somebody listens on one of them.
    ///
    /// # Errors
    /// Names all that are taken, with their variables.
    pub fn ensure_free(&self) -> Result<(), Taken> {
        let all = [
            ("CATALOG_ADDR", self.catalog),
            ("MATCHING_ADDR", self.matching),
            ("ORDER_ADDR", self.order),
            ("BAP_PORT", self.bap),
            ("CDS_PORT", self.cds),
        ];
        let taken: Vec<_> = all
            .into_iter()
            .filter(|(_, address)| !ports::is_free(*address))
            .map(|(variable, address)| format!("{variable} {address}"))
            .collect();
        if taken.is_empty() { Ok(()) } else { Err(Taken(taken)) }
    }
}

/// The URL by which this machine reaches what listens there.
pub fn url(address: SocketAddr) -> String {
    let ip = match address.ip() {
        ip if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_taken_address_is_named_with_its_variable() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut addresses = Addresses::from_env(&Env::of([])).unwrap();
        addresses.order = other.local_addr().unwrap();
        let said = addresses.ensure_free().unwrap_err().to_string();
        assert!(said.contains(&format!("ORDER_ADDR {}", addresses.order)), "{said}");
    }

    #[test]
    fn what_listens_everywhere_is_reached_on_loopback() {
        assert_eq!(url(([0, 0, 0, 0], 4000).into()), "http://127.0.0.1:4000");
        assert_eq!(url(([10, 0, 0, 7], 4000).into()), "http://10.0.0.7:4000");
    }
}
