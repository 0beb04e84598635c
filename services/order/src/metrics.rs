//! What the order service measures of orders and messages. Gauges of what is in the database are the same from every
//! replica: one takes their maximum.

use std::{sync::LazyLock, time::Duration};

use chrono::{DateTime, Utc};
use p2p_runtime::metrics::{Counter, Gauge, KeyValue, OTHER, meter};

use crate::domain::{Status, is_callback};

/// The states of orders that are not over.
pub const LIVE: [Status; 5] =
    [Status::Draft, Status::Pending, Status::Active, Status::Cancelling, Status::Expiring];
const CALLBACKS: [&str; 7] =
    ["on_discover", "on_select", "on_init", "on_confirm", "on_status", "on_cancel", "catalog/on_publish"];

/// What is in the database, counted up to a bound.
#[derive(Debug, Default)]
pub struct Backlog {
    /// Messages that are neither delivered nor given up.
    pub undelivered: u64,
    /// How long the oldest of them has been due.
    pub oldest: Duration,
    /// Messages that were given up.
    pub dead: u64,
    /// Accepted actions whose callback is not made.
    pub open: u64,
    /// Orders by state.
    pub orders: Vec<(Status, u64)>,
}

fn gauge(name: &'static str, help: &'static str) -> Gauge<u64> {
    meter().u64_gauge(name).with_description(help).build()
}

impl Backlog {
    /// Tells of it until it is looked at again.
    pub fn record(&self) {
        static UNDELIVERED: LazyLock<Gauge<u64>> = LazyLock::new(|| {
            let help = "Messages neither delivered nor given up, at most 100,000; every replica tells the same: take max, not sum.";
            gauge("beckn.outbox.undelivered", help)
        });
        static OLDEST: LazyLock<Gauge<f64>> = LazyLock::new(|| {
            let help = "How long the oldest undelivered message has been due, retried or not; 0 when there is none; take max, not sum.";
            let meter = meter();
            meter
                .f64_gauge("beckn.outbox.oldest_undelivered_age")
                .with_description(help)
                .with_unit("s")
                .build()
        });
        static DEAD: LazyLock<Gauge<u64>> = LazyLock::new(|| {
            let help =
                "Messages that were given up and not brought back, at most 100,000; take max, not sum.";
            gauge("beckn.outbox.dead", help)
        });
        static OPEN: LazyLock<Gauge<u64>> = LazyLock::new(|| {
            let help =
                "Accepted actions whose callback is not committed yet, at most 100,000; take max, not sum.";
            gauge("beckn.inbox.open", help)
        });
        static ORDERS: LazyLock<Gauge<u64>> = LazyLock::new(|| {
            let help = "Orders that are not over by state, at most 100,000 in all; take max, not sum.";
            gauge("order.orders", help)
        });
        UNDELIVERED.record(self.undelivered, &[]);
        OLDEST.record(self.oldest.as_secs_f64(), &[]);
        DEAD.record(self.dead, &[]);
        OPEN.record(self.open, &[]);
        for (status, orders) in &self.orders {
            ORDERS.record(*orders, &[of(*status)]);
        }
    }
}

fn of(status: Status) -> KeyValue {
    KeyValue::new("order.status", status.as_str())
}

/// An order has come into a state, and that is committed.
pub fn moved(to: Status) {
    static TRANSITIONS: LazyLock<Counter<u64>> = LazyLock::new(|| {
        let help = "Committed changes of orders, by the state that an order came into.";
        meter().u64_counter("order.transitions").with_description(help).build()
    });
    TRANSITIONS.add(1, &[of(to)]);
}

/// A callback was given up because it is too old to be of use. A request is none.
pub fn expired(action: &str) {
    static EXPIRED: LazyLock<Counter<u64>> = LazyLock::new(|| {
        let help = "Callbacks: committed for delivery, and each stored result of an attempt to deliver one (a gateway); \
             dead also when too old to be of use (order service).";
        meter().u64_counter("beckn.callbacks").with_description(help).build()
    });
    if is_callback(action) {
        let action = CALLBACKS.into_iter().find(|known| *known == action).unwrap_or(OTHER);
        EXPIRED.add(1, &[KeyValue::new("beckn.action", action), KeyValue::new("beckn.result", "dead")]);
    }
}

/// Orders, messages and stock have been compared.
pub fn reconciled(violations: usize, at: DateTime<Utc>) {
    static VIOLATIONS: LazyLock<Gauge<u64>> = LazyLock::new(|| {
        gauge(
            "order.invariant_violations",
            "Violations that the newest comparison of orders, messages and stock found.",
        )
    });
    static ENDED: LazyLock<Gauge<i64>> = LazyLock::new(|| {
        let help = "When the newest comparison of orders, messages and stock ended, seconds since 1970.";
        meter().i64_gauge("order.reconciled.timestamp").with_description(help).with_unit("s").build()
    });
    VIOLATIONS.record(u64::try_from(violations).unwrap_or(u64::MAX), &[]);
    ENDED.record(at.timestamp(), &[]);
}
