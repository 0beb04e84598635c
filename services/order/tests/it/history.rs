//! The history of an order, and pages of dead letters.

use p2p_proto::order::*;
use tonic::Code;

use crate::system::{System, made, received};

/// Seq, action, direction, work and delivery of each message.
fn told(history: &GetOrderHistoryResponse) -> Vec<String> {
    let words = |m: &OrderMessage| {
        let way = if m.direction() == Direction::Inbound { "in" } else { "out" };
        let work = m.work().as_str_name().trim_start_matches("WORK_STATUS_").to_lowercase();
        let delivery = m.delivery.as_ref().map(|delivery| delivery.status().as_str_name().to_lowercase());
        let delivery = delivery.unwrap_or_default();
        let came_to =
            format!("{} {}", work.replace("unspecified", ""), delivery.replace("delivery_status_", ""));
        format!("{} {} {way} {}", m.seq, m.action, came_to.trim())
    };
    history.messages.iter().map(words).collect()
}

/// A message's text, with the id of its order.
fn naming(order: &Order, message: &str) -> String {
    format!(r#"{{"message_id":"{message}","order":{{"id":"{}"}}}}"#, order.id)
}

async fn mark(system: &System, gateway: &Gateway, id: &str, result: delivery_mark::Result) {
    let marks = vec![DeliveryMark { delivery_id: id.into(), result: Some(result) }];
    system.mailbox.clone().mark(MarkRequest { gateway: Some(gateway.clone()), marks }).await.unwrap();
}

fn dead(error: &str) -> delivery_mark::Result {
    delivery_mark::Result::Dead(delivery_mark::Dead { error: error.into(), refusal: None })
}

#[tokio::test]
async fn an_order_is_told_by_its_id_alone_with_what_led_to_it_and_without_what_is_another_orders() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    // An earlier order of the same trade, which was given up.
    system.record(&gateway, received("select", "t", "select-1")).await;
    let first = system.order_in(&gateway, "t", false).await;
    let mut cancel = received("cancel", "t", "cancel-1");
    cancel.body = naming(&first, "cancel-1");
    let begun = system.try_cancel(&gateway, cancel.clone(), &first.id, false).await.unwrap();
    system.finish(&gateway, &cancel, begun.change).await.unwrap();

    system.record(&gateway, received("select", "t", "select-2")).await;
    let init = received("init", "t", "init-2");
    let begun = system.init(&gateway, init.clone(), 10).await;
    let order = made(&begun);
    system.finish(&gateway, &init, begun.change).await.unwrap();
    let mut confirm = received("confirm", "t", "confirm-2");
    confirm.body = naming(&order, "confirm-2");
    let begun = system.confirm(&gateway, confirm.clone(), &order.id).await;
    let finished = system.finish(&gateway, &confirm, begun.change).await.unwrap();
    mark(&system, &gateway, &finished.delivery_id, dead("answered 400")).await;
    let mut late = received("confirm", "t", "confirm-3");
    late.body = naming(&order, "confirm-3");
    let begun = system.confirm(&gateway, late.clone(), &order.id).await;
    system.finish(&gateway, &late, begun.change).await.unwrap();

    let history = system.history(&order.id).await.unwrap();
    let told = told(&history);
    assert_eq!(
        told,
        [
            "7 select in done",
            "8 on_select out pending",
            "9 init in done",
            "10 on_init out pending",
            "11 confirm in done",
            "12 on_confirm out dead",
            "13 confirm in done",
            "14 on_confirm out pending",
        ]
    );
    assert_eq!((history.state(), history.hold_until), (OrderState::Active, None));
    assert_eq!(history.order.as_ref().unwrap().transaction_id, "t");
    let delivery = history.messages[5].delivery.as_ref().unwrap();
    assert_eq!((delivery.attempts, delivery.last_error.as_str()), (1, "answered 400"));
    assert_eq!(delivery.id, finished.delivery_id);
    let before = system.history(&first.id).await.unwrap();
    let actions: Vec<_> = before.messages.iter().map(|m| (m.seq, m.action.as_str())).collect();
    assert_eq!(
        actions,
        [(1, "select"), (2, "on_select"), (3, "init"), (4, "on_init"), (5, "cancel"), (6, "on_cancel")]
    );
    assert_eq!((before.state(), before.cancelled_by()), (OrderState::Cancelled, Party::Buyer));
}

#[tokio::test]
async fn what_is_said_unasked_is_told_before_it_has_a_text_and_the_outcome_once_it_is_counted() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let order = system.order_in(&gateway, "t", true).await;
    let held = system.order_in(&gateway, "t-held", false).await;
    let pending = system.history(&held.id).await.unwrap();
    assert_eq!((pending.state(), pending.hold_until.is_some()), (OrderState::Pending, true));
    assert_eq!((pending.outcome(), pending.outcome_told_at), (OrderOutcome::Unspecified, None));

    system.complete(&order.id).await.unwrap();
    let history = system.history(&order.id).await.unwrap();
    let last = history.messages.last().unwrap();
    assert_eq!((last.seq, last.action.as_str()), (0, "on_status"));
    assert_eq!(last.delivery.as_ref().unwrap().status(), DeliveryStatus::Pending);
    assert_eq!((history.state(), history.outcome()), (OrderState::Completed, OrderOutcome::Success));
    assert!(history.outcome_told_at.is_some(), "the seller waited until it was counted");
}

#[tokio::test]
async fn a_refused_action_is_told_with_its_refusal() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let order = system.order_in(&gateway, "t", true).await;
    let mut cancel = received("cancel", "t", "cancel-1");
    cancel.body = naming(&order, "cancel-1");
    let refusal = Refusal { code: "40001".into(), message: "no".into() };
    let request = RecordRequest {
        gateway: Some(gateway.clone()),
        message: Some(cancel),
        verdict: Some(Verdict { refusal: Some(refusal.clone()), timestamp: crate::system::now() }),
        ..Default::default()
    };
    system.mailbox.clone().record(request).await.unwrap();
    let history = system.history(&order.id).await.unwrap();
    assert_eq!(history.messages.last().unwrap().refusal, Some(refusal));
}

#[tokio::test]
async fn the_history_of_no_order_is_not_found() {
    let system = System::start().await;
    for id in ["x", "00000000-0000-0000-0000-000000000000"] {
        let status = system.history(id).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
        assert_eq!(p2p_proto::reason(&status).as_deref(), Some("ORDER_NOT_FOUND"));
    }
}

#[tokio::test]
async fn dead_letters_are_listed_page_by_page_and_by_action() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    for n in 0..5 {
        let action = if n % 2 == 0 { "discover" } else { "select" };
        let recorded = system.record(&gateway, received(action, &format!("t-{n}"), &format!("m-{n}"))).await;
        mark(&system, &gateway, &recorded.delivery_id, dead(&format!("no {n}"))).await;
    }
    let list = async |action: &str| {
        let (mut cursor, mut errors) = (String::new(), vec![]);
        loop {
            let request = ListDeadRequest { limit: 2, cursor, action: action.into() };
            let page = system.mailbox.clone().list_dead(request).await.unwrap().into_inner();
            errors.extend(page.letters.into_iter().map(|letter| letter.error));
            cursor = page.next_cursor;
            if cursor.is_empty() {
                return errors;
            }
        }
    };
    assert_eq!(list("").await, ["no 4", "no 3", "no 2", "no 1", "no 0"]);
    assert_eq!(list("on_select").await, ["no 3", "no 1"]);
    let request = ListDeadRequest { cursor: "nonsense".into(), ..Default::default() };
    let status = system.mailbox.clone().list_dead(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}
