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
    domain::{Changes, Command, Reservation},
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
        postgres::transact(&self.db, |transaction| {
            let commands = Arc::clone(&commands);
            Box::pin(async move { attempt(Tx(transaction), picking, &commands).await })
        })
        .await
    }
}

async fn attempt(tx: Tx<'_>, picking: Picking, commands: &[Command]) -> Result<Answers<Batches>, Error> {
    let found = match picking {
        Picking::Locked => Runs::default(),
        #[cfg(feature = "planted-bugs")]
        Picking::Unlocked => tx.free_runs_for(commands).await?,
    };
    let before = tx.lock(commands).await?;
    let mut after = before.clone();
    let answers = commands.iter().map(|command| after.decide(command).map_err(Error::from)).collect();
    let changes = Changes::between(&before, &after);
    let runs = tx.pick(&changes, found).await?;
    tx.save(&changes, &runs).await?;
    Ok(answers)
}

impl Store {
    /// Does what a stock command says, in one transaction with those of others.
    pub(crate) async fn command(&self, command: Command) -> Result<Reservation, Error> {
        trace::note(|| vec![KeyValue::new("order.id", command.order().to_string())]);
        self.commands.submit(command).await
    }
}
