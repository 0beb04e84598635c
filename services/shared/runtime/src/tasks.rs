//! Tasks in the background, counted, so that a drain can wait for them.

use std::future::Future;

use tokio_util::task::TaskTracker;

use crate::trace::FutureExt;

/// The tasks of a program. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Tasks(TaskTracker);

impl Tasks {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a task in the background. Its spans are beneath what is current now.
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.0.spawn(task.with_current_context());
    }

    /// Waits until all have ended. None may be started by others meanwhile.
    pub async fn drained(&self) {
        self.0.close();
        self.0.wait().await;
    }
}
