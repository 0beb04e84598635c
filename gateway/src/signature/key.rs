//! Ed25519 keys as the network writes them: base64 of 32 raw bytes, private (the seed) and public.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::Error;

const SEED_BYTES: usize = 32;

/// A private key. Never shown but by [`PrivateKey::seed`], and wiped from memory when it is dropped.
#[derive(Clone)]
pub struct PrivateKey(pub(super) ed25519_dalek::SigningKey);

impl PrivateKey {
    /// Of the operating system's randomness.
    ///
    /// # Errors
    /// [`Error::Randomness`] when it has none.
    pub fn random() -> Result<Self, Error> {
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        getrandom::fill(&mut *seed).map_err(Error::Randomness)?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(&seed)))
    }

    /// Of the base64 of the raw 32-byte seed: what beckn-onix calls the signing private key. Other forms are read
    /// by [`import`](super::import).
    ///
    /// # Errors
    /// [`Error::PrivateBase64`] and [`Error::SeedLength`].
    pub fn from_base64(text: &str) -> Result<Self, Error> {
        Self::from_seed(&bytes(text)?)
    }

    pub(super) fn from_seed(seed: &[u8]) -> Result<Self, Error> {
        let seed = seed.try_into().map_err(|_length| Error::SeedLength { length: seed.len() })?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(seed)))
    }

    /// The raw seed in base64, for the place where it is kept.
    pub fn seed(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.0.as_bytes()))
    }

    /// The public key to be registered.
    pub fn public(&self) -> VerifyingKey {
        VerifyingKey(self.0.verifying_key())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}

/// What a private key's base64 stands for. The cause of a failure is dropped: it would show a part of the key.
pub(super) fn bytes(text: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    STANDARD.decode(text).map(Zeroizing::new).map_err(|_shows_the_key| Error::PrivateBase64)
}

/// A public key under which signatures prove something. Shown as base64 of its 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VerifyingKey(pub(super) ed25519_dalek::VerifyingKey);

impl VerifyingKey {
    /// Of the base64 of the raw 32 bytes: what registries call `signing_public_key`. Other forms are read by
    /// [`import`](super::import).
    ///
    /// # Errors
    /// [`Error::PublicBase64`], [`Error::PublicLength`], [`Error::NoPoint`] and [`Error::Weak`].
    pub fn from_base64(text: &str) -> Result<Self, Error> {
        Self::from_bytes(&STANDARD.decode(text).map_err(Error::PublicBase64)?)
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let bytes = bytes.try_into().map_err(|_length| Error::PublicLength { length: bytes.len() })?;
        ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_no_point| Error::NoPoint)?.try_into()
    }
}

impl TryFrom<ed25519_dalek::VerifyingKey> for VerifyingKey {
    type Error = Error;

    fn try_from(key: ed25519_dalek::VerifyingKey) -> Result<Self, Error> {
        if key.is_weak() { Err(Error::Weak) } else { Ok(Self(key)) }
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0.as_bytes()))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    #[test]
    fn a_seed_has_its_public_key_and_is_not_shown() {
        let key = PrivateKey::from_base64(SEED).unwrap();
        assert_eq!(key.seed().as_str(), SEED);
        assert_eq!(key.public().to_string(), "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=");
        assert_eq!(VerifyingKey::from_base64(&key.public().to_string()), Ok(key.public()));
        assert_eq!(format!("{key:?}"), "PrivateKey(..)");
        assert_ne!(PrivateKey::random().unwrap().public(), PrivateKey::random().unwrap().public());
    }

    #[test]
    fn a_private_key_of_another_length_is_refused_without_being_shown() {
        for length in [0, 31, 33, 48, 64] {
            let text = STANDARD.encode(vec![7; length]);
            let refused = PrivateKey::from_base64(&text).unwrap_err();
            assert_eq!(refused, Error::SeedLength { length });
            let shown = format!("{refused} {refused:?}");
            assert!(
                shown.contains(&length.to_string()) && (length == 0 || !shown.contains(&text)),
                "{shown}"
            );
        }
        for text in ["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", " ", "-----BEGIN PRIVATE KEY-----"] {
            assert_eq!(PrivateKey::from_base64(text).unwrap_err(), Error::PrivateBase64);
        }
    }

    #[test]
    fn a_public_key_that_proves_nothing_is_refused() {
        // The neutral element (y = 1), the point of order 2 (y = -1), and one of order 4 (y = 0).
        let mut points = [[0; 32], [0xff; 32], [0; 32]];
        points[0][0] = 1;
        (points[1][0], points[1][31]) = (0xec, 0x7f);
        for point in points {
            assert_eq!(VerifyingKey::from_bytes(&point), Err(Error::Weak), "{point:?}");
        }
        let mut none = [0; 32];
        none[0] = 2;
        assert_eq!(VerifyingKey::from_bytes(&none), Err(Error::NoPoint));
        assert_eq!(VerifyingKey::from_bytes(&[1; 31]), Err(Error::PublicLength { length: 31 }));
        assert!(matches!(VerifyingKey::from_base64("?"), Err(Error::PublicBase64(_))));
    }
}
