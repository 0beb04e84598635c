//! Many operations at once: load their trades, decide each in turn, write it all, unless a trade was written meanwhile.

mod orders;

use chrono::{DateTime, Utc};
use p2p_domain::uuid_of;
use p2p_runtime::{
    failpoint,
    planted::{Bug, planted},
};
use sea_orm::DatabaseConnection;
use uuid::Uuid;

use super::{
    load::{Loaded, load},
    op::{Begin, Begun, Compose, Done, Finish, Mark, Marked, Op, Record, Recorded, Send, Sent},
    row::{EventRow, InboxRow, InboxStatus, Lease, OutboxRow},
    save::{Advance, Writes, outbox, save},
};
use crate::{
    config::{Periods, Quotas},
    domain::{
        Answer, Decision, GatewayId, InboxKey, Intent, Next, Received, Refusal, Reply, Status,
        TransactionKey, Verdict,
    },
    error::Error,
    metrics,
};

/// How often a batch is decided anew. Each time another service has written to one of its trades, so that the whole goes on.
const TRIES: u32 = 20;

/// Commits all operations in one transaction; from the start again when it lost a race.
pub(super) async fn commit(
    db: &DatabaseConnection,
    rules: (Periods, Quotas),
    ops: &[Op],
) -> Result<Vec<Result<Done, Error>>, Error> {
    let mut tries = 1;
    loop {
        match attempt(db, rules, ops).await {
            Err(error) if tries < TRIES && error.lost_race() => tries += 1,
            result => return result,
        }
    }
}

async fn attempt(
    db: &DatabaseConnection,
    (periods, quotas): (Periods, Quotas),
    ops: &[Op],
) -> Result<Vec<Result<Done, Error>>, Error> {
    let loaded = load(db, periods, quotas, ops).await?;
    let mut batch = Batch { loaded, writes: Writes::default() };
    let mut done: Vec<_> = ops.iter().map(|op| batch.decide(op)).collect();
    failpoint!("order.batch.decided");
    save(db, periods, &batch.loaded, &batch.writes).await?;
    batch.moves().into_iter().for_each(metrics::moved);
    // Marks are marks of themselves: what was written stays written when they cannot be.
    let lost = outbox::mark(db, &batch.writes.marks).await;
    for (op, done) in ops.iter().zip(&mut done) {
        if let (Op::Mark(mark), Ok(Done::Marked(marked))) = (op, &mut *done) {
            match &lost {
                Ok(lost) => {
                    marked.lost.extend(mark.marks.iter().map(|(id, _)| *id).filter(|id| lost.contains(id)))
                }
                Err(error) => *done = Err(error.clone()),
            }
        }
    }
    Ok(done)
}

/// Why a message is sent.
#[derive(Clone, Copy)]
enum Origin<'a> {
    /// Our buyer's side wants something; what that adds to its state.
    Buyer { json: &'a str },
    /// It answers the request of this event.
    Request { event: Uuid, accepted_at: DateTime<Utc> },
}

impl Origin<'_> {
    fn of(request: &InboxRow) -> Self {
        Self::Request { event: request.event, accepted_at: request.created_at }
    }
}

/// Operations that are decided together.
pub(super) struct Batch {
    pub loaded: Loaded,
    pub writes: Writes,
}

impl Batch {
    /// The states that orders came into: where an order was made, and where it stands if that is elsewhere.
    fn moves(&self) -> Vec<Status> {
        let made = self.writes.orders.iter().map(|order| order.state.status());
        let moved = self.writes.moved.iter().filter_map(|(id, (scope, from))| {
            let now = self.loaded.order(scope, *id).ok()?.state.status();
            (now != *from).then_some(now)
        });
        made.chain(moved).collect()
    }

    pub fn decide(&mut self, op: &Op) -> Result<Done, Error> {
        match op {
            Op::Record(record) => self.record(record).map(Done::Recorded),
            Op::Begin(begin) if begin.resume => self.resume(begin).map(|begun| Done::Begun(Box::new(begun))),
            Op::Begin(begin) => self.begin(begin).map(|begun| Done::Begun(Box::new(begun))),
            Op::Finish(finish) => self.finish(finish).map(Done::Finished),
            Op::Send(send) => self.send(send).map(Done::Sent),
            Op::Mark(mark) => Ok(Done::Marked(self.mark(mark))),
            Op::Perform(perform) => self.perform(perform).map(Done::Performed),
            Op::Settle(settle) => self.settle(settle).map(|order| Done::Settled(Box::new(order))),
            Op::Compose(compose) => self.compose(compose).map(|()| Done::Composed),
        }
    }

    fn record(&mut self, record: &Record) -> Result<Answer<Recorded>, Error> {
        let message = &record.message;
        if let Some(stored) = self.stored(message) {
            return Ok(stored);
        }
        self.loaded.more_trades(&message.scope, None)?;
        let accepted = record.verdict.refusal.is_none();
        let queued = accepted && message.waits_for_earlier() && self.loaded.trade(&message.scope)?.has_open();
        let status = if queued { InboxStatus::Queued } else { InboxStatus::Done };
        let row = self.receive(message, &record.verdict, &record.buyer_json, status, None)?;
        if queued {
            return Ok(Answer::Queued);
        }
        if let Some(quote) = &record.quote {
            self.writes.quotes.push((message.scope.clone(), quote.clone()));
        }
        let delivery = match &record.reply {
            Some(reply) => Some(self.post(&record.gateway, &message.scope, reply, Origin::of(&row))?),
            None => None,
        };
        Ok(Answer::Accepted(Recorded { delivery, buyer_seq: row.buyer_seq }))
    }

    fn begin(&mut self, begin: &Begin) -> Result<Answer<Begun>, Error> {
        let message = &begin.message;
        if let Some(stored) = self.stored(message) {
            return Ok(stored);
        }
        self.loaded.more_trades(&message.scope, None)?;
        let mut verdict = Verdict { refusal: None, at: begin.at };
        if self.loaded.trade(&message.scope)?.has_open() {
            self.receive(message, &verdict, "", InboxStatus::Queued, None)?;
            return Ok(Answer::Queued);
        }
        match self.intend(&message.scope, &begin.intent)? {
            Decision::Refuse(refusal) => {
                verdict.refusal = Some(refusal);
                self.receive(message, &verdict, "", InboxStatus::Done, None)?;
                Ok(Answer::Accepted(Begun { verdict, next: None }))
            }
            Decision::Accept(next) => {
                self.receive(message, &verdict, "", InboxStatus::Begun, Some(&begin.gateway))?;
                Ok(Answer::Accepted(Begun { verdict, next: Some(next) }))
            }
        }
    }

    /// Goes on with an action that was accepted before: what cannot be done any more fails, for its sender has
    /// been told ACK.
    fn resume(&mut self, begin: &Begin) -> Result<Answer<Begun>, Error> {
        let key = &begin.message.key;
        let row = self.loaded.leased(key, &begin.message.scope, &begin.gateway)?;
        let (verdict, was_queued) = (row.verdict.clone(), row.status == InboxStatus::Queued);
        if was_queued && matches!(begin.intent, Intent::GiveUp(_)) {
            // Its intent was never committed: there is nothing to be undone.
            return Ok(Answer::Accepted(Begun { verdict, next: Some(Next::Fail(Refusal::failed())) }));
        }
        let scope = &begin.message.scope;
        let decision = match was_queued {
            true => self.intend(scope, &begin.intent)?,
            false => self.go_on(scope, &begin.intent)?,
        };
        let next = match decision {
            Decision::Accept(next) => next,
            Decision::Refuse(refusal) => Next::Fail(refusal),
        };
        if was_queued {
            self.advance(key, scope, InboxStatus::Begun);
        }
        Ok(Answer::Accepted(Begun { verdict, next: Some(next) }))
    }

    fn finish(&mut self, finish: &Finish) -> Result<Uuid, Error> {
        let origin = Origin::of(self.loaded.leased(&finish.key, &finish.scope, &finish.gateway)?);
        if let Some(change) = &finish.change {
            self.apply(&finish.scope, change)?;
        }
        if let Some(quote) = &finish.quote {
            self.writes.quotes.push((finish.scope.clone(), quote.clone()));
        }
        self.advance(&finish.key, &finish.scope, InboxStatus::Done);
        self.loaded.close(&finish.key, &finish.scope)?;
        self.post(&finish.gateway, &finish.scope, &finish.reply, origin)
    }

    fn compose(&mut self, compose: &Compose) -> Result<(), Error> {
        let lost = || Error::LeaseLost(compose.delivery.to_string());
        let known = self.loaded.delivery(compose.delivery, &compose.gateway).ok_or_else(lost)?;
        if !known.has_text {
            let scope = known.scope.clone();
            known.has_text = true;
            let (now, seqs) = (self.loaded.now, self.loaded.trade(&scope)?.next(false));
            let event = EventRow::outbound(now, &scope, &compose.message, "", seqs);
            self.writes.composed.push((compose.delivery, event.id, compose.message.uri.clone()));
            self.writes.events.push(event);
        }
        Ok(())
    }

    fn send(&mut self, send: &Send) -> Result<Sent, Error> {
        let trade = self.loaded.trade(&send.scope)?;
        if !trade.is_open_to(send.client.as_ref()) {
            return Err(Error::TransactionNotFound(send.scope.transaction.to_string()));
        }
        let buyer_seq = trade.buyer_seq;
        if buyer_seq != send.seen && !planted(Bug::StaleCache) {
            return Ok(Sent { delivery: None, buyer_seq });
        }
        if send.client.is_some() {
            self.loaded.more_trades(&send.scope, send.client.as_ref())?;
        }
        let trade = self.loaded.trade(&send.scope)?;
        if trade.is_empty() {
            trade.client.clone_from(&send.client);
        }
        self.writes.superseded.push((send.scope.clone(), send.message.action.clone()));
        let origin = Origin::Buyer { json: &send.buyer_json };
        let delivery = self.post(&send.gateway, &send.scope, &send.message, origin)?;
        Ok(Sent { delivery: Some(delivery), buyer_seq: buyer_seq + 1 })
    }

    fn mark(&mut self, mark: &Mark) -> Marked {
        let mut marked = Marked::default();
        for (id, result) in &mark.marks {
            let delivery = (*id, mark.gateway.clone(), result.clone());
            let refused = result.refusal().and_then(|_| self.loaded.refused(*id, &mark.gateway));
            if result.refusal().is_some() {
                marked.buyer_seqs.push(refused.as_ref().map_or(0, |(_, buyer_seq)| *buyer_seq));
            }
            match refused {
                Some((scope, _)) => self.writes.refused.push((scope, delivery)),
                None => self.writes.marks.push(delivery),
            }
        }
        marked
    }

    /// An open action is now so, if it is still under the lease that it was read under.
    fn advance(&mut self, key: &InboxKey, scope: &TransactionKey, status: InboxStatus) {
        let lease = self.loaded.inbox.get(key).map(|row| row.lease.clone()).unwrap_or_default();
        self.writes.advances.push(Advance { key: key.clone(), scope: scope.clone(), status, lease });
    }

    /// What was said to the same message before.
    fn stored<T>(&self, message: &Received) -> Option<Answer<T>> {
        let row = self.loaded.inbox.get(&message.key)?;
        if row.digest != InboxRow::digest(&message.body) {
            return Some(Answer::Conflict);
        }
        let (verdict, buyer_seq) = (row.verdict.clone(), row.buyer_seq);
        let is_replay = verdict.refusal.is_none() && message.is_signed_as(&row.authorization);
        Some(match is_replay {
            true => Answer::Replayed { verdict, buyer_seq },
            false => Answer::Repeated { verdict, buyer_seq },
        })
    }

    /// Logs a message and files it in the inbox.
    fn receive(
        &mut self,
        message: &Received,
        verdict: &Verdict,
        buyer_json: &str,
        status: InboxStatus,
        lease: Option<&GatewayId>,
    ) -> Result<InboxRow, Error> {
        let now = self.loaded.now;
        let trade = self.loaded.trade(&message.scope)?;
        if trade.is_empty() {
            trade.client = None;
        }
        let (seq, buyer_seq) = trade.next(message.is_callback());
        let row = InboxRow {
            key: message.key.clone(),
            scope: message.scope.clone(),
            seq,
            buyer_seq,
            event: uuid_of(now),
            digest: InboxRow::digest(&message.body),
            verdict: verdict.clone(),
            status,
            lease: Lease::of(lease),
            created_at: now,
            traceparent: message.traceparent.clone(),
            authorization: message.authorization.clone(),
        };
        trade.open(&row);
        self.writes.events.push(EventRow::inbound(&row, message, buyer_json));
        self.writes.inbox.push(row.clone());
        self.loaded.inbox.insert(row.key.clone(), row.clone());
        Ok(row)
    }

    /// Logs a message to be sent and files it in the outbox.
    fn post(
        &mut self,
        gateway: &GatewayId,
        scope: &TransactionKey,
        message: &Reply,
        origin: Origin<'_>,
    ) -> Result<Uuid, Error> {
        let now = self.loaded.now;
        let (buyer_json, by_buyer, request, since) = match origin {
            Origin::Buyer { json } => (json, true, None, now),
            Origin::Request { event, accepted_at } => ("", false, Some(event), accepted_at),
        };
        let seqs = self.loaded.trade(scope)?.next(by_buyer);
        let event = EventRow::outbound(now, scope, message, buyer_json, seqs);
        let due_at = since + message.delay;
        let row = OutboxRow {
            id: uuid_of(now),
            scope: scope.clone(),
            event: Some(event.id),
            request,
            order: None,
            action: message.action.clone(),
            message: message.message.clone(),
            uri: message.uri.clone(),
            due_at,
            expires_at: message.lifetime.map(|lifetime| due_at + lifetime),
            lease: Lease::of(Some(gateway)),
            traceparent: message.traceparent.clone(),
        };
        let id = row.id;
        self.writes.events.push(event);
        self.writes.outbox.push(row);
        Ok(id)
    }
}
