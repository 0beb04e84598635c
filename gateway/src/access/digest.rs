//! What is kept of a key, and compared.

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

const BYTES: usize = 32;

/// SHA-256 of a whole key. Equal or not, a comparison takes as long.
#[derive(Clone)]
pub(super) struct Digest([u8; BYTES]);

impl Digest {
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// As it was stored; none when it can be no digest.
    pub fn stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.0.to_vec()
    }

    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_has_the_same_digest() {
        let stored = Digest::stored(&Digest::of("key").bytes()).unwrap();
        assert!(stored.is(&Digest::of("key")));
        assert!(!stored.is(&Digest::of("Key")));
        assert!(Digest::stored(&[0; 31]).is_none() && Digest::stored(&[]).is_none());
    }
}
