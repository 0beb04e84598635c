//! A key's text: `p2p_<kind>_<id>_<secret>`; the id 16 and the secret 64 hexadecimal digits in lower case.

use std::{fmt, str::FromStr};

use p2p_proto::order::KeyKind;
use p2p_runtime::Secret;

use super::digest::Digest;

const PREFIX: &str = "p2p";
const ID_DIGITS: usize = 16;
/// 256 bits.
const SECRET_BYTES: usize = 32;

/// What a key opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The seller's API, for one provider.
    Provider,
    /// The buyer's API, for one client.
    Client,
}

impl Kind {
    /// As keys and answers call it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Client => "client",
        }
    }

    /// As the order service calls it; none for what is no kind.
    pub fn of(kind: KeyKind) -> Option<Self> {
        match kind {
            KeyKind::Provider => Some(Self::Provider),
            KeyKind::Client => Some(Self::Client),
            KeyKind::Unspecified => None,
        }
    }
}

impl From<Kind> for KeyKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Provider => Self::Provider,
            Kind::Client => Self::Client,
        }
    }
}

impl FromStr for Kind {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        [Self::Provider, Self::Client].into_iter().find(|kind| kind.word() == word).ok_or(())
    }
}

/// Names a key: the part of it that is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(u64);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for KeyId {
    type Err = ();

    /// One text for each id, so that one key has one text.
    fn from_str(text: &str) -> Result<Self, ()> {
        if text.len() != ID_DIGITS || !text.bytes().all(is_digit) {
            return Err(());
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_no_number| ())
    }
}

fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// A key that somebody presents.
pub(super) struct Presented {
    pub kind: Kind,
    pub id: KeyId,
    pub digest: Digest,
}

impl Presented {
    /// None when it can be no key.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('_');
        let (prefix, kind, id, secret) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let whole = prefix == PREFIX && parts.next().is_none();
        if !whole || secret.len() != 2 * SECRET_BYTES || !secret.bytes().all(is_digit) {
            return None;
        }
        Some(Self { kind: kind.parse().ok()?, id: id.parse().ok()?, digest: Digest::of(text) })
    }
}

/// A key that was made just now.
pub(super) struct NewKey {
    pub id: KeyId,
    pub text: Secret,
}

impl NewKey {
    /// Of the operating system's randomness.
    ///
    /// # Errors
    /// When it has none.
    pub fn random(kind: Kind) -> Result<Self, getrandom::Error> {
        let (mut id, mut secret) = ([0; ID_DIGITS / 2], [0; SECRET_BYTES]);
        getrandom::fill(&mut id)?;
        getrandom::fill(&mut secret)?;
        let id = KeyId(u64::from_be_bytes(id));
        let secret: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = Secret::new(format!("{PREFIX}_{}_{id}_{secret}", kind.word()));
        Ok(Self { id, text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_is_read_as_it_was_made() {
        for kind in [Kind::Provider, Kind::Client] {
            let (key, other) = (NewKey::random(kind).unwrap(), NewKey::random(kind).unwrap());
            let read = Presented::read(key.text.expose()).unwrap();
            assert!(read.kind == kind && read.id == key.id && read.digest.is(&Digest::of(key.text.expose())));
            assert!(key.id != other.id && !read.digest.is(&Digest::of(other.text.expose())));
            assert_eq!(key.text.expose().len(), "p2p__".len() + kind.word().len() + 16 + 1 + 64);
        }
    }

    #[test]
    fn what_is_no_key_is_not_read() {
        let (id, secret) = ("0123456789abcdef", "0123456789abcdef".repeat(4));
        assert!(Presented::read(&format!("p2p_client_{id}_{secret}")).is_some());
        let forms = [
            format!("p2p_operator_{id}_{secret}"),
            format!("p2p_Client_{id}_{secret}"),
            format!("P2P_client_{id}_{secret}"),
            format!("p2p_client_{id}_{secret}_"),
            format!("p2p_client_{id}_{secret}0"),
            format!("p2p_client_{id}_{}", secret.to_uppercase()),
            format!("p2p_client_{}_{secret}", id.to_uppercase()),
            format!("p2p_client_+123456789abcdef_{secret}"),
            format!("p2p_client_{id}"),
            format!(" p2p_client_{id}_{secret}"),
            String::new(),
            "_".repeat(99),
        ];
        for form in forms {
            assert!(Presented::read(&form).is_none(), "{form}");
        }
    }
}
