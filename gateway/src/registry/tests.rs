//! Look-ups against a registry that speaks HTTP on this machine.

mod answers;
mod fake;
mod files;
mod outages;

use std::{cell::RefCell, time::Duration};

use super::*;

/// What the clock of all tests says.
const NOW: &str = "2026-09-01T12:00:00Z";

thread_local! {
    static COUNTED: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

fn count(outcome: Outcome) {
    COUNTED.with_borrow_mut(|counted| counted.push(outcome.as_str()));
}

/// What was counted on this thread, which is the test's own.
fn counted() -> Vec<&'static str> {
    COUNTED.take()
}

fn registry(source: Source) -> Registry {
    registry_with(source, Tasks::new())
}

/// Whose look-ups can be waited for: those that nobody waits for go on in these tasks.
fn registry_with(source: Source, tasks: Tasks) -> Registry {
    p2p_runtime::use_ring();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    let config = RegistryConfig { source, ..RegistryConfig::default() };
    let clock = Clock::fixed(NOW.parse().unwrap());
    Registry::new(&config, through(client.build().unwrap()), clock, tasks, count)
}

/// Moves the time, and lets it run on: what comes over a socket takes as long as it takes.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

#[tokio::test]
async fn without_a_registry_nobody_is_found() {
    let registry = registry(Source::None);
    // Handlers of requests move between threads.
    let find: Box<dyn Future<Output = _> + Send> = Box::new(registry.find("a.example", "k1"));
    let error = Box::into_pin(find).await.unwrap_err();
    assert_eq!(error.to_string(), "no registry is configured");
    assert_eq!(counted(), ["unavailable"]);
}
