//! What the gateway measures of Beckn, and whether what it leans on answers. Each is recorded by one line where it
//! happens.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use axum::response::Response;
use p2p_proto::order::{DeliveryMark, Outcome, delivery_mark};
use p2p_runtime::{
    Stop,
    metrics::{self, Counter, Histogram, KeyValue, OTHER},
};
use tokio::time::sleep;

use crate::{access::REFUSALS, app::App, beckn::Action, health, registry};

/// Between two looks at what the gateway leans on.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

static ACTIONS: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    metrics::durations(
        "beckn.action.duration",
        "From reading an action of Beckn to its acknowledgement, by verdict and outcome; verdict NONE: nothing was committed.",
    )
});
static CALLBACKS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    let help = "Callbacks: committed for delivery, and each stored result of an attempt to deliver one (a gateway); \
                dead also when too old to be of use (order service).";
    metrics::meter().u64_counter("beckn.callbacks").with_description(help).build()
});
static DELIVERIES: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    metrics::durations("beckn.delivery.duration", "One attempt to deliver a callback, by what it came to.")
});

static LOOKED_UP: LazyLock<Counter<u64>> = LazyLock::new(|| {
    let help =
        "Signers that were looked up, by what was found of them: in memory or in the registry, or not.";
    metrics::meter().u64_counter("beckn.registry.lookups").with_description(help).build()
});

static TURNED_AWAY: LazyLock<Counter<u64>> = LazyLock::new(|| {
    let help =
        "Requests that were not let in, by reason: too many, without the key that they need, from no peer.";
    metrics::meter().u64_counter("gateway.refusals").with_description(help).build()
});

static PUBLICATIONS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    let help =
        "Catalogs of our sellers that were sent to a CDS, by what it said; failed: nothing that counts.";
    metrics::meter().u64_counter("beckn.publications").with_description(help).build()
});

/// What became of a catalog that was sent to a CDS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publication {
    /// The CDS took it.
    Accepted,
    /// The CDS refused it.
    Refused,
    /// There is no verdict.
    Failed,
}

impl Publication {
    const ALL: [Self; 3] = [Self::Accepted, Self::Refused, Self::Failed];

    fn label(self) -> [KeyValue; 1] {
        let result = match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Failed => "failed",
        };
        [KeyValue::new("beckn.result", result)]
    }
}

/// What was said to an action, noted on the answer for [`accepting`].
#[derive(Debug, Clone, Copy)]
struct Said {
    verdict: &'static str,
    outcome: &'static str,
}

fn noted(mut answer: Response, verdict: &'static str, outcome: &'static str) -> Response {
    answer.extensions_mut().insert(Said { verdict, outcome });
    answer
}

/// The answer to an action that was committed, now or before; or to one whose id another message has.
pub fn acknowledged(answer: Response, refused: bool, outcome: Outcome) -> Response {
    let outcome = match outcome {
        Outcome::Accepted => "accepted",
        Outcome::Queued => "queued",
        Outcome::Repeated => "repeated",
        Outcome::Replayed => "replayed",
        Outcome::Conflict | Outcome::Unspecified => "conflict",
    };
    noted(answer, if refused { "NACK" } else { "ACK" }, outcome)
}

/// The answer to what cannot be read.
pub fn unreadable(answer: Response) -> Response {
    noted(answer, "NACK", "unreadable")
}

/// The answer when nothing is known to be committed.
pub fn unavailable(answer: Response) -> Response {
    noted(answer, "NONE", "unavailable")
}

/// Measures an action until its acknowledgement.
pub async fn accepting(action: Action, work: impl Future<Output = Response>) -> Response {
    let began = Instant::now();
    let answer = work.await;
    if let Some(Said { verdict, outcome }) = answer.extensions().get().copied() {
        let attributes = [
            KeyValue::new("beckn.action", action.as_str()),
            KeyValue::new("beckn.verdict", verdict),
            KeyValue::new("beckn.outcome", outcome),
        ];
        ACTIONS.record(began.elapsed().as_secs_f64(), &attributes);
    }
    answer
}

/// A signer was looked up in the registry.
pub fn looked_up(outcome: registry::Outcome) {
    LOOKED_UP.add(1, &[KeyValue::new("registry.outcome", outcome.as_str())]);
}

/// A request is not let in, for one of [`REFUSALS`].
pub fn turned_away(reason: &'static str) {
    TURNED_AWAY.add(1, &[KeyValue::new("gateway.reason", reason)]);
}

/// A catalog of a seller of ours was sent to a CDS.
pub fn published(publication: Publication) {
    PUBLICATIONS.add(1, &publication.label());
}

/// A callback as a label; none for a request of our buyer's side.
pub fn callback(action: &str) -> Option<&'static str> {
    match Action::answered_by(action) {
        Some(known) => Some(known.callback()),
        None => action.starts_with("on_").then_some(OTHER),
    }
}

/// A callback is committed and will be delivered.
pub fn accepted(action: &str) {
    if let Some(action) = callback(action) {
        count(action, "accepted");
    }
}

/// What became of a delivery is stored.
pub fn stored(callback: Option<&'static str>, mark: &DeliveryMark) {
    if let (Some(action), Some(result)) = (callback, result(mark)) {
        count(action, result);
    }
}

/// One attempt to deliver a callback.
pub fn attempted(callback: Option<&'static str>, mark: &DeliveryMark, took: Duration) {
    if let (Some(action), Some(result)) = (callback, result(mark)) {
        DELIVERIES.record(took.as_secs_f64(), &labels(action, result));
    }
}

fn count(action: &'static str, result: &'static str) {
    CALLBACKS.add(1, &labels(action, result));
}

fn labels(action: &'static str, result: &'static str) -> [KeyValue; 2] {
    [KeyValue::new("beckn.action", action), KeyValue::new("beckn.result", result)]
}

fn result(mark: &DeliveryMark) -> Option<&'static str> {
    Some(match mark.result.as_ref()? {
        delivery_mark::Result::Delivered(_) => "delivered",
        delivery_mark::Result::Retry(_) => "retried",
        delivery_mark::Result::Dead(_) => "dead",
    })
}

/// Looks at what the gateway leans on, again and again until `stop`.
pub async fn watch(app: App, stop: Stop) {
    // A rate needs a beginning.
    REFUSALS.iter().for_each(|reason| TURNED_AWAY.add(0, &[KeyValue::new("gateway.reason", *reason)]));
    Publication::ALL.iter().for_each(|publication| PUBLICATIONS.add(0, &publication.label()));
    for outcome in registry::Outcome::ALL {
        LOOKED_UP.add(0, &[KeyValue::new("registry.outcome", outcome.as_str())]);
    }
    loop {
        let (services, redis) = tokio::join!(health::databases(&app), app.transactions.cache_answers());
        metrics::dependency("redis", redis);
        services.into_iter().for_each(|(name, answers)| metrics::dependency(name, answers));
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(LOOK_AGAIN) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::callback;

    #[test]
    fn only_callbacks_of_beckn_are_labels() {
        assert_eq!(callback("on_select"), Some("on_select"));
        assert_eq!(callback("on_anything"), Some("other"));
        assert_eq!(callback("select"), None);
    }
}
