//! Orders and messages over a catalog that is nothing but a number and a table.

use std::collections::BTreeMap;

use p2p_domain::OrderId;
use p2p_testkit::interleavings;
use proptest::prelude::*;

use super::{Ask, Catalog, Order, Reservation, Reserved, Step, Stood, run};

const CASES: u32 = 25_000;
const KWH: i64 = 20;

#[derive(Default)]
struct Table(BTreeMap<OrderId, (Stood, Order)>);

impl Table {
    fn used(&self) -> i64 {
        let taken = self.0.values().filter(|(stood, _)| reserved(stood) != Reserved::Free);
        taken.map(|(_, order)| order.quote.quantity.wh()).sum()
    }
}

fn reserved(stood: &Stood) -> Reserved {
    match stood {
        Stood::Held => Reserved::Held,
        Stood::Sold => Reserved::Sold,
        Stood::Returned | Stood::Released(_) | Stood::Refused(_) => Reserved::Free,
    }
}

impl Catalog for Table {
    fn ask(&mut self, order: &Order, ask: Ask) -> Option<Stood> {
        let (wh, used) = (order.quote.quantity.wh(), self.used());
        let next = match (self.0.get(&order.id).map(|(stood, _)| stood), ask) {
            (None, Ask::Reserve) if used + wh <= KWH * 1_000 => Stood::Held,
            (None, Ask::Reserve) => Stood::Refused("too little".into()),
            (None | Some(Stood::Held), Ask::Release(why)) => Stood::Released(why.into()),
            (Some(Stood::Held), Ask::Sell) => Stood::Sold,
            (Some(Stood::Sold), Ask::Return) => Stood::Returned,
            (Some(stood), _) => stood.clone(),
            (None, Ask::Sell | Ask::Return) => return None,
        };
        self.0.insert(order.id, (next.clone(), order.clone()));
        Some(next)
    }

    fn reservations(&self) -> BTreeMap<OrderId, Reservation> {
        let row = |(id, (stood, order)): (&OrderId, &(Stood, Order))| {
            let lots = order.quote.lines.iter().map(|line| (line.offer.clone(), line.quantity.wh()));
            (*id, Reservation { status: reserved(stood), lots: lots.collect() })
        };
        self.0.iter().map(row).collect()
    }

    fn violation(&self) -> Option<String> {
        None
    }
}

#[test]
fn what_is_accepted_is_done_once_and_told_once_whoever_dies_whenever() {
    let step = any::<[u8; 4]>().prop_map(Step::of);
    interleavings(CASES, 60, step, |steps| run(steps, Table::default()).map_err(TestCaseError::fail));
}
