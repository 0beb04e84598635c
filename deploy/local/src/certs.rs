//! Certificates for development: an authority, and one certificate of it that all programs show.
//!
//! The authority's key is thrown away with the process: nobody can make another certificate of it. In production each
//! program has a certificate of its own, from whatever makes certificates there.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use chrono::{DateTime, Datelike, Days, Utc};
use p2p_domain::Clock;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

/// Whom the certificate names: the services, as they are called, and this machine for other clients.
const NAMES: [&str; 7] = ["catalog", "matching", "order", "gateway", "localhost", "127.0.0.1", "::1"];
const GOOD_FOR: Days = Days::new(365);
const AUTHORITY: &str = "ca.pem";
const CERTIFICATE: &str = "programs.pem";
const KEY: &str = "programs.key";

/// What is done with certificates that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earlier {
    /// They stay, and no others are made.
    Keep,
    /// Others take their place.
    Replace,
}

/// Makes them, and prints the variables that name them.
///
/// # Errors
/// When there are some that are to be kept, or they cannot be written.
pub fn make(folder: &Path, earlier: Earlier) -> anyhow::Result<()> {
    let folder = std::path::absolute(folder)?;
    DirBuilder::new().mode(0o700).recursive(true).create(&folder)?;
    let files = [AUTHORITY, CERTIFICATE, KEY].map(|name| folder.join(name));
    let there = files.iter().any(|file| file.exists());
    ensure!(
        !there || earlier == Earlier::Replace,
        "there are certificates in {} already: they stay, unless --replace is said",
        folder.display()
    );
    let texts = certificates(Clock::system().now())?;
    for (file, text) in files.iter().zip(texts) {
        write(file, &text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let [authority, certificate, key] = files.map(shown);
    println!("TLS_CA_FILE={authority}\nTLS_CERT_FILE={certificate}\nTLS_KEY_FILE={key}");
    Ok(())
}

fn shown(file: PathBuf) -> String {
    file.display().to_string()
}

/// The authority's certificate, the programs', and its key.
fn certificates(now: DateTime<Utc>) -> anyhow::Result<[String; 3]> {
    let mut params = named("p2p development authority", now, Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let mut params = named("p2p programs", now, NAMES.map(str::to_owned).to_vec())?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &authority)?;
    Ok([authority.pem(), certificate.pem(), key.serialize_pem()])
}

/// From yesterday on, for clocks differ.
fn named(name: &str, now: DateTime<Utc>, alternatives: Vec<String>) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(alternatives)?;
    params.distinguished_name.push(DnType::CommonName, name);
    let from = now.checked_sub_days(Days::new(1)).context("no such day")?;
    let until = now.checked_add_days(GOOD_FOR).context("no such day")?;
    params.not_before = date_time_ymd(from.year(), from.month().try_into()?, from.day().try_into()?);
    params.not_after = date_time_ymd(until.year(), until.month().try_into()?, until.day().try_into()?);
    Ok(params)
}

/// For its owner only, from its first byte on.
fn write(file: &Path, text: &str) -> std::io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn certificates_are_for_their_owner_only_and_stay_until_they_are_to_be_replaced() {
        let folder = std::env::temp_dir().join(format!("p2p-certs-{}", std::process::id()));
        make(&folder, Earlier::Keep).unwrap();
        let key = || fs::read_to_string(folder.join(KEY)).unwrap();
        let first = key();
        let said = make(&folder, Earlier::Keep).unwrap_err().to_string();
        assert!(said.contains("already: they stay, unless --replace is said"), "{said}");
        assert_eq!(key(), first);
        make(&folder, Earlier::Replace).unwrap();
        assert_ne!(key(), first);
        for name in [AUTHORITY, CERTIFICATE, KEY] {
            let mode = fs::metadata(folder.join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
