//! Requests in a closed loop and in an open one.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use super::ask::{Asker, Came, Kind};

/// What who is shed waits before it asks again, in a closed loop.
const SHED_FOR: Duration = Duration::from_secs(1);

/// A request that was made.
#[derive(Debug, Clone)]
pub struct Sample {
    /// What was asked for.
    pub kind: Kind,
    /// When it was due.
    pub due: Instant,
    /// From then to its answer.
    pub took: Duration,
    /// What came of it.
    pub came: Came,
}

impl Sample {
    /// Whether it was acknowledged.
    pub fn is_acknowledged(&self) -> bool {
        matches!(self.came, Came::Acknowledged(_))
    }
}

async fn sample(asker: &Asker, kind: Kind, due: Instant) -> Sample {
    let came = asker.ask(kind).await;
    Sample { kind, due, took: due.elapsed(), came }
}

fn kind(nth: usize) -> Kind {
    if nth.is_multiple_of(2) { Kind::Discover } else { Kind::Init }
}

/// So many at once, each asking again when it is answered.
pub async fn closed(asker: &Arc<Asker>, at_once: usize, lasts: Duration) -> Vec<Sample> {
    let end = Instant::now() + lasts;
    let mut asking = JoinSet::new();
    for first in 0..at_once {
        let asker = asker.clone();
        asking.spawn(async move {
            let mut samples = Vec::new();
            while Instant::now() < end {
                let made = sample(&asker, kind(first + samples.len()), Instant::now()).await;
                if made.came == Came::Shed {
                    sleep(SHED_FOR).await;
                }
                samples.push(made);
            }
            samples
        });
    }
    asking.join_all().await.concat()
}

/// So many a second, whatever becomes of them.
pub async fn open(asker: &Arc<Asker>, a_second: u32, lasts: Duration) -> Vec<Sample> {
    let (start, pause) = (Instant::now(), Duration::from_secs(1) / a_second.max(1));
    let mut asking = JoinSet::new();
    for nth in 0.. {
        let due = start + pause * nth;
        if due >= start + lasts {
            break;
        }
        sleep_until(due).await;
        let (asker, kind) = (asker.clone(), kind(nth as usize));
        asking.spawn(async move { sample(&asker, kind, due).await });
    }
    asking.join_all().await
}
