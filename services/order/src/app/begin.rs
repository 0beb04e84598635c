//! Accepts an action that changes an order: commits the intent, then asks the catalog and follows its answer.
//!
//! A crash between the two is repaired by doing the same again: every step reads the same answer when it is
//! repeated.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::timeout;

use super::App;
use crate::{
    domain::{Answer, Conclusion, Followed, Next, Verdict, follow},
    error::Error,
    store,
};

/// An action to accept, or to go on with.
#[derive(Debug)]
pub struct Begin {
    /// What is committed first.
    pub begin: store::Begin,
    /// How long the catalog may take before the verdict is answered without its answer.
    pub ack_deadline: Duration,
}

impl App {
    /// Commits the intent, then does it. No outcome: refused, or not known yet.
    ///
    /// # Errors
    /// When nothing is known to be committed; or, going on with an accepted action or giving it up, when the catalog
    /// did not do as asked or the lease was lost.
    pub async fn begin(&self, begin: Begin) -> Result<Answer<(Verdict, Option<Conclusion>)>, Error> {
        let (at, resume) = (begin.begin.at, begin.begin.resume);
        let begun = match self.store.begin(begin.begin).await? {
            Answer::Accepted(begun) => begun,
            Answer::Queued => return Ok(Answer::Queued),
            Answer::Repeated { verdict, buyer_seq } => return Ok(Answer::Repeated { verdict, buyer_seq }),
            Answer::Replayed { verdict, buyer_seq } => return Ok(Answer::Replayed { verdict, buyer_seq }),
            Answer::Conflict => return Ok(Answer::Conflict),
        };
        let Some(next) = begun.next else { return Ok(Answer::Accepted((begun.verdict, None))) };
        let outcome = match timeout(begin.ack_deadline, self.follow(next, at)).await {
            Ok(Ok(outcome)) => Some(outcome),
            Ok(Err(error)) if resume => return Err(error),
            Ok(Err(error)) => {
                tracing::warn!(%error, "accepted, but the catalog did not do as asked; the work goes on later");
                None
            }
            Err(_late) => None,
        };
        Ok(Answer::Accepted((begun.verdict, outcome)))
    }

    pub(super) async fn follow(&self, next: Next, at: DateTime<Utc>) -> Result<Conclusion, Error> {
        let mut followed = next.begin();
        loop {
            followed = match followed {
                Followed::Ends(outcome) => return Ok(outcome),
                Followed::Asks(order, ask) => {
                    let stood = self.ask(&order, ask).await?;
                    follow(*order, ask, stood, at)?
                }
            };
        }
    }
}
