//! Since when a registry has not answered.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokio::time::Instant;

/// Between two warnings: a registry that is away fails many look-ups.
const QUIET: Duration = Duration::from_secs(10);

/// Whether a registry answers, and since when it does not.
#[derive(Default)]
pub(super) struct Outage(Mutex<State>);

#[derive(Default)]
struct State {
    since: Option<DateTime<Utc>>,
    /// Of this outage.
    warned: bool,
    last_warning: Option<Instant>,
}

impl Outage {
    /// It answered, whatever it said.
    pub fn over(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = state.since.take();
        if let Some(since) = ended.filter(|_| std::mem::take(&mut state.warned)) {
            tracing::info!(%since, "the registry answers again");
        }
    }

    /// A look-up failed now. Tells since when they do.
    pub fn failed(
        &self,
        now: DateTime<Utc>,
        subscriber: &str,
        error: &dyn std::error::Error,
    ) -> DateTime<Utc> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = *state.since.get_or_insert(now);
        if state.last_warning.is_none_or(|at| at.elapsed() > QUIET) {
            state.last_warning = Some(Instant::now());
            state.warned = true;
            tracing::warn!(%since, subscriber, error = p2p_runtime::chain(error), "a look-up failed");
        }
        since
    }
}
