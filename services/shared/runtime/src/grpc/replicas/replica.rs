//! One replica of a program.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU8, AtomicUsize, Ordering},
};

use tonic::{
    body::Body,
    codegen::{
        Bytes,
        http::{Response, request::Parts},
    },
    transport::{Channel, Error},
};
use tower::ServiceExt;

use super::super::whole::call;

const UNTRIED: u8 = 0;
const REACHED: u8 = 1;
const AWAY: u8 = 2;

/// A replica and the connection to it.
#[derive(Debug)]
pub(super) struct Replica {
    pub address: SocketAddr,
    channel: Channel,
    state: AtomicU8,
    calls: AtomicUsize,
}

impl Replica {
    /// One that was not reached yet: the first call connects.
    pub fn untried(address: SocketAddr, channel: Channel) -> Self {
        Self { address, channel, state: AtomicU8::new(UNTRIED), calls: AtomicUsize::new(0) }
    }

    /// One that is connected.
    pub fn reached(address: SocketAddr, channel: Channel) -> Self {
        Self { state: AtomicU8::new(REACHED), ..Self::untried(address, channel) }
    }

    /// Makes a call, and remembers whether it was answered, with whatever answer.
    pub async fn call(&self, parts: Parts, message: Bytes) -> Result<Response<Body>, Error> {
        let _under_way = UnderWay::begin(&self.calls);
        let mut channel = self.channel.clone();
        let answered = async { call(channel.ready().await?, parts, message).await }.await;
        match &answered {
            Ok(_) => self.answers(),
            Err(error) => self.fails(error),
        }
        answered
    }

    /// It was reached.
    pub fn answers(&self) {
        if !self.is_reached() && self.state.swap(REACHED, Ordering::Relaxed) == AWAY {
            tracing::info!(address = %self.address, "a replica answers again");
        }
    }

    /// It was not reached, or did not answer.
    pub fn fails(&self, error: &dyn std::error::Error) {
        if self.state.swap(AWAY, Ordering::Relaxed) != AWAY {
            let error = crate::chain(error);
            tracing::warn!(address = %self.address, error, "a replica does not answer, others are asked");
        }
    }

    /// Whether the newest call or connection succeeded.
    pub fn is_reached(&self) -> bool {
        self.state.load(Ordering::Relaxed) == REACHED
    }

    /// Whether the newest call or connection failed.
    pub fn is_away(&self) -> bool {
        self.state.load(Ordering::Relaxed) == AWAY
    }

    /// How many calls are under way.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

/// Counts a call while it lives.
struct UnderWay<'a>(&'a AtomicUsize);

impl<'a> UnderWay<'a> {
    fn begin(calls: &'a AtomicUsize) -> Self {
        calls.fetch_add(1, Ordering::Relaxed);
        Self(calls)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
