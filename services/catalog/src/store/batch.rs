//! One transaction over many stock commands: lock and read, decide each in turn, pick blocks, write it all at once.
//!
//! Blocks are picked in a later statement than the one that waited for the locks: a statement sees what was committed
//! when it began, so one that had to wait must not also choose blocks.

use std::sync::Arc;

use p2p_runtime::{
    group::{Answers, Commit},
    postgres,
    trace::{self, KeyValue},
};
use sea_orm::DatabaseConnection;

use super::{Store, Tx, pick::Runs};
use crate::{
    Error,
    config::Picking,
    domain::{Changes, Command, Movement, Reservation},
    metrics,
};

/// Commits stock commands in one transaction.
pub(super) struct Batches {
    pub db: DatabaseConnection,
    pub picking: Picking,
}

impl Commit for Batches {
    type Operation = Command;
    type Answer = Reservation;
    type Error = Error;

    async fn commit(&self, commands: &[Command]) -> Result<Answers<Self>, Error> {
        let (picking, commands): (_, Arc<[Command]>) = (self.picking, commands.into());
        let (answers, moves) = postgres::transact(&self.db, |transaction| {
            let commands = Arc::clone(&commands);
            Box::pin(async move { attempt(Tx(transaction), picking, &commands).await })
        })
        .await?;
        moves.into_iter().for_each(metrics::moved);
        Ok(answers)
    }
}

/// Answers, and what each command that moved something has moved.
async fn attempt(
    tx: Tx<'_>,
    picking: Picking,
    commands: &[Command],
) -> Result<(Answers<Batches>, Vec<Movement>), Error> {
    let found = match picking {
        Picking::Locked => Runs::default(),
        #[cfg(feature = "planted-bugs")]
        Picking::Unlocked => tx.free_runs_for(commands).await?,
    };
    let before = tx.lock(commands).await?;
    let mut after = before.clone();
    let (mut answers, mut moves) = (Vec::with_capacity(commands.len()), Vec::new());
    for command in commands {
        let known = after.reservations.get(&command.order()).cloned();
        let answer = after.decide(command);
        moves.extend(answer.as_ref().ok().and_then(|answer| Movement::of(command, known.as_ref(), answer)));
        answers.push(answer.map_err(Error::from));
    }
    let changes = Changes::between(&before, &after);
    let runs = tx.pick(&changes, found).await?;
    tx.save(&changes, &runs).await?;
    Ok((answers, moves))
}

impl Store {
    /// Does what a stock command says, in one transaction with those of others.
    pub(crate) async fn command(&self, command: Command) -> Result<Reservation, Error> {
        trace::note(|| vec![KeyValue::new("order.id", command.order().to_string())]);
        self.commands.submit(command).await
    }
}
