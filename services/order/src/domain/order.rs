//! The life of an order: DRAFT -> PENDING -> ACTIVE, and DRAFT or PENDING -> CANCELLED.

use chrono::{DateTime, Utc};
use p2p_domain::OrderId;

use super::{Quote, TransactionKey};

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
    /// Given up.
    Cancelled {
        /// Why.
        reason: String,
    },
}

/// The name of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    Draft,
    Pending,
    Active,
    Completed,
    Cancelled,
}

impl State {
    /// Its name.
    pub fn status(&self) -> Status {
        match self {
            Self::Draft { .. } => Status::Draft,
            Self::Pending { .. } => Status::Pending,
            Self::Active => Status::Active,
            Self::Completed => Status::Completed,
            Self::Cancelled { .. } => Status::Cancelled,
        }
    }
}

impl Status {
    /// As the seed and the table spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Pending => "PENDING",
            Self::Active => "ACTIVE",
            Self::Completed => "COMPLETED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Whether an order in it forbids another one in its trade.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Draft | Self::Pending | Self::Active)
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
    /// Why, for CANCELLED.
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

    /// Changes the order along an arrow.
    pub fn apply(&mut self, change: &Change) -> Applied {
        let status = self.state.status();
        if status == change.to {
            return Applied::Before;
        }
        let next = match (&self.state, change.to) {
            _ if status != change.from => return Applied::Never,
            (State::Draft { hold_until }, Status::Pending) => State::Pending { hold_until: *hold_until },
            (State::Pending { .. }, Status::Active) => State::Active,
            (State::Draft { .. } | State::Pending { .. }, Status::Cancelled) => {
                State::Cancelled { reason: change.reason.clone() }
            }
            _ => return Applied::Never,
        };
        self.state = next;
        self.updated_at = change.at;
        Applied::Now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::trade::samples;

    #[test]
    fn an_order_only_moves_along_its_arrows() {
        use Status::*;
        let all = [Draft, Pending, Active, Completed, Cancelled];
        let hold_until = samples::at(11);
        let states = [
            State::Draft { hold_until },
            State::Pending { hold_until },
            State::Active,
            State::Completed,
            State::Cancelled { reason: String::new() },
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
        assert_eq!(arrows, [(Draft, Pending), (Draft, Cancelled), (Pending, Active), (Pending, Cancelled)]);
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
}
