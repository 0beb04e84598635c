//! Verifying what others signed.

use super::{Error, Header, VerifyingKey};

/// How far ahead a sender's clock may be: the default of beckn-onix.
pub const TOLERANCE_SECONDS: u32 = 5;

/// Accepts a header if its signature is by this key, over this body, and valid now (unix seconds). The end has no
/// tolerance: beckn-onix gives none, and a header lives long enough. Which key the signer has is for the caller to
/// look up, and whether the signer is whom the body names is for the caller to compare.
///
/// # Errors
/// Says which of it fails; the times are looked at first.
pub fn verify(
    header: &Header,
    key: &VerifyingKey,
    body: &[u8],
    now: i64,
    tolerance_seconds: u32,
    request_signature: Option<&str>,
) -> Result<(), Error> {
    in_time(header, now, tolerance_seconds)?;
    let text = header.signing_string(body, request_signature)?;
    let signature = ed25519_dalek::Signature::from_bytes(header.signature_bytes());
    key.0.verify_strict(text.as_bytes(), &signature).map_err(|_says_no_more| Error::Mismatch)
}

fn in_time(header: &Header, now: i64, tolerance: u32) -> Result<(), Error> {
    let (created, expires) = (header.created(), header.expires());
    if expires < created {
        return Err(Error::Backwards { created, expires });
    }
    if created > now.saturating_add(tolerance.into()) {
        return Err(Error::Future { created, now, tolerance });
    }
    if now > expires {
        return Err(Error::Expired { expires, now });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::signature::{Dialect, Label, PrivateKey, Signer, SigningKey, header::Signature};

    const CREATED: i64 = 1_777_111_800;
    const EXPIRES: i64 = 1_777_112_100;
    const BODY: &[u8] = br#"{"context":{"action":"discover"}}"#;

    fn key() -> SigningKey {
        let key = PrivateKey::from_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
        SigningKey::new(Signer::new("buyerapp.example.com", "k1").unwrap(), key)
    }

    fn at(header: &Header, now: i64) -> Result<(), Error> {
        verify(header, &key().public(), BODY, now, TOLERANCE_SECONDS, None)
    }

    #[test]
    fn a_header_is_valid_from_five_seconds_before_it_to_its_last_second() {
        let header = key().sign(BODY, CREATED, EXPIRES, None);
        assert_eq!(
            at(&header, CREATED - 6),
            Err(Error::Future { created: CREATED, now: CREATED - 6, tolerance: 5 })
        );
        assert_eq!((at(&header, CREATED - 5), at(&header, EXPIRES)), (Ok(()), Ok(())));
        assert_eq!(at(&header, EXPIRES + 1), Err(Error::Expired { expires: EXPIRES, now: EXPIRES + 1 }));
        let backwards = key().sign(BODY, CREATED, CREATED - 1, None);
        assert!(matches!(at(&backwards, CREATED), Err(Error::Backwards { .. })));
        let endless = key().sign(BODY, 0, i64::MAX, None);
        assert_eq!(at(&endless, i64::MAX), Ok(()));
    }

    #[test]
    fn an_answer_fits_its_request_only() {
        let request = key().sign(BODY, CREATED, EXPIRES, None);
        let answer = key().sign(b"{}", CREATED, EXPIRES, Some(request.signature()));
        let accepts = |known| verify(&answer, &key().public(), b"{}", CREATED, 5, known);
        assert_eq!(accepts(Some(request.signature())), Ok(()));
        assert_eq!(accepts(Some(answer.signature())), Err(Error::Mismatch));
        assert_eq!(accepts(None), Err(Error::RequestSignatureUnknown));
        // Three lines are three lines, whatever is known.
        assert_eq!(verify(&request, &key().public(), BODY, CREATED, 5, Some("x")), Ok(()));
    }

    #[test]
    fn another_key_and_another_label_do_not_match() {
        let header = key().sign(BODY, CREATED, EXPIRES, None);
        let other = PrivateKey::random().unwrap().public();
        assert_eq!(verify(&header, &other, BODY, CREATED, 5, None), Err(Error::Mismatch));
        let newer = key().with_label(Label::Blake2b512).sign(BODY, CREATED, EXPIRES, None);
        assert_eq!(at(&newer, CREATED), Ok(()));
        let read =
            |label| Header::parse(&newer.to_string(), Dialect { label, ..Dialect::default() }).unwrap();
        assert_eq!(at(&read(Label::Blake2b512), CREATED), Ok(()));
        assert_eq!(at(&read(Label::Blake512), CREATED), Err(Error::Mismatch));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn nothing_that_is_signed_can_be_changed(
            mut body in prop::collection::vec(any::<u8>(), 1..200),
            place: prop::sample::Index,
            bit in 0..8_u32,
            later in 1..100_i64,
        ) {
            let (key, now) = (key(), CREATED + 100);
            let header = key.sign(&body, CREATED, EXPIRES, None);
            let accepts = |header: &Header, body: &[u8]| verify(header, &key.public(), body, now, 5, None);
            prop_assert_eq!(accepts(&header, &body), Ok(()));
            for (begins, ends) in [(later, 0), (-later, 0), (0, later), (0, -later)] {
                let (created, expires) = (CREATED + begins, EXPIRES + ends);
                let moved = Header { created, expires, ..header.clone() };
                prop_assert_eq!(accepts(&moved, &body), Err(Error::Mismatch));
            }
            let mut signature = *header.signature_bytes();
            signature[place.index(64)] ^= 1 << bit;
            let forged = Header { signature: Signature::new(signature), ..header.clone() };
            prop_assert_eq!(accepts(&forged, &body), Err(Error::Mismatch));
            body.push(0);
            prop_assert_eq!(accepts(&header, &body), Err(Error::Mismatch));
            body.pop();
            let at = place.index(body.len());
            body[at] ^= 1 << bit;
            prop_assert_eq!(accepts(&header, &body), Err(Error::Mismatch));
        }
    }
}
