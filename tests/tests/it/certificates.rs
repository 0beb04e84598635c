//! Certificates for tests, made as `make certs` makes them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use crate::programs::binary;

/// An authority and a certificate of it, in a folder that goes with this value.
#[derive(Debug)]
pub struct Certificates(PathBuf);

impl Certificates {
    pub fn make() -> Self {
        let name = format!("p2p-certificates-{}", uuid::Uuid::new_v4().simple());
        let folder = std::env::temp_dir().join(name);
        let made = Command::new(binary("local")).arg("certs").arg(&folder).output().unwrap();
        let said = String::from_utf8(made.stdout).unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let variables = ["TLS_CA_FILE", "TLS_CERT_FILE", "TLS_KEY_FILE"];
        for (line, variable) in said.lines().zip(variables) {
            let (name, file) = line.split_once('=').unwrap();
            assert_eq!(name, variable);
            assert!(Path::new(file).is_file(), "{line}");
        }
        Self(folder)
    }

    /// A certificate that names only one service.
    pub fn naming(service: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("p2p-certificates-{}", uuid::Uuid::new_v4().simple()));
        fs::create_dir(&folder).unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([service.to_owned()]).unwrap();
        let certificate = certificate.signed_by(&key, &authority).unwrap();
        let made = Self(folder);
        fs::write(made.authority(), authority.pem()).unwrap();
        fs::write(made.certificate(), certificate.pem()).unwrap();
        fs::write(made.key(), key.serialize_pem()).unwrap();
        made
    }

    /// What programs are told.
    pub fn variables(&self) -> [(&'static str, String); 3] {
        let text = |file: PathBuf| file.to_str().unwrap().to_owned();
        [
            ("TLS_CA_FILE", text(self.authority())),
            ("TLS_CERT_FILE", text(self.certificate())),
            ("TLS_KEY_FILE", text(self.key())),
        ]
    }

    pub fn authority(&self) -> PathBuf {
        self.0.join("ca.pem")
    }

    pub fn certificate(&self) -> PathBuf {
        self.0.join("programs.pem")
    }

    pub fn key(&self) -> PathBuf {
        self.0.join("programs.key")
    }

    /// What a client believes that believes this authority, and shows nothing.
    pub fn believing(&self, name: &str) -> ClientTlsConfig {
        let authority = Certificate::from_pem(fs::read(self.authority()).unwrap());
        ClientTlsConfig::new().ca_certificate(authority).domain_name(name)
    }

    /// What a client shows that has this certificate.
    pub fn identity(&self) -> Identity {
        Identity::from_pem(fs::read(self.certificate()).unwrap(), fs::read(self.key()).unwrap())
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
