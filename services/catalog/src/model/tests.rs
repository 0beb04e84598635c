//! Reservations under commands that are lost, repeated, late and out of order, while the service dies at any step.

use std::collections::{BTreeMap, VecDeque};

use p2p_domain::OrderId;
use p2p_testkit::interleavings;
use proptest::prelude::*;
use uuid::Uuid;

use super::Rows;
use crate::domain::{Command, Label, Line, Reservation, Status, Undecided, Wish};

const CASES: u32 = 60_000;
const ORDERS: u8 = 4;
/// Item `i` has less than its offers: kWh, and kWh a block.
const ITEM: i64 = 10;
const OFFERS: [(&str, i64, i64); 2] = [("a", 8, 1), ("b", 6, 2)];

/// What happens next. Numbers choose among what there is.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Somebody sends a command for an order.
    Send(u8, What),
    /// A command that was sent is sent again.
    Repeat(u8),
    /// A command is lost on its way.
    Lose(u8),
    /// So many commands on their way, from this one on, arrive together.
    Arrive(u8, u8, Fate),
    /// An offer is taken off sale.
    Withdraw(u8),
}

/// What becomes of a transaction and of the service that runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is committed and answered.
    Answered,
    /// The service dies before the commit: nothing has happened.
    DiedBefore,
    /// The service dies behind the commit: nobody hears of it.
    DiedBehind,
}

/// What may be done with an order's stock.
#[derive(Debug, Clone, Copy)]
enum What {
    /// So many kWh of offer `a`, and of offer `b`.
    Reserve(u8, u8),
    Sell,
    Release,
    Return,
}

fn step() -> impl Strategy<Value = Step> {
    (0..32_u8, 0..64_u8, 0..64_u8).prop_map(|(kind, n, m)| match kind {
        0..12 => Step::Send(n % ORDERS, what(m)),
        12..15 => Step::Repeat(n),
        15 => Step::Lose(n),
        16..25 => Step::Arrive(n, 1 + m % 4, Fate::Answered),
        25..28 => Step::Arrive(n, 1 + m % 4, Fate::DiedBefore),
        28..31 => Step::Arrive(n, 1 + m % 4, Fate::DiedBehind),
        _ => Step::Withdraw(n),
    })
}

fn what(n: u8) -> What {
    match n {
        0..32 => What::Reserve(n / 4, n % 4),
        32..48 => What::Sell,
        48..56 => What::Release,
        _ => What::Return,
    }
}

fn command(order: u8, what: What) -> Command {
    let order = OrderId(Uuid::from_u128(order.into()));
    match what {
        What::Reserve(a, b) => {
            let line = |(offer, kwh): (&str, u8)| Line {
                offer: offer.parse().unwrap(),
                quantity_wh: i64::from(kwh) * 1_000,
            };
            let mut lines = vec![line(("a", a)), line(("b", b))];
            lines.truncate(if b == 0 { 1 } else { 2 });
            Command::Reserve(Wish { order, transaction: "t".parse().unwrap(), lines })
        }
        What::Sell => Command::Sell(order),
        What::Release => Command::Release(order, Label::parse("late", "reason").unwrap()),
        What::Return => Command::Return(order),
    }
}

struct World {
    rows: Rows,
    /// All that was sent, and whether it was answered.
    sent: Vec<(Command, bool)>,
    /// On their way: places in `sent`.
    on_way: VecDeque<usize>,
}

impl World {
    fn new() -> Self {
        let offers = OFFERS.map(|(offer, kwh, block)| (offer.parse().unwrap(), kwh, block)).to_vec();
        let rows = Rows::new(("i".parse().unwrap(), ITEM), offers).unwrap();
        Self { rows, sent: Vec::new(), on_way: VecDeque::new() }
    }

    fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        let pick = |n: u8, of: usize| usize::from(n).checked_rem(of);
        match step {
            Step::Send(order, what) => {
                self.on_way.push_back(self.sent.len());
                self.sent.push((command(order, what), false));
            }
            Step::Repeat(n) => self.on_way.extend(pick(n, self.sent.len())),
            Step::Lose(n) => {
                pick(n, self.on_way.len()).and_then(|n| self.on_way.remove(n));
            }
            Step::Arrive(n, many, fate) => {
                if let Some(n) = pick(n, self.on_way.len()) {
                    self.on_way.rotate_left(n);
                    let many = usize::from(many).min(self.on_way.len());
                    let arrived: Vec<usize> = self.on_way.drain(..many).collect();
                    self.arrive(&arrived, fate)?;
                }
            }
            Step::Withdraw(n) => {
                let (offer, ..) = OFFERS[usize::from(n) % OFFERS.len()];
                self.rows.withdraw(&offer.parse().unwrap());
            }
        }
        Ok(())
    }

    fn arrive(&mut self, arrived: &[usize], fate: Fate) -> Result<(), TestCaseError> {
        if fate == Fate::DiedBefore {
            return Ok(());
        }
        let commands: Vec<Command> = arrived.iter().map(|n| self.sent[*n].0.clone()).collect();
        let before = self.rows.stock().clone();
        let answers = self.rows.commit(&commands);
        let answers = answers.ok_or_else(|| TestCaseError::fail("fewer blocks than the counters say"))?;
        if let Some(what) = self.rows.violation() {
            return Err(TestCaseError::fail(what));
        }
        moved_forward(&before.reservations, &self.rows.stock().reservations)?;
        let mut twice = before;
        for ((n, command), answer) in arrived.iter().zip(&commands).zip(answers) {
            prop_assert_eq!(&twice.decide(command), &answer);
            prop_assert_eq!(&twice.decide(command), &answer, "{:?} again is answered otherwise", command);
            match (command, answer) {
                (_, Ok(answer)) => prop_assert_eq!(answer.order, command.order()),
                (Command::Sell(_) | Command::Return(_), Err(Undecided::Unknown(_))) => {}
                (_, Err(undecided)) => prop_assert!(false, "{:?} has no answer: {}", command, undecided),
            }
            self.sent[*n].1 |= fate == Fate::Answered;
        }
        prop_assert_eq!(&twice.reservations, &self.rows.stock().reservations);
        prop_assert_eq!(&twice.offers, &self.rows.stock().offers);
        Ok(())
    }

    /// Everything is repeated until it is answered, and then all is given back: all of it is free again.
    fn end(&mut self) -> Result<(), TestCaseError> {
        let unanswered = |(n, (_, answered)): (usize, &(Command, bool))| (!answered).then_some(n);
        let left: Vec<usize> = self.sent.iter().enumerate().filter_map(unanswered).collect();
        for n in left {
            self.arrive(&[n], Fate::Answered)?;
        }
        prop_assert!(self.sent.iter().all(|(_, answered)| *answered));
        for order in 0..ORDERS {
            for what in [What::Release, What::Return] {
                self.sent.push((command(order, what), false));
                self.arrive(&[self.sent.len() - 1], Fate::Answered)?;
            }
        }
        for (offer, shelf) in &self.rows.stock().offers {
            prop_assert_eq!(Some(shelf.stock.available), shelf.stock.total(), "{} is not all free", offer);
        }
        Ok(())
    }
}

/// Every reservation stands where it stood, or further along its arrows, and covers what it covered.
fn moved_forward(
    before: &BTreeMap<OrderId, Reservation>,
    after: &BTreeMap<OrderId, Reservation>,
) -> Result<(), TestCaseError> {
    use Status::*;
    for (order, was) in before {
        let Some(is) = after.get(order) else { return Err(TestCaseError::fail("a reservation is gone")) };
        let along = match (was.state.status(), is.state.status()) {
            (Held, Sold | Released | Returned) | (Sold, Returned) => true,
            (from, to) => from == to && was == is,
        };
        prop_assert!(along, "{:?} became {:?}", was, is);
        prop_assert_eq!(was.state.lots(), is.state.lots());
    }
    Ok(())
}

fn run(steps: &[Step]) -> Result<(), TestCaseError> {
    let mut world = World::new();
    for step in steps {
        world.take(*step)?;
    }
    world.end()
}

#[test]
fn no_block_is_taken_twice_however_commands_come_and_whenever_the_service_dies() {
    interleavings(CASES, 24, step(), run);
}
