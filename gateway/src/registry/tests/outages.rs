//! Registries that give no answer, or none that can be used.

use serde_json::json;
use tokio::time::Instant;

use super::{
    fake::{Fake, dedi, details},
    *,
};

const SINCE: &str = "the registry has given no answer since 2026-09-01T12:00:00Z";

#[tokio::test]
async fn an_answer_that_cannot_be_used_is_none_and_the_registry_gets_a_pause() {
    let unsigned = json!({"subscriber_id": "a.example"});
    let others = json!({"subscriber_id": "b.example", "signing_public_key": "k"});
    let good = dedi(details(), json!({})).to_string();
    for (status, body) in [
        (500, good.clone()),
        (401, String::new()),
        (302, good.clone()),
        (204, String::new()),
        (200, String::new()),
        (200, "<html>".into()),
        (200, json!({"data": {}}).to_string()),
        (200, dedi(unsigned, json!({})).to_string()),
        (200, dedi(others, json!({})).to_string()),
        (200, format!("{good}{}", " ".repeat(crate::registry::fetch::MOST_BYTES))),
    ] {
        let fake = Fake::start().await;
        fake.answers(status, &body);
        let registry = registry(Source::Dedi(fake.base()));
        for (wait, asked) in [(Duration::ZERO, 1), (SECOND / 2, 1), (SECOND, 2)] {
            pass(wait).await;
            let error = registry.find("a.example", "k1").await.unwrap_err();
            assert_eq!((error.to_string().as_str(), error.code()), (SINCE, "NET_DOWNSTREAM_UNAVAILABLE"));
            assert_eq!(fake.asked(), asked, "{status} {body}");
        }
        assert_eq!(counted(), ["unavailable"; 3]);
    }
}

#[tokio::test]
async fn a_registry_that_does_not_listen_is_unavailable() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let registry = registry(Source::Classic(format!("http://{free}").parse().unwrap()));
    assert_eq!(registry.find("a.example", "k1").await.unwrap_err().to_string(), SINCE);
}

#[tokio::test]
async fn a_registry_that_is_silent_is_unavailable_after_five_seconds() {
    let fake = Fake::start().await;
    fake.open(false);
    let registry = registry(Source::Dedi(fake.base()));
    tokio::time::pause();
    let began = Instant::now();
    assert_eq!(registry.find("a.example", "k1").await.unwrap_err().to_string(), SINCE);
    assert_eq!(began.elapsed().as_secs(), 5);
}

#[tokio::test]
async fn what_was_confirmed_is_used_for_six_hours_while_the_registry_is_away() {
    let fake = Fake::start().await;
    fake.answers(200, dedi(details(), json!({})));
    let tasks = Tasks::new();
    let registry = registry_with(Source::Dedi(fake.base()), tasks.clone());
    registry.find("a.example", "k1").await.unwrap();
    fake.answers(503, "");
    for wait in [MINUTE * 6, HOUR, SECOND / 2, HOUR * 4] {
        pass(wait).await;
        assert_eq!(registry.find("a.example", "k1").await.unwrap().signing_public_key, "public");
        tasks.drained().await;
    }
    assert_eq!(fake.asked(), 4, "it is asked again, but not within a second");
    pass(HOUR * 18).await;
    assert_eq!(registry.find("a.example", "k1").await.unwrap_err().to_string(), SINCE);
    assert_eq!(counted(), ["found", "stale", "stale", "stale", "stale", "unavailable"]);

    fake.answers(200, dedi(details(), json!({})));
    pass(SECOND * 2).await;
    registry.find("a.example", "k1").await.unwrap();
    assert_eq!(counted(), ["found"]);
}

#[tokio::test]
async fn what_was_confirmed_need_not_wait_for_a_slow_registry() {
    let fake = Fake::start().await;
    fake.answers(200, dedi(details(), json!({})));
    let tasks = Tasks::new();
    let registry = registry_with(Source::Dedi(fake.base()), tasks.clone());
    registry.find("a.example", "k1").await.unwrap();
    fake.open(false);
    pass(HOUR).await;
    // Nothing comes: time goes on by itself to the next deadline.
    tokio::time::pause();
    let began = Instant::now();
    // Half a second for the first, nothing for the next while that look-up goes on until its deadline.
    for waited in [500, 500, 500] {
        registry.find("a.example", "k1").await.unwrap();
        assert_eq!(began.elapsed().as_millis() / 10 * 10, waited);
    }
    // After it has failed nobody waits.
    tokio::time::advance(SECOND * 8).await;
    for _ in 0..2 {
        registry.find("a.example", "k1").await.unwrap();
        assert_eq!(began.elapsed().as_millis() / 10 * 10, 8_500);
    }
    assert_eq!(counted(), ["found", "stale", "stale", "stale", "stale", "stale"]);

    // What comes of it in the background is used.
    tasks.drained().await;
    tokio::time::advance(SECOND * 2).await;
    tokio::time::resume();
    fake.answers(404, "");
    registry.find("a.example", "k1").await.unwrap();
    fake.open(true);
    tasks.drained().await;
    assert_eq!(registry.find("a.example", "k1").await.unwrap_err().code(), "AUT_SUBSCRIBER_NOT_FOUND");
}
