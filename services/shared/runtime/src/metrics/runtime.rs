//! What tokio is doing.

use tokio::runtime::Handle;

use super::meter;

/// Tells of this runtime whenever it is asked for.
pub(super) fn watch(handle: &Handle) {
    gauge(handle, "tokio.workers", "Threads that run tasks.", |handle| handle.metrics().num_workers());
    let help = "Tasks that have been started and have not ended.";
    gauge(handle, "tokio.alive_tasks", help, |handle| handle.metrics().num_alive_tasks());
    let help = "Tasks that wait for any thread to run them.";
    gauge(handle, "tokio.global_queue_depth", help, |handle| handle.metrics().global_queue_depth());
}

fn gauge(handle: &Handle, name: &'static str, help: &'static str, read: fn(&Handle) -> usize) {
    let handle = handle.clone();
    meter()
        .u64_observable_gauge(name)
        .with_description(help)
        .with_callback(move |observer| {
            observer.observe(u64::try_from(read(&handle)).unwrap_or(u64::MAX), &[])
        })
        .build();
}
