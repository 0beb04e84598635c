//! Beckn's HTTP signatures as beckn-onix makes and checks them: Ed25519 over a few lines of text that carry the
//! BLAKE2b-512 digest of the raw body. No I/O and no clock: the caller says what time it is, in unix seconds.
//!
//! ```text
//! (created): 1777111800
//! (expires): 1777112100
//! digest: BLAKE-512={base64}
//! request-signature: {base64}         only in answers: ties them to the request
//! ```

mod dialect;
mod digest;
mod error;
mod header;
pub mod http;
pub mod import;
mod key;
mod lines;
mod parameters;
mod sign;
mod signer;
mod verify;

pub use dialect::{Dialect, KeyIdForm, Label};
pub use digest::Digest;
pub use error::Error;
pub use header::Header;
pub use key::{PrivateKey, VerifyingKey};
pub use lines::Lines;
pub use parameters::Parameter;
pub use sign::{LIFETIME_SECONDS, SigningKey};
pub use signer::Signer;
pub use verify::{TOLERANCE_SECONDS, verify};

/// The only algorithm of the network, in `algorithm` and at the end of `keyId`.
const ALGORITHM: &str = "ed25519";
