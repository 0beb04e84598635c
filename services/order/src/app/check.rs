//! The reconciler: compares orders, messages and stock (the invariants of the design), and has stock follow its order
//! by the commands that would have moved it anyway.

use std::{collections::HashMap, time::Duration};

use p2p_domain::OrderId;
use p2p_proto::{
    catalog::{
        CheckStockRequest, GetReservationsRequest, ListReservationsRequest,
        Reservation as ReservationMessage, ReservationStatus,
    },
    timestamp,
};
use p2p_runtime::{Stop, chain};
use tokio::time::{Instant, sleep};

use super::{App, catalog::failed};
use crate::{
    domain::{Discrepancy, Order, Repair, Reservation, Reserved, compare},
    error::Error,
    metrics,
};

const PAGE: u32 = 1_000;
/// A check that takes long is made less often, so that it takes a twentieth of the time; but not more than so many
/// times less often.
const PAUSE_AFTER_LONG_CHECK: u32 = 20;
const LONGEST_PAUSE: u32 = 10;
const STOCK_FOLLOWS_ORDERS: &str = "ACTIVE or COMPLETED means SOLD with exactly the ordered quantity, PENDING means HELD, anything else neither";
const NO_STOCK_WITHOUT_ORDER: &str = "what is held or sold belongs to an order";
/// Why blocks are RELEASED that no order wants.
const RECONCILED: &str = "no order wants it";

/// An invariant that does not hold.
#[derive(Debug, Clone)]
pub struct Violation {
    /// Which, in a sentence.
    pub rule: String,
    /// What breaks it.
    pub what: String,
}

/// What a check has found.
#[derive(Debug, Default)]
pub struct Checked {
    /// What does not hold.
    pub violations: Vec<Violation>,
    /// What mends some of it.
    pub repairs: Vec<Repair>,
    /// How many orders were compared with their stock.
    pub orders: u64,
}

impl Checked {
    fn found(&mut self, rule: &str, discrepancy: Discrepancy) {
        self.violations.push(Violation { rule: rule.to_owned(), what: discrepancy.what });
        self.repairs.extend(discrepancy.repair);
    }
}

impl App {
    /// Checks and repairs at every interval until `stop`.
    pub async fn reconcile_until_stopped(self, every: Duration, stop: Stop) {
        let mut pause = every;
        loop {
            tokio::select! {
                () = sleep(pause) => {}
                () = stop.cancelled() => return,
            }
            let started = Instant::now();
            pause = match self.reconcile().await {
                Ok(()) => (started.elapsed() * PAUSE_AFTER_LONG_CHECK).clamp(every, every * LONGEST_PAUSE),
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "orders and stock are compared later");
                    every
                }
            };
        }
    }

    async fn reconcile(&self) -> Result<(), Error> {
        let checked = self.check(self.quiet).await?;
        metrics::reconciled(checked.violations.len(), self.clock.now());
        for Violation { rule, what } in &checked.violations {
            tracing::error!(rule, what, "an invariant is violated");
        }
        for repair in checked.repairs {
            let repaired = match repair {
                Repair::Release(order) => self.release(order, RECONCILED).await,
                Repair::Return(order) => self.take_back(order).await,
                Repair::Sell(order) => self.sell(order).await,
            }?;
            tracing::error!(
                ?repair,
                status = repaired.status().as_str_name(),
                "stock follows its order again"
            );
        }
        Ok(())
    }

    /// Compares what has not changed for so long.
    ///
    /// # Errors
    /// When catalog or database do not answer.
    pub async fn check(&self, quiet: Duration) -> Result<Checked, Error> {
        let mut checked = Checked::default();
        let stock = self.auditor.clone().check_stock(CheckStockRequest {}).await;
        let stock = stock.map_err(failed("check its stock"))?.into_inner().violations;
        checked.violations.extend(stock.into_iter().map(|v| Violation { rule: v.rule, what: v.what }));
        checked.violations.extend(self.store.violations(quiet).await?);
        self.compare_orders(quiet, &mut checked).await?;
        self.compare_reservations(quiet, &mut checked).await?;
        Ok(checked)
    }

    async fn compare_orders(&self, quiet: Duration, checked: &mut Checked) -> Result<(), Error> {
        let mut after = None;
        loop {
            let orders = self.store.quiet_orders(after, quiet, PAGE).await?;
            let Some(last) = orders.last() else { return Ok(()) };
            after = Some(last.id);
            checked.orders += orders.len() as u64;
            let reservations = self.reservations(orders.iter().map(|order| order.id)).await?;
            for order in &orders {
                if compare(order, reservations.get(&order.id)).is_some()
                    && let Some(discrepancy) = self.compare_again(order, quiet).await?
                {
                    checked.found(STOCK_FOLLOWS_ORDERS, discrepancy);
                }
            }
        }
    }

    /// Order and reservation were not read at one moment: what was right meanwhile is right.
    async fn compare_again(&self, order: &Order, quiet: Duration) -> Result<Option<Discrepancy>, Error> {
        let reservations = self.reservations([order.id]).await?;
        let Some(now) = self.store.quiet_order(order.id, quiet).await? else { return Ok(None) };
        if now.state != order.state {
            return Ok(None);
        }
        Ok(compare(order, reservations.get(&order.id)))
    }

    async fn reservations(
        &self,
        orders: impl IntoIterator<Item = OrderId>,
    ) -> Result<HashMap<OrderId, Reservation>, Error> {
        let order_ids = orders.into_iter().map(|order| order.to_string()).collect();
        let answer = self.auditor.clone().get_reservations(GetReservationsRequest { order_ids }).await;
        let found = answer.map_err(failed("read reservations"))?.into_inner().reservations;
        found.into_iter().map(reservation).collect()
    }

    /// What is held or sold for orders that nobody knows. A hold is given back when every order's would be over.
    async fn compare_reservations(&self, quiet: Duration, checked: &mut Checked) -> Result<(), Error> {
        let now = self.clock.now();
        let before = |age: Duration| Some(timestamp(now.checked_sub_signed(chrono_of(age)).unwrap_or(now)));
        let mut request = ListReservationsRequest {
            statuses: vec![ReservationStatus::Held.into(), ReservationStatus::Sold.into()],
            unchanged_since: before(quiet),
            page_size: PAGE,
            ..ListReservationsRequest::default()
        };
        loop {
            let answer = self.auditor.clone().list_reservations(request.clone()).await;
            let page = answer.map_err(failed("list reservations"))?.into_inner();
            let found = page.reservations.into_iter().map(reservation).collect::<Result<Vec<_>, Error>>()?;
            let ids: Vec<OrderId> = found.iter().map(|(order, _)| *order).collect();
            let known = self.store.known_orders(&ids).await?;
            for (order, _) in found.iter().filter(|(order, _)| !known.contains(order)) {
                let what = format!("stock is taken for order {order}, which is unknown");
                checked.found(NO_STOCK_WITHOUT_ORDER, Discrepancy { what, repair: None });
            }
            if page.next_cursor.is_empty() {
                break;
            }
            request.cursor = page.next_cursor;
        }
        let forgotten = ListReservationsRequest {
            statuses: vec![ReservationStatus::Held.into()],
            unchanged_since: before(self.hold + quiet),
            page_size: PAGE,
            ..ListReservationsRequest::default()
        };
        let answer = self.auditor.clone().list_reservations(forgotten).await;
        let held = answer.map_err(failed("list reservations"))?.into_inner().reservations;
        let held = held.into_iter().map(reservation).collect::<Result<Vec<_>, Error>>()?;
        let ids: Vec<OrderId> = held.iter().map(|(order, _)| *order).collect();
        let known = self.store.known_orders(&ids).await?;
        checked.repairs.extend(ids.into_iter().filter(|id| !known.contains(id)).map(Repair::Release));
        Ok(())
    }
}

fn reservation(message: ReservationMessage) -> Result<(OrderId, Reservation), Error> {
    let status = match message.status() {
        ReservationStatus::Held => Reserved::Held,
        ReservationStatus::Sold => Reserved::Sold,
        ReservationStatus::Unspecified
        | ReservationStatus::Returned
        | ReservationStatus::Released
        | ReservationStatus::Refused => Reserved::Free,
    };
    let lots = message.lines.into_iter().map(|line| Ok((line.offer_id.parse()?, line.quantity_wh)));
    let lots = lots.collect::<Result<_, p2p_domain::IdError>>().map_err(p2p_proto::InvalidMessage::from)?;
    let order = message.order_id.parse().map_err(p2p_proto::InvalidMessage::from)?;
    Ok((order, Reservation { status, lots }))
}

fn chrono_of(age: Duration) -> chrono::TimeDelta {
    chrono::TimeDelta::from_std(age).unwrap_or(chrono::TimeDelta::MAX)
}
