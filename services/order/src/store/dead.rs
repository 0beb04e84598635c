//! Messages that were given up, and how they come back.

use chrono::{DateTime, Utc};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::{Store, row, sql};
use crate::{domain::Delivery, error::Error};

/// A message that was given up.
#[derive(Debug)]
pub struct DeadLetter {
    /// What was to be delivered.
    pub delivery: Delivery,
    /// What went wrong last.
    pub error: String,
    /// When it was given up.
    pub died_at: DateTime<Utc>,
}

/// A page of them.
#[derive(Debug)]
pub struct DeadPage {
    /// Newest first.
    pub letters: Vec<DeadLetter>,
    /// More follow.
    pub more: bool,
}

impl Store {
    /// Messages that were given up, newest first, behind the given one; of one action, or of any.
    ///
    /// # Errors
    /// When the database fails or a row cannot be.
    pub async fn dead(
        &self,
        action: &str,
        behind: Option<(DateTime<Utc>, Uuid)>,
        limit: u32,
    ) -> Result<DeadPage, Error> {
        let (at, id) = behind.unwrap_or((DateTime::<Utc>::MAX_UTC, Uuid::max()));
        let deliveries = row::deliveries("orders.outbox");
        let statement = sql(
            format!(
                "{deliveries}
             WHERE o.status = 'DEAD' AND (o.updated_at, o.id) < ($1, $2) AND ($3 = '' OR o.action = $3)
             ORDER BY o.updated_at DESC, o.id DESC LIMIT $4"
            ),
            [at.into(), id.into(), action.into(), (i64::from(limit) + 1).into()],
        );
        let found = self.db.query_all_raw(statement).await?;
        let more = found.len() > limit as usize;
        let letters = found.iter().take(limit as usize).map(|found| {
            Ok(DeadLetter {
                delivery: row::delivery(found)?,
                error: found.try_get("", "last_error")?,
                died_at: found.try_get("", "updated_at")?,
            })
        });
        Ok(DeadPage { letters: letters.collect::<Result<_, Error>>()?, more })
    }

    /// Brings a dead message back: due now, from the start of the schedule, and no longer too old.
    ///
    /// # Errors
    /// When there is no dead one of that id, or the database fails.
    pub async fn redrive(&self, delivery: Uuid) -> Result<(), Error> {
        let statement = sql(
            "UPDATE orders.outbox
             SET status = 'PENDING', attempts = 0, due_at = now(), lease_until = now(), expires_at = NULL,
                 updated_at = now()
             WHERE id = $1 AND status = 'DEAD'",
            [delivery.into()],
        );
        match self.db.execute_raw(statement).await?.rows_affected() {
            0 => Err(Error::NotDead(delivery)),
            _ => Ok(()),
        }
    }
}
