//! The same message_id again: the same answer for the same bytes, a refusal for others.

use serde_json::{Value, json};

use crate::{
    beckn::{self, Message},
    client::ALPHA,
    system::System,
};

#[tokio::test]
async fn the_same_bytes_again_read_the_stored_verdict_and_do_nothing() {
    let system = System::start().await;
    let refused = Message::new(&system, "select", "t-1", beckn::select("offer-none", &json!(1)));
    let accepted = Message::new(&system, "select", "t-1", beckn::select(ALPHA, &json!(1)));
    let ordered = Message::new(&system, "init", "t-1", beckn::init(ALPHA, &json!(1)));
    let unknown = Message::new(&system, "confirm", "t-1", json!({"order": {"id": "nope"}}));
    for (path, message, verdict) in [
        ("/select", &refused, "NACK"),
        ("/select", &accepted, "ACK"),
        ("/init", &ordered, "ACK"),
        ("/confirm", &unknown, "NACK"),
    ] {
        let first = system.post_text(path, &message.text()).await;
        assert_eq!((first.status, first.verdict()), (200, verdict), "{path} {}", first.text);
        for _ in 0..3 {
            let again = system.post_text(path, &message.text()).await;
            assert_eq!((again.status, &again.text), (200, &first.text), "{path}");
        }
    }
    system.tables.is_sound().await;
    let events = system.tables.number("SELECT count(*) FROM orders.events WHERE action = 'init'").await;
    assert_eq!(events, 1);
    assert_eq!(system.tables.stock(ALPHA).await, [49, 1, 0]);
}

#[tokio::test]
async fn sixteen_copies_of_an_init_at_once_make_one_order_and_one_answer() {
    let system = System::start().await;
    let init = Message::new(&system, "init", "t-1", beckn::init(ALPHA, &json!(7)));
    let copies = (0..16).map(|_| system.post_text("/init", Box::leak(init.text().into_boxed_str())));
    let answers = futures::future::join_all(copies).await;
    for answer in &answers {
        assert_eq!((answer.status, &answer.text), (200, &answers[0].text));
    }
    system.tables.is_sound().await;
    assert_eq!(system.tables.stock(ALPHA).await, [43, 7, 0]);
}

#[tokio::test]
async fn other_bytes_under_the_same_id_are_a_conflict() {
    let system = System::start().await;
    let paths: [(&str, Value, Value); 4] = [
        ("/select", beckn::select(ALPHA, &json!(1)), beckn::select(ALPHA, &json!(2))),
        ("/init", beckn::init(ALPHA, &json!(1)), beckn::init(ALPHA, &json!(2))),
        ("/confirm", json!({"order": {"id": "a"}}), json!({"order": {"id": "b"}})),
        ("/status", json!({"order_id": "a"}), json!({"order_id": "b"})),
    ];
    for (path, one, other) in paths {
        let first = Message::new(&system, &path[1..], "t-1", one);
        system.post_text(path, &first.text()).await;
        let second = Message::new(&system, &path[1..], "t-1", other).with("message_id", &first.id());
        let answer = system.post_text(path, &second.text()).await;
        assert_eq!((answer.status, answer.verdict()), (409, "NACK"), "{path} {}", answer.text);
        assert_eq!(answer.json["ack"]["error"]["code"], "40001");
        assert_eq!(answer.json["context"], second.0["context"]);
    }
    system.tables.is_sound().await;
    assert_eq!(system.tables.stock(ALPHA).await, [49, 1, 0]);
}
