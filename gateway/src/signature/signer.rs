//! Who signs, and with which of its keys: the header's `keyId`.

use std::fmt;

use super::{ALGORITHM, Error, KeyIdForm};

const MOST_ID_BYTES: usize = 255;

/// A subscriber and one of its keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Signer {
    subscriber: Box<str>,
    registry: Option<Box<str>>,
    key_id: Box<str>,
}

impl Signer {
    /// Named as beckn-onix does it: `{subscriber}|{key id}|ed25519`.
    ///
    /// # Errors
    /// [`Error::Id`] unless each is 1 to 255 printable ASCII characters that can stand in a header.
    pub fn new(subscriber: &str, key_id: &str) -> Result<Self, Error> {
        let separators = &['|', '"'][..];
        Ok(Self {
            subscriber: id("subscriber id", subscriber, separators)?,
            registry: None,
            key_id: id("key id", key_id, separators)?,
        })
    }

    /// Named by a place in a registry: `{subscriber}/{registry}/{key id}|ed25519`.
    ///
    /// # Errors
    /// As [`Signer::new`]; none may have a `/`.
    pub fn in_registry(subscriber: &str, registry: &str, key_id: &str) -> Result<Self, Error> {
        let separators = &['|', '"', '/'][..];
        Ok(Self {
            subscriber: id("subscriber id", subscriber, separators)?,
            registry: Some(id("registry", registry, separators)?),
            key_id: id("key id", key_id, separators)?,
        })
    }

    /// Of a header's `keyId`, which must have exactly the form's parts.
    pub(super) fn parse(text: &str, form: KeyIdForm) -> Result<Self, Error> {
        let separators = match form {
            KeyIdForm::Subscriber => &['|'][..],
            KeyIdForm::Registry => &['|', '/'][..],
        };
        let parts: Vec<_> = text.split(separators).collect();
        let (signer, algorithm) = match (form, &parts[..]) {
            (KeyIdForm::Subscriber, [subscriber, key_id, algorithm]) => {
                (Self::new(subscriber, key_id)?, algorithm)
            }
            (KeyIdForm::Registry, [subscriber, registry, key_id, algorithm]) => {
                (Self::in_registry(subscriber, registry, key_id)?, algorithm)
            }
            _ => return Err(Error::KeyId(form)),
        };
        if *algorithm != ALGORITHM {
            return Err(Error::Algorithm);
        }
        // The same parts with other separators between them are no key id.
        if signer.to_string() == text { Ok(signer) } else { Err(Error::KeyId(form)) }
    }

    /// The participant: to be compared with the one that the body's context names.
    pub fn subscriber(&self) -> &str {
        &self.subscriber
    }

    /// The registry, where the key id names one.
    pub fn registry(&self) -> Option<&str> {
        self.registry.as_deref()
    }

    /// Which of the participant's keys.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subscriber, registry, key_id } = self;
        match registry {
            None => write!(f, "{subscriber}|{key_id}|{ALGORITHM}"),
            Some(registry) => write!(f, "{subscriber}/{registry}/{key_id}|{ALGORITHM}"),
        }
    }
}

fn id(name: &'static str, text: &str, separators: &[char]) -> Result<Box<str>, Error> {
    let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && text.trim() == text;
    let fits = (1..=MOST_ID_BYTES).contains(&text.len()) && !text.contains(separators);
    if printable && fits { Ok(text.into()) } else { Err(Error::Id(name)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_id_is_read_as_it_is_written() {
        let onix = Signer::new("bap.example.com", "k/1").unwrap();
        assert_eq!(onix.to_string(), "bap.example.com|k/1|ed25519");
        assert_eq!(Signer::parse("bap.example.com|k/1|ed25519", KeyIdForm::Subscriber), Ok(onix));
        let placed = Signer::in_registry("bap.example.com", "subscribers.beckn.one", "k1").unwrap();
        let text = "bap.example.com/subscribers.beckn.one/k1|ed25519";
        assert_eq!(placed.to_string(), text);
        assert_eq!((placed.subscriber(), placed.key_id()), ("bap.example.com", "k1"));
        assert_eq!(Signer::parse(text, KeyIdForm::Registry), Ok(placed));
    }

    #[test]
    fn other_parts_are_refused() {
        for text in ["", "a", "a|b", "a|ed25519", "a|b|c|ed25519", "a/r/b|ed25519", "a|b|ed25519|"] {
            let refused = Signer::parse(text, KeyIdForm::Subscriber);
            assert_eq!(refused, Err(Error::KeyId(KeyIdForm::Subscriber)), "{text}");
        }
        for text in ["", "a|b|ed25519", "a/b|ed25519", "a/r/b/c|ed25519", "a|r|b|ed25519", "a/r/b/ed25519"] {
            let refused = Signer::parse(text, KeyIdForm::Registry);
            assert_eq!(refused, Err(Error::KeyId(KeyIdForm::Registry)), "{text}");
        }
        for text in ["a|b|xed25519", "a|b|ED25519", "a|b|", "a|b| ed25519", "a|b|ed25519 "] {
            assert_eq!(Signer::parse(text, KeyIdForm::Subscriber), Err(Error::Algorithm), "{text}");
        }
    }

    #[test]
    fn an_id_is_short_and_printable() {
        assert!(Signer::new(&"a".repeat(255), "!~ b").is_ok());
        let long = "a".repeat(256);
        for no in ["", " a", "a ", "a|b", "a\"b", "a\nb", "\u{e9}", &long] {
            assert_eq!(Signer::new(no, "k"), Err(Error::Id("subscriber id")), "{no}");
            assert_eq!(Signer::new("s", no), Err(Error::Id("key id")), "{no}");
        }
        assert_eq!(Signer::in_registry("s", "a/b", "k"), Err(Error::Id("registry")));
        assert_eq!(Signer::parse("|k|ed25519", KeyIdForm::Subscriber), Err(Error::Id("subscriber id")));
    }
}
