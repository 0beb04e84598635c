//! Catalogs that others publish: an action with a slash in its name.

use p2p_proto::order::*;

use crate::system::{BAP, System, now, outgoing, received};

const PUBLISHER: &str = "bpp.example.org";

fn publish(message: &str) -> ReceivedMessage {
    ReceivedMessage {
        sender: PUBLISHER.into(),
        bap_id: PUBLISHER.into(),
        authorization: r#"Signature keyId="bpp.example.org|k|ed25519",signature="a""#.into(),
        ..received("catalog/publish", "t", message)
    }
}

async fn record(system: &System, gateway: &Gateway, reply: Option<OutgoingMessage>) -> RecordResponse {
    let request = RecordRequest {
        gateway: Some(gateway.clone()),
        message: Some(publish("m-1")),
        verdict: Some(Verdict { refusal: None, timestamp: now() }),
        reply,
        ..RecordRequest::default()
    };
    system.mailbox.clone().record(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn what_is_published_is_answered_like_every_action() {
    // A catalog is no trade, but its transaction counts like one.
    let system = System::with([("TRANSACTIONS_PER_DAY", "1"), ("LEASE_SECONDS", "10")]).await;
    let gateway = system.join("g").await;
    let reply = || Some(outgoing("catalog/on_publish", "m-1", "{}"));
    let received = async || {
        let ReceivedMessage { sender, action, message_id, .. } = publish("m-1");
        let request = HasReceivedRequest { sender, action, message_id };
        system.mailbox.clone().has_received(request).await.unwrap().into_inner().received
    };
    assert!(!received().await);
    let first = record(&system, &gateway, reply()).await;
    assert!(received().await);
    assert_eq!((first.outcome(), first.buyer_seq), (Outcome::Accepted, 0));
    let again = record(&system, &gateway, reply()).await;
    assert_eq!((again.outcome(), again.verdict), (Outcome::Replayed, first.verdict));
    assert_eq!(system.violations().await, [""; 0]);

    system.leave(&gateway).await;
    let claimed = system.claim(&system.join("h").await).await;
    let [delivery] = &claimed.deliveries[..] else { panic!("{claimed:?}") };
    assert_eq!((delivery.action.as_str(), delivery.bap_id.as_str()), ("catalog/on_publish", PUBLISHER));
    assert_eq!(delivery.request_authorization, publish("m-1").authorization);
}

#[tokio::test]
async fn what_is_published_and_not_answered_is_noticed() {
    let system = System::start().await;
    record(&system, &system.join("g").await, None).await;
    let [found] = &system.violations().await[..] else { panic!("nothing is noticed") };
    assert!(found.ends_with("catalog/publish m-1 of transaction t has 0 callbacks"), "{found}");
}

#[tokio::test]
async fn the_answer_to_what_we_publish_is_a_callback() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let request = SendRequest {
        gateway: Some(gateway.clone()),
        bap_id: BAP.into(),
        transaction_id: "t".into(),
        message: Some(outgoing("catalog/publish", "m-1", "{}")),
        ..SendRequest::default()
    };
    system.mailbox.clone().send(request).await.unwrap();
    let heard = RecordRequest {
        gateway: Some(gateway.clone()),
        message: Some(ReceivedMessage { sender: "cds".into(), ..received("catalog/on_publish", "t", "m-1") }),
        verdict: Some(Verdict { refusal: None, timestamp: now() }),
        ..RecordRequest::default()
    };
    let heard = system.mailbox.clone().record(heard).await.unwrap().into_inner();
    assert_eq!((heard.outcome(), heard.buyer_seq), (Outcome::Accepted, 2));
    assert_eq!(system.violations().await, [""; 0]);
}
