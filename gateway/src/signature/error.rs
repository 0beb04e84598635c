//! Why a header, a signature or a key is refused, said so that whoever made it can find the fault.

use ed25519_dalek::pkcs8;

use super::{KeyIdForm, Lines, Parameter, header::MOST_BYTES};

/// Why something is refused. No sentence shows a private key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The header is longer than any that is needed.
    #[error("the header is longer than {MOST_BYTES} bytes")]
    TooLong,
    /// Another scheme, such as Bearer.
    #[error("the header must begin with the word Signature and a space")]
    Scheme,
    /// No list of parameters.
    #[error(
        "the header cannot be read from byte {at} on: name=\"value\" and a comma between two are expected"
    )]
    Malformed {
        /// Where what is understood ends.
        at: usize,
    },
    /// A parameter is not there.
    #[error("the header lacks {0}")]
    Missing(Parameter),
    /// A parameter is there twice: readers might differ in which they take.
    #[error("the header has {0} twice")]
    Repeated(Parameter),
    /// `keyId` has other parts.
    #[error("keyId must be {0}")]
    KeyId(KeyIdForm),
    /// An id that cannot stand in a header.
    #[error(
        "the {0} must be 1 to 255 printable ASCII characters, without | and \" (and / in a registry) and \
         without spaces around them"
    )]
    Id(&'static str),
    /// `xed25519`, for example.
    #[error("the algorithm must be ed25519, in algorithm and as the last part of keyId")]
    Algorithm,
    /// Not a number, or not as numbers are written.
    #[error("{0} must be unix seconds in decimal digits")]
    Seconds(Parameter),
    /// Another list of signed lines.
    #[error("headers must be \"{three}\" or \"{four}\"", three = Lines::Three.names(), four = Lines::Four.names())]
    Headers,
    /// The signature is no base64.
    #[error("the signature is not standard base64 with padding")]
    SignatureBase64(#[source] base64::DecodeError),
    /// The signature has another length.
    #[error("the signature has {length} bytes, and Ed25519 has 64")]
    SignatureLength {
        /// In bytes.
        length: usize,
    },
    /// It ends before it begins.
    #[error("expires ({expires}) is before created ({created})")]
    Backwards {
        /// Unix seconds.
        created: i64,
        /// Unix seconds.
        expires: i64,
    },
    /// It is too late.
    #[error("the signature has expired: expires is {expires}, and it is {now} here")]
    Expired {
        /// Unix seconds.
        expires: i64,
        /// Unix seconds.
        now: i64,
    },
    /// It is too early, by more than clocks may differ.
    #[error(
        "the signature is from the future: created is {created}, and it is {now} here ({tolerance} s tolerated)"
    )]
    Future {
        /// Unix seconds.
        created: i64,
        /// Unix seconds.
        now: i64,
        /// Seconds.
        tolerance: u32,
    },
    /// The fourth line cannot be written.
    #[error(
        "the signature covers request-signature, and the signature of the request it answers is not known here"
    )]
    RequestSignatureUnknown,
    /// It is not the key's signature of these lines.
    #[error(
        "the signature does not match the key: check that the key is the registered one, and that the digest is of \
         the body's bytes as they were sent"
    )]
    Mismatch,
    /// The private key is no base64. The cause would show a part of it.
    #[error("the private key is not standard base64 with padding")]
    PrivateBase64,
    /// The private key has another length.
    #[error(
        "the private key must be the raw 32-byte seed in base64, and this is {length} bytes \
         (beckn-sign import reads other forms)"
    )]
    SeedLength {
        /// In bytes, decoded.
        length: usize,
    },
    /// A private key of 64 bytes whose halves do not belong together.
    #[error("the last 32 of the private key's 64 bytes are not the public key of the first 32")]
    Pair,
    /// X25519, for example: a subscriber's key for encryption.
    #[error("the key is of another algorithm than Ed25519")]
    OtherKey,
    /// What should be PKCS#8 is not.
    #[error(
        "the private key is neither a seed nor seed and public key in base64, nor an Ed25519 key in PKCS#8"
    )]
    Pkcs8(#[source] pkcs8::Error),
    /// The public key is no base64.
    #[error("the public key is not standard base64 with padding")]
    PublicBase64(#[source] base64::DecodeError),
    /// The public key has another length.
    #[error("the public key must be 32 raw bytes in base64, and this is {length} bytes")]
    PublicLength {
        /// In bytes, decoded.
        length: usize,
    },
    /// What should be a SubjectPublicKeyInfo is not.
    #[error("the public key is neither 32 raw bytes in base64 nor an Ed25519 key in SPKI")]
    Spki(#[source] pkcs8::spki::Error),
    /// No key has it.
    #[error("the public key is no point of the curve")]
    NoPoint,
    /// A point of small order: it would verify what nobody signed.
    #[error("the public key is weak: signatures by it prove nothing")]
    Weak,
    /// The operating system has none.
    #[error("there is no randomness for a key")]
    Randomness(#[source] getrandom::Error),
}
