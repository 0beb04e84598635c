//! What the signature says about the body.

use std::fmt;

use base64::{display::Base64Display, engine::general_purpose::STANDARD};
use blake2::{Blake2b512, Digest as _};

use super::Label;

/// BLAKE2b-512 of a body, without a key (RFC 7693). Shown as standard base64 with padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 64]);

impl Digest {
    /// Of the bytes as they are sent: JSON that was read and written anew is another body.
    pub fn of(body: &[u8]) -> Self {
        Self(Blake2b512::digest(body).into())
    }

    /// As the signing string has it: `BLAKE-512={base64}`.
    pub fn labelled(&self, label: Label) -> String {
        format!("{label}={self}")
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Base64Display::new(&self.0, &STANDARD).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_digest_of_the_standard() {
        // RFC 7693, appendix A: ba80a53f981c4d0d... of "abc".
        let Digest(bytes) = Digest::of(b"abc");
        assert_eq!(bytes[..8], [0xba, 0x80, 0xa5, 0x3f, 0x98, 0x1c, 0x4d, 0x0d]);
        assert_ne!(Digest::of(b"abc\n"), Digest::of(b"abc"));
    }
}
