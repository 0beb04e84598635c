//! How many requests may be at work at once, of each class for itself, so that none takes another's room. A few more
//! wait for a place. When more than that come, or none comes free, there is too much to do: for a while nobody waits, and
//! whoever finds no place is shed, told at once to come back, at next to no cost. So a burst is served, and a flood does
//! not make those who are served wait behind it.
//!
//! Who waits for a peer is not at work. A request of our buyer's side to our own seller's side leaves its place first, so
//! that it never waits for itself, and slow peers hold up nobody else.

use std::{
    cell::Cell,
    num::NonZeroU16,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use p2p_runtime::{Env, EnvError};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep},
};

/// Enough for two cores to be busy; with more, each would only take longer (`bench overload`).
const API: NonZeroU16 = NonZeroU16::new(8).expect("8 is not zero");
const ACTIONS: NonZeroU16 = NonZeroU16::new(8).expect("8 is not zero");
/// More than our own gateways have under way at once (CALLBACK_PER_PEER): what was accepted comes to its end first.
const CALLBACKS: NonZeroU16 = NonZeroU16::new(128).expect("128 is not zero");
const CDS: NonZeroU16 = NonZeroU16::new(32).expect("32 is not zero");
const WAITING: u16 = 128;
/// A place that does not come free for so long does not come soon.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// Nobody waits for so long after there was too much to do.
const OVERLOADED_FOR: Duration = Duration::from_secs(3);
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
        place
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

/// The places of a class, and those who wait for one.
struct Room {
    places: Arc<Semaphore>,
    line: Semaphore,
    /// Until when nobody waits.
    overloaded: Mutex<Option<Instant>>,
    /// Tells those who wait that nobody does any more.
    ends_waiting: Notify,
}

impl Room {
    fn new(at_once: NonZeroU16, waiting: u16) -> Self {
        Self {
            places: Arc::new(Semaphore::new(at_once.get().into())),
            line: Semaphore::new(waiting.into()),
            overloaded: Mutex::default(),
            ends_waiting: Notify::new(),
        }
    }

    fn has_one(&self) -> bool {
        if self.places.available_permits() > 0 {
            return true;
        }
        if self.is_overloaded() {
            return false;
        }
        let waits = self.line.available_permits() > 0;
        if !waits {
            self.overload();
        }
        waits
    }

    /// Who waits goes first: a place that comes free is theirs.
    async fn enter(&self) -> Option<Place> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Some(Place(place));
        }
        // Before it is asked whether it has happened already.
        let no_more = self.ends_waiting.notified();
        if self.is_overloaded() {
            return None;
        }
        let Ok(_waits) = self.line.try_acquire() else {
            self.overload();
            return None;
        };
        tokio::select! {
            biased;
            place = Arc::clone(&self.places).acquire_owned() => place.ok().map(Place),
            () = no_more => None,
            () = sleep(LONGEST_WAIT) => {
                self.overload();
                None
            }
        }
    }

    fn is_overloaded(&self) -> bool {
        let until = self.overloaded.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    fn overload(&self) {
        let until = Instant::now() + OVERLOADED_FOR;
        *self.overloaded.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
        self.ends_waiting.notify_waiters();
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
    use futures::future::{join, join_all};

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
    async fn a_burst_waits_and_is_served_one_after_another() {
        let rooms = one_each(3);
        let served = join_all((0..4).map(async |n| {
            assert!(rooms.have_one(Class::Api), "{n}");
            let place = rooms.enter(Class::Api).await.unwrap();
            place.hold(sleep(Duration::from_millis(10))).await;
            Instant::now()
        }))
        .await;
        assert!(served.is_sorted_by(|one, next| one < next));
    }

    #[tokio::test]
    async fn when_too_many_come_nobody_waits_for_a_while() {
        let rooms = one_each(2);
        let place = rooms.enter(Class::Api).await.unwrap();
        let waiting = || rooms.enter(Class::Api);
        assert_eq!(rooms.per_peer(), 3);
        let asked = Instant::now();
        let (one, other) = (waiting(), waiting());
        let one_too_many = async {
            tokio::task::yield_now().await;
            assert!(!rooms.have_one(Class::Api));
            waiting().await
        };
        let (waited, shed) = join(join(one, other), one_too_many).await;
        assert!(waited.0.is_none() && waited.1.is_none() && shed.is_none());
        assert!(rooms.enter(Class::Api).await.is_none());
        assert!(asked.elapsed() < LONGEST_WAIT, "it was waited for");
        assert_eq!(rooms.per_peer(), 1);
        // Whoever finds a place is served all the same.
        drop(place);
        let place = rooms.enter(Class::Api).await.unwrap();

        sleep(OVERLOADED_FOR).await;
        assert!(rooms.have_one(Class::Api));
        let (next, ()) = join(waiting(), async { drop(place) }).await;
        assert!(next.is_some());
    }

    #[tokio::test]
    async fn nobody_waits_long_for_a_place_that_does_not_come_free() {
        let rooms = one_each(2);
        let _place = rooms.enter(Class::Api).await.unwrap();
        let waited = join(rooms.enter(Class::Api), rooms.enter(Class::Api)).await;
        assert!(waited.0.is_none() && waited.1.is_none());
        assert!(!rooms.have_one(Class::Api));
    }
}
