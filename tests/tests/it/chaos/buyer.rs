//! A BAP of somebody else: it takes callbacks, and may take them badly.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    client::until_within,
    receiver::{Manner, Receiver},
};

/// Up to so many deliveries of a callback are taken badly.
const BAD: usize = 2;
const HUGE: usize = 10_000_000;
/// Longer than a gateway waits.
const LATE: Duration = Duration::from_secs(20);

/// What came of one callback.
#[derive(Debug, Clone)]
pub struct Heard {
    /// Of the first delivery.
    pub body: String,
    pub arrived: usize,
    /// How many deliveries were answered as they should be.
    pub taken: usize,
}

/// Callbacks by action and message_id.
pub type Callbacks = HashMap<(String, String), Heard>;

#[derive(Debug, Default)]
struct Book {
    callbacks: Mutex<Callbacks>,
    /// Deliveries of one callback whose bytes differ.
    differing: Mutex<Vec<String>>,
    badly: AtomicUsize,
    honest: AtomicBool,
}

#[derive(Debug, Clone)]
pub struct Buyer {
    /// Where it takes callbacks.
    pub receiver: Receiver,
    book: Arc<Book>,
}

impl Buyer {
    /// Takes everything.
    pub async fn honest() -> Self {
        Self::start(|_, _| Manner::status(200)).await
    }

    /// Takes the first deliveries of each callback as the seed says, until it becomes honest. It sends who asks to
    /// `elsewhere`, where nobody must come.
    pub async fn misbehaving(seed: u64, elsewhere: String) -> Self {
        Self::start(move |id, nth| manner(seed, id, nth, &elsewhere)).await
    }

    async fn start(manner: impl Fn(&str, usize) -> Manner + Send + Sync + 'static) -> Self {
        let book = Arc::new(Book::default());
        let takes = book.clone();
        let receiver = Receiver::choosing(move |body| takes.take(body, &manner)).await;
        Self { receiver, book }
    }

    pub fn becomes_honest(&self) {
        self.book.honest.store(true, Ordering::Relaxed);
    }

    /// How many deliveries were taken badly.
    pub fn badly(&self) -> usize {
        self.book.badly.load(Ordering::Relaxed)
    }

    pub fn callbacks(&self) -> Callbacks {
        self.book.callbacks.lock().unwrap().clone()
    }

    pub fn differing(&self) -> Vec<String> {
        self.book.differing.lock().unwrap().clone()
    }

    /// Waits for a callback.
    pub async fn hears(&self, patience: Duration, action: &str, message_id: &str) -> Value {
        let key = (action.to_owned(), message_id.to_owned());
        until_within(patience, &format!("{action} {message_id}"), async || {
            let heard = self.book.callbacks.lock().unwrap().get(&key).map(|heard| heard.body.clone());
            heard.map(|body| serde_json::from_str(&body).unwrap()).ok_or_else(|| "not heard".to_owned())
        })
        .await
    }
}

impl Book {
    fn take(&self, body: &str, manner: &impl Fn(&str, usize) -> Manner) -> Manner {
        let callback: Value = serde_json::from_str(body).unwrap();
        let text = |name: &str| callback["context"][name].as_str().unwrap().to_owned();
        let key = (text("action"), text("message_id"));
        let id = format!("{} {}", key.0, key.1);
        let mut callbacks = self.callbacks.lock().unwrap();
        let heard =
            callbacks.entry(key).or_insert_with(|| Heard { body: body.to_owned(), arrived: 0, taken: 0 });
        if heard.body != body {
            self.differing.lock().unwrap().push(format!("{id}: {} and then {body}", heard.body));
        }
        let honest = self.honest.load(Ordering::Relaxed) || heard.arrived >= BAD;
        let manner = if honest { Manner::status(200) } else { manner(&id, heard.arrived) };
        heard.arrived += 1;
        // A status of 200 is taken for one, whatever its body.
        if matches!(manner, Manner::Says(200, _) | Manner::Huge(_)) {
            heard.taken += 1;
        }
        if manner != Manner::status(200) {
            self.badly.fetch_add(1, Ordering::Relaxed);
        }
        manner
    }
}

/// How the nth delivery of a callback is taken.
fn manner(seed: u64, id: &str, nth: usize, elsewhere: &str) -> Manner {
    let (high, low) = Uuid::new_v5(&Uuid::nil(), format!("{id} {nth}").as_bytes()).as_u64_pair();
    match Rng::with_seed(seed ^ high ^ low).usize(..12) {
        0 => Manner::status(500),
        1 => Manner::Says(429, "retry-after: 2\r\n".to_owned()),
        // Who refuses is asked three times, whatever went before.
        2 if nth == 0 => Manner::Says(307, format!("location: {elsewhere}\r\n")),
        3 => Manner::Silent,
        4 => Manner::Dripping,
        5 => Manner::Huge(HUGE),
        6 => Manner::Gone,
        7 => Manner::Late(LATE, 200),
        _ => Manner::status(200),
    }
}

#[test]
fn all_manners_are_met_and_a_seed_has_its_own() {
    let met = |seed| -> Vec<Manner> {
        (0..200).map(|n| manner(seed, &format!("on_init {n}"), 0, "http://127.0.0.1:1")).collect()
    };
    assert_eq!(met(1), met(1));
    assert_ne!(met(1), met(2));
    for wanted in [Manner::status(500), Manner::Silent, Manner::Dripping, Manner::Gone, Manner::Huge(HUGE)] {
        assert!(met(1).contains(&wanted), "{wanted:?}");
    }
}
