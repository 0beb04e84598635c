//! Metrics (OpenTelemetry), served for Prometheus at `/metrics` of the operations port. Names are those of the semantic
//! conventions where they have one; no label tells of a tenant, a trade or an id, so their number is bounded.
//!
//! An instrument is made when it is first used, after the program has started. A program without an operations port has
//! instruments that record nothing.

mod database;
mod http;
mod operations;
mod runtime;

pub use http::measure;
pub use opentelemetry::{
    KeyValue,
    metrics::{Counter, Gauge, Histogram, Meter},
};

pub(crate) use database::{statement, watch_pool};
pub(crate) use operations::serve;

use std::{
    fmt::Display,
    future::Future,
    sync::{LazyLock, OnceLock},
    time::Instant,
};

use opentelemetry::global;
use opentelemetry_sdk::metrics::SdkMeterProvider;

use crate::trace::{self, SpanKind};

/// A label's value where there is none of a known set.
pub const OTHER: &str = "other";

/// Upper bounds of durations, seconds: from a statement to a peer that is slow to answer.
const SECONDS: [f64; 15] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Upper bounds of a group; one has at most 128.
const GROUPS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

/// Set once measurements are served.
static ON: OnceLock<()> = OnceLock::new();

fn install(provider: SdkMeterProvider) {
    global::set_meter_provider(provider);
    // A program starts once.
    let _ = ON.set(());
}

/// Whether anybody can read what is measured: what costs a question is not asked otherwise.
pub fn is_on() -> bool {
    ON.get().is_some()
}

/// What instruments are made by.
pub fn meter() -> Meter {
    global::meter("p2p")
}

/// Durations, in seconds.
pub fn durations(name: &'static str, help: &'static str) -> Histogram<f64> {
    durations_within(&SECONDS, name, help)
}

/// Durations of something that takes much less or more than a call, in seconds; with upper bounds of its own.
pub fn durations_within(bounds: &[f64], name: &'static str, help: &'static str) -> Histogram<f64> {
    let meter = meter();
    let histogram = meter.f64_histogram(name).with_description(help).with_unit("s");
    histogram.with_boundaries(bounds.to_vec()).build()
}

/// Sizes of something that is counted.
pub fn sizes(bounds: &[f64], name: &'static str, help: &'static str) -> Histogram<u64> {
    meter().u64_histogram(name).with_description(help).with_boundaries(bounds.to_vec()).build()
}

/// Whether something that the program leans on answers.
pub fn dependency(name: &'static str, answers: bool) {
    static UP: LazyLock<Gauge<u64>> = LazyLock::new(|| {
        let help = "1 when what the program leans on answered when it was last asked, else 0.";
        meter().u64_gauge("dependency.up").with_description(help).build()
    });
    UP.record(answers.into(), &[KeyValue::new("dependency", name)]);
}

/// Operations that were committed together.
pub(crate) fn group(writer: &'static str, operations: usize) {
    static SIZE: LazyLock<Histogram<u64>> = LazyLock::new(|| {
        let help = "Operations that one transaction of a group-commit writer committed.";
        sizes(&GROUPS, "commit.group.size", help)
    });
    let size = u64::try_from(operations).unwrap_or(u64::MAX);
    SIZE.record(size, &[KeyValue::new("commit.writer", writer)]);
}

/// Does one thing with a database, in its span, and notes how long it took, whatever it came to (semantic conventions,
/// "Database"). For what no instrument of the driver tells of: commits, and Redis.
///
/// # Errors
/// The work's own.
pub async fn operation<T, E: Display>(
    system: &'static str,
    name: &'static str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let attributes =
        || vec![KeyValue::new("db.system.name", system), KeyValue::new("db.operation.name", name)];
    let began = Instant::now();
    let done = trace::within(name, SpanKind::Client, attributes, work).await;
    database::record(system, name, began.elapsed());
    done
}
