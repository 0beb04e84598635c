//! Where the four programs listen.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    str::FromStr,
};

use p2p_runtime::{Env, EnvError};

use crate::ports;

/// Most of each program on one machine.
const MOST: u16 = 4;
/// How much higher the ports of the next replica are.
const APART: u16 = 10;

/// The addresses of one of each of the four programs, by the variable that sets each.
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

/// How many of each program are started.
#[derive(Debug, Clone, Copy)]
struct Replicas(u16);

/// Not so many.
#[derive(Debug, thiserror::Error)]
#[error("must be a whole number from 1 to {MOST}")]
struct NotSoMany;

impl FromStr for Replicas {
    type Err = NotSoMany;

    fn from_str(text: &str) -> Result<Self, NotSoMany> {
        let replicas = text.parse().ok().filter(|replicas| (1..=MOST).contains(replicas));
        replicas.map(Self).ok_or(NotSoMany)
    }
}

/// Somebody else listens where our programs should.
#[derive(Debug, thiserror::Error)]
#[error("taken already: {}; stop what listens there, or choose other addresses in .env", .0.join(", "))]
pub struct Taken(Vec<String>);

impl Addresses {
    /// Those of every replica, from the environment, else the usual ones: `REPLICAS` (1), each on ports ten higher than
    /// the one before.
    ///
    /// # Errors
    /// When a variable is no address, port or number of replicas.
    pub fn of_replicas(env: &Env) -> Result<Vec<Self>, EnvError> {
        let (first, Replicas(replicas)) = (Self::from_env(env)?, env.value("REPLICAS", Replicas(1))?);
        let all: Option<Vec<Self>> = (0..replicas).map(|n| first.higher(n * APART)).collect();
        all.ok_or_else(|| EnvError::Invalid {
            name: "REPLICAS",
            text: replicas.to_string(),
            why: "there are no ports so high".into(),
        })
    }

    fn from_env(env: &Env) -> Result<Self, EnvError> {
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

    fn higher(self, by: u16) -> Option<Self> {
        let higher = |address: SocketAddr| Some((address.ip(), address.port().checked_add(by)?).into());
        Some(Self {
            catalog: higher(self.catalog)?,
            matching: higher(self.matching)?,
            order: higher(self.order)?,
            bap: higher(self.bap)?,
            cds: higher(self.cds)?,
        })
    }

    fn by_variable(&self) -> [(&'static str, SocketAddr); 5] {
        [
            ("CATALOG_ADDR", self.catalog),
            ("MATCHING_ADDR", self.matching),
            ("ORDER_ADDR", self.order),
            ("BAP_PORT", self.bap),
            ("CDS_PORT", self.cds),
        ]
    }
}

/// Fails if somebody listens on one of them, or two programs would on the same.
///
/// # Errors
/// Names all that are taken, with their variables.
pub fn ensure_free(replicas: &[Addresses]) -> Result<(), Taken> {
    let (mut seen, mut taken) = (Vec::new(), Vec::new());
    for (n, addresses) in replicas.iter().enumerate() {
        for (variable, address) in addresses.by_variable() {
            if seen.contains(&address) || !ports::is_free(address) {
                taken.push(match n {
                    0 => format!("{variable} {address}"),
                    _ => format!("{variable} of replica {} {address}", n + 1),
                });
            }
            seen.push(address);
        }
    }
    if taken.is_empty() { Ok(()) } else { Err(Taken(taken)) }
}

/// The address by which this machine reaches what listens there.
pub fn reached(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
        _ => address,
    }
}

/// The URL by which this machine reaches what listens there.
pub fn url(address: SocketAddr) -> String {
    format!("http://{}", reached(address))
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
        let said = ensure_free(&[addresses]).unwrap_err().to_string();
        assert!(said.contains(&format!("ORDER_ADDR {}", addresses.order)), "{said}");
    }

    #[test]
    fn replicas_listen_ten_ports_higher_each() {
        let replicas =
            Addresses::of_replicas(&Env::of([("REPLICAS", "3"), ("ORDER_ADDR", "0.0.0.0:7")])).unwrap();
        let ports =
            |of: fn(&Addresses) -> SocketAddr| replicas.iter().map(|r| of(r).port()).collect::<Vec<_>>();
        assert_eq!(ports(|r| r.bap), [4000, 4010, 4020]);
        assert_eq!(ports(|r| r.catalog), [50_051, 50_061, 50_071]);
        assert_eq!(replicas[2].order.to_string(), "0.0.0.0:27");
        assert_eq!(Addresses::of_replicas(&Env::of([("REPLICAS", "")])).unwrap().len(), 1);
    }

    #[test]
    fn other_numbers_of_replicas_are_refused_in_a_sentence() {
        let refusal = |env| Addresses::of_replicas(&env).unwrap_err().to_string();
        for text in ["0", "5", "-1", "two"] {
            let said = format!("REPLICAS={text:?} cannot be used: must be a whole number from 1 to 4");
            assert_eq!(refusal(Env::of([("REPLICAS", text)])), said);
        }
        let high = Env::of([("REPLICAS", "2"), ("CDS_PORT", "65530")]);
        assert_eq!(refusal(high), r#"REPLICAS="2" cannot be used: there are no ports so high"#);
    }

    #[test]
    fn two_programs_on_one_address_are_named() {
        let replicas = Addresses::of_replicas(&Env::of([("REPLICAS", "2"), ("CDS_PORT", "4010")])).unwrap();
        let said = ensure_free(&replicas).unwrap_err().to_string();
        assert!(said.contains("BAP_PORT of replica 2 127.0.0.1:4010"), "{said}");
    }

    #[test]
    fn what_listens_everywhere_is_reached_on_loopback() {
        assert_eq!(url(([0, 0, 0, 0], 4000).into()), "http://127.0.0.1:4000");
        assert_eq!(url(([10, 0, 0, 7], 4000).into()), "http://10.0.0.7:4000");
    }
}
