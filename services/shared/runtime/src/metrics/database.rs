//! How long databases take, and what the pool of connections is doing.

use std::{sync::LazyLock, time::Duration};

use sea_orm::{DatabaseConnection, metric::Info};

use super::{Histogram, KeyValue, durations, is_on, meter};
use crate::trace;

static DURATION: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    durations(
        "db.client.operation.duration",
        "How long one statement, COMMIT, command or pipeline took, successful or not.",
    )
});

pub(super) fn record(system: &'static str, operation: &'static str, took: Duration) {
    let attributes = [KeyValue::new("db.system.name", system), KeyValue::new("db.operation.name", operation)];
    DURATION.record(took.as_secs_f64(), &attributes);
}

/// A statement of PostgreSQL that has ended, within a transaction or not.
pub(crate) fn statement(info: &Info<'_>) {
    if is_on() {
        record("postgresql", trace::verb(&info.statement.sql), info.elapsed);
    }
}

/// Tells of the pool whenever it is asked for.
pub(crate) fn watch_pool(db: &DatabaseConnection) {
    if !is_on() {
        return;
    }
    let (counted, bounded) =
        (db.get_postgres_connection_pool().clone(), db.get_postgres_connection_pool().clone());
    meter()
        .u64_observable_gauge("db.client.connections")
        .with_description("Connections of the pool by state: idle, or used by a statement or transaction.")
        .with_callback(move |observer| {
            let state = |name| [KeyValue::new("db.client.connection.state", name)];
            let (size, idle) = (u64::from(counted.size()), u64::try_from(counted.num_idle()).unwrap_or(0));
            observer.observe(idle, &state("idle"));
            observer.observe(size.saturating_sub(idle), &state("used"));
        })
        .build();
    meter()
        .u64_observable_gauge("db.client.connection.max")
        .with_description("Most connections that the pool may have (DATABASE_POOL).")
        .with_callback(move |observer| {
            observer.observe(bounded.options().get_max_connections().into(), &[]);
        })
        .build();
}
