//! How https peers are believed to be who they are: rustls with ring, and the machine's certificates.

use std::sync::Arc;

use anyhow::Context;
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::CertificateDer};

/// Trusts what the machine trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` may say where that is), and these authorities.
///
/// # Errors
/// When one of these is no certificate.
pub fn client(authorities: &[CertificateDer<'static>]) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in found.errors {
        tracing::info!(%error, "a certificate of the machine cannot be read");
    }
    // Old ones that nobody can parse are in many machines' lists.
    roots.add_parsable_certificates(found.certs);
    for authority in authorities {
        roots.add(authority.clone()).context("PEER_CA_FILE has a certificate that cannot be used")?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
