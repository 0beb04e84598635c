//! What a registry said, remembered: each key is looked up once for all who ask, and what was confirmed is used for a
//! while when the registry is away.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use p2p_domain::Clock;
use p2p_runtime::Tasks;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{
    Outcome,
    error::RegistryError,
    memory::{Memory, Recalled},
    outage::Outage,
    remote::{Remote, Said},
    subscriber::{KeyName, Subscriber},
};

/// What is found, and how.
pub(super) type Answer = Result<(Arc<Subscriber>, Outcome), RegistryError>;

/// A registry with a memory.
pub(super) struct Cached {
    remote: Remote,
    memory: Memory,
    flights: Mutex<HashMap<KeyName, Flight>>,
    outage: Outage,
    clock: Clock,
    tasks: Tasks,
}

/// A look-up under way. It goes on when those who wait for it leave.
#[derive(Clone)]
struct Flight {
    began: Instant,
    landed: watch::Receiver<Option<Answer>>,
}

impl Cached {
    pub fn new(remote: Remote, memory: Memory, clock: Clock, tasks: Tasks) -> Self {
        Self { remote, memory, flights: Mutex::default(), outage: Outage::default(), clock, tasks }
    }

    pub async fn find(self: &Arc<Self>, key: KeyName) -> Answer {
        let (stale, patience) = match self.memory.recall(&key, self.clock.now()) {
            Recalled::Answer(answer) => return answer,
            Recalled::Nothing => (None, Duration::ZERO),
            Recalled::Stale { subscriber, patience } => (Some(subscriber), patience),
        };
        let flight = match self.board(&key) {
            Ok(flight) => flight,
            Err(landed) => return landed,
        };
        let Some(stale) = stale else { return self.landing(flight).await };
        let until = flight.began + patience;
        match timeout_at(until, self.landing(flight)).await {
            Err(_) | Ok(Err(RegistryError::Unavailable { .. })) => Ok((stale, Outcome::Stale)),
            Ok(answer) => answer,
        }
    }

    /// The look-up of this key that is under way, else a new one. Or the answer of one that has just ended.
    fn board(self: &Arc<Self>, key: &KeyName) -> Result<Flight, Answer> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        // Of one that panicked nothing comes any more.
        if let Some(flight) = flights.get(key).filter(|flight| flight.landed.has_changed().is_ok()) {
            return Ok(flight.clone());
        }
        if let Recalled::Answer(answer) = self.memory.recall(key, self.clock.now()) {
            return Err(answer);
        }
        let (land, landed) = watch::channel(None);
        let flight = Flight { began: Instant::now(), landed };
        flights.insert(key.clone(), flight.clone());
        let (cached, key) = (self.clone(), key.clone());
        self.tasks.spawn(async move {
            let answer = cached.ask(&key).await;
            // Those who come now find it in the memory.
            cached.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
            land.send_replace(Some(answer));
        });
        Ok(flight)
    }

    async fn landing(&self, mut flight: Flight) -> Answer {
        let landed = flight.landed.wait_for(Option::is_some).await.ok().and_then(|landed| landed.clone());
        landed.unwrap_or_else(|| Err(RegistryError::Unavailable { since: self.clock.now() }))
    }

    /// Asks, and remembers what comes of it.
    async fn ask(&self, key: &KeyName) -> Answer {
        // Before the question: what is answered was true then.
        let asked = Instant::now();
        let said = self.remote.look_up(key).await;
        let now = self.clock.now();
        let KeyName { subscriber, key_id } = key.clone();
        let error = match said {
            Ok(Said::Found(found, ttl)) => match found.usable(now) {
                Ok(()) => {
                    self.outage.over();
                    return Ok((self.memory.confirm(key, *found, asked, ttl, now), Outcome::Found));
                }
                Err(why) => RegistryError::KeyExpiredOrRevoked { subscriber, key_id, why },
            },
            Ok(Said::NoSubscriber) => RegistryError::SubscriberNotFound { subscriber, key_id },
            Ok(Said::NoKey) => RegistryError::KeyNotFound { subscriber, key_id },
            Err(failure) => {
                let error =
                    RegistryError::Unavailable { since: self.outage.failed(now, &subscriber, &failure) };
                self.memory.pause(key, error.clone());
                return Err(error);
            }
        };
        self.outage.over();
        self.memory.deny(key, error.clone());
        Err(error)
    }
}
