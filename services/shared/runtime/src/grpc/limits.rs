//! What a gRPC server takes from a client.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::timeout;
use tonic::{
    Status,
    codegen::{
        Service, StdError,
        http::{Request, Response},
    },
    transport::Server,
};
use tower::Layer;

use crate::http::Connections;

/// Most bytes of a request: a body of 4 MB, written as it came and read, and what goes with it.
pub const MOST_REQUEST: usize = 8 * 1024 * 1024;
/// Most bytes of an answer: a page of events, each with its body.
pub const MOST_ANSWER: usize = 32 * 1024 * 1024;

/// Most bytes of a call's metadata.
const METADATA: u32 = 16 * 1024;
/// Most calls at once on one connection.
const CALLS: u32 = 1_024;
pub(super) const CONNECTIONS: Connections = Connections { most: 1_024, per_peer: 0 };
/// A connection on which nothing is heard for so long is asked for a sign of life, and has so long to give it.
pub(super) const KEEPALIVE: Duration = Duration::from_secs(20);
pub(super) const ALIVE_WITHIN: Duration = Duration::from_secs(10);
/// How long a connection is used: clients of old connections find replicas that are newer. Calls under way end on it.
pub(super) const AGE: Duration = Duration::from_secs(15 * 60);
/// Of a call whose client sets no deadline.
pub(super) const USUAL: Duration = Duration::from_secs(10);
/// Of any call.
const LONGEST: Duration = Duration::from_secs(20 * 60);
/// Calls that look at all there is.
const LONG: [&str; 2] =
    ["/p2p.order.v1.OrderService/CheckInvariants", "/p2p.catalog.v1.CatalogService/CheckStock"];

/// A server within these limits; tonic honours the deadlines of clients.
pub(super) fn server(age: Duration) -> Server {
    // No `max_connection_age_grace`: with it tonic (0.14.9) does not tell clients to go, and then cuts off their calls.
    // All calls have deadlines.
    Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(ALIVE_WITHIN))
        .http2_max_header_list_size(METADATA)
        .max_concurrent_streams(CALLS)
        .max_connection_age(age)
        .timeout(LONGEST)
}

/// Gives calls a deadline that have none: this one.
#[derive(Debug, Clone, Copy)]
pub(super) struct DeadlineServer(pub Duration);

impl<S> Layer<S> for DeadlineServer {
    type Service = InTime<S>;

    fn layer(&self, inner: S) -> InTime<S> {
        InTime { inner, usual: self.0 }
    }
}

/// A server whose calls end in time.
#[derive(Debug, Clone)]
pub(super) struct InTime<S> {
    inner: S,
    usual: Duration,
}

impl<S, B, R> Service<Request<B>> for InTime<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: Into<StdError> + 'static,
{
    type Response = Response<R>;
    type Error = StdError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, StdError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), StdError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let has_one = request.headers().contains_key("grpc-timeout");
        let within = if has_one || LONG.contains(&request.uri().path()) { LONGEST } else { self.usual };
        let answer = self.inner.call(request);
        Box::pin(async move {
            match timeout(within, answer).await {
                Ok(answered) => answered.map_err(Into::into),
                Err(_late) => Err(Status::deadline_exceeded("the call took too long").into()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use p2p_proto::FILE_DESCRIPTOR_SET;
    use prost::Message;
    use prost_types::FileDescriptorSet;
    use tonic::Code;
    use tower::service_fn;

    use super::*;

    /// What becomes of a call that never ends.
    async fn ended(path: &str, deadline: Option<&str>) -> Result<Response<()>, StdError> {
        let never = service_fn(|_: Request<()>| std::future::pending::<Result<Response<()>, Infallible>>());
        let mut request = Request::builder().uri(path);
        if let Some(deadline) = deadline {
            request = request.header("grpc-timeout", deadline);
        }
        let mut server = DeadlineServer(Duration::from_millis(10)).layer(never);
        server.call(request.body(()).unwrap()).await
    }

    #[tokio::test]
    async fn a_call_without_a_deadline_is_given_one() {
        let usual = "/p2p.order.v1.MailboxService/Record";
        let error = ended(usual, None).await.unwrap_err();
        assert_eq!(Status::from_error(error).code(), Code::DeadlineExceeded);
        for (path, deadline) in [(usual, Some("1H")), (LONG[0], None), (LONG[1], None)] {
            assert!(timeout(Duration::from_millis(100), ended(path, deadline)).await.is_err(), "{path}");
        }
    }

    #[test]
    fn the_long_calls_are_there() {
        let files = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap().file;
        let methods: Vec<String> = files
            .iter()
            .flat_map(|file| file.service.iter().map(move |service| (file.package(), service)))
            .flat_map(|(package, service)| {
                let of = move |method: &str| format!("/{package}.{}/{method}", service.name());
                service.method.iter().map(move |method| of(method.name()))
            })
            .collect();
        assert!(LONG.iter().all(|long| methods.iter().any(|method| method == long)), "{methods:?}");
    }
}
