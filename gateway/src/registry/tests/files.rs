//! Subscribers in a file.

use std::{fs, path::PathBuf};

use super::*;

const A: &str =
    r#"{"subscriber_id":"a.example","key_id":"k1","signing_public_key":"one","network_memberships":["n/1"]}"#;
const B: &str = r#"{"subscriber_id":"b.example","key_id":"k1","signing_public_key":"two","valid_until":"2026-09-01T12:00:00Z"}"#;

fn file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("p2p-registry-{name}-{}.json", std::process::id()))
}

#[tokio::test]
async fn a_change_of_the_file_is_seen_a_second_later() {
    let path = file("changed");
    fs::write(&path, format!("[{A},{B}]")).unwrap();
    let registry = registry(Source::File(path.clone()));
    let of = async |subscriber, key| {
        let found = registry.find(subscriber, key).await;
        found.map_or_else(|error| error.code().to_owned(), |found| found.signing_public_key.clone())
    };
    assert_eq!(of("a.example", "k1").await, "one");
    assert_eq!(of("a.example", "k2").await, "AUT_KEY_NOT_FOUND");
    assert_eq!(of("b.example", "k1").await, "AUT_KEY_EXPIRED_OR_REVOKED");
    assert_eq!(of("c.example", "k1").await, "AUT_SUBSCRIBER_NOT_FOUND");
    assert_eq!(counted(), ["found", "not_found", "refused", "not_found"]);

    fs::write(&path, format!("[{}]", A.replace("one", "other"))).unwrap();
    assert_eq!(of("a.example", "k1").await, "one");
    pass(SECOND).await;
    assert_eq!(of("a.example", "k1").await, "other");
    assert_eq!(of("b.example", "k1").await, "AUT_SUBSCRIBER_NOT_FOUND");

    fs::write(&path, "[").unwrap();
    pass(SECOND).await;
    assert_eq!(of("a.example", "k1").await, "other", "what cannot be read changes nothing");
    fs::remove_file(&path).unwrap();
    pass(SECOND).await;
    assert_eq!(of("a.example", "k1").await, "other", "what is away changes nothing");
}

#[tokio::test]
async fn a_file_that_is_not_there_yet_is_used_when_it_comes() {
    let path = file("late");
    let registry = registry(Source::File(path.clone()));
    let error = registry.find("a.example", "k1").await.unwrap_err();
    assert_eq!(error.to_string(), "the registry has given no answer since 2026-09-01T12:00:00Z");
    fs::write(&path, format!("[{A}]")).unwrap();
    pass(SECOND).await;
    let found = registry.find("a.example", "k1").await.unwrap();
    assert_eq!(found.network_memberships.as_deref(), Some(["n/1".to_owned()].as_slice()));
    fs::remove_file(&path).unwrap();
}
