//! What may be done in a trade: the decisions that are taken under the lock of its row.

use std::time::Duration;

use chrono::{DateTime, Utc};
use p2p_domain::{Energy, MessageId, OrderId};

use super::{
    Cancellation, Order, Party, Quote, Refusal, RequestedLine, State, Status, TransactionKey,
    follow::GIVEN_UP,
};

/// What a trade has come to, as read under its lock.
#[derive(Debug)]
pub struct Trade {
    /// Which.
    pub scope: TransactionKey,
    /// All its orders, oldest first.
    pub orders: Vec<Order>,
    /// Quotes that are still honoured, newest first.
    pub quotes: Vec<Quote>,
    /// The database's clock.
    pub now: DateTime<Utc>,
    /// How long blocks are held for an order.
    pub hold: Duration,
    /// How much its BAP may hold, if that is limited.
    pub room: Option<Room>,
}

/// How much a BAP may hold in orders that are not confirmed, of all its trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// At most.
    pub most: Energy,
    /// Already.
    pub held: Energy,
}

impl Room {
    /// Why there is none for so much more.
    fn refuses(self, more: Energy) -> Option<Refusal> {
        let Self { most, held } = self;
        let fits = held.checked_add(more).is_some_and(|then| then <= most);
        (!fits).then(|| {
            Refusal::invalid(format!(
                "{more} kWh are too much: a BAP may hold {most} kWh in orders that are not confirmed, and {held} kWh \
                 are held"
            ))
        })
    }
}

/// What an accepted action intends.
#[derive(Debug, Clone)]
pub enum Intent {
    /// Make an order.
    Init {
        /// The init's id: the order's id follows from it.
        message: MessageId,
        /// What is ordered.
        requested: Vec<RequestedLine>,
        /// What it costs now, or why it cannot be had.
        priced: Result<Quote, Refusal>,
    },
    /// Buy what an order holds.
    Confirm {
        /// The order, as the buyer named it.
        order: String,
    },
    /// Give an order up that the buyer no longer wants.
    Cancel {
        /// The order, as the buyer named it.
        order: String,
        /// Why; may be empty.
        reason: String,
    },
    /// Undo what was begun with this order and can never end; nothing was, if there is none.
    GiveUp(Option<OrderId>),
}

/// What is done with an order that no message asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// The seller says that it is delivered.
    Complete,
    /// The seller gives it up.
    Cancel {
        /// Why; may be empty.
        reason: String,
    },
    /// What is over comes to its end: its hold, or that it is given up and nobody goes on with it.
    Settle,
}

/// Why nothing is done with an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undone {
    /// There is no such order in the trade.
    Unknown,
    /// It does not stand where this can be done.
    WrongState(String),
}

/// What an action comes to.
#[derive(Debug, Clone)]
pub enum Decision {
    /// Not accepted.
    Refuse(Refusal),
    /// Accepted; to be done next.
    Accept(Next),
}

/// What is to be done for an accepted action.
#[derive(Debug, Clone)]
pub enum Next {
    /// Hold the blocks of this DRAFT order.
    Reserve(Order),
    /// Sell the blocks of this PENDING order.
    Sell(Order),
    /// Release the blocks of this PENDING order, unless they are sold by now.
    Release(Order),
    /// Give back the blocks of this CANCELLING or EXPIRING order.
    Undo(Order),
    /// Nothing: say how the order is.
    AsIs(Order),
    /// Nothing: say what went wrong.
    Fail(Refusal),
}

impl Trade {
    /// Decides an action and changes the trade accordingly. Deciding the same action again comes to the same.
    pub fn decide(&mut self, intent: &Intent) -> Decision {
        match intent {
            Intent::Init { message, requested, priced } => self.init(message, requested, priced),
            Intent::Confirm { order } => self.confirm(order),
            Intent::Cancel { order, reason } => self.cancel(order, reason),
            Intent::GiveUp(order) => Decision::Accept(self.give_up(*order)),
        }
    }

    /// Decides an action again whose intent is committed. What has begun goes on, however late it is: a sale may have
    /// been made.
    pub fn go_on(&mut self, intent: &Intent) -> Decision {
        let (now, hold) = (self.now, self.hold);
        if let Intent::Confirm { order } = intent
            && let Some(order) = self.named(order)
            && let State::Pending { .. } = order.state
        {
            order.state = State::Pending { hold_until: now + hold };
            return Decision::Accept(Next::Sell(order.clone()));
        }
        self.decide(intent)
    }

    fn init(
        &mut self,
        message: &MessageId,
        requested: &[RequestedLine],
        priced: &Result<Quote, Refusal>,
    ) -> Decision {
        let id = OrderId::of_init(&self.scope.bap, &self.scope.transaction, message);
        if let Some(own) = self.orders.iter().find(|order| order.id == id) {
            return Decision::Accept(resumed(own));
        }
        if let Some(live) = self.orders.iter().find(|order| order.state.status().is_live()) {
            return Decision::Accept(match (&live.state, live.quote.covers(requested)) {
                (State::Cancelling(_) | State::Expiring { .. }, _) => {
                    Next::Fail(Refusal::invalid(format!("order {} is being given up; try again", live.id)))
                }
                (_, true) => Next::AsIs(live.clone()),
                (_, false) => {
                    Next::Fail(Refusal::invalid(format!("order {} is open; cancel it first", live.id)))
                }
            });
        }
        let priced = match priced {
            Ok(quote) => quote,
            Err(refusal) => return Decision::Refuse(refusal.clone()),
        };
        let quote = self.quotes.iter().find(|quote| quote.covers(requested)).unwrap_or(priced);
        if let Some(refusal) = self.room.and_then(|room| room.refuses(quote.quantity)) {
            return Decision::Refuse(refusal);
        }
        let order = Order {
            id,
            scope: self.scope.clone(),
            quote: quote.clone(),
            state: State::Draft { hold_until: self.now + self.hold },
            created_at: self.now,
            updated_at: self.now,
        };
        self.orders.push(order.clone());
        Decision::Accept(Next::Reserve(order))
    }

    fn confirm(&mut self, id: &str) -> Decision {
        let (now, hold) = (self.now, self.hold);
        let Some(order) = self.named(id) else { return Decision::Refuse(Refusal::order_not_found(id)) };
        match &order.state {
            State::Pending { hold_until } if *hold_until <= now => {
                Decision::Refuse(Refusal::invalid(hold_is_over(id)))
            }
            State::Pending { .. } => {
                order.state = State::Pending { hold_until: now + hold };
                Decision::Accept(Next::Sell(order.clone()))
            }
            State::Active | State::Completed => Decision::Accept(Next::AsIs(order.clone())),
            State::Expiring { .. } | State::Expired => Decision::Refuse(Refusal::invalid(hold_is_over(id))),
            State::Cancelling(_) => {
                Decision::Refuse(Refusal::invalid(format!("Order {id} is being cancelled")))
            }
            State::Draft { .. } | State::Cancelled(_) => {
                let status = order.state.status().as_str();
                Decision::Refuse(Refusal::invalid(format!("Order {id} is {status} and cannot be confirmed")))
            }
        }
    }

    fn cancel(&mut self, id: &str, reason: &str) -> Decision {
        let now = self.now;
        let Some(order) = self.named(id) else { return Decision::Refuse(Refusal::order_not_found(id)) };
        match &order.state {
            State::Expiring { .. } => Decision::Refuse(Refusal::invalid(hold_is_over(id))),
            State::Cancelled(_) | State::Expired => Decision::Accept(Next::AsIs(order.clone())),
            _ => match cancelling(order, Party::Buyer, reason, now) {
                Ok(()) => Decision::Accept(Next::Undo(order.clone())),
                Err(why) => Decision::Refuse(Refusal::invalid(why)),
            },
        }
    }

    /// Does something with an order that no message asks for. Doing it again comes to the same.
    ///
    /// # Errors
    /// When there is no such order, or it stands elsewhere.
    pub fn perform(&mut self, id: OrderId, deed: &Deed) -> Result<Next, Undone> {
        let now = self.now;
        let order = self.orders.iter_mut().find(|order| order.id == id).ok_or(Undone::Unknown)?;
        let status = order.state.status().as_str();
        match (deed, &order.state) {
            (Deed::Complete, State::Completed) => Ok(Next::AsIs(order.clone())),
            (Deed::Complete, State::Active) => {
                order.move_to(State::Completed, now);
                Ok(Next::AsIs(order.clone()))
            }
            (Deed::Complete, State::Cancelling(_)) => Err(Undone::WrongState(format!(
                "order {id} is being cancelled; only an ACTIVE order can be completed"
            ))),
            (Deed::Complete, _) => {
                let status = order.state.seen().as_str();
                Err(Undone::WrongState(format!(
                    "order {id} is {status}; only an ACTIVE order can be completed"
                )))
            }
            (Deed::Cancel { .. }, State::Cancelled(_) | State::Expired) => Ok(Next::AsIs(order.clone())),
            (Deed::Cancel { .. }, State::Expiring { .. }) => {
                Err(Undone::WrongState(hold_is_over(&id.to_string())))
            }
            (Deed::Cancel { reason }, _) => {
                cancelling(order, Party::Seller, reason, now).map_err(Undone::WrongState)?;
                Ok(Next::Undo(order.clone()))
            }
            (Deed::Settle, State::Draft { hold_until } | State::Pending { hold_until })
                if *hold_until <= now =>
            {
                let hold_until = *hold_until;
                order.move_to(State::Expiring { hold_until }, now);
                Ok(Next::Undo(order.clone()))
            }
            (Deed::Settle, State::Expiring { .. } | State::Cancelling(_)) => Ok(Next::Undo(order.clone())),
            (Deed::Settle, _) => {
                Err(Undone::WrongState(format!("order {id} is {status} and does not expire")))
            }
        }
    }

    fn named(&mut self, id: &str) -> Option<&mut Order> {
        let id: OrderId = id.parse().ok()?;
        self.orders.iter_mut().find(|order| order.id == id)
    }

    /// A DRAFT is never gone on with once its release is asked for: that may come late.
    fn give_up(&mut self, order: Option<OrderId>) -> Next {
        let now = self.now;
        let Some(order) = self.orders.iter_mut().find(|known| Some(known.id) == order) else {
            return Next::Fail(Refusal::failed());
        };
        match &order.state {
            State::Draft { .. } => {
                let (by, from) = (Party::Platform, Status::Draft);
                order.move_to(State::Cancelling(Cancellation { by, from, reason: GIVEN_UP.into() }), now);
                Next::Undo(order.clone())
            }
            State::Pending { .. } => Next::Release(order.clone()),
            State::Active | State::Completed => Next::AsIs(order.clone()),
            State::Cancelling(_) | State::Expiring { .. } => Next::Undo(order.clone()),
            State::Cancelled(_) | State::Expired => Next::Fail(Refusal::failed()),
        }
    }
}

fn hold_is_over(id: &str) -> String {
    format!("The hold on order {id} has ended")
}

/// Makes an order CANCELLING that may be given up: PENDING, or ACTIVE before its delivery begins. One that is given up
/// already stays as it is.
fn cancelling(order: &mut Order, by: Party, reason: &str, now: DateTime<Utc>) -> Result<(), String> {
    let from = order.state.status();
    match from {
        Status::Cancelling => return Ok(()),
        Status::Pending => {}
        Status::Active if now < order.delivery_begins() => {}
        Status::Active => {
            return Err(format!("the delivery of order {} has begun; it cannot be cancelled", order.id));
        }
        _ => {
            let status = order.state.seen().as_str();
            return Err(format!("order {} is {status} and cannot be cancelled", order.id));
        }
    }
    order.move_to(State::Cancelling(Cancellation { by, from, reason: reason.to_owned() }), now);
    Ok(())
}

/// Where an init stands that made its order before.
fn resumed(own: &Order) -> Next {
    match &own.state {
        State::Draft { .. } => Next::Reserve(own.clone()),
        State::Cancelled(cancellation) if cancellation.by == Party::Platform => {
            Next::Fail(Refusal::short_of_stock(cancellation.reason.clone()))
        }
        State::Cancelling(cancellation) if cancellation.by == Party::Platform => Next::Undo(own.clone()),
        State::Pending { .. }
        | State::Active
        | State::Completed
        | State::Cancelling(_)
        | State::Cancelled(_)
        | State::Expiring { .. }
        | State::Expired => Next::AsIs(own.clone()),
    }
}

#[cfg(test)]
pub(super) mod samples {
    //! Values for the tests of this folder.

    use p2p_domain::{Energy, Money, TimeWindow};

    use super::*;
    use crate::domain::Line;

    pub fn at(hour: u32) -> DateTime<Utc> {
        format!("2026-01-18T{hour:02}:00:00Z").parse().unwrap()
    }

    pub fn requested(wh: i64) -> Vec<RequestedLine> {
        let quantity = Energy::from_wh(wh).unwrap();
        vec![RequestedLine { item: None, offer: "offer".parse().unwrap(), quantity }]
    }

    pub fn quote(wh: i64, price: &str) -> Quote {
        let quantity = Energy::from_wh(wh).unwrap();
        let per_kwh = Money::new(price.parse().unwrap(), "USD".parse().unwrap()).unwrap();
        let line = Line {
            item: "item".parse().unwrap(),
            offer: "offer".parse().unwrap(),
            provider: "p".parse().unwrap(),
            quantity,
            price_per_kwh: per_kwh,
            price: per_kwh.times(quantity).unwrap(),
            window: TimeWindow::new(at(12), at(18)).unwrap(),
        };
        let price = line.price;
        Quote {
            provider: line.provider.clone(),
            provider_name: "P".into(),
            lines: vec![line],
            quantity,
            price,
        }
    }

    pub fn scope() -> TransactionKey {
        TransactionKey { bap: "bap".parse().unwrap(), transaction: "t".parse().unwrap() }
    }

    pub fn cancellation(by: Party, from: Status) -> Cancellation {
        Cancellation { by, from, reason: "short".into() }
    }

    pub fn order(state: State) -> Order {
        let id = OrderId::of_init(&scope().bap, &scope().transaction, &"m-0".parse().unwrap());
        let quote = quote(30_000, "0.08");
        Order { id, scope: scope(), quote, state, created_at: at(9), updated_at: at(9) }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        samples::{at, quote, requested},
        *,
    };

    fn trade() -> Trade {
        Trade {
            scope: samples::scope(),
            orders: vec![],
            quotes: vec![],
            now: at(10),
            hold: Duration::from_secs(900),
            room: None,
        }
    }

    fn init(message: &str, wh: i64) -> Intent {
        let message = message.parse().unwrap();
        Intent::Init { message, requested: requested(wh), priced: Ok(quote(wh, "0.10")) }
    }

    fn made(trade: &mut Trade) -> Order {
        match trade.decide(&init("m-1", 30_000)) {
            Decision::Accept(Next::Reserve(order)) => order,
            other => panic!("{other:?}"),
        }
    }

    fn confirm(order: &Order) -> Intent {
        Intent::Confirm { order: order.id.to_string() }
    }

    #[test]
    fn an_init_decided_again_means_the_same_order() {
        let mut trade = trade();
        let first = made(&mut trade);
        assert_eq!(made(&mut trade).id, first.id);
        assert_eq!(trade.orders.len(), 1);
    }

    #[test]
    fn a_quote_that_is_honoured_decides_the_price() {
        let mut trade = trade();
        trade.quotes = vec![quote(20_000, "0.01"), quote(30_000, "0.08"), quote(30_000, "0.09")];
        assert_eq!(made(&mut trade).quote.price.to_string(), "2.4 USD");
    }

    #[test]
    fn another_init_of_the_same_lines_means_the_live_order() {
        let mut trade = trade();
        let first = made(&mut trade);
        let again = trade.decide(&init("m-2", 30_000));
        assert!(matches!(again, Decision::Accept(Next::AsIs(order)) if order.id == first.id));
    }

    #[test]
    fn another_init_of_other_lines_is_told_which_order_is_open() {
        let mut trade = trade();
        let first = made(&mut trade);
        let Decision::Accept(Next::Fail(refusal)) = trade.decide(&init("m-2", 10_000)) else { panic!() };
        assert_eq!(refusal, Refusal::invalid(format!("order {} is open; cancel it first", first.id)));
    }

    #[test]
    fn an_order_that_cannot_be_had_is_refused_unless_one_is_live() {
        let refusal = Refusal::invalid("Requested quantity 30 exceeds available blocks 0");
        let sold_out = |message: &str| Intent::Init {
            message: message.parse().unwrap(),
            requested: requested(30_000),
            priced: Err(refusal.clone()),
        };
        assert!(matches!(trade().decide(&sold_out("m-1")), Decision::Refuse(_)));
        let mut trade = trade();
        made(&mut trade);
        assert!(matches!(trade.decide(&sold_out("m-2")), Decision::Accept(Next::AsIs(_))));
    }

    #[test]
    fn after_a_cancelled_order_the_trade_may_order_again() {
        let mut trade = trade();
        made(&mut trade);
        trade.orders[0].state = State::Cancelled(samples::cancellation(Party::Platform, Status::Draft));
        assert!(matches!(trade.decide(&init("m-2", 10_000)), Decision::Accept(Next::Reserve(_))));
        assert!(
            matches!(trade.decide(&init("m-1", 30_000)), Decision::Accept(Next::Fail(r)) if r.code == "40901")
        );
    }

    #[test]
    fn a_confirm_prolongs_the_hold_and_sells_and_a_repeated_one_finds_it_sold() {
        let mut trade = trade();
        let order = made(&mut trade);
        trade.orders[0].state = State::Pending { hold_until: at(11) };
        let Decision::Accept(Next::Sell(held)) = trade.decide(&confirm(&order)) else { panic!() };
        assert_eq!(held.state, State::Pending { hold_until: at(10) + Duration::from_secs(900) });
        trade.orders[0].state = State::Active;
        assert!(matches!(trade.decide(&confirm(&order)), Decision::Accept(Next::AsIs(_))));
    }

    #[test]
    fn a_confirm_that_has_begun_goes_on_when_its_hold_is_over_by_now() {
        let mut trade = trade();
        let order = made(&mut trade);
        trade.orders[0].state = State::Pending { hold_until: at(10) };
        assert!(matches!(trade.decide(&confirm(&order)), Decision::Refuse(_)));
        let Decision::Accept(Next::Sell(held)) = trade.go_on(&confirm(&order)) else { panic!() };
        assert_eq!(held.state, State::Pending { hold_until: at(10) + Duration::from_secs(900) });
        trade.orders[0].state = State::Expiring { hold_until: at(10) };
        assert!(matches!(trade.go_on(&confirm(&order)), Decision::Refuse(_)));
    }

    #[test]
    fn what_is_given_up_before_the_sale_is_released_and_after_it_goes_forward() {
        let hold_until = at(11);
        let mut trade = trade();
        let nothing = OrderId::of_init(&trade.scope.bap, &trade.scope.transaction, &"m-2".parse().unwrap());
        assert!(matches!(trade.decide(&Intent::GiveUp(Some(nothing))), Decision::Accept(Next::Fail(_))));
        let order = made(&mut trade);
        let give_up = Intent::GiveUp(Some(order.id));
        let undone = |decision| matches!(decision, Decision::Accept(Next::Undo(o)) if o.id == order.id);
        assert!(undone(trade.decide(&give_up)));
        // Whoever goes on with the init does not go forward any more.
        assert!(undone(trade.decide(&init("m-1", 30_000))) && undone(trade.decide(&give_up)));
        trade.orders[0].state = State::Pending { hold_until };
        let released = |decision| matches!(decision, Decision::Accept(Next::Release(o)) if o.id == order.id);
        assert!(released(trade.decide(&give_up)));
        // It made nothing and sells nothing.
        for order in [None, Some(nothing)] {
            let decision = trade.decide(&Intent::GiveUp(order));
            assert!(matches!(decision, Decision::Accept(Next::Fail(r)) if r.code == "50001"), "{order:?}");
        }
        trade.orders[0].state = State::Active;
        assert!(matches!(trade.decide(&give_up), Decision::Accept(Next::AsIs(_))));
    }

    #[test]
    fn a_confirm_after_the_hold_or_of_nobody_s_order_is_refused() {
        let mut trade = trade();
        let order = made(&mut trade);
        trade.orders[0].state = State::Pending { hold_until: at(10) };
        assert!(matches!(trade.decide(&confirm(&order)), Decision::Refuse(r) if r.code == "40001"));
        let unknown = Intent::Confirm { order: "nope".into() };
        let Decision::Refuse(refusal) = trade.decide(&unknown) else { panic!() };
        assert_eq!(refusal, Refusal { code: "40403".into(), message: "Order nope not found".into() });
    }

    fn cancel(order: &Order) -> Intent {
        Intent::Cancel { order: order.id.to_string(), reason: "changed my mind".into() }
    }

    /// A trade at 10:00 with one order in this state, to be delivered from 12:00.
    fn with(state: State) -> (Trade, Order) {
        let mut trade = trade();
        let order = samples::order(state);
        trade.orders.push(order.clone());
        (trade, order)
    }

    #[test]
    fn a_buyer_may_cancel_what_is_held_and_before_its_delivery_what_is_bought() {
        for (state, from) in
            [(State::Pending { hold_until: at(9) }, Status::Pending), (State::Active, Status::Active)]
        {
            let (mut trade, order) = with(state);
            for _ in 0..2 {
                let Decision::Accept(Next::Undo(undone)) = trade.decide(&cancel(&order)) else { panic!() };
                let cancellation = Cancellation { by: Party::Buyer, from, reason: "changed my mind".into() };
                assert_eq!(undone.state, State::Cancelling(cancellation));
            }
            assert!(matches!(trade.decide(&confirm(&order)), Decision::Refuse(_)));
        }
        let (mut trade, order) = with(State::Active);
        trade.now = at(12);
        let Decision::Refuse(refusal) = trade.decide(&cancel(&order)) else { panic!() };
        assert!(refusal.message.contains("has begun"), "{refusal:?}");
        for state in
            [State::Completed, State::Draft { hold_until: at(11) }, State::Expiring { hold_until: at(9) }]
        {
            let (mut trade, order) = with(state);
            assert!(matches!(trade.decide(&cancel(&order)), Decision::Refuse(r) if r.code == "40001"));
            assert_eq!(trade.orders[0].state, order.state);
        }
    }

    #[test]
    fn what_is_cancelled_already_is_cancelled_again_with_the_same_answer() {
        for state in [State::Expired, State::Cancelled(samples::cancellation(Party::Seller, Status::Active))]
        {
            let (mut trade, order) = with(state.clone());
            assert!(
                matches!(trade.decide(&cancel(&order)), Decision::Accept(Next::AsIs(o)) if o.state == state)
            );
            let again = trade.perform(order.id, &Deed::Cancel { reason: String::new() });
            assert!(matches!(again, Ok(Next::AsIs(o)) if o.state == state));
        }
    }

    #[test]
    fn who_cancels_first_is_who_cancelled() {
        let (mut trade, order) = with(State::Active);
        trade.perform(order.id, &Deed::Cancel { reason: "no sun".into() }).unwrap();
        let Decision::Accept(Next::Undo(undone)) = trade.decide(&cancel(&order)) else { panic!() };
        assert_eq!(undone.state.cancellation().unwrap().by, Party::Seller);
    }

    #[test]
    fn only_what_is_active_is_completed_and_only_once() {
        let (mut trade, order) = with(State::Active);
        trade.now = at(11);
        for _ in 0..2 {
            let Ok(Next::AsIs(done)) = trade.perform(order.id, &Deed::Complete) else { panic!() };
            assert_eq!((done.state, done.updated_at), (State::Completed, at(11)));
            trade.now = at(12);
        }
        let (mut trade, order) = with(State::Pending { hold_until: at(11) });
        let Err(Undone::WrongState(why)) = trade.perform(order.id, &Deed::Complete) else { panic!() };
        assert_eq!(why, format!("order {} is PENDING; only an ACTIVE order can be completed", order.id));
    }

    #[test]
    fn an_order_expires_when_its_hold_is_over_and_not_before() {
        let (mut trade, order) = with(State::Pending { hold_until: at(11) });
        assert!(matches!(trade.perform(order.id, &Deed::Settle), Err(Undone::WrongState(_))));
        trade.now = at(11);
        for _ in 0..2 {
            let Ok(Next::Undo(expiring)) = trade.perform(order.id, &Deed::Settle) else { panic!() };
            assert_eq!(expiring.state, State::Expiring { hold_until: at(11) });
        }
        assert!(matches!(trade.decide(&confirm(&order)), Decision::Refuse(_)));
        assert!(matches!(trade.decide(&init("m-9", 30_000)), Decision::Accept(Next::Fail(_))));
        let (mut trade, order) = with(State::Active);
        assert!(matches!(trade.perform(order.id, &Deed::Settle), Err(Undone::WrongState(_))));
        let unknown = OrderId(uuid::Uuid::nil());
        assert_eq!(trade.perform(unknown, &Deed::Complete).unwrap_err(), Undone::Unknown);
    }
}
