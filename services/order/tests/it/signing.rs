//! Signed messages: their headers are kept and given back, and what is played again is noticed.

use p2p_proto::order::*;
use tonic::Code;

use crate::{
    catalog::Mood,
    mailbox::send,
    system::{BAP, System, made, now, outgoing, received},
};

/// A header of the usual form.
fn signature(of: &str) -> String {
    format!(
        r#"Signature keyId="bap|k|ed25519",algorithm="ed25519",created="1",expires="9",headers="(created) (expires) digest",signature="{of}""#
    )
}

fn signed(message: ReceivedMessage, of: &str) -> ReceivedMessage {
    ReceivedMessage { authorization: signature(of), ..message }
}

/// Records with a header of its own on the callback, which is not kept.
async fn record(
    system: &System,
    gateway: &Gateway,
    message: &ReceivedMessage,
    refusal: Option<Refusal>,
) -> RecordResponse {
    let reply = OutgoingMessage {
        authorization: signature("of the first attempt"),
        ..outgoing(&format!("on_{}", message.action), &message.message_id, "{}")
    };
    let is_answered = refusal.is_none() && !message.action.starts_with("on_");
    let request = RecordRequest {
        gateway: Some(gateway.clone()),
        message: Some(message.clone()),
        verdict: Some(Verdict { refusal, timestamp: now() }),
        reply: is_answered.then_some(reply),
        ..RecordRequest::default()
    };
    system.mailbox.clone().record(request).await.unwrap().into_inner()
}

fn request(message: &str, authorization: String, seen: i64) -> SendRequest {
    SendRequest {
        bap_id: BAP.into(),
        transaction_id: "t".into(),
        message: Some(OutgoingMessage { authorization, ..outgoing("select", message, "{}") }),
        seen_buyer_seq: seen,
        ..SendRequest::default()
    }
}

/// What another gateway takes over from one that is gone.
async fn taken_over(system: &System, from: &Gateway) -> (Gateway, ClaimResponse) {
    system.leave(from).await;
    let gateway = system.join(&format!("{}-heir", from.id)).await;
    let claimed = system.claim(&gateway).await;
    (gateway, claimed)
}

/// Of each delivery: its message, its own header and that of its request.
fn headers(claimed: &ClaimResponse) -> Vec<(&str, &str, &str)> {
    let deliveries = claimed.deliveries.iter();
    deliveries
        .map(|d| (d.message_id.as_str(), d.authorization.as_str(), d.request_authorization.as_str()))
        .collect()
}

async fn sent_request(system: &System, transaction: &str, message: &str) -> Result<String, tonic::Status> {
    let request = GetSentRequestRequest {
        bap_id: BAP.into(),
        transaction_id: transaction.into(),
        message_id: message.into(),
    };
    Ok(system.mailbox.clone().get_sent_request(request).await?.into_inner().authorization)
}

#[tokio::test]
async fn a_request_is_sent_again_under_its_own_header_when_its_gateway_is_gone() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let sent = SendRequest { gateway: Some(gateway.clone()), ..request("m-1", signature("m-1"), 0) };
    system.mailbox.clone().send(sent).await.unwrap();
    let (heir, claimed) = taken_over(&system, &gateway).await;
    assert_eq!(headers(&claimed), [("m-1", signature("m-1").as_str(), "")]);
    let (_, claimed) = taken_over(&system, &heir).await;
    assert_eq!(headers(&claimed), [("m-1", signature("m-1").as_str(), "")]);
    assert_eq!(system.events("t", true).await.events[0].authorization, signature("m-1"));
}

#[tokio::test]
async fn a_callback_is_taken_over_with_the_header_of_its_request_and_without_one_of_its_own() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    record(&system, &gateway, &signed(received("select", "t-1", "m-1"), "m-1"), None).await;
    record(&system, &gateway, &received("select", "t-2", "m-2"), None).await;
    // The same id under another action.
    record(&system, &gateway, &signed(received("status", "t-1", "m-1"), "m-1 again"), None).await;
    let (gateway, claimed) = taken_over(&system, &gateway).await;
    let of = |transaction: &str, action: &str| {
        let mut found = claimed
            .deliveries
            .iter()
            .filter(|d| (d.transaction_id.as_str(), d.action.as_str()) == (transaction, action));
        let delivery = found.next().unwrap();
        assert_eq!(delivery.authorization, "");
        delivery.request_authorization.clone()
    };
    assert_eq!(of("t-1", "on_select"), signature("m-1"));
    assert_eq!(of("t-1", "on_status"), signature("m-1 again"));
    assert_eq!(of("t-2", "on_select"), "");
    let events = system.events("t-1", false).await.events;
    let kept: Vec<&str> = events.iter().map(|event| event.authorization.as_str()).collect();
    assert_eq!(kept, [&signature("m-1"), "", &signature("m-1 again"), ""]);

    // A dead one is listed with it, and comes back with it.
    let id = claimed
        .deliveries
        .iter()
        .find(|d| d.message_id == "m-1" && d.action == "on_select")
        .unwrap()
        .id
        .clone();
    let dead = delivery_mark::Result::Dead(delivery_mark::Dead { error: "400".into(), refusal: None });
    let marks = vec![DeliveryMark { delivery_id: id.clone(), result: Some(dead) }];
    system.mailbox.clone().mark(MarkRequest { gateway: Some(gateway.clone()), marks }).await.unwrap();
    let listed = system.mailbox.clone().list_dead(ListDeadRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.letters[0].delivery.as_ref().unwrap().request_authorization, signature("m-1"));
    system.mailbox.clone().redrive(RedriveRequest { delivery_id: id }).await.unwrap();
    assert_eq!(headers(&system.claim(&gateway).await), [("m-1", "", signature("m-1").as_str())]);
}

#[tokio::test]
async fn work_is_taken_over_with_its_header_which_its_callback_then_answers() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let init = signed(received("init", "t", "m-1"), "m-1");
    system.init(&gateway, init.clone(), 30).await;
    let (gateway, claimed) = taken_over(&system, &gateway).await;
    assert_eq!(claimed.work[0].message, Some(init.clone()));
    let resumed = system.try_init(&gateway, init.clone(), 30, true).await.unwrap();
    system.finish(&gateway, &init, resumed.change).await.unwrap();
    let (_, claimed) = taken_over(&system, &gateway).await;
    assert_eq!(headers(&claimed), [("m-1", "", signature("m-1").as_str())]);
}

#[tokio::test]
async fn what_nobody_asked_for_answers_no_header() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let init = signed(received("init", "t", "m-1"), "m-1");
    let begun = system.init(&gateway, init.clone(), 10).await;
    let order = made(&begun);
    system.finish(&gateway, &init, begun.change).await.unwrap();
    let confirm = signed(received("confirm", "t", "m-2"), "m-2");
    let begun = system.confirm(&gateway, confirm.clone(), &order.id).await;
    system.finish(&gateway, &confirm, begun.change).await.unwrap();
    system.complete(&order.id).await.unwrap();
    let claimed = system.claim(&gateway).await;
    let [unasked] = &claimed.deliveries[..] else { panic!("{claimed:?}") };
    assert!(unasked.unsolicited.is_some());
    let composed = system.compose(&gateway, unasked, "{}").await.unwrap();
    for delivery in [unasked, &composed] {
        assert_eq!((delivery.authorization.as_str(), delivery.request_authorization.as_str()), ("", ""));
    }
}

#[tokio::test]
async fn what_was_accepted_is_played_when_it_comes_again_under_the_same_signature() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    for (action, buyer_seq) in [("select", 0), ("on_select", 1)] {
        let message = signed(received(action, action, "m-1"), "a");
        let first = record(&system, &gateway, &message, None).await;
        assert_eq!((first.outcome(), first.buyer_seq), (Outcome::Accepted, buyer_seq));
        let others = ReceivedMessage { body: "{}".into(), ..message.clone() };
        let unsigned = ReceivedMessage { authorization: String::new(), ..message.clone() };
        for (again, outcome) in [
            (message.clone(), Outcome::Replayed),
            (signed(message.clone(), "b"), Outcome::Repeated),
            (unsigned, Outcome::Repeated),
            // The first header is the one that is kept.
            (signed(message.clone(), "b"), Outcome::Repeated),
            (message, Outcome::Replayed),
        ] {
            let answer = record(&system, &gateway, &again, None).await;
            assert_eq!((answer.outcome(), answer.delivery_id.as_str()), (outcome, ""));
            assert_eq!((answer.verdict, answer.buyer_seq), (first.verdict.clone(), buyer_seq));
        }
        assert_eq!(record(&system, &gateway, &others, None).await.outcome(), Outcome::Conflict);
    }
    assert_eq!(system.events("select", false).await.events.len(), 2);
    assert_eq!(system.events("on_select", false).await.events.len(), 1);
}

#[tokio::test]
async fn what_was_refused_is_refused_again_and_not_played() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let refusal = Refusal { code: "40001".into(), message: "no".into() };
    let select = signed(received("select", "t", "m-1"), "a");
    let first = record(&system, &gateway, &select, Some(refusal.clone())).await;
    let again = record(&system, &gateway, &select, None).await;
    assert_eq!((again.outcome(), again.verdict), (Outcome::Repeated, first.verdict));
    let confirm = signed(received("confirm", "t", "m-2"), "a");
    let first = system.confirm(&gateway, confirm.clone(), "none").await;
    assert!(first.verdict.as_ref().unwrap().refusal.is_some());
    let again = system.confirm(&gateway, confirm, "none").await;
    assert_eq!((again.outcome(), again.verdict), (Outcome::Repeated, first.verdict));
}

#[tokio::test]
async fn what_was_not_signed_when_it_was_accepted_is_never_played() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let select = received("select", "t", "m-1");
    record(&system, &gateway, &select, None).await;
    for again in [select.clone(), signed(select, "a")] {
        assert_eq!(record(&system, &gateway, &again, None).await.outcome(), Outcome::Repeated);
    }
}

#[tokio::test]
async fn an_action_is_played_while_its_work_is_open_and_when_it_is_done() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    system.catalog.set(Mood::Away);
    let init = signed(received("init", "t", "m-1"), "a");
    let first = system.init(&gateway, init.clone(), 30).await;
    let queued = signed(received("confirm", "t", "m-2"), "b");
    assert_eq!(system.confirm(&gateway, queued.clone(), "none").await.outcome(), Outcome::Queued);
    let again = system.init(&gateway, init.clone(), 30).await;
    assert_eq!((again.outcome(), &again.verdict, again.result), (Outcome::Replayed, &first.verdict, None));
    assert_eq!(system.confirm(&gateway, queued, "none").await.outcome(), Outcome::Replayed);
    let anew = system.init(&gateway, signed(init.clone(), "c"), 30).await;
    assert_eq!((anew.outcome(), &anew.verdict), (Outcome::Repeated, &first.verdict));
    system.catalog.set(Mood::Well);
    let resumed = system.try_init(&gateway, init.clone(), 30, true).await.unwrap();
    assert_eq!(resumed.outcome(), Outcome::Accepted, "who goes on plays nothing");
    system.finish(&gateway, &init, resumed.change).await.unwrap();
    let again = system.init(&gateway, init, 30).await;
    assert_eq!((again.outcome(), again.verdict), (Outcome::Replayed, first.verdict));
    assert_eq!(system.events("t", false).await.events.len(), 3);
}

#[tokio::test]
async fn of_the_same_signed_message_sixteen_times_at_once_fifteen_are_played() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let status = signed(received("status", "t", "m-1"), "a");
    let records = (0..16).map(|_| record(&system, &gateway, &status, None));
    let answers = futures::future::join_all(records).await;
    let count = |outcome| answers.iter().filter(|answer| answer.outcome() == outcome).count();
    assert_eq!((count(Outcome::Accepted), count(Outcome::Replayed)), (1, 15));
    assert!(answers.iter().all(|answer| answer.verdict == answers[0].verdict));
}

#[tokio::test]
async fn rows_from_before_signatures_answer_no_header_and_are_never_played() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let select = signed(received("select", "t", "m-1"), "a");
    record(&system, &gateway, &select, None).await;
    send(&system, &gateway, "m-2", 0).await;
    system.run(r#"UPDATE orders.events SET "authorization" = NULL"#).await;
    system.run("UPDATE orders.outbox SET request_event_id = NULL").await;
    assert_eq!(record(&system, &gateway, &select, None).await.outcome(), Outcome::Repeated);
    assert_eq!(sent_request(&system, "t", "m-2").await.unwrap(), "");
    let (_, claimed) = taken_over(&system, &gateway).await;
    let mut found = headers(&claimed);
    found.sort_unstable();
    assert_eq!(found, [("m-1", "", ""), ("m-2", "", "")]);
}

#[tokio::test]
async fn a_header_is_at_most_2048_bytes_of_printable_ascii() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let longest = "x".repeat(2_048);
    for bad in ["x".repeat(2_049), "a\nb".into(), "a\0b".into(), "a\u{7f}".into(), "é".into()] {
        let message = ReceivedMessage { authorization: bad.clone(), ..received("select", "t", "m-1") };
        let error = system.try_init(&gateway, message, 30, false).await.unwrap_err();
        assert_eq!(p2p_proto::reason(&error).as_deref(), Some("INVALID_MESSAGE"), "{bad:?}");
        let sent = SendRequest { gateway: Some(gateway.clone()), ..request("m-1", bad, 0) };
        assert_eq!(system.mailbox.clone().send(sent).await.unwrap_err().code(), Code::InvalidArgument);
    }
    let sent = SendRequest { gateway: Some(gateway.clone()), ..request("m-1", longest.clone(), 0) };
    system.mailbox.clone().send(sent).await.unwrap();
    assert_eq!(sent_request(&system, "t", "m-1").await.unwrap(), longest);
}

#[tokio::test]
async fn the_header_of_a_request_is_found_by_what_answers_it() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let sent = SendRequest { gateway: Some(gateway.clone()), ..request("m-1", signature("m-1"), 0) };
    system.mailbox.clone().send(sent).await.unwrap();
    // Our own seller's side answers it: both are messages of this trade under this id.
    record(&system, &gateway, &signed(received("select", "t", "m-1"), "m-1"), None).await;
    record(&system, &gateway, &signed(received("on_select", "t", "m-1"), "on_select"), None).await;
    send(&system, &gateway, "m-2", 2).await;
    assert_eq!(sent_request(&system, "t", "m-1").await.unwrap(), signature("m-1"));
    assert_eq!(sent_request(&system, "t", "m-2").await.unwrap(), "", "it is not signed");
    // Received only, unknown, and of another trade.
    record(&system, &gateway, &received("status", "t", "m-3"), None).await;
    for (transaction, message) in [("t", "m-3"), ("t", "m-4"), ("t-2", "m-1")] {
        let error = sent_request(&system, transaction, message).await.unwrap_err();
        assert_eq!(error.code(), Code::NotFound);
        assert_eq!(p2p_proto::reason(&error).as_deref(), Some("REQUEST_NOT_FOUND"), "{message}");
    }
}
