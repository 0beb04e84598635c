use super::*;

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap()
}

fn message(id: &str, action: Action, second: i64) -> Message<'_> {
    from("p", id, action, second)
}

fn from<'a>(seller: &str, id: &'a str, action: Action, second: i64) -> Message<'a> {
    let seller = Box::leak(Box::new(ParticipantId::parse(seller).unwrap()));
    let seller = (action != Action::Discover).then_some(&*seller);
    Message {
        message_id: id,
        action,
        seller,
        seller_uri: Some("http://p"),
        profile: Profile::Seed,
        at: at(second),
    }
}

fn catalog() -> Heard {
    let json = || "{}".into();
    Heard::Catalog { catalog: json(), providers: json(), matching: json() }
}

fn order(status: &str) -> Heard {
    let head = OrderHead { id: "o".into(), progress: Progress::of(status) };
    Heard::Order { order: format!(r#"{{"status":"{status}"}}"#).into(), head }
}

fn error() -> ErrorBody {
    ErrorBody::new("40001", "no")
}

/// Steps from nothing; panics when one of them changes nothing.
fn run(steps: &[Step<'_>]) -> Head {
    steps.iter().fold(None, |head: Option<Head>, s| Some(step(head.as_ref(), s).unwrap().0)).unwrap()
}

fn request(id: &'static str, action: Action, second: i64) -> Step<'static> {
    Step::Request(message(id, action, second), vec![])
}

fn heard(id: &'static str, action: Action, second: i64, what: Heard) -> Step<'static> {
    Step::Callback(message(id, action, second), what)
}

fn selected() -> Vec<Step<'static>> {
    vec![
        request("d", Action::Discover, 0),
        heard("d", Action::Discover, 1, catalog()),
        request("s", Action::Select, 2),
        heard("s", Action::Select, 3, Heard::Quote),
    ]
}

fn active() -> Vec<Step<'static>> {
    let mut steps = selected();
    steps.extend([
        request("i", Action::Init, 4),
        heard("i", Action::Init, 5, order("PENDING")),
        request("c", Action::Confirm, 6),
        heard("c", Action::Confirm, 7, order("ACTIVE")),
    ]);
    steps
}

#[test]
fn a_trade_goes_from_discovering_to_active() {
    let expected = [
        Status::Discovering,
        Status::Selecting,
        Status::Selecting,
        Status::Initializing,
        Status::Initializing,
        Status::Confirming,
        Status::Confirming,
        Status::Active,
    ];
    let steps = active();
    for (n, status) in expected.into_iter().enumerate() {
        assert_eq!(run(&steps[..=n]).status, status, "after step {n}");
    }
    let head = run(&steps);
    assert_eq!((head.created_at, head.updated_at), (at(0), at(7)));
}

#[test]
fn a_refusal_drops_what_was_set_aside_and_restores_the_status() {
    let mut steps = selected();
    steps.push(request("s-2", Action::Select, 8));
    steps.push(Step::Refused("s-2", error()));
    let before = run(&steps[..5]);
    let (head, edits) = step(Some(&before), &steps[5]).unwrap();
    assert_eq!((head.status, head.error), (Status::Initializing, Some(error())));
    assert!(edits.contains(&Edit::DropPending(Part::Offer)));
}

#[test]
fn an_error_callback_is_a_refusal_too() {
    let mut steps = selected();
    steps.push(request("i", Action::Init, 4));
    steps.push(heard("i", Action::Init, 5, Heard::Failed(error())));
    let head = run(&steps);
    assert_eq!((head.status, head.error), (Status::Initializing, Some(error())));
}

#[test]
fn a_late_callback_and_one_that_nobody_asked_for_change_nothing() {
    let head = run(&active());
    let late = heard("s", Action::Select, 9, Heard::Quote);
    let unasked = heard("x", Action::Confirm, 9, order("ACTIVE"));
    let repeated = heard("i", Action::Init, 9, order("PENDING"));
    for ignored in [late, unasked, repeated, Step::Refused("s", error())] {
        assert_eq!(step(Some(&head), &ignored), None, "{ignored:?}");
    }
}

#[test]
fn an_unsolicited_on_status_moves_the_order_forward_only() {
    let head = run(&active());
    let (completed, _) = step(Some(&head), &heard("x", Action::Status, 9, order("COMPLETED"))).unwrap();
    assert_eq!(completed.status, Status::Completed);
    assert_eq!(step(Some(&completed), &heard("y", Action::Status, 10, order("ACTIVE"))), None);
    assert_eq!(step(Some(&completed), &heard("y", Action::Status, 10, order("CANCELLED"))), None);
}

#[test]
fn asking_for_the_status_takes_no_turn_from_the_confirm_before_it() {
    let mut steps = active();
    steps.truncate(7);
    steps.push(request("st", Action::Status, 7));
    steps.push(heard("c", Action::Confirm, 8, order("ACTIVE")));
    assert_eq!(run(&steps).status, Status::Active);
}

#[test]
fn an_on_status_that_overtakes_the_on_confirm_shows_the_order_active() {
    let mut steps = active();
    steps.truncate(7);
    steps.push(request("st", Action::Status, 7));
    steps.push(heard("st", Action::Status, 8, order("ACTIVE")));
    assert_eq!(run(&steps).status, Status::Active);
    steps.push(heard("c", Action::Confirm, 9, order("ACTIVE")));
    assert_eq!(run(&steps).status, Status::Active);
}

#[test]
fn a_peer_that_sends_fresh_ids_is_understood() {
    let mut steps = selected();
    steps[1] = heard("fresh-1", Action::Discover, 1, catalog());
    steps[3] = heard("fresh-2", Action::Select, 3, Heard::Quote);
    assert_eq!(run(&steps).status, Status::Initializing);
}

#[test]
fn an_answer_comes_from_whom_it_was_asked_for() {
    let steps = [selected(), vec![request("i", Action::Init, 4)]].concat();
    let head = run(&steps);
    let forged = Step::Callback(from("q", "i", Action::Init, 5), order("PENDING"));
    assert_eq!(step(Some(&head), &forged), None);
    let Step::Callback(mut unnamed, said) = heard("i", Action::Init, 5, order("PENDING")) else {
        unreachable!()
    };
    unnamed.seller = None;
    assert_eq!(step(Some(&head), &Step::Callback(unnamed, said)).unwrap().0.status, Status::Confirming);
}

#[test]
fn a_new_discovery_starts_over_but_keeps_a_live_order() {
    let mut steps = active();
    steps.push(request("d-2", Action::Discover, 20));
    let asked = run(&steps);
    let (head, edits) = step(Some(&asked), &heard("d-2", Action::Discover, 21, catalog())).unwrap();
    assert_eq!((head.status, head.created_at), (Status::Selecting, at(20)));
    assert!(head.order.is_some() && edits.contains(&Edit::Clear(Part::Offer)));
}

#[test]
fn a_repeated_confirm_leaves_an_active_trade_active() {
    let mut steps = active();
    steps.push(request("c-2", Action::Confirm, 8));
    assert_eq!(run(&steps).status, Status::Active);
    steps.push(heard("c-2", Action::Confirm, 9, order("ACTIVE")));
    assert_eq!(run(&steps).status, Status::Active);
}

#[test]
fn a_catalog_for_an_unknown_transaction_makes_one_and_nothing_else_does() {
    assert_eq!(run(&[heard("x", Action::Discover, 1, catalog())]).status, Status::Selecting);
    for what in [Heard::Quote, order("ACTIVE"), Heard::Failed(error())] {
        assert_eq!(step(None, &heard("x", Action::Select, 1, what)), None);
    }
}

#[test]
fn a_cancelled_order_ends_the_trade_and_until_then_it_stands_as_it_was() {
    let mut steps = active();
    steps.push(request("x-1", Action::Cancel, 8));
    assert_eq!(run(&steps).status, Status::Active);
    steps.push(heard("x-1", Action::Cancel, 9, order("CANCELLED")));
    assert_eq!(run(&steps).status, Status::Cancelled);
}

#[test]
fn a_cancel_that_fails_leaves_the_order_where_it_has_come_to_meanwhile() {
    let mut steps = active();
    let on_confirm = steps.pop().unwrap();
    steps.push(request("x-1", Action::Cancel, 8));
    assert_eq!(run(&steps).status, Status::Confirming);
    steps.push(on_confirm);
    steps.push(heard("x-1", Action::Cancel, 9, Heard::Failed(error())));
    let head = run(&steps);
    assert_eq!((head.status, head.error), (Status::Active, Some(error())));
}

#[test]
fn what_the_seller_says_unasked_counts_and_what_others_say_does_not() {
    for (action, said, status) in
        [(Action::Cancel, "CANCELLED", Status::Cancelled), (Action::Status, "COMPLETED", Status::Completed)]
    {
        let mut steps = active();
        let head = run(&steps);
        let strange = Step::Callback(from("q", "u-1", action, 9), order(said));
        assert_eq!(step(Some(&head), &strange), None);
        steps.push(heard("u-1", action, 9, order(said)));
        assert_eq!(run(&steps).status, status);
    }
}

#[test]
fn an_order_that_ends_while_its_confirm_is_open_stays_ended() {
    let mut steps = active();
    steps.pop();
    steps.push(heard("u-1", Action::Cancel, 8, order("CANCELLED")));
    steps.push(heard("c-1", Action::Confirm, 9, Heard::Failed(error())));
    assert_eq!(run(&steps).status, Status::Cancelled);
}

#[test]
fn an_on_cancel_that_overtakes_the_on_confirm_is_the_last_word() {
    let mut steps = active();
    let on_confirm = steps.pop().unwrap();
    steps.push(heard("u-1", Action::Cancel, 8, order("CANCELLED")));
    let before = run(&steps);
    steps.push(on_confirm);
    let head = run(&steps);
    assert_eq!((head.status, &head.order), (Status::Cancelled, &before.order));
    let (_, edits) = step(Some(&before), steps.last().unwrap()).unwrap();
    assert!(!edits.iter().any(|edit| matches!(edit, Edit::Set(Part::Order, _))), "{edits:?}");
}

#[test]
fn who_took_the_order_is_asked_about_it_whatever_is_selected_later() {
    let mut steps = active();
    steps.push(request("d-2", Action::Discover, 20));
    steps.push(heard("d-2", Action::Discover, 21, catalog()));
    steps.push(Step::Request(from("q", "s-2", Action::Select, 22), vec![]));
    steps.push(Step::Callback(from("q", "s-2", Action::Select, 23), Heard::Quote));
    let seller = run(&steps).seller.unwrap();
    assert_eq!((seller.bpp_id.as_str(), seller.bpp_uri.as_deref()), ("p", Some("http://p")));
}
