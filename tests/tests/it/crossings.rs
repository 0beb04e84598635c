//! kill -9 at every step of every action: whoever comes next finishes it, once, and nothing waits for ever.
//!
//! The steps are the failpoints of the programs. One that is never crossed fails the test that names it.

use crate::{
    chaos::sizes::Sizes,
    stage::{ACTIONS, Ending, GiveBack, Stage, Victim},
};

const ALONE: Victim = Victim::Gateways(&["gateway-1"]);
const TWO: Victim = Victim::Gateways(&["gateway-1", "gateway-2"]);
const FROZEN: Victim = Victim::FrozenGateways(&["gateway-1", "gateway-2"]);
/// Whoever starts again under its own name takes its work back at once, however long its lease is.
const LONG: &str = "30";
/// What somebody else has left is taken over when its lease lapses.
const SHORT: &str = "1";

/// Once among all tests, and again and again in `make chaos`: what else happens at that moment differs.
async fn each_round(crossing: impl AsyncFn()) {
    for _ in 0..Sizes::told().crossings {
        crossing().await;
    }
}

/// The same step of each action.
fn each(point: &str) -> impl Fn(&str) -> Vec<String> {
    move |action| vec![point.replace("{}", action)]
}

/// The same step of some actions.
fn only(actions: &[&str], point: &str) -> impl Fn(&str) -> Vec<String> {
    move |action| if actions.contains(&action) { vec![point.replace("{}", action)] } else { Vec::new() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seller_that_dies_while_it_accepts_does_it_once() {
    each_round(async || {
        let mut stage = Stage::start(ALONE, LONG).await;
        stage.foreign_trade(each("gateway.accept.{}.planned"), 1).await;
        stage.foreign_trade(each("gateway.accept.{}.committed"), 1).await;
        for step in ["started", "worked_out", "finished"] {
            let point = format!("gateway.conclude.{{}}.{step}");
            stage.foreign_trade(only(&["init", "confirm"], &point), 1).await;
        }
        stage.is_sound().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seller_that_dies_while_it_answers_sends_the_same_bytes() {
    each_round(async || {
        let mut stage = Stage::start(ALONE, LONG).await;
        stage.foreign_trade(each("gateway.deliver.on_{}.due"), 1).await;
        stage.foreign_trade(each("gateway.deliver.on_{}.posted"), 2).await;
        stage.foreign_trade(each("gateway.report.marked"), 1).await;
        stage.is_sound().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_buyer_that_dies_while_it_asks_is_answered() {
    each_round(async || {
        let mut stage = Stage::start(ALONE, LONG).await;
        let asked_again = stage.own_trade(each("gateway.request.{}.built")).await;
        assert_eq!(asked_again, ACTIONS.len());
        for step in ["request.{}.stored", "request.{}.applied", "deliver.{}.posted"] {
            assert_eq!(stage.own_trade(each(&format!("gateway.{step}"))).await, 0, "{step}");
        }
        stage.is_sound().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_buyer_that_dies_while_it_is_answered_hears_it_again() {
    each_round(async || {
        let mut stage = Stage::start(ALONE, LONG).await;
        for step in ["callback.{}.read", "callback.{}.recorded", "callback.{}.applied", "report.marked"] {
            assert_eq!(stage.own_trade(each(&format!("gateway.{step}"))).await, 0, "{step}");
        }
        stage.is_sound().await;
    })
    .await;
}

// What a dead service or gateway has left is waited for, a second or so each time: several systems do it side by
// side.

async fn another_seller_takes_over(deaths: impl Fn(&str) -> Vec<String>, deliveries: usize) {
    let mut stage = Stage::start(TWO, SHORT).await;
    stage.foreign_trade(deaths, deliveries).await;
    stage.is_sound().await;
}

async fn another_seller_is_faster(deaths: impl Fn(&str) -> Vec<String>, deliveries: usize) {
    let mut stage = Stage::start(FROZEN, SHORT).await;
    stage.foreign_trade(deaths, deliveries).await;
    stage.is_sound().await;
}

async fn another_buyer_takes_over(point: &str) -> usize {
    let mut stage = Stage::start(TWO, SHORT).await;
    let asked_again = stage.own_trade(each(point)).await;
    stage.is_sound().await;
    asked_again
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_gateway_takes_over_what_a_dead_one_has_left() {
    each_round(async || {
        tokio::join!(
            another_seller_takes_over(each("gateway.accept.{}.committed"), 1),
            another_seller_takes_over(only(&["init", "confirm"], "gateway.conclude.{}.finished"), 1),
            another_seller_takes_over(each("gateway.deliver.on_{}.posted"), 2),
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_frozen_past_its_lease_finishes_nothing_afterwards() {
    let of_orders = |point| only(&["init", "confirm"], point);
    each_round(async || {
        tokio::join!(
            another_seller_is_faster(of_orders("gateway.accept.{}.committed"), 1),
            another_seller_is_faster(of_orders("gateway.conclude.{}.worked_out"), 1),
            another_seller_is_faster(of_orders("gateway.conclude.{}.finished"), 2),
            another_seller_is_faster(each("gateway.deliver.on_{}.posted"), 2),
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_gateway_goes_on_with_a_dead_ones_buyer() {
    each_round(async || {
        let asked_again = tokio::join!(
            another_buyer_takes_over("gateway.request.{}.stored"),
            another_buyer_takes_over("gateway.deliver.{}.posted"),
            another_buyer_takes_over("gateway.callback.{}.recorded"),
        );
        assert_eq!(asked_again, (0, 0, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_takes_over_may_die_as_well() {
    each_round(async || {
        let mut stage = Stage::start(ALONE, LONG).await;
        let line = |action: &str, steps: &[&str]| -> Vec<String> {
            steps.iter().map(|step| format!("gateway.{}", step.replace("{}", action))).collect()
        };
        let deaths = |action: &str| {
            let seller = match action {
                "init" | "confirm" => line(
                    action,
                    &[
                        "accept.{}.committed",
                        "claim.{}.claimed",
                        "conclude.{}.started",
                        "conclude.{}.worked_out",
                        "conclude.{}.finished",
                    ],
                ),
                _ => line(action, &["accept.{}.committed"]),
            };
            [seller, line(action, &["claim.on_{}.claimed", "deliver.on_{}.due", "deliver.on_{}.posted"])]
                .concat()
        };
        stage.foreign_trade(deaths, 2).await;
        let deaths = |action: &str| {
            let steps = [
                "request.{}.stored",
                "claim.{}.claimed",
                "deliver.{}.posted",
                "callback.{}.read",
                "callback.{}.recorded",
                "callback.{}.applied",
            ];
            line(action, &steps)
        };
        assert_eq!(stage.own_trade(deaths).await, 0);
        stage.is_sound().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_outlives_the_gateway_that_heard_it() {
    each_round(async || {
        let mut stage = Stage::start(ALONE, LONG).await;
        for point in ["gateway.deliver.select.posted", "gateway.report.refused"] {
            stage.refused_choice(point).await;
        }
        stage.is_sound().await;
    })
    .await;
}

/// Nothing of what was committed has to be asked for again.
async fn order_dies_after_commits(deaths: fn(&str) -> &'static [&'static str]) {
    let mut stage = Stage::start(Victim::Order, SHORT).await;
    let points = |action: &str| deaths(action).iter().map(|point| (*point).to_owned()).collect();
    assert_eq!(stage.own_trade(points).await, 0);
    stage.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_service_that_dies_after_a_commit_finds_it_done() {
    each_round(async || {
        tokio::join!(
            order_dies_after_commits(|_| &["order.Send.committed", "order.claim.committed"]),
            // The action of discover, select and status; the callback of init and confirm.
            order_dies_after_commits(|_| &["order.Record.committed"]),
            order_dies_after_commits(|action| match action {
                "init" | "confirm" => &["order.Begin.committed"],
                _ => &["order.Record.committed#2"],
            }),
            order_dies_after_commits(|action| match action {
                "init" => &["order.reserve.answered", "order.Finish.committed"],
                "confirm" => &["order.sell.answered", "order.Finish.committed"],
                _ => &[],
            }),
        );
    })
    .await;
}

/// The number of the commit at which it dies tells nothing certain beyond the first: reports of deliveries that were
/// not answered are made again, and may be among them.
async fn order_dies_before_commits(point: &str) -> usize {
    let mut stage = Stage::start(Victim::Order, SHORT).await;
    let asked_again = stage.own_trade(each(point)).await;
    stage.is_sound().await;
    asked_again
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_service_that_dies_before_a_commit_is_asked_again() {
    each_round(async || {
        let (first, ..) = tokio::join!(
            order_dies_before_commits("order.batch.decided"),
            order_dies_before_commits("order.batch.decided#2"),
            order_dies_before_commits("order.batch.decided#3"),
            order_dies_before_commits("order.batch.decided#4"),
            order_dies_before_commits("order.Mark.committed"),
        );
        assert_eq!(first, ACTIONS.len());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_buyers_ask_again_when_the_order_service_dies() {
    each_round(async || {
        let mut stage = Stage::start(Victim::Order, SHORT).await;
        stage.foreign_trade(each("order.batch.decided"), 1).await;
        stage.foreign_trade(only(&["init", "confirm"], "order.batch.decided#2"), 1).await;
        stage.is_sound().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_catalog_that_dies_around_a_commit_moves_stock_once() {
    each_round(async || {
        let mut stage = Stage::start(Victim::Catalog, SHORT).await;
        let stock = |step: &'static str| {
            move |action: &str| match action {
                "init" => vec![step.replace("{}", "reserve")],
                "confirm" => vec![step.replace("{}", "sell")],
                _ => Vec::new(),
            }
        };
        for step in ["catalog.{}.asked", "transact.written", "catalog.{}.committed"] {
            assert_eq!(stage.own_trade(stock(step)).await, 0, "{step}");
            stage.foreign_trade(stock(step), 1).await;
            stage.given_back(GiveBack::Release, &step.replace("{}", "release")).await;
            stage.given_back(GiveBack::Return, &step.replace("{}", "return")).await;
        }
        stage.is_sound().await;
    })
    .await;
}

/// An order for each line of places.
async fn ends(victim: Victim, lease_seconds: &str, ending: Ending, lines: &[&[&str]]) {
    let mut stage = Stage::start(victim, lease_seconds).await;
    for points in lines {
        stage.ended(ending, points).await;
    }
    stage.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_is_done_once_whatever_dies() {
    each_round(async || {
        let gateway: [&[&str]; 6] = [
            &["gateway.request.cancel.stored"],
            &["gateway.accept.cancel.planned"],
            &["gateway.accept.cancel.committed", "gateway.conclude.cancel.started"],
            &["gateway.conclude.cancel.worked_out"],
            &["gateway.conclude.cancel.finished"],
            &["gateway.callback.cancel.recorded"],
        ];
        let order: [&[&str]; 3] = [
            &["order.Begin.committed"],
            &["order.release.answered", "order.return.answered"],
            &["order.Finish.committed"],
        ];
        let catalog: [&[&str]; 3] =
            [&["catalog.release.asked"], &["catalog.return.asked"], &["catalog.return.committed"]];
        let by_buyer = Ending::CancelledByBuyer;
        tokio::join!(
            ends(ALONE, LONG, by_buyer, &gateway),
            ends(Victim::Order, SHORT, by_buyer, &order),
            ends(Victim::Catalog, SHORT, by_buyer, &catalog),
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_seller_does_is_done_once_and_told_once_whatever_dies() {
    each_round(async || {
        let unasked: [&[&str]; 4] = [
            &["gateway.claim.on_cancel.claimed"],
            &["gateway.unasked.on_cancel.composed", "gateway.unasked.on_cancel.stored"],
            &["gateway.deliver.on_cancel.due"],
            &["gateway.callback.cancel.recorded"],
        ];
        let cancelled: [&[&str]; 4] = [
            &["order.Perform.committed"],
            &["order.release.answered", "order.return.answered"],
            &["order.Settle.committed"],
            &["order.Compose.committed"],
        ];
        let completed: [&[&str]; 2] = [&["order.Perform.committed"], &["order.Compose.committed"]];
        tokio::join!(
            ends(TWO, SHORT, Ending::CancelledBySeller, &unasked),
            ends(Victim::Order, SHORT, Ending::CancelledBySeller, &cancelled),
            ends(Victim::Order, SHORT, Ending::Completed, &completed),
        );
    })
    .await;
}
