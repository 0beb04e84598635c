//! A request's body with a deadline.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

/// A body did not come in time.
#[derive(Debug)]
pub struct Late;

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body did not come in time")
    }
}

impl Error for Late {}

/// A body all of which comes within its time, or fails with [`Late`].
pub(super) struct Timely {
    body: Incoming,
    until: Instant,
    /// Once it had to be waited for.
    clock: Option<Pin<Box<Sleep>>>,
}

impl Timely {
    pub fn new(body: Incoming, within: Duration) -> Self {
        Self { body, until: Instant::now() + within, clock: None }
    }
}

impl Body for Timely {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let until = self.until;
        let clock = self.clock.get_or_insert_with(|| Box::pin(sleep_until(until)));
        ready!(clock.as_mut().poll(context));
        Poll::Ready(Some(Err(Late.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
