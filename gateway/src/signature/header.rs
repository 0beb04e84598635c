//! The value of `Authorization`, `X-Gateway-Authorization` and the response's `Signature`: the same text in all.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    ALGORITHM, Dialect, Digest, Error, Label, Lines, Parameter, Signer, lines::signing_string,
    parameters::Parameters,
};

/// Two ids of 255 characters and everything else need 900.
pub(super) const MOST_BYTES: usize = 2_048;

/// A signature with what it says of itself. Shown as it is sent: in one line without spaces after the commas, for
/// beckn-onix looks for `,signature="`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub(super) signer: Signer,
    pub(super) created: i64,
    pub(super) expires: i64,
    pub(super) lines: Lines,
    pub(super) label: Label,
    pub(super) signature: Signature,
}

/// The bytes, and their one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signature {
    pub bytes: [u8; 64],
    pub text: Box<str>,
}

impl Signature {
    pub fn new(bytes: [u8; 64]) -> Self {
        Self { bytes, text: STANDARD.encode(bytes).into() }
    }

    /// Padded and without stray bits: otherwise two texts would be one signature, and peers sign this text.
    fn parse(text: &str) -> Result<Self, Error> {
        let bytes = STANDARD.decode(text).map_err(Error::SignatureBase64)?;
        let length = bytes.len();
        let bytes = bytes.try_into().map_err(|_bytes| Error::SignatureLength { length })?;
        Ok(Self { bytes, text: text.into() })
    }
}

impl Header {
    /// Reads a header. Its signature is not checked yet: that is [`verify`](super::verify).
    ///
    /// # Errors
    /// Says which part is missing or malformed.
    pub fn parse(text: &str, dialect: Dialect) -> Result<Self, Error> {
        let parameters = Parameters::read(text)?;
        let signer = Signer::parse(parameters.get(Parameter::KeyId)?, dialect.key_id)?;
        if parameters.get(Parameter::Algorithm)? != ALGORITHM {
            return Err(Error::Algorithm);
        }
        Ok(Self {
            signer,
            created: parameters.seconds(Parameter::Created)?,
            expires: parameters.seconds(Parameter::Expires)?,
            lines: Lines::of(parameters.get(Parameter::Headers)?).ok_or(Error::Headers)?,
            label: dialect.label,
            signature: Signature::parse(parameters.get(Parameter::Signature)?)?,
        })
    }

    /// Who says that it signed: true only when the signature is verified.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Valid from, in unix seconds.
    pub fn created(&self) -> i64 {
        self.created
    }

    /// Valid up to and including, in unix seconds.
    pub fn expires(&self) -> i64 {
        self.expires
    }

    /// Which lines it covers.
    pub fn lines(&self) -> Lines {
        self.lines
    }

    /// The signature's base64, to the letter: the `request-signature` of whoever answers.
    pub fn signature(&self) -> &str {
        &self.signature.text
    }

    /// The signature's bytes.
    pub fn signature_bytes(&self) -> &[u8; 64] {
        &self.signature.bytes
    }

    /// The text that must have been signed if this is the body, and this the signature of the request it answers.
    ///
    /// # Errors
    /// [`Error::RequestSignatureUnknown`] when it covers that signature, and it is not given.
    pub fn signing_string(&self, body: &[u8], request_signature: Option<&str>) -> Result<String, Error> {
        let fourth = match self.lines {
            Lines::Three => None,
            Lines::Four => Some(request_signature.ok_or(Error::RequestSignatureUnknown)?),
        };
        Ok(signing_string(self.created, self.expires, &Digest::of(body), self.label, fourth))
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { signer, created, expires, lines, label: _, signature } = self;
        let (headers, signature) = (lines.names(), &signature.text);
        write!(f, "Signature keyId=\"{signer}\",algorithm=\"{ALGORITHM}\",created=\"{created}\",")?;
        write!(f, "expires=\"{expires}\",headers=\"{headers}\",signature=\"{signature}\"")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::signature::KeyIdForm;

    const HEADER: &str = concat!(
        r#"Signature keyId="s.example|k1|ed25519",algorithm="ed25519",created="1777111800",expires="1777112100","#,
        r#"headers="(created) (expires) digest",signature="AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJ"#,
        r#"ygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==""#,
    );

    fn parse(text: &str) -> Result<Header, Error> {
        Header::parse(text, Dialect::default())
    }

    #[test]
    fn a_header_is_written_as_it_was_read() {
        let header = parse(HEADER).unwrap();
        assert_eq!(
            (header.created(), header.expires(), header.lines()),
            (1777111800, 1777112100, Lines::Three)
        );
        assert_eq!(header.signature_bytes(), &std::array::from_fn(|i| i as u8));
        assert_eq!(header.to_string(), HEADER);
    }

    #[test]
    fn another_spelling_is_the_same_header() {
        let spaced = HEADER.replace(",", ", ").replace("created=\"1777111800\"", "created=1777111800");
        assert_eq!(parse(&spaced), parse(HEADER));
        assert_eq!(parse(&(HEADER.to_owned() + ",nonce=\"7\"")), parse(HEADER));
    }

    #[test]
    fn every_part_is_needed_and_exact() {
        use Parameter::{Created, Expires, Headers, KeyId};
        for (from, to, why) in [
            (r#"keyId="s.example|k1|ed25519","#, "", Error::Missing(KeyId)),
            (r#"created="1777111800","#, "", Error::Missing(Created)),
            (r#"headers="(created) (expires) digest","#, "", Error::Missing(Headers)),
            ("k1|", "", Error::KeyId(KeyIdForm::Subscriber)),
            ("s.example", "", Error::Id("subscriber id")),
            (r#"="ed25519""#, r#"="xed25519""#, Error::Algorithm),
            (r#"="ed25519""#, r#"="""#, Error::Algorithm),
            ("|ed25519", "|xed25519", Error::Algorithm),
            ("1777112100", "soon", Error::Seconds(Expires)),
            ("(created) (expires)", "(expires) (created)", Error::Headers),
            ("(created) (expires) digest", "digest", Error::Headers),
            (r#"algorithm="#, r#"keyId="b|c|ed25519",algorithm="#, Error::Repeated(KeyId)),
            ("AAECAwQFBgcI", "", Error::SignatureLength { length: 55 }),
        ] {
            assert_eq!(parse(&HEADER.replacen(from, to, 1)), Err(why), "{from} -> {to}");
        }
        let long = format!("{HEADER},x=\"{}\"", "x".repeat(2_048 - HEADER.len() - 5));
        assert!(parse(&long).is_ok() && parse(&(long + " ")) == Err(Error::TooLong));
    }

    #[test]
    fn a_signature_has_one_text() {
        // Stray bits, no padding, half of it, the other alphabet, a space.
        for (from, to) in [("Pw==", "Px=="), ("Pw==", "Pw"), ("Pw==", "Pw="), ("+P", "-P"), ("+P", " P")] {
            let refused = parse(&HEADER.replacen(from, to, 1));
            assert!(matches!(refused, Err(Error::SignatureBase64(_))), "{from} -> {to}: {refused:?}");
        }
    }

    fn headers() -> impl Strategy<Value = (Header, Dialect)> {
        let id = "[!#-.0-{}~]([ !#-.0-{}~]{0,253}[!#-.0-{}~])?";
        let dialect = (any::<bool>(), any::<bool>()).prop_map(|(label, registry)| Dialect {
            label: if label { Label::Blake512 } else { Label::Blake2b512 },
            key_id: if registry { KeyIdForm::Registry } else { KeyIdForm::Subscriber },
        });
        let times = (0..=i64::MAX, 0..=i64::MAX);
        (id, id, dialect, times, any::<bool>(), any::<[u8; 64]>()).prop_map(
            |(subscriber, key_id, dialect, (created, expires), four, bytes)| {
                let signer = match dialect.key_id {
                    KeyIdForm::Subscriber => Signer::new(&subscriber, &key_id).unwrap(),
                    KeyIdForm::Registry => Signer::in_registry(&subscriber, "registry", &key_id).unwrap(),
                };
                let lines = if four { Lines::Four } else { Lines::Three };
                let (label, signature) = (dialect.label, Signature::new(bytes));
                (Header { signer, created, expires, lines, label, signature }, dialect)
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read((header, dialect) in headers()) {
            let text = header.to_string();
            prop_assert_eq!(Header::parse(&text, dialect), Ok(header));
            prop_assert_eq!(text.matches(",signature=\"").count(), 1);
        }

        #[test]
        fn no_text_is_too_odd_to_be_refused(
            text: String,
            cut in 0..HEADER.len(),
            like in "Signature [a-zI=\",| ]{0,40}",
        ) {
            let dialect = Dialect { key_id: KeyIdForm::Registry, ..Dialect::default() };
            for text in [text.clone(), HEADER[..cut].to_owned() + &text, format!("Signature {text}"), like] {
                prop_assert!(parse(&text).is_err() || text.starts_with("Signature "));
                prop_assert!(Header::parse(&text, dialect).is_err());
            }
            prop_assert!(parse(&HEADER[..cut]).is_err());
        }
    }
}
