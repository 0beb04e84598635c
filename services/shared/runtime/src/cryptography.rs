//! Whose cryptography TLS uses.

use rustls::crypto::ring;

/// ring's, in all of this program, also in HTTP clients that are told nothing. Once is enough.
pub fn use_ring() {
    // Who was first has said the same.
    let _ = ring::default_provider().install_default();
}
