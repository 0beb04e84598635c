//! How many requests may be at work at once, of each class for itself, so that none takes another's room. Whoever is too
//! many is shed: told at once to come back, at next to no cost.
//!
//! Who waits for a peer is not at work. A request of our buyer's side to our own seller's side leaves its place first, so
//! that it never waits for itself, and slow peers hold up nobody else.

use std::{
    cell::Cell,
    num::NonZeroU16,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use p2p_runtime::{Env, EnvError};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::room::Room;

/// Enough for two cores to be busy; with more, each would only take longer (`bench overload`).
const API: NonZeroU16 = NonZeroU16::new(8).expect("8 is not zero");
const ACTIONS: NonZeroU16 = NonZeroU16::new(8).expect("8 is not zero");
/// More than our own gateways have under way at once (CALLBACK_PER_PEER): what was accepted comes to its end first.
const CALLBACKS: NonZeroU16 = NonZeroU16::new(128).expect("128 is not zero");
const CDS: NonZeroU16 = NonZeroU16::new(32).expect("32 is not zero");
const WAITING: u16 = 128;
/// Between two warnings that requests are shed.
const QUIET: Duration = Duration::from_secs(10);

tokio::task_local! {
    /// The place of the request that this task serves, until it waits for a peer.
    static PLACE: Cell<Option<OwnedSemaphorePermit>>;
}

/// What a request is, for how many may be at work at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Of a client or a seller.
    Api,
    /// A Beckn action to the seller's side.
    Actions,
    /// A Beckn callback to the buyer's side.
    Callbacks,
    /// To the catalog discovery.
    Cds,
}

/// Most requests at work at once, by class.
#[derive(Debug, Clone, Copy)]
pub struct AtOnce {
    /// `API_AT_ONCE`: of clients and sellers.
    pub api: NonZeroU16,
    /// `ACTIONS_AT_ONCE`: Beckn actions to the seller's side.
    pub actions: NonZeroU16,
    /// `CALLBACKS_AT_ONCE`: Beckn callbacks to the buyer's side.
    pub callbacks: NonZeroU16,
    /// `CDS_AT_ONCE`: to the catalog discovery.
    pub cds: NonZeroU16,
    /// `WAITING_PER_CLASS`: that may wait for a place, of each class.
    pub waiting: u16,
}

impl AtOnce {
    /// From the environment.
    ///
    /// # Errors
    /// Names the variable that cannot be used.
    pub fn from_env(env: &Env) -> Result<Self, EnvError> {
        Ok(Self {
            api: env.value("API_AT_ONCE", API)?,
            actions: env.value("ACTIONS_AT_ONCE", ACTIONS)?,
            callbacks: env.value("CALLBACKS_AT_ONCE", CALLBACKS)?,
            cds: env.value("CDS_AT_ONCE", CDS)?,
            waiting: env.value("WAITING_PER_CLASS", WAITING)?,
        })
    }
}

/// Noted on the answer to a request that was shed: it is not worth a line in the log.
#[derive(Debug, Clone, Copy)]
pub struct Shed;

/// The places of all classes.
pub(super) struct Rooms {
    api: Room,
    actions: Room,
    callbacks: Room,
    cds: Room,
    at_once: AtOnce,
    warned: Mutex<Option<Instant>>,
}

impl Rooms {
    pub fn new(most: &AtOnce) -> Self {
        let room = |at_once| Room::new(at_once, most.waiting);
        Self {
            api: room(most.api),
            actions: room(most.actions),
            callbacks: room(most.callbacks),
            cds: room(most.cds),
            at_once: *most,
            warned: Mutex::default(),
        }
    }

    fn of(&self, class: Class) -> &Room {
        match class {
            Class::Api => &self.api,
            Class::Actions => &self.actions,
            Class::Callbacks => &self.callbacks,
            Class::Cds => &self.cds,
        }
    }

    /// Whether there is a place just now, or one to wait for.
    pub fn have_one(&self, class: Class) -> bool {
        let has = self.of(class).has_one();
        if !has {
            self.warn(class);
        }
        has
    }

    /// Takes a place, if there is one or it may be waited for.
    pub async fn enter(&self, class: Class) -> Option<Place> {
        let place = self.of(class).enter().await;
        if place.is_none() {
            self.warn(class);
        }
        place.map(Place)
    }

    /// Clients' requests that may wait for one peer: so many more when so many may wait for a place.
    pub fn per_peer(&self) -> usize {
        let waiting = if self.api.is_overloaded() { 0 } else { self.at_once.waiting };
        usize::from(self.at_once.api.get()) + usize::from(waiting)
    }

    fn warn(&self, class: Class) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.is_none_or(|at| at.elapsed() > QUIET) {
            *warned = Some(Instant::now());
            tracing::warn!(?class, "requests are shed: too many are at work");
        }
    }
}

/// A place of a class.
#[derive(Debug)]
pub(super) struct Place(OwnedSemaphorePermit);

impl Place {
    /// Has it until the work is done, or waits for a peer.
    pub async fn hold<T>(self, work: impl Future<Output = T>) -> T {
        PLACE.scope(Cell::new(Some(self.0)), work).await
    }
}

/// The request that this task serves waits for a peer from now on: it is not at work any more.
pub fn leave() {
    // What is not served for a request has no place.
    let _ = PLACE.try_with(Cell::take);
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;

    /// One place of each class, and so many that may wait for it.
    fn one_each(waiting: u16) -> Rooms {
        let one = NonZeroU16::MIN;
        Rooms::new(&AtOnce { api: one, actions: one, callbacks: one, cds: one, waiting })
    }

    #[tokio::test]
    async fn a_full_class_is_full_for_itself_until_the_work_is_done() {
        let rooms = one_each(0);
        let place = rooms.enter(Class::Api).await.unwrap();
        place
            .hold(async {
                assert!(!rooms.have_one(Class::Api) && rooms.enter(Class::Api).await.is_none());
                for other in [Class::Actions, Class::Callbacks, Class::Cds] {
                    assert!(rooms.have_one(other) && rooms.enter(other).await.is_some(), "{other:?}");
                }
            })
            .await;
        assert!(rooms.have_one(Class::Api));
    }

    #[tokio::test]
    async fn who_waits_for_a_peer_has_no_place() {
        let rooms = one_each(0);
        let place = rooms.enter(Class::Api).await.unwrap();
        place
            .hold(async {
                leave();
                assert!(rooms.enter(Class::Api).await.is_some());
                leave();
            })
            .await;
        leave();
        assert!(rooms.have_one(Class::Api));
    }

    #[tokio::test]
    async fn while_there_is_too_much_to_do_fewer_wait_for_a_peer() {
        let rooms = one_each(2);
        let _place = rooms.enter(Class::Api).await.unwrap();
        assert_eq!(rooms.per_peer(), 3);
        join_all((0..3).map(|_| rooms.enter(Class::Api))).await;
        assert_eq!(rooms.per_peer(), 1);
    }
}
