//! Orders and their messages under everything that can go wrong, over rows in memory: two gateways and the order
//! service are played, what they decide is decided by the code of the service.
//!
//! Everything that a process knows and has not committed is lost when it dies. A lease lapses without its holder's
//! knowing. Messages and calls are lost, repeated, late and out of order. The invariants of the design are looked at
//! after every step; in the end everything is repeated until it is answered, and all has to come to its end.

mod check;
mod step;
#[cfg(test)]
mod tests;

pub use step::{Deed, Fate, Step, Variant, Wait, What};

pub use crate::domain::{Ask, Line, Order, Reservation, Reserved, Stood};

use std::{collections::BTreeMap, time::Duration};

use p2p_domain::{Energy, MessageId, Money, OrderId, TimeWindow};
use uuid::Uuid;

use crate::{
    domain::{
        self, Answer, Conclusion, Followed, GatewayId, InboxKey, Intent, MarkResult, Quote, Received, Reply,
        RequestedLine, TransactionKey, Verdict, follow,
    },
    error::{Error, Kind},
    store::{
        Begin, Compose, Finish, Mark, Perform, Performed, Record, Settle,
        memory::Rows,
        op::{Done, Op},
    },
};

const LEASE: Duration = Duration::from_secs(10);
const HOLD: Duration = Duration::from_secs(900);
const BEGIN: &str = "2026-01-18T00:00:00Z";
/// Deliveries begin late enough for some to be cancelled, and early enough for others not to be.
const DELIVERY: (&str, &str) = ("2026-01-18T02:00:00Z", "2026-01-18T03:00:00Z");

/// Whose stock is ordered.
pub trait Catalog {
    /// Does what it is asked for an order. None: it has no answer.
    fn ask(&mut self, order: &Order, ask: Ask) -> Option<Stood>;
    /// What it has for each order.
    fn reservations(&self) -> BTreeMap<OrderId, Reservation>;
    /// What contradicts its own rules.
    fn violation(&self) -> Option<String>;
}

/// How a rule is broken.
pub type Broken = String;

/// A message of a buyer.
struct Sent {
    what: What,
    key: InboxKey,
    scope: TransactionKey,
    /// Which order it is about.
    order: Option<OrderId>,
    stored: Option<Stored>,
    /// Its sender knows the verdict.
    answered: bool,
    /// It was taken over while somebody else still worked on it.
    disputed: bool,
}

/// What is stored of a message.
#[derive(Debug, Clone)]
struct Stored {
    verdict: Verdict,
    text: String,
    header: String,
}

/// What a process goes on with; it is lost when that dies.
struct Work {
    id: u32,
    who: Who,
    at: At,
}

/// Who works.
#[derive(Clone, PartialEq, Eq)]
enum Who {
    /// A gateway, on this message.
    Gateway(GatewayId, usize),
    /// The order service, for its seller or because something is over.
    Service(TransactionKey),
}

/// How far the work has come.
enum At {
    /// It is to be gone on with, or given up.
    Start { gives_up: bool },
    /// The catalog is asked.
    Asks(Box<Order>, Ask),
    /// Its end is to be committed.
    Ends(Conclusion),
    /// The answer to a question that had to wait.
    Answers,
}

/// A call on its way to the catalog.
struct Call {
    work: u32,
    order: Order,
    ask: Ask,
}

/// Everything there is.
pub struct World<C> {
    rows: Rows,
    catalog: C,
    gateways: [GatewayId; 2],
    sent: Vec<Sent>,
    /// Which messages are on their way, and how.
    on_way: Vec<(usize, Variant)>,
    works: Vec<Work>,
    calls: Vec<Call>,
    /// Deliveries that a gateway holds.
    held: Vec<(GatewayId, Uuid)>,
    /// What has arrived at the buyers, by delivery.
    heard: BTreeMap<Uuid, String>,
    /// Where orders stood.
    stood: BTreeMap<OrderId, domain::Status>,
    /// Orders whose buyers were told that they have bought.
    bought: Vec<OrderId>,
    count: u32,
}

/// Takes the steps, and then lets everything come to its end.
///
/// # Errors
/// When a rule is broken.
pub fn run(steps: &[Step], catalog: impl Catalog) -> Result<(), Broken> {
    let mut world = World::new(catalog)?;
    for step in steps {
        world.take(*step)?;
    }
    world.end()
}

fn parsed<T: std::str::FromStr>(text: &str) -> Result<T, Broken> {
    text.parse().map_err(|_bad| format!("{text} is none"))
}

fn pick(n: u8, of: usize) -> Option<usize> {
    usize::from(n).checked_rem(of)
}

/// So many kWh of offer `a`, and with every third number some of offer `b` as well.
fn quote(kwh: u8) -> Result<Quote, Broken> {
    let mut lines = vec![line("a", kwh)?];
    if kwh.is_multiple_of(3) {
        lines.push(line("b", kwh / 3)?);
    }
    let (mut quantity, mut price) = (lines[0].quantity, lines[0].price);
    for line in &lines[1..] {
        quantity = quantity.checked_add(line.quantity).ok_or("too much")?;
        price = price.plus(line.price).map_err(|e| e.to_string())?;
    }
    Ok(Quote { provider: parsed("p")?, provider_name: "P".into(), lines, quantity, price })
}

fn line(offer: &str, kwh: u8) -> Result<Line, Broken> {
    let quantity = Energy::from_wh(i64::from(kwh) * Energy::KWH.wh()).map_err(|e| e.to_string())?;
    let price_per_kwh = Money::new(parsed("0.08")?, parsed("USD")?).map_err(|e| e.to_string())?;
    let price = price_per_kwh.times(quantity).map_err(|e| e.to_string())?;
    let window = TimeWindow::new(parsed(DELIVERY.0)?, parsed(DELIVERY.1)?).map_err(|e| e.to_string())?;
    let (item, offer, provider) = (parsed("i")?, parsed(offer)?, parsed("p")?);
    Ok(Line { item, offer, provider, quantity, price_per_kwh, price, window })
}

impl<C: Catalog> World<C> {
    fn new(catalog: C) -> Result<Self, Broken> {
        let gateway = |id: &str| GatewayId { id: id.to_owned(), incarnation: 1 };
        Ok(Self {
            rows: Rows::new(parsed(BEGIN)?, LEASE, HOLD),
            catalog,
            gateways: [gateway("g0"), gateway("g1")],
            sent: Vec::new(),
            on_way: Vec::new(),
            works: Vec::new(),
            calls: Vec::new(),
            held: Vec::new(),
            heard: BTreeMap::new(),
            stood: BTreeMap::new(),
            bought: Vec::new(),
            count: 0,
        })
    }

    fn take(&mut self, step: Step) -> Result<(), Broken> {
        match step {
            Step::Send(trade, what) => self.send(trade, what)?,
            Step::Repeat(n, variant) => {
                self.on_way.extend(pick(n, self.sent.len()).map(|n| (n, variant)));
            }
            Step::Lose(n) => {
                pick(n, self.on_way.len()).map(|n| self.on_way.remove(n));
            }
            Step::Arrive(n, many, gateway, fate) => {
                if let Some(n) = pick(n, self.on_way.len()) {
                    self.on_way.rotate_left(n);
                    let many = usize::from(many).min(self.on_way.len());
                    let arrived: Vec<_> = self.on_way.drain(..many).collect();
                    self.arrive(&arrived, usize::from(gateway) % 2, fate)?;
                }
            }
            Step::Work(n, fate) => {
                if let Some(n) = pick(n, self.works.len()) {
                    self.work(n, fate)?;
                }
            }
            Step::Call(n, fate) => {
                if let Some(n) = pick(n, self.calls.len()) {
                    let call = self.calls.remove(n);
                    self.call(call, fate)?;
                }
            }
            Step::Deliver(n, fate) => {
                if let Some(n) = pick(n, self.held.len()) {
                    let (gateway, id) = self.held.remove(n);
                    self.deliver(&gateway, id, fate)?;
                }
            }
            Step::Kill(gateway) => self.kill(usize::from(gateway) % 2),
            Step::KillService => self.kill_service(),
            Step::Claim(gateway) => self.claim(usize::from(gateway) % 2),
            Step::GiveUp(n) => self.give_up(n),
            Step::Sweep(fate) => {
                for (scope, order) in self.rows.over() {
                    self.perform(scope, order, domain::Deed::Settle, fate)?;
                }
            }
            Step::Seller(n, deed, fate) => {
                if let Some(n) = pick(n, self.rows.orders.len()) {
                    let order = self.rows.orders.values().nth(n).map(|order| (order.scope.clone(), order.id));
                    let deed = match deed {
                        Deed::Complete => domain::Deed::Complete,
                        Deed::Cancel => domain::Deed::Cancel { reason: "no sun".into() },
                    };
                    if let Some((scope, order)) = order {
                        self.perform(scope, order, deed, fate)?;
                    }
                }
            }
            Step::Wait(wait) => self.rows.now += self.length(wait),
            Step::Calm(steps) => {
                for _ in 0..steps {
                    self.go_on()?;
                    self.check()?;
                }
            }
        }
        self.check()
    }

    /// A step on which nothing goes wrong.
    fn go_on(&mut self) -> Result<(), Broken> {
        if !self.calls.is_empty() {
            let call = self.calls.remove(0);
            self.call(call, Fate::Answered)
        } else if !self.works.is_empty() {
            self.work(0, Fate::Answered)
        } else if !self.on_way.is_empty() {
            let arrived = self.on_way.remove(0);
            self.arrive(&[arrived], 0, Fate::Answered)
        } else if let Some((gateway, id)) = self.held.pop() {
            self.deliver(&gateway, id, Fate::Answered)
        } else {
            Ok(())
        }
    }

    fn length(&self, wait: Wait) -> Duration {
        match wait {
            Wait::Lease => LEASE + Duration::from_secs(1),
            Wait::HalfHold => HOLD / 2,
            Wait::Hold => HOLD,
        }
    }

    fn send(&mut self, trade: u8, what: What) -> Result<(), Broken> {
        let scope = TransactionKey { bap: parsed("bap")?, transaction: parsed(&format!("t{trade}"))? };
        let message: MessageId = parsed(&format!("m{}", self.sent.len()))?;
        let mut known: Vec<&Order> = self.rows.orders.values().filter(|order| order.scope == scope).collect();
        known.sort_by_key(|order| std::cmp::Reverse(order.created_at));
        let order = match what {
            What::Init(_) => Some(OrderId::of_init(&scope.bap, &scope.transaction, &message)),
            What::Confirm(n) | What::Cancel(n) => match pick(n, known.len()) {
                Some(n) => Some(known[n].id),
                None => {
                    let mut inits = self.sent.iter().filter(|sent| sent.scope == scope);
                    inits.find(|sent| matches!(sent.what, What::Init(_))).and_then(|sent| sent.order)
                }
            },
            What::Select | What::Status => None,
        };
        let key = InboxKey { sender: scope.bap.clone(), action: what.action().to_owned(), message };
        self.on_way.push((self.sent.len(), Variant::Same));
        self.sent.push(Sent { what, key, scope, order, stored: None, answered: false, disputed: false });
        Ok(())
    }

    /// Messages arrive at a gateway, and what it asks for meets in one batch.
    fn arrive(&mut self, arrived: &[(usize, Variant)], gateway: usize, fate: Fate) -> Result<(), Broken> {
        if fate == Fate::DiedBefore {
            return Ok(());
        }
        let gateway = self.gateways[gateway].clone();
        let mut ops = Vec::new();
        for (n, variant) in arrived {
            self.count += 1;
            let at = self.rows.now + Duration::from_millis(self.count.into());
            let (sent, body) = (&self.sent[*n], self.text(*n, *variant));
            let (key, scope) = (sent.key.clone(), sent.scope.clone());
            let authorization = self.header(*n, *variant);
            let message = Received { key, scope, body, traceparent: String::new(), authorization };
            ops.push(match self.intent(*n)? {
                Some(intent) => {
                    Op::Begin(Begin { gateway: gateway.clone(), message, at, intent, resume: false })
                }
                None => Op::Record(Record {
                    gateway: gateway.clone(),
                    message,
                    verdict: Verdict { refusal: None, at },
                    reply: Some(self.reply(*n, "what is asked for")),
                    quote: None,
                    buyer_json: String::new(),
                }),
            });
        }
        let answers = self.rows.commit(&ops);
        for ((&(n, variant), op), done) in arrived.iter().zip(&ops).zip(answers) {
            let heard = fate == Fate::Answered;
            match done.map_err(|e| format!("{op:?} is refused: {e}"))? {
                Done::Begun(answer) => {
                    let begun =
                        self.answered(n, variant, op, *answer, |begun| begun.verdict.clone(), heard)?;
                    if let Some(next) = begun.and_then(|begun| begun.next).filter(|_| heard) {
                        self.set_about(Who::Gateway(gateway.clone(), n), next.begin());
                    }
                }
                Done::Recorded(answer) => {
                    let Op::Record(record) = op else { return Err("another operation is answered".into()) };
                    let verdict = record.verdict.clone();
                    let recorded = self.answered(n, variant, op, answer, |_| verdict.clone(), heard)?;
                    if let Some(id) = recorded.and_then(|recorded| recorded.delivery).filter(|_| heard) {
                        self.held.push((gateway.clone(), id));
                    }
                }
                other => return Err(format!("{op:?} is answered {other:?}")),
            }
        }
        Ok(())
    }

    /// A message has one verdict, whoever asks and however often. What was accepted is played when it comes again under
    /// the same signature.
    fn answered<T: std::fmt::Debug>(
        &mut self,
        n: usize,
        variant: Variant,
        op: &Op,
        answer: Answer<T>,
        verdict_of: impl Fn(&T) -> Verdict,
        heard: bool,
    ) -> Result<Option<T>, Broken> {
        let (text, header) = (self.text(n, variant), self.header(n, variant));
        let at = match op {
            Op::Begin(begin) => begin.at,
            Op::Record(record) => record.verdict.at,
            _ => self.rows.now,
        };
        let sent = &mut self.sent[n];
        let is_played =
            |known: &Stored| known.verdict.refusal.is_none() && !header.is_empty() && known.header == header;
        let new = |verdict: Verdict| Some(Stored { verdict, text: text.clone(), header: header.clone() });
        let (stored, accepted) = match (answer, &sent.stored) {
            (Answer::Accepted(done), None) => (new(verdict_of(&done)), Some(done)),
            (Answer::Queued, None) => (new(Verdict { refusal: None, at }), None),
            (Answer::Repeated { verdict, .. }, Some(known))
                if known.verdict == verdict && known.text == text && !is_played(known) =>
            {
                (sent.stored.clone(), None)
            }
            (Answer::Replayed { verdict, .. }, Some(known))
                if known.verdict == verdict && known.text == text && is_played(known) =>
            {
                (sent.stored.clone(), None)
            }
            (Answer::Conflict, Some(known)) if known.text != text => return Ok(None),
            (answer, known) => {
                return Err(format!("{:?}, of which is known {known:?}: {answer:?}", sent.key));
            }
        };
        sent.stored = stored;
        sent.answered |= heard;
        Ok(accepted)
    }

    fn text(&self, n: usize, variant: Variant) -> String {
        let what = if variant == Variant::Forged { "forged" } else { "as it is" };
        format!("{} {what}", self.sent[n].key.message)
    }

    /// Each fourth message is not signed.
    fn header(&self, n: usize, variant: Variant) -> String {
        match variant {
            _ if n % 4 == 3 => String::new(),
            Variant::Same | Variant::Forged => format!("signature of {}", self.sent[n].key.message),
            Variant::Resigned => format!("another signature of {}", self.sent[n].key.message),
        }
    }

    fn intent(&self, n: usize) -> Result<Option<Intent>, Broken> {
        let sent = &self.sent[n];
        let order = || sent.order.map_or_else(|| "none".to_owned(), |order| order.to_string());
        Ok(Some(match sent.what {
            What::Init(kwh) => {
                let quote = quote(kwh)?;
                let wish = |line: &Line| RequestedLine {
                    item: None,
                    offer: line.offer.clone(),
                    quantity: line.quantity,
                };
                let requested = quote.lines.iter().map(wish).collect();
                Intent::Init { message: sent.key.message.clone(), requested, priced: Ok(quote) }
            }
            What::Confirm(_) => Intent::Confirm { order: order() },
            What::Cancel(_) => Intent::Cancel { order: order(), reason: "cloudy".into() },
            What::Select | What::Status => return Ok(None),
        }))
    }

    fn reply(&self, n: usize, what: &str) -> Reply {
        let key = &self.sent[n].key;
        Reply {
            action: format!("on_{}", key.action),
            message: key.message.clone(),
            uri: "http://buyer".into(),
            // No two builds are the same: a callback that is built again is noticed.
            body: format!("{what}, {} {}", self.count, self.rows.now),
            delay: Duration::ZERO,
            lifetime: None,
            traceparent: String::new(),
            authorization: String::new(),
        }
    }

    fn set_about(&mut self, who: Who, followed: Followed) {
        let at = match followed {
            Followed::Asks(order, ask) => At::Asks(order, ask),
            Followed::Ends(conclusion) => At::Ends(conclusion),
        };
        self.start(who, at);
    }

    fn start(&mut self, who: Who, at: At) {
        self.count += 1;
        self.works.push(Work { id: self.count, who, at });
    }

    /// One step of a work: a commit, or a call to the catalog.
    fn work(&mut self, n: usize, fate: Fate) -> Result<(), Broken> {
        self.count += 1;
        let Work { id, who, at } = &self.works[n];
        let id = *id;
        let op = match (who, at) {
            (_, At::Asks(order, ask)) => {
                self.calls.push(Call { work: id, order: Order::clone(order), ask: *ask });
                return Ok(());
            }
            (Who::Gateway(gateway, sent), At::Start { gives_up }) => {
                self.resumption(gateway, *sent, *gives_up)?
            }
            (Who::Gateway(gateway, sent), At::Answers) => {
                self.ending(gateway, *sent, "what is asked for".into(), None)
            }
            (Who::Gateway(gateway, sent), At::Ends(conclusion)) => {
                let (said, change) = match conclusion {
                    Conclusion::Order(order, change) => (format!("{:?}", order.state.seen()), change),
                    Conclusion::Failed(why, change) => (why.message.clone(), change),
                };
                self.ending(gateway, *sent, said, change.clone())
            }
            (Who::Service(scope), At::Ends(Conclusion::Order(_, Some(change)))) => {
                Some(Op::Settle(Settle { scope: scope.clone(), change: change.clone() }))
            }
            (Who::Service(_), _) => return Err("a deed comes to nothing".into()),
        };
        let Some(op) = op else {
            self.works[n].at = At::Answers;
            return Ok(());
        };
        if fate == Fate::DiedBefore {
            return Ok(());
        }
        let done = self.rows.commit(std::slice::from_ref(&op)).pop();
        let done = done.ok_or_else(|| "an operation is not answered".to_owned())?;
        self.worked(n, &op, done, fate)
    }

    /// Going on with an accepted action, or giving it up; none where nothing is to be decided.
    fn resumption(&self, gateway: &GatewayId, sent: usize, gives_up: bool) -> Result<Option<Op>, Broken> {
        let Some(mut intent) = self.intent(sent)? else { return Ok(None) };
        if gives_up {
            intent = Intent::GiveUp(self.sent[sent].order);
        }
        let Sent { key, scope, stored, .. } = &self.sent[sent];
        let (body, authorization) = match stored {
            Some(stored) => (stored.text.clone(), stored.header.clone()),
            None => (String::new(), String::new()),
        };
        let (key, scope) = (key.clone(), scope.clone());
        let message = Received { key, scope, body, traceparent: String::new(), authorization };
        Ok(Some(Op::Begin(Begin {
            gateway: gateway.clone(),
            message,
            at: self.rows.now,
            intent,
            resume: true,
        })))
    }

    fn ending(
        &self,
        gateway: &GatewayId,
        sent: usize,
        said: String,
        change: Option<domain::Change>,
    ) -> Option<Op> {
        let Sent { key, scope, .. } = &self.sent[sent];
        Some(Op::Finish(Finish {
            gateway: gateway.clone(),
            key: key.clone(),
            scope: scope.clone(),
            reply: self.reply(sent, &said),
            change,
            quote: None,
        }))
    }

    /// What a commit of a work came to.
    fn worked(&mut self, n: usize, op: &Op, done: Result<Done, Error>, fate: Fate) -> Result<(), Broken> {
        let who = self.works[n].who.clone();
        match (done, who) {
            (Err(error), Who::Gateway(..)) if error.kind() == Kind::LeaseLost => {
                self.works.remove(n);
            }
            // Another one was faster: it is looked at again.
            (Err(_), Who::Service(_)) | (Ok(Done::Settled(_)), _) => {
                self.works.remove(n);
            }
            (Err(error), Who::Gateway(_, sent)) => {
                self.puzzled(n, sent, || format!("{op:?} fails: {error}"))?;
            }
            (Ok(Done::Begun(answer)), _) => {
                let Answer::Accepted(begun) = *answer else {
                    return Err(format!("{op:?} goes on by {answer:?}"));
                };
                let next = begun.next.ok_or_else(|| format!("{op:?} is refused when it is gone on with"))?;
                if fate == Fate::Answered {
                    self.works[n].at = match next.begin() {
                        Followed::Asks(order, ask) => At::Asks(order, ask),
                        Followed::Ends(conclusion) => At::Ends(conclusion),
                    };
                }
            }
            (Ok(Done::Finished(id)), Who::Gateway(gateway, sent)) => {
                self.finished(n, sent)?;
                if fate == Fate::Answered {
                    self.works.remove(n);
                    self.held.push((gateway, id));
                } else {
                    self.works[n].at = At::Start { gives_up: false };
                }
            }
            (other, _) => return Err(format!("{op:?} is answered {other:?}")),
        }
        Ok(())
    }

    /// A callback says how its order is.
    fn finished(&mut self, n: usize, sent: usize) -> Result<(), Broken> {
        let At::Ends(Conclusion::Order(said, _)) = &self.works[n].at else { return Ok(()) };
        let order = self.rows.orders.get(&said.id).ok_or_else(|| format!("there is no order {}", said.id))?;
        if said.state.seen() != order.state.seen() {
            return Err(format!("the buyer is told {:?} of order {:?}", said.state, order.state));
        }
        if matches!(self.sent[sent].what, What::Confirm(_)) {
            self.bought.push(said.id);
        }
        Ok(())
    }

    /// The catalog does what it is asked.
    fn call(&mut self, Call { work, order, ask }: Call, fate: Fate) -> Result<(), Broken> {
        if fate == Fate::DiedBefore {
            return Ok(());
        }
        let answer = self.catalog.ask(&order, ask);
        let stood =
            answer.ok_or_else(|| format!("the catalog has no answer to {ask:?} for order {}", order.id))?;
        let Some(n) = self.works.iter().position(|known| known.id == work) else { return Ok(()) };
        let waits = matches!(&self.works[n].at, At::Asks(of, asked) if of.id == order.id && *asked == ask);
        if fate == Fate::DiedBehind || !waits {
            return Ok(());
        }
        match follow(order, ask, stood, self.rows.now) {
            Ok(Followed::Asks(order, ask)) => self.works[n].at = At::Asks(order, ask),
            Ok(Followed::Ends(conclusion)) => self.works[n].at = At::Ends(conclusion),
            Err(unexpected) => match self.works[n].who {
                Who::Gateway(_, sent) => {
                    self.puzzled(n, sent, || format!("nothing follows from {unexpected:?}"))?;
                }
                Who::Service(_) => {
                    self.works.remove(n);
                }
            },
        }
        Ok(())
    }

    /// Something should never be: only one who does not know what another has done meanwhile may find it so. A gateway
    /// gives up then, and does not give up giving back.
    fn puzzled(&mut self, n: usize, sent: usize, why: impl Fn() -> Broken) -> Result<(), Broken> {
        let Sent { disputed, what, .. } = &self.sent[sent];
        if !disputed {
            return Err(why());
        }
        self.works[n].at = At::Start { gives_up: matches!(what, What::Init(_) | What::Confirm(_)) };
        Ok(())
    }

    /// A message that a gateway holds is sent, and how it went is noted.
    fn deliver(&mut self, gateway: &GatewayId, id: Uuid, fate: Fate) -> Result<(), Broken> {
        let Some(row) = self.rows.outbox.iter().find(|row| row.id() == id) else { return Ok(()) };
        if self.rows.text(row).is_none() {
            self.count += 1;
            let body = format!("unasked, {} {}", row.message(), self.count);
            let (action, message) = (row.action().to_owned(), row.message().clone());
            let message = Reply {
                action,
                message,
                uri: "http://buyer".into(),
                body,
                delay: Duration::ZERO,
                lifetime: None,
                traceparent: String::new(),
                authorization: String::new(),
            };
            let compose = Op::Compose(Compose { gateway: gateway.clone(), delivery: id, message });
            match self.rows.commit(&[compose]).pop() {
                Some(Ok(Done::Composed)) => {}
                Some(Err(error)) if error.kind() == Kind::LeaseLost => return Ok(()),
                other => return Err(format!("a text is not stored: {other:?}")),
            }
        }
        let row = self.rows.outbox.iter().find(|row| row.id() == id);
        let text = row.and_then(|row| self.rows.text(row)).ok_or("a delivery has no text")?.to_owned();
        if fate != Fate::DiedBefore {
            let first = self.heard.entry(id).or_insert_with(|| text.clone());
            if *first != text {
                return Err(format!("{text:?} is delivered behind {first:?}"));
            }
        }
        let result = match fate {
            Fate::Answered => MarkResult::Delivered(None),
            Fate::DiedBefore => MarkResult::Retry(Duration::ZERO, "no answer".into()),
            Fate::DiedBehind => return Ok(()),
        };
        self.rows.commit(&[Op::Mark(Mark { gateway: gateway.clone(), marks: vec![(id, result)] })]);
        Ok(())
    }

    /// A gateway dies, and its next incarnation joins.
    fn kill(&mut self, gateway: usize) {
        let gateway = &mut self.gateways[gateway];
        self.works.retain(|work| !matches!(&work.who, Who::Gateway(of, _) if of.id == gateway.id));
        self.held.retain(|(of, _)| of.id != gateway.id);
        gateway.incarnation += 1;
    }

    /// The order service dies: what gateways have asked it for fails. Its calls go on by themselves.
    fn kill_service(&mut self) {
        self.works.retain(|work| matches!(work.who, Who::Gateway(..)));
        for work in &mut self.works {
            if matches!(work.at, At::Asks(..)) {
                work.at = At::Start { gives_up: false };
            }
        }
    }

    fn claim(&mut self, gateway: usize) {
        let gateway = self.gateways[gateway].clone();
        let (work, deliveries) = self.rows.claim(&gateway);
        for key in work {
            let Some(sent) = self.sent.iter().position(|sent| sent.key == key) else { continue };
            let who = Who::Gateway(gateway.clone(), sent);
            let on_it = |work: &Work| matches!(work.who, Who::Gateway(_, other) if other == sent);
            self.sent[sent].disputed |= self.works.iter().any(on_it);
            if !self.works.iter().any(|work| work.who == who) {
                self.start(who, At::Start { gives_up: false });
            }
        }
        for id in deliveries {
            if !self.held.contains(&(gateway.clone(), id)) {
                self.held.push((gateway.clone(), id));
            }
        }
    }

    /// Something fails for good while an action is worked on. What is given up already is given back however long it
    /// takes.
    fn give_up(&mut self, n: u8) {
        let can = |work: &&mut Work| match work.who {
            Who::Gateway(_, sent) => matches!(self.sent[sent].what, What::Init(_) | What::Confirm(_)),
            Who::Service(_) => false,
        };
        let mut works: Vec<&mut Work> = self.works.iter_mut().filter(can).collect();
        if let Some(n) = pick(n, works.len()) {
            works[n].at = At::Start { gives_up: true };
        }
    }

    fn perform(
        &mut self,
        scope: TransactionKey,
        order: OrderId,
        deed: domain::Deed,
        fate: Fate,
    ) -> Result<(), Broken> {
        if fate == Fate::DiedBefore {
            return Ok(());
        }
        let op = Op::Perform(Perform { scope: scope.clone(), order, deed });
        match self.rows.commit(std::slice::from_ref(&op)).pop() {
            Some(Ok(Done::Performed(Performed::Done(next)))) => {
                if let followed @ Followed::Asks(..) = next.begin()
                    && fate == Fate::Answered
                {
                    self.set_about(Who::Service(scope), followed);
                }
                Ok(())
            }
            Some(Ok(Done::Performed(Performed::Busy | Performed::Undone(_)))) => Ok(()),
            other => Err(format!("{op:?} is answered {other:?}")),
        }
    }
}
