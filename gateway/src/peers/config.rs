//! The variables that say who is called, and who may call.

use std::net::{IpAddr, SocketAddr};

use p2p_runtime::{Env, EnvError, Mode, Reach};
use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::allow::Allow;

/// In development all that is on this machine may be called.
const IN_DEVELOPMENT: &str = "127.0.0.0/8,::1";
const WHOM: &str = "it must say which hosts and addresses may send Beckn messages here and be called \
                    (*.example.org,203.0.113.0/24), since this gateway is reached from the network";

/// Who is called, and who may call.
#[derive(Debug, Clone)]
pub struct PeerConfig {
    /// `PEER_ALLOW`: 127.0.0.0/8,::1 in development, nobody in production.
    pub allow: Allow,
    /// `PEER_SENDERS`: from where Beckn messages are taken when the network reaches us; `PEER_ALLOW`. Behind a balancer
    /// they come from the balancer's addresses, which are none to be called.
    pub senders: Allow,
    /// Who reaches the gateway's listeners.
    pub reach: Reach,
    /// `PEER_DNS`: ip:port of the nameserver for peers' names; the system's.
    pub nameserver: Option<SocketAddr>,
    /// `PEER_CA_FILE`: certificates (PEM) of authorities whose https peers are believed, beside the machine's.
    pub authorities: Vec<CertificateDer<'static>>,
}

impl PeerConfig {
    /// From the environment of a gateway that listens there.
    ///
    /// # Errors
    /// Names the variable that cannot be used. `PEER_ALLOW` must be set where the network reaches the gateway.
    pub fn from_env(env: &Env, listens: IpAddr) -> Result<Self, EnvError> {
        let reach = Reach::of(env, listens)?;
        let told = env.optional("PEER_ALLOW");
        let text = match (told, reach, Mode::from_env(env)?) {
            (Some(text), ..) => text,
            (None, Reach::Network, _) => {
                return Err(EnvError::Unusable { name: "PEER_ALLOW", why: WHOM.into() });
            }
            (None, Reach::Loopback, Mode::Development) => IN_DEVELOPMENT.into(),
            (None, Reach::Loopback, Mode::Production) => String::new(),
        };
        let allow = allowed("PEER_ALLOW", text)?;
        let senders = match env.optional("PEER_SENDERS") {
            Some(text) => allowed("PEER_SENDERS", text)?,
            None => allow.clone(),
        };
        let nameserver = env.optional("PEER_DNS");
        let nameserver = nameserver.map(|text| {
            let no_address = |_e| "must be ip:port".to_owned();
            text.parse().map_err(|e| EnvError::Invalid { name: "PEER_DNS", why: no_address(e), text })
        });
        Ok(Self {
            allow,
            senders,
            reach,
            nameserver: nameserver.transpose()?,
            authorities: authorities(env)?,
        })
    }
}

fn allowed(name: &'static str, text: String) -> Result<Allow, EnvError> {
    if text.is_empty() {
        return Ok(Allow::default());
    }
    text.parse().map_err(|why| EnvError::Invalid { name, why, text })
}

fn authorities(env: &Env) -> Result<Vec<CertificateDer<'static>>, EnvError> {
    let Some(file) = env.optional("PEER_CA_FILE") else { return Ok(Vec::new()) };
    let unusable =
        |why: &str| EnvError::Invalid { name: "PEER_CA_FILE", why: why.into(), text: file.clone() };
    let read = CertificateDer::pem_file_iter(&file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|e| unusable(&e.to_string()))?;
    if found.is_empty() {
        return Err(unusable("holds no certificate"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<const N: usize>(listens: &str, variables: [(&str, &str); N]) -> Result<PeerConfig, String> {
        PeerConfig::from_env(&Env::of(variables), listens.parse().unwrap()).map_err(|e| e.to_string())
    }

    #[test]
    fn loopback_may_be_called_in_development_and_nobody_in_production() {
        let here = |config: PeerConfig| config.allow.permits("127.0.0.9".parse().unwrap(), None);
        assert!(here(read("127.0.0.1", []).unwrap()));
        assert!(here(read("0.0.0.0", [("PUBLISHED_ADDR", "127.0.0.1")]).unwrap()));
        assert!(!here(read("127.0.0.1", [("ENV", "production")]).unwrap()));
        assert!(!here(read("127.0.0.1", [("PEER_ALLOW", "127.0.0.8")]).unwrap()));
    }

    #[test]
    fn who_is_reached_from_the_network_must_say_whom_it_knows() {
        for variables in [[("ENV", "production")], [("ENV", "development")], [("PEER_ALLOW", "")]] {
            let error = read("0.0.0.0", variables).unwrap_err();
            assert!(error.starts_with("PEER_ALLOW cannot be used: it must say which hosts"), "{error}");
        }
        let config = read("0.0.0.0", [("ENV", "production"), ("PEER_ALLOW", "a.example")]).unwrap();
        assert_eq!(config.reach, Reach::Network);
        assert!(config.allow.permits("1.1.1.1".parse().unwrap(), Some("a.example")));
        assert_eq!(config.senders, config.allow);
    }

    #[test]
    fn where_messages_come_from_is_not_where_they_go_to() {
        let balanced = [("PEER_ALLOW", "*.example.org"), ("PEER_SENDERS", "10.0.0.0/8")];
        let config = read("0.0.0.0", balanced).unwrap();
        let balancer = "10.1.2.3".parse().unwrap();
        assert!(config.senders.permits(balancer, None) && !config.allow.permits(balancer, None));
    }

    #[test]
    fn a_variable_that_cannot_be_used_is_named_with_the_reason() {
        for (name, text, why) in [
            ("PEER_ALLOW", "a.example,", "\"\" is no host: is there a comma too many?"),
            ("PEER_SENDERS", "10.0.0.0/33", "no range"),
            ("PEER_DNS", "dns.example", "must be ip:port"),
            ("PEER_CA_FILE", "/nowhere", "No such file"),
            ("PEER_CA_FILE", "/dev/null", "holds no certificate"),
        ] {
            let error = read("127.0.0.1", [(name, text)]).unwrap_err();
            assert!(error.starts_with(name) && error.contains(why), "{error}");
        }
    }
}
