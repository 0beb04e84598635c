//! Keys in the forms that other software writes them in. A participant of the network needs the raw 32 bytes;
//! beckn-onix loads a key in DER without a word, and fails when it signs.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::pkcs8::{self, DecodePrivateKey, DecodePublicKey, spki};

use super::{Error, PrivateKey, VerifyingKey, key};

const PEM: &str = "-----BEGIN ";

/// What a key was written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// 32 bytes in base64.
    Raw,
    /// 64 bytes in base64, of libsodium and ONDC: a private key's seed and its public key.
    SeedAndPublic,
    /// PKCS#8 (private) or SubjectPublicKeyInfo (public), in base64.
    Der,
    /// The same between `-----BEGIN` and `-----END`.
    Pem,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Raw => "raw",
            Self::SeedAndPublic => "seed and public key",
            Self::Der => "DER",
            Self::Pem => "PEM",
        })
    }
}

/// Reads a private key of any known form; white space around it is let be.
///
/// # Errors
/// Says what is wrong with it, without showing it.
pub fn private(text: &str) -> Result<(Form, PrivateKey), Error> {
    let text = text.trim();
    if text.starts_with(PEM) {
        let key = ed25519_dalek::SigningKey::from_pkcs8_pem(text).map_err(no_pkcs8)?;
        return Ok((Form::Pem, PrivateKey(key)));
    }
    let bytes = key::bytes(text)?;
    match bytes.len() {
        32 => Ok((Form::Raw, PrivateKey::from_seed(&bytes)?)),
        64 => Ok((Form::SeedAndPublic, pair(&bytes[..32], &bytes[32..])?)),
        _ => {
            let key = ed25519_dalek::SigningKey::from_pkcs8_der(&bytes).map_err(no_pkcs8)?;
            Ok((Form::Der, PrivateKey(key)))
        }
    }
}

fn pair(seed: &[u8], public: &[u8]) -> Result<PrivateKey, Error> {
    let key = PrivateKey::from_seed(seed)?;
    if key.public().0.as_bytes() == public { Ok(key) } else { Err(Error::Pair) }
}

/// Reads a public key of any known form; white space around it is let be.
///
/// # Errors
/// Says what is wrong with it.
pub fn public(text: &str) -> Result<(Form, VerifyingKey), Error> {
    let text = text.trim();
    if text.starts_with(PEM) {
        return Ok((Form::Pem, of_spki(ed25519_dalek::VerifyingKey::from_public_key_pem(text))?));
    }
    let bytes = STANDARD.decode(text).map_err(Error::PublicBase64)?;
    match bytes.len() {
        32 => Ok((Form::Raw, VerifyingKey::from_bytes(&bytes)?)),
        _ => Ok((Form::Der, of_spki(ed25519_dalek::VerifyingKey::from_public_key_der(&bytes))?)),
    }
}

fn of_spki(key: Result<ed25519_dalek::VerifyingKey, spki::Error>) -> Result<VerifyingKey, Error> {
    key.map_err(no_spki)?.try_into()
}

/// The cause names the algorithm that was expected as if it were the key's: not repeated.
fn no_pkcs8(cause: pkcs8::Error) -> Error {
    match cause {
        pkcs8::Error::PublicKey(spki::Error::OidUnknown { .. }) => Error::OtherKey,
        other => Error::Pkcs8(other),
    }
}

fn no_spki(cause: spki::Error) -> Error {
    match cause {
        spki::Error::OidUnknown { .. } => Error::OtherKey,
        other => Error::Spki(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const PUBLIC: &str = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=";
    const PAIR: &str =
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8DoQe/884Qvh1w3RjnS8CZZ+TWMJulDV8d3IZkElUxuA==";
    const PKCS8: &str = "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
    const SPKI: &str = "MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=";

    fn pem(what: &str, base64: &str) -> String {
        format!("-----BEGIN {what}-----\n{base64}\n-----END {what}-----\n")
    }

    #[test]
    fn a_private_key_is_the_same_in_every_form() {
        let forms = [
            (Form::Raw, SEED.to_owned()),
            (Form::Raw, format!("\n {SEED}\r\n")),
            (Form::SeedAndPublic, PAIR.to_owned()),
            (Form::Der, PKCS8.to_owned()),
            (Form::Pem, pem("PRIVATE KEY", PKCS8)),
            (Form::Pem, pem("PRIVATE KEY", PKCS8).replace('\n', "\r\n")),
        ];
        for (form, text) in forms {
            let (read, key) = private(&text).unwrap();
            assert_eq!((read, key.seed().as_str(), key.public().to_string().as_str()), (form, SEED, PUBLIC));
        }
    }

    #[test]
    fn a_public_key_is_the_same_in_every_form() {
        let forms = [
            (Form::Raw, PUBLIC.to_owned()),
            (Form::Der, SPKI.to_owned()),
            (Form::Pem, pem("PUBLIC KEY", SPKI)),
        ];
        for (form, text) in forms {
            let (read, key) = public(&text).unwrap();
            assert_eq!((read, key.to_string().as_str()), (form, PUBLIC));
        }
    }

    #[test]
    fn halves_must_belong_together() {
        let mut bytes = STANDARD.decode(PAIR).unwrap();
        bytes[63] ^= 1;
        assert_eq!(private(&STANDARD.encode(bytes)).unwrap_err(), Error::Pair);
    }

    #[test]
    fn one_kind_of_key_is_not_the_other() {
        for text in
            [SPKI.to_owned(), pem("PUBLIC KEY", SPKI), pem("EC PRIVATE KEY", PKCS8), STANDARD.encode([7; 48])]
        {
            assert!(matches!(private(&text), Err(Error::Pkcs8(_))), "{text}");
        }
        for text in [PKCS8.to_owned(), PAIR.to_owned(), pem("PRIVATE KEY", PKCS8)] {
            assert!(matches!(public(&text), Err(Error::Spki(_))), "{text}");
        }
        // X25519, whose object identifier differs in one byte: 1.3.101.110.
        assert_eq!(private(&PKCS8.replace("K2Vw", "K2Vu")).unwrap_err(), Error::OtherKey);
        assert_eq!(public(&SPKI.replace("K2Vw", "K2Vu")), Err(Error::OtherKey));
        assert_eq!(private("no key").unwrap_err(), Error::PrivateBase64);
    }
}
