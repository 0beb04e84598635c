//! A buyer's state in the memory of two gateways and in Redis, while steps are applied late, twice, out of order or
//! never, gateways die, and Redis loses its data or has older data back: what is believed to be the state after so many
//! steps is what these steps come to.

use p2p_domain::ParticipantId;
use p2p_testkit::interleavings;
use proptest::prelude::*;

use super::*;
use crate::{
    beckn::{Action, ErrorBody, Profile},
    transaction::{
        cache::Applied,
        state::{Heard, Message, OrderHead, Progress, Status},
    },
};

const CASES: u32 = 10_000;
const ACTIONS: [Action; 6] =
    [Action::Discover, Action::Select, Action::Init, Action::Confirm, Action::Status, Action::Cancel];
const ORDERS: [&str; 4] = ["PENDING", "ACTIVE", "COMPLETED", "CANCELLED"];
const SELLERS: [&str; 2] = ["p", "q"];

/// What happens next. Numbers choose among what there is.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// The mailbox logs what the buyer's side did or heard.
    Logged(Said),
    /// A gateway applies a step that is logged, and it comes to this.
    Applied(u8, u8, Fate),
    /// A gateway shows the state, as it is now.
    Shown(u8),
    /// A gateway dies.
    Killed(u8),
    /// Redis has lost everything.
    Emptied,
    /// Redis has the data of a while ago.
    Yesterday(u8),
}

/// What becomes of whoever applies a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Done,
    /// Redis does not answer.
    Unwritten,
    /// The gateway dies behind the write.
    Died,
}

/// What the buyer's side did or heard.
#[derive(Debug, Clone, Copy)]
enum Said {
    Request(u8),
    /// The answer to a request, or with another seller or id than it has.
    Callback {
        of: u8,
        order: u8,
        fails: bool,
        odd: u8,
    },
    Refused(u8),
}

fn event() -> impl Strategy<Value = Event> {
    any::<[u8; 4]>().prop_map(|[kind, a, b, c]| match kind % 32 {
        0..5 => Event::Logged(Said::Request(a)),
        5..11 => Event::Logged(Said::Callback { of: a, order: b, fails: c % 8 == 0, odd: c % 16 }),
        11 => Event::Logged(Said::Refused(a)),
        12..22 => Event::Applied(a, b, Fate::Done),
        22 => Event::Applied(a, b, Fate::Unwritten),
        23 => Event::Applied(a, b, Fate::Died),
        24..28 => Event::Shown(a),
        28 => Event::Killed(a),
        29 => Event::Emptied,
        _ => Event::Yesterday(a),
    })
}

/// A message as the log has it.
struct Logged {
    id: String,
    action: Action,
    seller: ParticipantId,
    second: i64,
    what: What,
}

enum What {
    Request,
    Callback(Heard),
    Refused,
}

impl Logged {
    fn step(&self) -> Step<'_> {
        let message = Message {
            message_id: &self.id,
            action: self.action,
            seller: Some(&self.seller),
            seller_uri: None,
            profile: Profile::Seed,
            at: chrono::DateTime::from_timestamp(self.second, 0).unwrap(),
        };
        match &self.what {
            What::Request => {
                let parts = Part::PENDING.map(|part| (part, format!("{} {}", part.name(), self.id).into()));
                Step::Request(message, parts.into())
            }
            What::Callback(heard) => Step::Callback(message, heard.clone()),
            What::Refused => Step::Refused(&self.id, ErrorBody::new("40001", "no")),
        }
    }
}

struct World {
    log: Vec<Logged>,
    /// What the first steps come to, by their number.
    states: Vec<Cached>,
    requests: Vec<usize>,
    gateways: [Option<Cached>; 2],
    redis: Option<Cached>,
    saved: Vec<Option<Cached>>,
}

impl World {
    fn new() -> Self {
        let (log, requests, saved) = Default::default();
        Self { log, states: vec![Cached::default()], requests, gateways: [None, None], redis: None, saved }
    }

    fn take(&mut self, event: Event) -> Result<(), TestCaseError> {
        match event {
            Event::Logged(said) => self.say(said),
            Event::Applied(gateway, n, fate) => {
                if let Some(n) = usize::from(n).checked_rem(self.log.len()) {
                    self.apply(usize::from(gateway) % 2, n, fate);
                }
            }
            Event::Shown(gateway) => self.show(usize::from(gateway) % 2)?,
            Event::Killed(gateway) => self.gateways[usize::from(gateway) % 2] = None,
            Event::Emptied => self.redis = None,
            Event::Yesterday(n) => {
                if let Some(n) = usize::from(n).checked_rem(self.saved.len()) {
                    self.redis.clone_from(&self.saved[n]);
                }
            }
        }
        for known in self.gateways.iter().chain([&self.redis]).flatten() {
            self.is_right(known)?;
        }
        Ok(())
    }

    fn say(&mut self, said: Said) {
        let second = self.log.len() as i64;
        let seller = |n: u8| SELLERS[usize::from(n) % 2].parse().unwrap();
        let of = |n: u8| usize::from(n).checked_rem(self.requests.len()).map(|n| &self.log[self.requests[n]]);
        let logged = match said {
            Said::Request(n) => {
                self.requests.push(self.log.len());
                let action = ACTIONS[usize::from(n) % ACTIONS.len()];
                Logged {
                    id: format!("m{second}"),
                    action,
                    seller: seller(n / 128),
                    second,
                    what: What::Request,
                }
            }
            Said::Callback { of: n, order, fails, odd } => {
                let Some(request) = of(n) else { return };
                let id = if odd == 1 { format!("f{second}") } else { request.id.clone() };
                let seller = if odd == 2 { seller(n) } else { request.seller.clone() };
                let heard = heard(request.action, order, fails);
                Logged { id, action: request.action, seller, second, what: What::Callback(heard) }
            }
            Said::Refused(n) => {
                let Some(request) = of(n) else { return };
                let (id, seller) = (request.id.clone(), request.seller.clone());
                Logged { id, action: request.action, seller, second, what: What::Refused }
            }
        };
        let mut state = self.states[self.log.len()].clone();
        state.take(&logged.step());
        state.buyer_seq += 1;
        self.states.push(state);
        self.log.push(logged);
        self.saved.push(self.redis.clone());
    }

    /// As `Transactions::apply` does it.
    fn apply(&mut self, gateway: usize, n: usize, fate: Fate) {
        let buyer_seq = n as i64 + 1;
        let reaches = |state: &&Cached| state.buyer_seq + 1 >= buyer_seq;
        let known = match self.gateways[gateway].as_ref().filter(reaches) {
            Some(state) => state.clone(),
            None if buyer_seq == 1 => Cached::default(),
            None => self.redis.clone().unwrap_or_default(),
        };
        let (next, head, edits) = match known.advance(buyer_seq, &self.log[n].step()) {
            Advance::Nothing => return,
            Advance::Behind => return self.rebuild(gateway),
            Advance::To(advanced) => *advanced,
        };
        let written = (fate != Fate::Unwritten).then(|| self.script(buyer_seq, head, &edits));
        match written {
            _ if fate == Fate::Died => self.gateways[gateway] = None,
            Some(Applied::Done) | None => self.gateways[gateway] = Some(next),
            Some(Applied::Before) => {}
            Some(Applied::Gap) => self.keep(gateway, next),
        }
    }

    /// As the script in Redis does it.
    fn script(&mut self, buyer_seq: i64, head: Option<Head>, edits: &[Edit]) -> Applied {
        let mut stored = self.redis.clone().unwrap_or_default();
        if stored.buyer_seq != buyer_seq - 1 {
            return if stored.buyer_seq >= buyer_seq { Applied::Before } else { Applied::Gap };
        }
        stored.edit(edits);
        stored.buyer_seq = buyer_seq;
        stored.head = head.or(stored.head);
        self.redis = Some(stored);
        Applied::Done
    }

    fn rebuild(&mut self, gateway: usize) {
        let state = self.states[self.log.len()].clone();
        if state.head.is_some() {
            self.keep(gateway, state);
        }
    }

    fn keep(&mut self, gateway: usize, state: Cached) {
        self.gateways[gateway] = Some(state.clone());
        self.redis = Some(state);
    }

    /// As `Transactions::at` does it.
    fn show(&mut self, gateway: usize) -> Result<(), TestCaseError> {
        let newest = self.log.len() as i64;
        let is_newest = |state: &&Cached| state.buyer_seq == newest;
        let found =
            self.gateways[gateway].as_ref().filter(is_newest).or(self.redis.as_ref().filter(is_newest));
        match found.cloned() {
            Some(state) => self.is_right(&state),
            None => {
                self.rebuild(gateway);
                Ok(())
            }
        }
    }

    fn is_right(&self, known: &Cached) -> Result<(), TestCaseError> {
        let right = &self.states[usize::try_from(known.buyer_seq).unwrap()];
        prop_assert_eq!(&known.head, &right.head, "after {} steps", known.buyer_seq);
        prop_assert_eq!(&known.parts, &right.parts, "after {} steps", known.buyer_seq);
        Ok(())
    }
}

fn heard(action: Action, order: u8, fails: bool) -> Heard {
    match action {
        _ if fails => Heard::Failed(ErrorBody::new("40901", "too late")),
        Action::Discover => {
            let text = |what: &str| format!("{what} {order}").into();
            Heard::Catalog {
                catalog: text("catalog"),
                providers: text("providers"),
                matching: text("matching"),
            }
        }
        Action::Select => Heard::Quote,
        Action::Init | Action::Confirm | Action::Status | Action::Cancel | Action::Publish => {
            let status = ORDERS[usize::from(order) % ORDERS.len()];
            let head = OrderHead { id: format!("o{}", order / 192), progress: Progress::of(status) };
            Heard::Order { order: format!("{} {status}", head.id).into(), head }
        }
    }
}

/// What a buyer is shown is what it was told of its order.
fn agrees(before: Option<&Head>, head: &Head) -> Result<(), TestCaseError> {
    let progress = head.order.as_ref().map(|order| order.progress);
    match head.status {
        Status::Active => prop_assert_eq!(progress, Some(Progress::Active), "{:?}", head),
        Status::Completed => prop_assert_eq!(progress, Some(Progress::Completed), "{:?}", head),
        Status::Cancelled => prop_assert_eq!(progress, Some(Progress::Cancelled), "{:?}", head),
        Status::Discovering | Status::Selecting | Status::Initializing | Status::Confirming => {}
    }
    if let (Some(was), Some(is)) = (before.and_then(|before| before.order.as_ref()), &head.order)
        && was.id == is.id
    {
        prop_assert!(was.progress <= is.progress, "{:?} became {:?}", was, is);
    }
    Ok(())
}

#[test]
fn what_is_believed_to_be_the_state_after_so_many_steps_is_what_they_come_to() {
    interleavings(CASES, 60, event(), |events| {
        let mut world = World::new();
        events.iter().try_for_each(|event| world.take(*event))?;
        let heads = world.states.iter().map(|state| &state.head);
        let mut following = heads.clone().zip(heads.skip(1));
        following
            .try_for_each(|(before, head)| head.iter().try_for_each(|head| agrees(before.as_ref(), head)))
    });
}
