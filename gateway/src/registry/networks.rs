//! Whether a subscriber is of a network that is trusted here.

use super::Subscriber;

/// Who serves all networks, and need be of none.
const OF_EVERY_NETWORK: [&str; 2] = ["fabric.nfh.global", "staging.catalg.fabric.nfh.global"];

/// Why a subscriber is not trusted in a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAMember {
    /// The message names a network that the subscriber is not of.
    #[error("{subscriber} is not of the network {network}")]
    OfNamed {
        /// Who sent it.
        subscriber: String,
        /// What its context names.
        network: String,
    },
    /// The message names a network that is not allowed here.
    #[error("the network {0} is not allowed here")]
    NotAllowed(String),
    /// The subscriber is of no network that is allowed here.
    #[error("{0} is of no network that is allowed here")]
    OfAny(String),
}

/// Whether a subscriber may send a message that names this network (`context.networkId`), when these networks are
/// allowed; none: all are. To be asked for every message, also when the subscriber was known: another may name another.
///
/// A registry that does not tell of networks leaves only what is named to be judged.
///
/// # Errors
/// Says which rule is broken.
pub fn check_networks(
    subscriber: &Subscriber,
    named: Option<&str>,
    allowed: &[String],
) -> Result<(), NotAMember> {
    let id = &subscriber.subscriber_id;
    if OF_EVERY_NETWORK.contains(&id.as_str()) {
        return Ok(());
    }
    let is_allowed = |network: &str| allowed.is_empty() || allowed.iter().any(|allowed| allowed == network);
    if let Some(named) = named.filter(|named| !is_allowed(named)) {
        return Err(NotAMember::NotAllowed(named.to_owned()));
    }
    let Some(memberships) = &subscriber.network_memberships else { return Ok(()) };
    if let Some(named) = named.filter(|named| !memberships.iter().any(|network| network == named)) {
        return Err(NotAMember::OfNamed { subscriber: id.clone(), network: named.to_owned() });
    }
    if allowed.is_empty() || memberships.iter().any(|network| is_allowed(network)) {
        return Ok(());
    }
    Err(NotAMember::OfAny(id.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{record::Record, subscriber::KeyName};

    fn judged(id: &str, memberships: Option<&[&str]>, named: Option<&str>, allowed: &[&str]) -> String {
        let record: Record = serde_json::from_value(serde_json::json!({
            "signing_public_key": "k", "network_memberships": memberships,
        }))
        .unwrap();
        let subscriber = record.subscriber(&KeyName::parse(id, "k1").unwrap()).unwrap();
        let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        check_networks(&subscriber, named, &allowed).err().map(|e| e.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_sender_must_be_of_the_network_that_it_names_and_that_must_be_allowed() {
        let (told, untold) = (Some(["n/1", "n/2"].as_slice()), None);
        for (memberships, named, allowed, said) in [
            (told, None, [].as_slice(), ""),
            (told, Some("n/2"), &[], ""),
            (told, Some("n/3"), &[], "a.example is not of the network n/3"),
            (told, None, &["n/3", "n/2"], ""),
            (told, Some("n/2"), &["n/3", "n/2"], ""),
            (told, Some("n/1"), &["n/3", "n/2"], "the network n/1 is not allowed here"),
            (told, Some("n/3"), &["n/3", "n/2"], "a.example is not of the network n/3"),
            (told, None, &["n/3"], "a.example is of no network that is allowed here"),
            (Some(&[]), None, &[], ""),
            (Some(&[]), Some("n/1"), &[], "a.example is not of the network n/1"),
            (Some(&[]), None, &["n/1"], "a.example is of no network that is allowed here"),
            (untold, None, &[], ""),
            (untold, Some("n/1"), &[], ""),
            (untold, None, &["n/1"], ""),
            (untold, Some("n/1"), &["n/1"], ""),
            (untold, Some("n/2"), &["n/1"], "the network n/2 is not allowed here"),
        ] {
            let judged = judged("a.example", memberships, named, allowed);
            assert_eq!(judged, said, "{memberships:?} {named:?} {allowed:?}");
        }
    }

    #[test]
    fn who_serves_every_network_need_be_of_none() {
        for id in OF_EVERY_NETWORK {
            assert_eq!(judged(id, Some(&[]), Some("n/1"), &["n/2"]), "");
        }
    }
}
