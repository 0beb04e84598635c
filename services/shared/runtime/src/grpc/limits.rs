//! What a gRPC server takes from a client.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
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
/// Most calls at work at once, of all connections: more would only wait for the database, and longer than their callers do.
const AT_WORK: usize = 512;
/// What is answered however many calls are at work.
const ALWAYS: [&str; 2] = ["/grpc.health.", "/grpc.reflection."];
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

/// Takes so many calls at once, and gives those a deadline that have none: this one.
#[derive(Debug, Clone)]
pub(super) struct BoundedServer {
    usual: Duration,
    places: Arc<Semaphore>,
}

impl BoundedServer {
    pub fn new(usual: Duration) -> Self {
        Self { usual, places: Arc::new(Semaphore::new(AT_WORK)) }
    }
}

impl<S> Layer<S> for BoundedServer {
    type Service = Bounded<S>;

    fn layer(&self, inner: S) -> Bounded<S> {
        Bounded { inner, usual: self.usual, places: Arc::clone(&self.places) }
    }
}

/// A server whose calls are so many at most, and end in time.
#[derive(Debug, Clone)]
pub(super) struct Bounded<S> {
    inner: S,
    usual: Duration,
    places: Arc<Semaphore>,
}

impl<S> Bounded<S> {
    /// A place for a call, if it needs one.
    fn place(&self, path: &str) -> Result<Option<OwnedSemaphorePermit>, Status> {
        if ALWAYS.iter().any(|service| path.starts_with(service)) {
            return Ok(None);
        }
        let too_many = |_none| Status::unavailable("too many calls are at work");
        Arc::clone(&self.places).try_acquire_owned().map(Some).map_err(too_many)
    }
}

impl<S, B, R> Service<Request<B>> for Bounded<S>
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
        let place = match self.place(request.uri().path()) {
            Ok(place) => place,
            Err(too_many) => return Box::pin(async { Err(too_many.into()) }),
        };
        let answer = self.inner.call(request);
        Box::pin(async move {
            let _place = place;
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
        let mut server = BoundedServer::new(Duration::from_millis(10)).layer(never);
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

    #[tokio::test]
    async fn so_many_calls_are_at_work_and_health_is_told_beside_them() {
        let never = service_fn(|_: Request<()>| std::future::pending::<Result<Response<()>, Infallible>>());
        let layer = BoundedServer::new(Duration::from_millis(10));
        // All connections of a server share its places.
        let mut one = layer.layer(never);
        let mut other = layer.layer(never);
        let call = |path: &str| Request::builder().uri(path).body(()).unwrap();
        let at_work: Vec<_> = (0..AT_WORK).map(|_| one.call(call("/p2p.order.v1.KeyService/List"))).collect();
        let code = |answer: Result<Response<()>, StdError>| Status::from_error(answer.unwrap_err()).code();
        assert_eq!(code(other.call(call("/p2p.order.v1.KeyService/List")).await), Code::Unavailable);
        assert_eq!(code(other.call(call("/grpc.health.v1.Health/Check")).await), Code::DeadlineExceeded);
        drop(at_work);
        assert_eq!(code(other.call(call("/p2p.order.v1.KeyService/List")).await), Code::DeadlineExceeded);
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
