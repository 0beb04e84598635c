//! What ends the launcher.

use std::{future::pending, time::Duration};

use nix::unistd::{Pid, getppid};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::interval,
};

const PARENT_POLL: Duration = Duration::from_secs(1);

/// How long the launcher runs if nobody stops it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// For ever.
    OfItsOwn,
    /// Until the process that started it has ended (`make`, when killed, tells its children nothing).
    OfTheParent,
}

/// Ctrl-C, SIGTERM, a closed terminal, or the parent's end. While this value lives none of them kills.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    parent: Option<Pid>,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the handlers cannot be set.
    pub fn listen(lifetime: Lifetime) -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            parent: (lifetime == Lifetime::OfTheParent).then(getppid),
        })
    }

    /// Waits for the first of them.
    pub async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
            () = parent_gone(self.parent) => {}
        }
    }

    /// Waits for SIGTERM alone: Ctrl-C reaches a command in the same terminal by itself.
    pub async fn terminated(&mut self) {
        self.terminate.recv().await;
    }
}

async fn parent_gone(parent: Option<Pid>) {
    let Some(parent) = parent else { return pending().await };
    let mut tick = interval(PARENT_POLL);
    while getppid() == parent {
        tick.tick().await;
    }
}
