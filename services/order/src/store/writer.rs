//! Group commit: one writer takes everything that waits and commits it in one transaction.
//!
//! When idle it writes at once; under load the batch grows by itself. A batch that fails is run again in halves,
//! so that only the bad operation's caller gets the error.

use std::collections::VecDeque;

use p2p_runtime::Tasks;
use sea_orm::DatabaseConnection;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::{
    Store, batch,
    op::{Begin, Begun, Done, Finish, Mark, Op, Record, Recorded, Send, Sent},
};
use crate::{config::Periods, domain::Answer, error::Error};

const MOST_WAITING: usize = 1_024;
const MOST_IN_BATCH: usize = 128;

type Waiting = (Op, oneshot::Sender<Result<Done, Error>>);

#[derive(Clone)]
pub(super) struct Writer(mpsc::Sender<Waiting>);

impl Writer {
    pub(super) fn start(db: DatabaseConnection, periods: Periods, tasks: &Tasks) -> Self {
        let (sender, receiver) = mpsc::channel(MOST_WAITING);
        tasks.spawn(write(db, periods, receiver));
        Self(sender)
    }

    async fn submit(&self, op: Op) -> Result<Done, Error> {
        let (answer, done) = oneshot::channel();
        self.0.send((op, answer)).await.map_err(|_gone| Error::Stopping)?;
        done.await.map_err(|_gone| Error::Stopping)?
    }
}

/// Writes until all senders are gone.
async fn write(db: DatabaseConnection, periods: Periods, mut receiver: mpsc::Receiver<Waiting>) {
    let mut waiting = Vec::with_capacity(MOST_IN_BATCH);
    while receiver.recv_many(&mut waiting, MOST_IN_BATCH).await > 0 {
        let (ops, answers): (Vec<Op>, Vec<_>) = waiting.drain(..).unzip();
        for (answer, done) in answers.into_iter().zip(commit(&db, periods, &ops).await) {
            // A caller that has gone away reads the stored answer when it asks again.
            let _ = answer.send(done);
        }
    }
}

/// Commits all, or in halves what cannot be committed together. Answers are in the order of the operations.
async fn commit(db: &DatabaseConnection, periods: Periods, ops: &[Op]) -> Vec<Result<Done, Error>> {
    let mut answers = Vec::with_capacity(ops.len());
    let mut parts = VecDeque::from([ops]);
    while let Some(part) = parts.pop_front() {
        match batch::commit(db, periods, part).await {
            Ok(done) => answers.extend(done),
            Err(error) if part.len() <= 1 => answers.push(Err(error)),
            Err(error) => {
                tracing::warn!(operations = part.len(), %error, "a batch failed, again in halves");
                let (first, second) = part.split_at(part.len() / 2);
                parts.push_front(second);
                parts.push_front(first);
            }
        }
    }
    answers
}

macro_rules! submit {
    ($store:expr, $op:expr, $done:pat => $answer:expr) => {
        match $store.writer.submit($op).await? {
            $done => Ok($answer),
            other => Err(Error::impossible("batch", Uuid::nil(), format!("answered {other:?}"))),
        }
    };
}

impl Store {
    /// Stores a message with its verdict, and the callback to it.
    ///
    /// # Errors
    /// When it is not known to be stored.
    pub async fn record(&self, record: Record) -> Result<Answer<Recorded>, Error> {
        submit!(self, Op::Record(record), Done::Recorded(answer) => answer)
    }

    /// Accepts an action that changes an order.
    ///
    /// # Errors
    /// When it is not known to be stored, or its resumption found the lease lost.
    pub async fn begin(&self, begin: Begin) -> Result<Answer<Begun>, Error> {
        submit!(self, Op::Begin(begin), Done::Begun(answer) => answer)
    }

    /// Ends an action's work. Answers the callback's delivery.
    ///
    /// # Errors
    /// When the lease was lost, or nothing is known to be stored.
    pub async fn finish(&self, finish: Finish) -> Result<Uuid, Error> {
        submit!(self, Op::Finish(finish), Done::Finished(delivery) => delivery)
    }

    /// Stores what our buyer's side is about to send.
    ///
    /// # Errors
    /// When it is not known to be stored.
    pub async fn send(&self, send: Send) -> Result<Sent, Error> {
        submit!(self, Op::Send(send), Done::Sent(sent) => sent)
    }

    /// Notes how deliveries went. Answers the buyer_seq of each mark with a refusal.
    ///
    /// # Errors
    /// When it is not known to be stored.
    pub async fn mark(&self, mark: Mark) -> Result<Vec<i64>, Error> {
        submit!(self, Op::Mark(mark), Done::Marked(seqs) => seqs)
    }
}
