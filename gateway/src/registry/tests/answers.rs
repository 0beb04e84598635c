//! What registries say, and how long it is remembered.

use futures::future::join_all;
use serde_json::json;

use super::{
    fake::{Fake, dedi, details},
    *,
};

#[tokio::test]
async fn dedi_tells_who_a_subscriber_is() {
    let fake = Fake::start().await;
    fake.answers(200, dedi(details(), json!({"ttl": 60, "created_at": "2026-01-01T00:00:00Z"})));
    let found = registry(Source::Dedi(fake.base())).find("a.example", "k1").await.unwrap();
    let text = str::to_owned;
    let expected = Subscriber {
        subscriber_id: text("a.example"),
        key_id: text("k1"),
        url: text("https://a.example/beckn"),
        kind: text("BPP"),
        domain: text("beckn.one:deg:p2p-trading"),
        signing_public_key: text("public"),
        network_memberships: Some(vec![text("n/1")]),
        valid_from: None,
        valid_until: None,
        status: None,
    };
    assert_eq!(*found, expected);
    assert_eq!(fake.last(), "GET /registry/lookup/a.example/subscribers.beckn.one/k1 ");
}

#[tokio::test]
async fn the_classic_registry_tells_who_a_subscriber_is() {
    let fake = Fake::start().await;
    fake.answers(
        200,
        json!([{
            "subscriber_id": "a.example", "url": "https://a.example", "type": "BAP", "domain": "d", "key_id": "k1",
            "signing_public_key": "public", "encr_public_key": "", "valid_from": "2026-01-01T00:00:00Z",
            "valid_until": "2027-01-01T00:00:00+05:30", "status": "UNDER_SUBSCRIPTION",
            "created": "0001-01-01T00:00:00Z", "updated": "0001-01-01T00:00:00Z", "nonce": "",
        }]),
    );
    let found = registry(Source::Classic(fake.base())).find("a.example", "k1").await.unwrap();
    assert_eq!((found.kind.as_str(), found.signing_public_key.as_str()), ("BAP", "public"));
    assert_eq!(found.valid_until, Some("2026-12-31T18:30:00Z".parse().unwrap()));
    assert_eq!(
        (&found.status, &found.network_memberships),
        (&Some(crate::registry::subscriber::Status::UnderSubscription), &None)
    );
    assert_eq!(fake.last(), r#"POST /registry/lookup {"key_id":"k1","subscriber_id":"a.example"}"#);
}

#[tokio::test]
async fn who_is_unknown_is_asked_for_once_a_minute() {
    let fake = Fake::start().await;
    let registry = registry(Source::Dedi(fake.base()));
    for (wait, asked) in [(Duration::ZERO, 1), (59 * SECOND, 1), (2 * SECOND, 2)] {
        pass(wait).await;
        let error = registry.find("a.example", "k1").await.unwrap_err();
        assert_eq!(error.to_string(), "no subscriber a.example with a key k1 is registered");
        assert_eq!((error.code(), fake.asked()), ("AUT_SUBSCRIBER_NOT_FOUND", asked));
    }
    let error = registry.find("..", "k1").await.unwrap_err();
    assert_eq!((error.code(), fake.asked()), ("AUT_SUBSCRIBER_NOT_FOUND", 2));
    assert_eq!(counted(), ["not_found"; 4]);
}

#[tokio::test]
async fn who_is_revoked_is_refused_and_asked_for_once_a_minute() {
    let fake = Fake::start().await;
    let record = |status| json!([{"signing_public_key": "k", "status": status}]);
    fake.answers(200, record("UNSUBSCRIBED"));
    let registry = registry(Source::Classic(fake.base()));
    for asked in [1, 1] {
        let error = registry.find("a.example", "k1").await.unwrap_err();
        assert_eq!(error.to_string(), "key k1 of a.example is UNSUBSCRIBED");
        assert_eq!((error.code(), fake.asked()), ("AUT_KEY_EXPIRED_OR_REVOKED", asked));
    }
    fake.answers(200, record("SUBSCRIBED"));
    pass(61 * SECOND).await;
    registry.find("a.example", "k1").await.unwrap();
    fake.answers(200, json!([{"subscriber_id": "a.example", "key_id": "k1"}]));
    assert_eq!(registry.find("a.example", "k2").await.unwrap_err().code(), "AUT_KEY_NOT_FOUND");
    assert_eq!(counted(), ["refused", "refused", "found", "not_found"]);
}

#[tokio::test]
async fn an_answer_is_believed_as_long_as_it_says() {
    for (more, until, seconds) in [
        (json!({}), "", 300),
        (json!({"ttl": 60}), "", 60),
        (json!({"ttl": 0}), "", 300),
        (json!({"ttl": 100_000_000}), "", 24 * 60 * 60),
        // Ten minutes after NOW.
        (json!({}), "2026-09-01T12:10:00Z", 600),
        (json!({"ttl": 60}), "2026-09-01T12:10:00Z", 60),
        (json!({"ttl": 3_600}), "2026-09-01T12:10:00Z", 600),
        (json!({}), "2026-09-01T12:00:00.010Z", 1),
    ] {
        let fake = Fake::start().await;
        let mut details = details();
        details["valid_until"] = until.into();
        fake.answers(200, dedi(details, more.clone()));
        let registry = registry(Source::Dedi(fake.base()));
        let mut asked = Vec::new();
        for wait in [Duration::ZERO, Duration::from_secs(seconds) - SECOND / 2, SECOND] {
            pass(wait).await;
            registry.find("a.example", "k1").await.unwrap();
            asked.push(fake.asked());
        }
        assert_eq!(asked, [1, 1, 2], "{more} {until}");
        assert_eq!(counted(), ["found", "remembered", "found"], "{more} {until}");
    }
}

#[tokio::test]
async fn who_is_asked_for_by_many_at_once_is_looked_up_once() {
    let fake = Fake::start().await;
    for (status, body, is_found) in [
        (200, dedi(details(), json!({})).to_string(), true),
        (404, String::new(), false),
        (500, String::new(), false),
    ] {
        fake.answers(status, body);
        fake.open(false);
        let registry = registry(Source::Dedi(fake.base()));
        let before = fake.asked();
        let all = join_all((0..100).map(|_| registry.find("a.example", "k1")));
        let opened = async {
            while fake.asked() == before {
                tokio::task::yield_now().await;
            }
            fake.open(true);
        };
        let (all, ()) = tokio::join!(all, opened);
        assert!(all.iter().all(|found| found.is_ok() == is_found), "{status}");
        assert_eq!(fake.asked(), before + 1, "{status}");
    }
}

#[tokio::test]
async fn a_look_up_goes_on_when_who_wanted_it_has_left() {
    let fake = Fake::start().await;
    fake.answers(200, dedi(details(), json!({})));
    fake.open(false);
    let registry = registry(Source::Dedi(fake.base()));
    tokio::select! {
        _ = registry.find("a.example", "k1") => panic!("nobody has answered"),
        () = async { while fake.asked() == 0 { tokio::task::yield_now().await } } => {}
    }
    fake.open(true);
    registry.find("a.example", "k1").await.unwrap();
    assert_eq!(fake.asked(), 1);
}

#[tokio::test]
async fn who_is_revoked_after_being_known_is_refused_at_once() {
    let fake = Fake::start().await;
    let registry = registry(Source::Classic(fake.base()));
    for (revoked, code) in [
        (json!([{"signing_public_key": "k", "status": "EXPIRED"}]), "AUT_KEY_EXPIRED_OR_REVOKED"),
        (json!([]), "AUT_SUBSCRIBER_NOT_FOUND"),
    ] {
        fake.answers(200, json!([{"signing_public_key": "k", "status": "SUBSCRIBED"}]));
        pass(61 * SECOND).await;
        registry.find("a.example", "k1").await.unwrap();
        fake.answers(200, revoked);
        pass(301 * SECOND).await;
        assert_eq!(registry.find("a.example", "k1").await.unwrap_err().code(), code);
        // That it was known once helps no more.
        fake.answers(500, "");
        assert_eq!(registry.find("a.example", "k1").await.unwrap_err().code(), code);
        pass(61 * SECOND).await;
        let error = registry.find("a.example", "k1").await.unwrap_err();
        assert!(matches!(error, RegistryError::Unavailable { .. }), "{error}");
    }
}
