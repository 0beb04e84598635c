//! Durations of calls (semantic conventions, "RPC"), until the answer's head: a call of ours has one message each way.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Arc, LazyLock},
    task::{Context, Poll},
    time::Instant,
};

use opentelemetry::StringValue;
use p2p_proto::FILE_DESCRIPTOR_SET;
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::{
    Code, Status,
    codegen::{
        Service, StdError,
        http::{HeaderMap, Request, Response},
    },
};
use tower::Layer;

use crate::metrics::{Histogram, KeyValue, OTHER, durations, is_on};

static SERVED: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    durations("rpc.server.call.duration", "From a call's head to its answer, by method and status.")
});
static CALLED: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    durations(
        "rpc.client.call.duration",
        "From making a call to its answer or failure, by method and status.",
    )
});

/// The methods that there are, by path. Whatever else is asked for is one method.
static METHODS: LazyLock<HashMap<String, KeyValue>> = LazyLock::new(|| {
    let sets = [FILE_DESCRIPTOR_SET, tonic_health::pb::FILE_DESCRIPTOR_SET].into_iter();
    let files = sets.filter_map(|set| FileDescriptorSet::decode(set).ok()).flat_map(|set| set.file);
    let names = files.flat_map(|file| {
        let of = |service: &str, method: &str| format!("{}.{service}/{method}", file.package());
        let services = file.service.iter();
        let names = services.flat_map(|service| service.method.iter().map(|m| of(service.name(), m.name())));
        names.collect::<Vec<_>>()
    });
    names.map(|name| (format!("/{name}"), method(Arc::<str>::from(name)))).collect()
});

fn method(name: impl Into<StringValue>) -> KeyValue {
    KeyValue::new("rpc.method", name.into())
}

/// Who measures.
#[derive(Debug, Clone, Copy)]
enum Side {
    Server,
    Client,
}

/// A server, or a client's channel, that measures each call.
#[derive(Debug, Clone)]
pub struct Measured<S> {
    inner: S,
    side: Side,
}

impl<S> Measured<S> {
    /// The client's side.
    pub fn client(inner: S) -> Self {
        Self { inner, side: Side::Client }
    }
}

/// The server's side.
#[derive(Debug, Clone, Copy)]
pub struct MeasuredServer;

impl<S> Layer<S> for MeasuredServer {
    type Service = Measured<S>;

    fn layer(&self, inner: S) -> Measured<S> {
        Measured { inner, side: Side::Server }
    }
}

impl<S, B, R> Service<Request<B>> for Measured<S>
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
        let call = is_on().then(|| Call::begin(self.side, request.uri().path()));
        let work = self.inner.call(request);
        let Some(call) = call else { return Box::pin(async move { work.await.map_err(Into::into) }) };
        Box::pin(async move {
            match work.await {
                Ok(answer) => {
                    call.end(code(answer.headers()));
                    Ok(answer)
                }
                Err(error) => {
                    let status = Status::from_error(error.into());
                    call.end(status.code());
                    Err(status.into())
                }
            }
        })
    }
}

/// Of a call with one answer, the head has the status when it failed.
fn code(head: &HeaderMap) -> Code {
    head.get(Status::GRPC_STATUS).map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()))
}

/// A call that is measured. One that nobody waits for any more was cancelled.
struct Call {
    began: Instant,
    side: Side,
    method: KeyValue,
    code: Code,
}

impl Call {
    fn begin(side: Side, path: &str) -> Self {
        let method = METHODS.get(path).cloned().unwrap_or_else(|| method(OTHER));
        Self { began: Instant::now(), side, method, code: Code::Cancelled }
    }

    fn end(mut self, code: Code) {
        self.code = code;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let status = KeyValue::new("rpc.response.status_code", name(self.code));
        let histogram = match self.side {
            Side::Server => &*SERVED,
            Side::Client => &*CALLED,
        };
        histogram.record(self.began.elapsed().as_secs_f64(), &[self.method.clone(), status]);
    }
}

/// As gRPC spells it.
pub(super) fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_known_by_their_paths_and_nothing_else_makes_a_label() {
        let labels = |path: &str| Call::begin(Side::Server, path).method.value.to_string();
        assert_eq!(labels("/p2p.order.v1.MailboxService/Record"), "p2p.order.v1.MailboxService/Record");
        assert_eq!(labels("/grpc.health.v1.Health/Check"), "grpc.health.v1.Health/Check");
        assert_eq!(labels("/p2p.order.v1.MailboxService/Anything"), OTHER);
    }
}
