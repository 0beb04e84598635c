//! One question to a registry on the network, and what its answer means.

mod classic;
mod dedi;

use std::{error::Error, time::Duration};

use tokio::{sync::Semaphore, time::timeout};
use url::Url;

use super::{
    fetch::{DEADLINE, Fetch, MOST_BYTES, Question, Reply},
    subscriber::{KeyName, Subscriber},
};

/// Most questions at once: whoever makes ids up costs the registry no more.
const AT_ONCE: usize = 64;

/// Which kind of registry is asked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Dedi,
    Classic,
}

/// A registry on the network.
pub(super) struct Remote {
    kind: Kind,
    base: Url,
    fetch: Fetch,
    places: Semaphore,
}

/// What a registry said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Who it is, and how long that holds when the registry tells.
    Found(Box<Subscriber>, Option<Duration>),
    NoSubscriber,
    NoKey,
}

/// Why a registry said nothing that can be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("the registry cannot be reached")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    #[error("no answer within {} s", DEADLINE.as_secs())]
    Late,
    #[error("it answered with status {0}")]
    Status(u16),
    #[error("its answer is longer than {MOST_BYTES} bytes")]
    TooLong,
    #[error("its answer cannot be used: {0}")]
    Unreadable(String),
}

impl Remote {
    pub fn new(kind: Kind, base: Url, fetch: Fetch) -> Self {
        Self { kind, base, fetch, places: Semaphore::new(AT_ONCE) }
    }

    /// Asks once, and waits no longer than the deadline, for a place among the questions as well.
    pub async fn look_up(&self, key: &KeyName) -> Result<Said, Failure> {
        let asked = async {
            let _place = self.places.acquire().await;
            (self.fetch)(self.question(key)).await
        };
        let reply = timeout(DEADLINE, asked).await.map_err(|_elapsed| Failure::Late)?;
        self.read(key, &reply.map_err(Failure::Unreachable)?)
    }

    fn question(&self, key: &KeyName) -> Question {
        match self.kind {
            Kind::Dedi => dedi::question(&self.base, key),
            Kind::Classic => classic::question(&self.base, key),
        }
    }

    fn read(&self, key: &KeyName, reply: &Reply) -> Result<Said, Failure> {
        match reply.status {
            _ if reply.body.len() > MOST_BYTES => Err(Failure::TooLong),
            200 => match self.kind {
                Kind::Dedi => dedi::read(key, &reply.body),
                Kind::Classic => classic::read(key, &reply.body),
            }
            .map_err(Failure::Unreadable),
            // It tells no more than that.
            404 | 410 => Ok(Said::NoSubscriber),
            status => Err(Failure::Status(status)),
        }
    }
}

/// An address beneath the registry's. Each part is one part of the path, whatever is in it.
fn beneath(base: &Url, parts: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(parts);
    }
    url
}
