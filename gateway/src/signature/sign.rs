//! Signing, as a participant of the network.

use ed25519_dalek::Signer as _;

use super::{
    Digest, Header, Label, Lines, PrivateKey, Signer, VerifyingKey, header::Signature, lines::signing_string,
};

/// How long beckn-onix lets its signatures be valid.
pub const LIFETIME_SECONDS: u32 = 300;

/// A private key, and whose it is.
#[derive(Debug, Clone)]
pub struct SigningKey {
    signer: Signer,
    label: Label,
    key: PrivateKey,
}

impl SigningKey {
    /// Signs as beckn-onix does.
    pub fn new(signer: Signer, key: PrivateKey) -> Self {
        Self { signer, label: Label::default(), key }
    }

    /// Signs with this word before the digest.
    pub fn with_label(self, label: Label) -> Self {
        Self { label, ..self }
    }

    /// In whose name.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// What others verify with.
    pub fn public(&self) -> VerifyingKey {
        self.key.public()
    }

    /// Signs a body, byte for byte as it will be sent, from and until unix seconds that are not negative. An answer
    /// to a request that was signed covers that signature ([`Header::signature`]) too.
    pub fn sign(&self, body: &[u8], created: i64, expires: i64, request_signature: Option<&str>) -> Header {
        let text = signing_string(created, expires, &Digest::of(body), self.label, request_signature);
        let signature = Signature::new(self.key.0.sign(text.as_bytes()).to_bytes());
        let lines = if request_signature.is_some() { Lines::Four } else { Lines::Three };
        Header { signer: self.signer.clone(), created, expires, lines, label: self.label, signature }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_request_is_signed_as_others_sign_it() {
        let key = PrivateKey::from_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
        let key = SigningKey::new(Signer::new("buyerapp.example.com", "76EU-test-buyer-k1").unwrap(), key);
        let body = br#"{"context":{"version":"2.0.0","action":"discover"},"message":{}}"#;
        let header = key.sign(body, 1_777_111_800, 1_777_112_100, None);
        assert_eq!(
            header.signing_string(body, None).unwrap(),
            "(created): 1777111800\n(expires): 1777112100\ndigest: BLAKE-512=if4XKLGO8uTiH8AozkBpK2OxT0CansbAP/jmo\
             1Djfp2x/KzDmVbxLV3fwoJydnTgXsjbYxq0RGyxyRjrcc9f+Q=="
        );
        assert_eq!(
            header.to_string(),
            "Signature keyId=\"buyerapp.example.com|76EU-test-buyer-k1|ed25519\",algorithm=\"ed25519\",\
             created=\"1777111800\",expires=\"1777112100\",headers=\"(created) (expires) digest\",\
             signature=\"+yl9+bWipPajERq61Mni9VvssxMoNuiPubcWWLB6kXUe8PI+QU4j++GeBgm1rqp7oxDI+cneIWnQWmiiW+QjAQ==\""
        );
    }

    #[test]
    fn the_key_is_not_shown_with_its_name() {
        let key = PrivateKey::from_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
        let shown = format!("{:?}", SigningKey::new(Signer::new("s", "k").unwrap(), key));
        assert!(shown.ends_with("key: PrivateKey(..) }"), "{shown}");
    }
}
