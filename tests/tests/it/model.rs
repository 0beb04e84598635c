//! Orders, messages and stock together, decided by the code of both services over rows in memory, under everything that
//! can go wrong between them: no kilowatt-hour is sold twice, and an order is ACTIVE only when it is sold.

use std::collections::BTreeMap;

use p2p_catalog::{
    domain::{Command, Label, Line, State, Wish},
    model::Rows,
};
use p2p_domain::OrderId;
use p2p_order::model::{
    Ask, Catalog, Fate, Order, Reservation, Reserved, Step, Stood, Variant, Wait, What, run,
};
use p2p_testkit::interleavings;
use proptest::prelude::*;

const CASES: u32 = 15_000;

struct Stock(Rows);

impl Stock {
    /// The item has less than its offers.
    fn new() -> Self {
        let offers = vec![("a".parse().unwrap(), 18, 1), ("b".parse().unwrap(), 6, 1)];
        Self(Rows::new(("i".parse().unwrap(), 20), offers).unwrap())
    }
}

impl Catalog for Stock {
    fn ask(&mut self, order: &Order, ask: Ask) -> Option<Stood> {
        let line = |line: &p2p_order::model::Line| Line {
            offer: line.offer.clone(),
            quantity_wh: line.quantity.wh(),
        };
        let command = match ask {
            Ask::Reserve => Command::Reserve(Wish {
                order: order.id,
                transaction: order.scope.transaction.clone(),
                lines: order.quote.lines.iter().map(line).collect(),
            }),
            Ask::Sell => Command::Sell(order.id),
            Ask::Release(reason) => Command::Release(order.id, Label::parse(reason, "reason").unwrap()),
            Ask::Return => Command::Return(order.id),
        };
        let answer = self.0.commit(&[command])?.pop()?.ok()?;
        Some(match answer.state {
            State::Held(_) => Stood::Held,
            State::Sold(_) => Stood::Sold,
            State::Returned(_) => Stood::Returned,
            State::Released { reason, .. } => Stood::Released(reason),
            State::Refused { reason, .. } => Stood::Refused(reason),
        })
    }

    fn reservations(&self) -> BTreeMap<OrderId, Reservation> {
        let rows = self.0.stock().reservations.iter().map(|(order, row)| {
            let status = match row.state {
                State::Held(_) => Reserved::Held,
                State::Sold(_) => Reserved::Sold,
                State::Returned(_) | State::Released { .. } | State::Refused { .. } => Reserved::Free,
            };
            let lots = row.state.lots().iter().map(|lot| (lot.offer.clone(), lot.quantity.wh()));
            (*order, Reservation { status, lots: lots.collect() })
        });
        rows.collect()
    }

    fn violation(&self) -> Option<String> {
        self.0.violation()
    }
}

fn keeps_the_rules(steps: &[Step]) -> Result<(), TestCaseError> {
    run(steps, Stock::new()).map_err(TestCaseError::fail)
}

#[test]
fn no_kilowatt_hour_is_sold_twice_and_what_is_active_is_sold_whoever_dies_whenever() {
    interleavings(CASES, 60, any::<[u8; 4]>().prop_map(Step::of), keeps_the_rules);
}

/// A trade from its init to its cancellation, of which each step is a commit or a message.
fn trade() -> Vec<Step> {
    let asks = [What::Init(3), What::Confirm(0), What::Cancel(0)];
    asks.iter().flat_map(|what| [vec![Step::Send(0, *what)], vec![Step::Calm(1); 6]].concat()).collect()
}

#[test]
fn two_faults_at_any_two_steps_of_a_trade_are_repaired() {
    let faults = [
        vec![Step::Kill(0), Step::Claim(0)],
        vec![Step::Kill(0), Step::Wait(Wait::Lease), Step::Claim(1)],
        vec![Step::Wait(Wait::Lease), Step::Claim(1)],
        vec![Step::KillService],
        vec![Step::GiveUp(0)],
        vec![Step::Wait(Wait::Hold), Step::Sweep(Fate::Answered)],
        vec![Step::Lose(0)],
        vec![Step::Repeat(0, Variant::Same)],
    ];
    let trade = trade();
    for first in 0..=trade.len() {
        for second in first..=trade.len() {
            for (one, other) in faults.iter().flat_map(|one| faults.iter().map(move |other| (one, other))) {
                let (before, between, behind) = (&trade[..first], &trade[first..second], &trade[second..]);
                let steps = [before, one, between, other, behind].concat();
                keeps_the_rules(&steps).unwrap_or_else(|broken| panic!("{broken}\nbroken by {steps:?}"));
            }
        }
    }
}
