//! The life of an order: DRAFT -> PENDING -> ACTIVE -> COMPLETED, and CANCELLING -> CANCELLED, EXPIRING -> EXPIRED.
//!
//! CANCELLING and EXPIRING are committed before the blocks go back, and are not seen from outside.

use chrono::{DateTime, Utc};
use p2p_domain::{MessageId, OrderId};
use uuid::Uuid;

use super::{Quote, TransactionKey};

/// Why an order is CANCELLED that expired.
const NOT_CONFIRMED: &str = "it was not confirmed while its blocks were held";

/// An order.
#[derive(Debug, Clone)]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// The trade it belongs to.
    pub scope: TransactionKey,
    /// What was ordered at which price; fixed for ever.
    pub quote: Quote,
    /// Where it stands.
    pub state: State,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When its status last changed.
    pub updated_at: DateTime<Utc>,
}

/// Where an order stands, with what is true there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Made; the catalog has not been asked yet, or its answer is not known.
    Draft {
        /// Until then the buyer may confirm.
        hold_until: DateTime<Utc>,
    },
    /// Its blocks are held.
    Pending {
        /// Until then the buyer may confirm.
        hold_until: DateTime<Utc>,
    },
    /// Its blocks are sold.
    Active,
    /// Delivered.
    Completed,
    /// Given up; its blocks are on their way back.
    Cancelling(Cancellation),
    /// Given up, and its blocks are back.
    Cancelled(Cancellation),
    /// Not confirmed in time; its blocks are on their way back, unless they are sold by now.
    Expiring {
        /// When the hold was over.
        hold_until: DateTime<Utc>,
    },
    /// Not confirmed in time, and its blocks are back.
    Expired,
}

/// How an order came to be given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancellation {
    /// Who did it.
    pub by: Party,
    /// Where the order stood before.
    pub from: Status,
    /// Why; may be empty.
    pub reason: String,
}

/// Who gives an order up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// Who ordered.
    Buyer,
    /// Who sells.
    Seller,
    /// Our own side: it was short of stock, or could never do it.
    Platform,
}

impl Party {
    /// As the table spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Buyer => "BUYER",
            Self::Seller => "SELLER",
            Self::Platform => "PLATFORM",
        }
    }
}

/// How an order ended, as far as it says something about its seller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was delivered.
    Success,
    /// The seller gave it up after it was sold.
    Failure,
}

impl Outcome {
    /// As the table spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
        }
    }
}

/// The name of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    Draft,
    Pending,
    Active,
    Completed,
    Cancelling,
    Cancelled,
    Expiring,
    Expired,
}

impl State {
    /// Its name.
    pub fn status(&self) -> Status {
        match self {
            Self::Draft { .. } => Status::Draft,
            Self::Pending { .. } => Status::Pending,
            Self::Active => Status::Active,
            Self::Completed => Status::Completed,
            Self::Cancelling(_) => Status::Cancelling,
            Self::Cancelled(_) => Status::Cancelled,
            Self::Expiring { .. } => Status::Expiring,
            Self::Expired => Status::Expired,
        }
    }

    /// One of the seed's five names: how it is seen from outside.
    pub fn seen(&self) -> Status {
        match self {
            Self::Cancelling(cancellation) => cancellation.from,
            Self::Expiring { .. } => Status::Pending,
            Self::Expired => Status::Cancelled,
            Self::Draft { .. }
            | Self::Pending { .. }
            | Self::Active
            | Self::Completed
            | Self::Cancelled(_) => self.status(),
        }
    }

    /// Why it is CANCELLED, as seen from outside; empty otherwise.
    pub fn reason(&self) -> &str {
        match self {
            Self::Cancelled(cancellation) => &cancellation.reason,
            Self::Expired => NOT_CONFIRMED,
            Self::Draft { .. }
            | Self::Pending { .. }
            | Self::Active
            | Self::Completed
            | Self::Cancelling(_)
            | Self::Expiring { .. } => "",
        }
    }

    /// Until when the buyer may, or might, confirm.
    pub fn hold_until(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Draft { hold_until } | Self::Pending { hold_until } | Self::Expiring { hold_until } => {
                Some(*hold_until)
            }
            Self::Active | Self::Completed | Self::Cancelling(_) | Self::Cancelled(_) | Self::Expired => None,
        }
    }

    /// Who gives or gave it up, and how.
    pub fn cancellation(&self) -> Option<&Cancellation> {
        match self {
            Self::Cancelling(cancellation) | Self::Cancelled(cancellation) => Some(cancellation),
            Self::Draft { .. }
            | Self::Pending { .. }
            | Self::Active
            | Self::Completed
            | Self::Expiring { .. }
            | Self::Expired => None,
        }
    }
}

impl Status {
    /// As the design and the table spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Pending => "PENDING",
            Self::Active => "ACTIVE",
            Self::Completed => "COMPLETED",
            Self::Cancelling => "CANCELLING",
            Self::Cancelled => "CANCELLED",
            Self::Expiring => "EXPIRING",
            Self::Expired => "EXPIRED",
        }
    }

    /// Whether an order in it forbids another one in its trade.
    pub fn is_live(self) -> bool {
        match self {
            Self::Draft | Self::Pending | Self::Active | Self::Cancelling | Self::Expiring => true,
            Self::Completed | Self::Cancelled | Self::Expired => false,
        }
    }
}

/// A change of state that is yet to be committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which order.
    pub order: OrderId,
    /// Where it must stand.
    pub from: Status,
    /// Where it goes.
    pub to: Status,
    /// When.
    pub at: DateTime<Utc>,
    /// Why, where it is the platform that cancels.
    pub reason: String,
}

/// What applying a change came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The order has changed.
    Now,
    /// It had been applied before.
    Before,
    /// The order is elsewhere.
    Never,
}

impl Order {
    /// The change to another state.
    pub fn change(&self, to: Status, at: DateTime<Utc>, reason: impl Into<String>) -> Change {
        Change {
            order: self.id,
            from: self.state.status(),
            to,
            at: at.max(self.created_at),
            reason: reason.into(),
        }
    }

    /// Changes the order along an arrow, with what is known of the catalog's answer.
    pub fn apply(&mut self, change: &Change) -> Applied {
        let status = self.state.status();
        if status == change.to {
            return Applied::Before;
        }
        let next = match (&self.state, change.to) {
            _ if status != change.from => return Applied::Never,
            (State::Draft { hold_until }, Status::Pending) => State::Pending { hold_until: *hold_until },
            (State::Pending { .. } | State::Expiring { .. }, Status::Active) => State::Active,
            (State::Expiring { .. }, Status::Expired) => State::Expired,
            (State::Cancelling(cancellation), Status::Cancelled) => State::Cancelled(cancellation.clone()),
            (State::Draft { .. } | State::Pending { .. }, Status::Cancelled) => {
                State::Cancelled(Cancellation {
                    by: Party::Platform,
                    from: status,
                    reason: change.reason.clone(),
                })
            }
            _ => return Applied::Never,
        };
        self.move_to(next, change.at);
        Applied::Now
    }

    /// Puts the order into a state that was decided for it.
    pub fn move_to(&mut self, state: State, at: DateTime<Utc>) {
        self.state = state;
        self.updated_at = at;
    }

    /// What its end says about its seller.
    pub fn outcome(&self) -> Option<Outcome> {
        match &self.state {
            State::Completed => Some(Outcome::Success),
            State::Cancelled(Cancellation { by: Party::Seller, from: Status::Active, .. }) => {
                Some(Outcome::Failure)
            }
            _ => None,
        }
    }

    /// What its buyer is told unasked of the state that it has come to: the callback's action and message_id.
    pub fn unsolicited(&self) -> Option<(&'static str, MessageId)> {
        let action = match &self.state {
            State::Completed => "on_status",
            State::Expired | State::Cancelled(Cancellation { by: Party::Seller, .. }) => "on_cancel",
            _ => return None,
        };
        let id = Uuid::new_v5(&self.id.0, self.state.status().as_str().as_bytes());
        Some((action, MessageId::from(id)))
    }

    /// When the first of its energy is delivered.
    pub fn delivery_begins(&self) -> DateTime<Utc> {
        self.quote.lines.iter().map(|line| line.window.start()).min().unwrap_or(self.created_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::trade::samples;

    #[test]
    fn an_order_only_moves_along_its_arrows() {
        use Status::*;
        let all = [Draft, Pending, Active, Completed, Cancelling, Cancelled, Expiring, Expired];
        let hold_until = samples::at(11);
        let states = [
            State::Draft { hold_until },
            State::Pending { hold_until },
            State::Active,
            State::Completed,
            State::Cancelling(samples::cancellation(Party::Buyer, Pending)),
            State::Cancelled(samples::cancellation(Party::Buyer, Pending)),
            State::Expiring { hold_until },
            State::Expired,
        ];
        let mut arrows = vec![];
        for state in &states {
            for to in all {
                let mut order = samples::order(state.clone());
                let change = order.change(to, samples::at(10), "");
                if order.apply(&change) == Applied::Now {
                    assert_eq!(order.state.status(), to);
                    arrows.push((state.status(), to));
                }
            }
        }
        let expected = [
            (Draft, Pending),
            (Draft, Cancelled),
            (Pending, Active),
            (Pending, Cancelled),
            (Cancelling, Cancelled),
            (Expiring, Active),
            (Expiring, Expired),
        ];
        assert_eq!(arrows, expected);
    }

    #[test]
    fn a_change_is_applied_once_and_only_from_where_it_started() {
        let mut order = samples::order(State::Draft { hold_until: samples::at(11) });
        let pending = order.change(Status::Pending, samples::at(10), "");
        assert_eq!(order.apply(&pending), Applied::Now);
        assert_eq!(order.state, State::Pending { hold_until: samples::at(11) });
        assert_eq!(order.apply(&pending), Applied::Before);
        let active = order.change(Status::Active, samples::at(10), "");
        assert_eq!(order.apply(&active), Applied::Now);
        assert_eq!(order.apply(&pending), Applied::Never);
    }

    #[test]
    fn from_outside_one_sees_the_seeds_five_words() {
        use Status::*;
        let hold_until = samples::at(11);
        for from in [Pending, Active] {
            assert_eq!(State::Cancelling(samples::cancellation(Party::Seller, from)).seen(), from);
        }
        assert_eq!(State::Expiring { hold_until }.seen(), Pending);
        assert_eq!((State::Expired.seen(), State::Expired.reason()), (Cancelled, NOT_CONFIRMED));
    }

    #[test]
    fn only_delivery_and_a_seller_who_gives_up_what_is_sold_say_something_about_the_seller() {
        use Status::*;
        let outcome = |state| samples::order(state).outcome();
        let cancelled = |by, from| outcome(State::Cancelled(samples::cancellation(by, from)));
        assert_eq!(outcome(State::Completed), Some(Outcome::Success));
        assert_eq!(cancelled(Party::Seller, Active), Some(Outcome::Failure));
        for (by, from) in [(Party::Seller, Pending), (Party::Buyer, Active), (Party::Platform, Draft)] {
            assert_eq!(cancelled(by, from), None);
        }
        assert_eq!(outcome(State::Expired), None);
        assert_eq!(outcome(State::Cancelling(samples::cancellation(Party::Seller, Active))), None);
    }

    #[test]
    fn the_buyer_is_told_unasked_what_it_did_not_do_itself_under_one_id_for_each_state() {
        let told = |state| samples::order(state).unsolicited().map(|(action, _)| action);
        assert_eq!(told(State::Completed), Some("on_status"));
        assert_eq!(told(State::Expired), Some("on_cancel"));
        let cancelled = |by| State::Cancelled(samples::cancellation(by, Status::Active));
        assert_eq!(told(cancelled(Party::Seller)), Some("on_cancel"));
        assert_eq!(told(cancelled(Party::Buyer)), None);
        assert_eq!(told(State::Active), None);
        let id = |state| samples::order(state).unsolicited().map(|(_, id)| id);
        assert_eq!(id(State::Expired), id(State::Expired));
        assert_ne!(id(State::Expired), id(State::Completed));
    }
}
