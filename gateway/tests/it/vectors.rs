//! The vectors of `sign-vectors.json` in the folder `SPEC_DIR`: made by several other programs, which agree.

use std::{collections::HashMap, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use p2p_gateway::signature::{
    Dialect, Digest, Error, Header, KeyIdForm, Label, PrivateKey, Signer, SigningKey, TOLERANCE_SECONDS,
    VerifyingKey, import, verify,
};
use serde_json::Value;

/// None, and a line that says so, where there is no folder.
fn vectors() -> Option<Value> {
    let Some(folder) = std::env::var_os("SPEC_DIR") else {
        println!("skipped: SPEC_DIR is not set");
        return None;
    };
    let text = std::fs::read(Path::new(&folder).join("sign-vectors.json")).unwrap();
    Some(serde_json::from_slice(&text).unwrap())
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of[name].as_str().unwrap_or_else(|| panic!("{name} of {of}"))
}

fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of[name].as_array().unwrap()
}

fn body(vector: &Value) -> Vec<u8> {
    STANDARD.decode(text(vector, "body_base64")).unwrap()
}

fn parse(header: &str) -> Result<Header, Error> {
    Header::parse(header, Dialect::default())
}

/// By subscriber id.
fn keys(all: &Value) -> HashMap<&str, SigningKey> {
    let key = |key| {
        let signer = Signer::new(text(key, "subscriberId"), text(key, "keyId")).unwrap();
        let private = PrivateKey::from_base64(text(key, "privateKeySeedBase64")).unwrap();
        (text(key, "subscriberId"), SigningKey::new(signer, private))
    };
    list(all, "keys").iter().map(key).collect()
}

/// A vector's header, verified at a time.
fn verified(all: &Value, vector: &Value, body: &[u8], now: i64) -> Result<(), Error> {
    let key = keys(all)[text(vector, "key")].public();
    let header = parse(text(vector, "header")).unwrap();
    verify(&header, &key, body, now, TOLERANCE_SECONDS, vector["request_signature"].as_str())
}

#[test]
fn every_vector_is_made_byte_for_byte_and_verified() {
    let Some(all) = vectors() else { return };
    let (keys, vectors) = (keys(&all), list(&all, "vectors"));
    assert!(vectors.len() >= 4);
    for vector in vectors {
        let (name, body) = (text(vector, "name"), body(vector));
        let (created, expires) = (vector["created"].as_i64().unwrap(), vector["expires"].as_i64().unwrap());
        let request_signature = vector["request_signature"].as_str();
        let header = keys[text(vector, "key")].sign(&body, created, expires, request_signature);
        assert_eq!(Digest::of(&body).labelled(Label::Blake512), text(vector, "digest"), "{name}");
        assert_eq!(header.lines().names(), text(vector, "signed_headers"), "{name}");
        let signed = header.signing_string(&body, request_signature).unwrap();
        assert_eq!(signed, text(vector, "signing_string"), "{name}");
        assert_eq!(header.signature(), text(vector, "signature"), "{name}");
        assert_eq!(header.to_string(), text(vector, "header"), "{name}");
        assert_eq!(parse(text(vector, "header")), Ok(header), "{name}");
        assert_eq!(verified(&all, vector, &body, created), Ok(()), "{name}");
    }
}

#[test]
fn every_negative_is_refused_for_its_own_reason() {
    let Some(all) = vectors() else { return };
    for negative in list(&all, "negative") {
        let name = text(negative, "name");
        let base = list(&all, "vectors").iter().find(|vector| vector["name"] == negative["base"]).unwrap();
        let (created, expires) = (base["created"].as_i64().unwrap(), base["expires"].as_i64().unwrap());
        let now = negative["now"].as_i64().unwrap_or(created);
        match name {
            "n1_wrong_algorithm" => assert_eq!(parse(text(negative, "header")), Err(Error::Algorithm)),
            "n2_body_reserialised" => {
                assert_eq!(verified(&all, base, &body(negative), now), Err(Error::Mismatch));
            }
            "n3_expired" => {
                assert_eq!(verified(&all, base, &body(base), now), Err(Error::Expired { expires, now }));
                assert_eq!(verified(&all, base, &body(base), now - 1), Ok(()));
            }
            "n4_created_in_future" => {
                let refused = Error::Future { created, now, tolerance: TOLERANCE_SECONDS };
                assert_eq!(verified(&all, base, &body(base), now), Err(refused));
                assert_eq!(verified(&all, base, &body(base), now + 1), Ok(()));
            }
            "n6_two_part_keyid" => {
                let header = text(base, "header").replacen("|ed25519", "", 1);
                assert!(header.contains(text(negative, "mutation")));
                assert_eq!(parse(&header), Err(Error::KeyId(KeyIdForm::Subscriber)));
            }
            other => panic!("{other} is not tried"),
        }
    }
}

#[test]
fn the_keys_are_read_in_every_form() {
    let Some(all) = vectors() else { return };
    for key in list(&all, "keys") {
        let public = VerifyingKey::from_base64(text(key, "publicKeyBase64")).unwrap();
        for form in ["privateKeySeedBase64", "alt_libsodium64PrivateKeyBase64", "alt_pkcs8DerBase64"] {
            assert_eq!(import::private(text(key, form)).unwrap().1.public(), public, "{form}");
        }
        assert_eq!(import::public(text(key, "alt_spkiDerBase64")).unwrap().1, public);
    }
}
