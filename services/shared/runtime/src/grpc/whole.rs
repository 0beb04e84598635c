//! Requests with their whole message in one frame.
//!
//! Tonic's message does not say that it is the last of its request, so its end followed as an empty frame: a second
//! write, and a second wake-up of the server, for each call. All our calls have one message.

use std::{
    error::Error,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http_body_util::{BodyExt, Full};
use tonic::{
    Code, Status,
    body::Body,
    codegen::{
        Bytes, Service, StdError,
        http::{Request, Response, request::Parts},
    },
    transport::{self, Channel},
};
use tower::ServiceExt;

use super::channel::Way;

/// How often a call is made that was not sent.
const TRIES: usize = 3;

/// A channel for calls with one message.
#[derive(Debug, Clone)]
pub struct Whole(pub(super) Way);

impl Service<Request<Body>> for Whole {
    type Response = Response<Body>;
    type Error = StdError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, StdError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), StdError>> {
        match &mut self.0 {
            Way::One(channel) => channel.poll_ready(context).map_err(Into::into),
            Way::Many(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The one that is ready makes the call; a clone has to become so.
        let next = self.0.clone();
        let way = std::mem::replace(&mut self.0, next);
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let message = body.collect().await?.to_bytes();
            let answered = match way {
                Way::One(mut channel) => call(&mut channel, parts, message).await.map_err(Into::into),
                Way::Many(replicas) => replicas.call(parts, message).await,
            };
            answered.map_err(|error| away(error).into())
        })
    }
}

/// Makes a call on a channel that is ready. A connection that has become old takes no more calls: one that was not sent
/// any more goes over the next connection, which may have become old as well.
pub(super) async fn call(
    channel: &mut Channel,
    parts: Parts,
    message: Bytes,
) -> Result<Response<Body>, transport::Error> {
    for _ in 1..TRIES {
        match channel.call(whole(parts.clone(), message.clone())).await {
            Err(error) if was_not_sent(&error) => channel.ready().await?,
            answered => return answered,
        };
    }
    channel.call(whole(parts, message)).await
}

/// Whether the connection ended before the call's turn came, or the server has said that it took no more calls when
/// this one came (RFC 9113, 6.8: it was not and will not be acted upon).
pub(super) fn was_not_sent(error: &(dyn Error + 'static)) -> bool {
    let mut chain = std::iter::successors(Some(error), |&error| error.source());
    chain.any(|error| {
        let canceled = error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled);
        canceled || error.downcast_ref::<h2::Error>().is_some_and(came_too_late)
    })
}

fn came_too_late(error: &h2::Error) -> bool {
    error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR)
}

/// What a call came to that got no answer. A connection that ended under it, as that of a server that drains, is no
/// fault within the server, though HTTP/2 has no other word for it.
fn away(error: StdError) -> Status {
    let status = Status::from_error(error);
    match status.code() {
        Code::Internal | Code::Unknown => Status::unavailable(status.message()),
        _ => status,
    }
}

/// The request as it is sent.
fn whole(parts: Parts, message: Bytes) -> Request<Body> {
    Request::from_parts(parts, Body::new(Full::new(message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_ended_is_no_fault_of_the_server_and_a_deadline_stays_one() {
        let ended = Status::internal("h2 protocol error: GoAway(NO_ERROR)");
        assert_eq!(away(ended.into()).code(), Code::Unavailable);
        assert_eq!(away(std::io::Error::other("broken pipe").into()).code(), Code::Unavailable);
        assert_eq!(away(Status::deadline_exceeded("late").into()).code(), Code::DeadlineExceeded);
    }
}
