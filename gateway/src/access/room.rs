//! Places for what is at work, and a line of those who wait for one. When more come than may wait, or no place comes free,
//! there is too much to do: for a while nobody waits, and whoever finds no place is sent away. So a burst is served, and a
//! flood does not make those who are served wait behind it.

use std::{
    num::NonZeroU16,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep},
};

/// A place that does not come free for so long does not come soon.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// Nobody waits for so long after there was too much to do.
const OVERLOADED_FOR: Duration = Duration::from_secs(3);

/// The places, and those who wait for one.
pub(super) struct Room {
    places: Arc<Semaphore>,
    line: Semaphore,
    /// Until when nobody waits.
    overloaded: Mutex<Option<Instant>>,
    /// Tells those who wait that nobody does any more.
    ends_waiting: Notify,
}

impl Room {
    pub fn new(at_once: NonZeroU16, waiting: u16) -> Self {
        Self {
            places: Arc::new(Semaphore::new(at_once.get().into())),
            line: Semaphore::new(waiting.into()),
            overloaded: Mutex::default(),
            ends_waiting: Notify::new(),
        }
    }

    /// Whether there is a place just now, or one to wait for.
    pub fn has_one(&self) -> bool {
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

    /// A place, if there is one or it may be waited for. Who waits goes first: what comes free is theirs.
    pub async fn enter(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Some(place);
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
            place = Arc::clone(&self.places).acquire_owned() => place.ok(),
            () = no_more => None,
            () = sleep(LONGEST_WAIT) => {
                self.overload();
                None
            }
        }
    }

    pub fn is_overloaded(&self) -> bool {
        let until = self.overloaded.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    fn overload(&self) {
        let until = Instant::now() + OVERLOADED_FOR;
        *self.overloaded.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
        self.ends_waiting.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures::future::{join, join_all};

    use super::*;

    /// One place, and so many that may wait for it.
    fn one_place(waiting: u16) -> Room {
        Room::new(NonZeroU16::MIN, waiting)
    }

    #[tokio::test]
    async fn a_burst_waits_and_is_served_one_after_another() {
        let room = one_place(3);
        let served = join_all((0..4).map(async |n| {
            assert!(room.has_one(), "{n}");
            let place = room.enter().await.unwrap();
            sleep(Duration::from_millis(10)).await;
            drop(place);
            Instant::now()
        }))
        .await;
        assert!(served.is_sorted_by(|one, next| one < next));
    }

    #[tokio::test]
    async fn when_too_many_come_nobody_waits_for_a_while() {
        let room = one_place(2);
        let place = room.enter().await.unwrap();
        let waiting = || room.enter();
        let asked = Instant::now();
        let (one, other) = (waiting(), waiting());
        let one_too_many = async {
            tokio::task::yield_now().await;
            assert!(!room.has_one());
            waiting().await
        };
        let (waited, shed) = join(join(one, other), one_too_many).await;
        assert!(waited.0.is_none() && waited.1.is_none() && shed.is_none());
        assert!(room.enter().await.is_none());
        assert!(asked.elapsed() < LONGEST_WAIT, "it was waited for");
        // Whoever finds a place is served all the same.
        drop(place);
        let place = room.enter().await.unwrap();

        sleep(OVERLOADED_FOR).await;
        assert!(room.has_one());
        let (next, ()) = join(waiting(), async { drop(place) }).await;
        assert!(next.is_some());
    }

    #[tokio::test]
    async fn nobody_waits_long_for_a_place_that_does_not_come_free() {
        let room = one_place(2);
        let _place = room.enter().await.unwrap();
        let waited = join(room.enter(), room.enter()).await;
        assert!(waited.0.is_none() && waited.1.is_none());
        assert!(!room.has_one());
    }
}
