//! Where the texts of the network and its software disagree.

use std::{fmt, str::FromStr};

/// The word before the digest. Both mean BLAKE2b-512.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Label {
    /// `BLAKE-512`: what beckn-onix and Beckn 2.0 write.
    #[default]
    Blake512,
    /// `BLAKE2b-512`: what newer texts of Beckn write.
    Blake2b512,
}

impl Label {
    /// As the signing string has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Blake512 => "BLAKE-512",
            Self::Blake2b512 => "BLAKE2b-512",
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Why a text is no label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it must be BLAKE-512 or BLAKE2b-512")]
pub struct UnknownLabel;

impl FromStr for Label {
    type Err = UnknownLabel;

    fn from_str(word: &str) -> Result<Self, UnknownLabel> {
        [Self::Blake512, Self::Blake2b512].into_iter().find(|label| label.word() == word).ok_or(UnknownLabel)
    }
}

/// What `keyId` is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyIdForm {
    /// What beckn-onix writes.
    #[default]
    Subscriber,
    /// The place of the key in a registry, as newer texts of Beckn write it.
    Registry,
}

impl KeyIdForm {
    /// The form as a pattern, for whoever wrote another.
    pub fn pattern(self) -> &'static str {
        match self {
            Self::Subscriber => "{subscriber id}|{key id}|ed25519",
            Self::Registry => "{subscriber id}/{registry}/{key id}|ed25519",
        }
    }
}

impl fmt::Display for KeyIdForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.pattern())
    }
}

/// How headers are written and read. By default as beckn-onix does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dialect {
    /// The word before the digest.
    pub label: Label,
    /// What `keyId` is made of.
    pub key_id: KeyIdForm,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_what_onix_does() {
        let Dialect { label, key_id } = Dialect::default();
        assert_eq!((label.word(), key_id), ("BLAKE-512", KeyIdForm::Subscriber));
    }

    #[test]
    fn labels_are_read_by_their_words_and_nothing_else() {
        assert_eq!("BLAKE-512".parse(), Ok(Label::Blake512));
        assert_eq!("BLAKE2b-512".parse(), Ok(Label::Blake2b512));
        for other in ["", "blake-512", "BLAKE2B-512", "SHA-256"] {
            assert_eq!(other.parse::<Label>(), Err(UnknownLabel), "{other}");
        }
    }
}
