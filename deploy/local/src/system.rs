//! All that the launcher has started, in order.

use futures::{FutureExt, future::select_all};

use crate::guarded::Guarded;

/// Running processes, the first started first.
#[derive(Debug, Default)]
pub struct System {
    running: Vec<Guarded>,
}

impl System {
    /// One more.
    pub fn add(&mut self, process: Guarded) {
        self.running.push(process);
    }

    /// Waits until one of them ends by itself; says which and how.
    pub async fn a_death(&mut self) -> anyhow::Error {
        if self.running.is_empty() {
            return std::future::pending().await;
        }
        let deaths = self.running.iter_mut().map(|process| process.died().boxed_local());
        select_all(deaths).await.0
    }

    /// Does something that ends early when one of them dies.
    ///
    /// # Errors
    /// The work's own, or what died.
    pub async fn while_alive<T>(
        &mut self,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        tokio::select! {
            result = work => result,
            death = self.a_death() => Err(death),
        }
    }

    /// Stops all, the last started first: who calls before who is called.
    pub async fn stop(mut self, mut say: impl FnMut(&str)) {
        while let Some(process) = self.running.pop() {
            let name = process.name().to_owned();
            match process.stop().await {
                Ok(status) if status.success() => say(&format!("{name} stopped")),
                Ok(status) => say(&format!("{name} stopped ({status})")),
                Err(error) => say(&format!("{name}: {error:#}")),
            }
        }
    }
}
