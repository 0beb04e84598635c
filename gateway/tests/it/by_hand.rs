//! The program `beckn-sign`, as people call it.

use std::{
    io::Write,
    process::{Command, Stdio},
};

const SEED: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const PUBLIC: &str = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=";
const BODY: &str = r#"{"context":{"version":"2.0.0","action":"discover"},"message":{}}"#;
const HEADER: &str = "Signature keyId=\"buyerapp.example.com|76EU-test-buyer-k1|ed25519\",algorithm=\"ed25519\",\
     created=\"1777111800\",expires=\"1777112100\",headers=\"(created) (expires) digest\",\
     signature=\"+yl9+bWipPajERq61Mni9VvssxMoNuiPubcWWLB6kXUe8PI+QU4j++GeBgm1rqp7oxDI+cneIWnQWmiiW+QjAQ==\"";

/// How it ended, what it wrote to stdout, and what to stderr.
fn beckn_sign(words: &[&str], stdin: &str) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_beckn-sign"))
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end before it reads.
    let _closed = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn verify(header: &str, more: &[&str]) -> (i32, String, String) {
    let words = ["verify", "--public-key", PUBLIC, "--header", header];
    beckn_sign(&[&words, more, &["-"]].concat(), BODY)
}

/// A file of this test's own.
fn file(name: &str, text: &str) -> String {
    let path = format!("{}/{name}-{}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_body_is_signed_and_the_header_is_all_that_is_written() {
    let key = file("seed", &format!("{SEED}\n"));
    let words = ["sign", "--subscriber", "buyerapp.example.com", "--key-id", "76EU-test-buyer-k1"];
    let words = [&words[..], &["--key-file", &key, "--created", "1777111800", "-"]].concat();
    assert_eq!(beckn_sign(&words, BODY), (0, format!("{HEADER}\n"), String::new()));
    let (code, out, explained) = beckn_sign(&[&words, &["--explain"][..]].concat(), BODY);
    assert_eq!((code, out), (0, format!("{HEADER}\n")));
    assert!(explained.contains("64 bytes") && explained.contains("\ndigest: BLAKE-512=if4X"), "{explained}");
    assert!(!explained.contains(SEED));
    std::fs::remove_file(key).unwrap();
}

#[test]
fn what_is_verified_is_ok_and_what_is_not_is_told_why() {
    let now = ["--now", "1777112100"];
    let named = format!("authorization: {HEADER}");
    for header in [HEADER, &named] {
        assert_eq!(verify(header, &now), (0, "ok\n".to_owned(), String::new()));
    }
    let (code, why, _) = verify(HEADER, &["--now", "1777112101"]);
    assert_eq!(
        (code, why.as_str()),
        (1, "the signature has expired: expires is 1777112100, and it is 1777112101 here\n")
    );
    let (code, why, explained) =
        verify(&HEADER.replace("1777111800", "1777111801"), &[&now[..], &["--explain"]].concat());
    assert!(code == 1 && why.starts_with("the signature does not match the key"), "{why}");
    assert!(
        explained.contains("(created): 1777111801\n(expires): 1777112100\ndigest: BLAKE-512="),
        "{explained}"
    );
    let (code, why, _) = verify(&HEADER.replace("+yl9", "-yl9"), &now);
    assert!(code == 1 && why.starts_with("the signature is not standard base64 with padding: "), "{why}");
    let (code, why, _) = verify(HEADER, &[&now[..], &["--label", "BLAKE2b-512"]].concat());
    assert!(code == 1 && why.starts_with("the signature does not match the key"), "{why}");
}

#[test]
fn a_new_key_signs_what_its_public_key_verifies() {
    let (code, pair, _) = beckn_sign(&["keygen", "--subscriber", "s.example", "--key-id", "k1"], "");
    let pair: serde_json::Value = serde_json::from_str(&pair).unwrap();
    assert_eq!((code, &pair["subscriber_id"], &pair["key_id"]), (0, &"s.example".into(), &"k1".into()));
    let (seed, public) = (pair["seed"].as_str().unwrap(), pair["public_key"].as_str().unwrap());
    let body = file("body", BODY);
    let words = ["sign", "--subscriber", "s.example", "--key-id", "k1", "--registry", "r", "--key-file", "-"];
    let (code, header, _) =
        beckn_sign(&[&words[..], &["--request-signature", "c2ln", "--ttl", "60", &body]].concat(), seed);
    assert!(code == 0 && header.starts_with("Signature keyId=\"s.example/r/k1|ed25519\""), "{header}");
    let words = ["verify", "--public-key", public, "--in-registry", "--header-file", "-", &body];
    let with = [&words[..], &["--request-signature", "c2ln"]].concat();
    assert_eq!(beckn_sign(&with, &header), (0, "ok\n".to_owned(), String::new()));
    let (code, why, _) = beckn_sign(&words, &header);
    assert!(code == 1 && why.contains("is not known here"), "{why}");
    std::fs::remove_file(body).unwrap();
}

#[test]
fn keys_in_other_forms_are_imported() {
    let pkcs8 = "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{pkcs8}\n-----END PRIVATE KEY-----\n");
    for (form, text) in [("raw", SEED), ("DER", pkcs8), ("PEM", &pem)] {
        let (code, key, _) = beckn_sign(&["import", "-"], text);
        let key: serde_json::Value = serde_json::from_str(&key).unwrap();
        let expected = serde_json::json!({"form": form, "seed": SEED, "public_key": PUBLIC});
        assert_eq!((code, key), (0, expected));
    }
    let spki = "MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=";
    let (code, key, _) = beckn_sign(&["import", "--public", "-"], spki);
    assert!(code == 0 && key.contains(PUBLIC) && !key.contains("seed"), "{key}");
    let (code, nothing, why) = beckn_sign(&["import", "-"], spki);
    assert!((code, nothing.as_str()) == (1, "") && why.contains("PKCS#8") && !why.contains(spki), "{why}");
}

#[test]
fn what_cannot_be_begun_ends_with_2() {
    let sign = ["sign", "--subscriber", "s", "--key-id", "k", "--key-file", "-"];
    let verify = ["verify", "--public-key", PUBLIC, "--header", HEADER];
    for words in [
        vec![],
        vec!["resign"],
        vec!["keygen", "--subscriber", "s"],
        vec!["keygen", "--subscriber", "s", "--key-id", "k", "file"],
        vec!["import"],
        vec!["import", "/nowhere/at/all"],
        [&sign[..], &["-"]].concat(),
        [&sign[..], &["--ttl", "1", "--expires", "2", "/dev/null"]].concat(),
        [&sign[..], &["--created", "-1", "/dev/null"]].concat(),
        [&sign[..], &["--seed", SEED, "/dev/null"]].concat(),
        [&verify[..], &["--header", HEADER, "-"]].concat(),
        [&verify[..], &["--header-file", "/dev/null", "-"]].concat(),
        [&verify[..], &["--label", "SHA-256", "-"]].concat(),
        [&verify[..], &["--now"]].concat(),
        vec!["verify", "--public-key", PUBLIC, "--header-file", "-", "-"],
    ] {
        let (code, out, why) = beckn_sign(&words, "");
        assert!((code, out.as_str()) == (2, "") && why.starts_with("beckn-sign: "), "{words:?}: {why}");
    }
}
