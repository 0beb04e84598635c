//! Spans of calls (semantic conventions, "RPC"): W3C Trace Context goes with the metadata.

use std::{
    future::Future,
    pin::Pin,
    task::{Context as Polling, Poll},
};

use opentelemetry::trace::TraceContextExt;
use tonic::{
    Code,
    codegen::{
        Service,
        http::{HeaderMap, Request, Response},
    },
};
use tower::Layer;

use crate::trace::{self, Context, FutureExt, KeyValue, Place, SpanKind};

/// Calls that nobody wants to find in Jaeger.
const UNTRACED: [&str; 2] = ["/grpc.health.", "/grpc.reflection."];

/// A server, or a client's channel, with a span for each call.
#[derive(Debug, Clone)]
pub struct Traced<S> {
    inner: S,
    side: SpanKind,
}

impl<S> Traced<S> {
    /// The client's side.
    pub fn client(inner: S) -> Self {
        Self { inner, side: SpanKind::Client }
    }
}

/// The server's side.
#[derive(Debug, Clone, Copy)]
pub struct TracedServer;

impl<S> Layer<S> for TracedServer {
    type Service = Traced<S>;

    fn layer(&self, inner: S) -> Traced<S> {
        Traced { inner, side: SpanKind::Server }
    }
}

impl<S, B, R> Service<Request<B>> for Traced<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, polling: &mut Polling<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(polling)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let path = request.uri().path();
        if UNTRACED.iter().any(|untraced| path.starts_with(untraced)) {
            return Box::pin(self.inner.call(request));
        }
        let span = match self.side {
            SpanKind::Server => Some(served(path, request.headers())),
            _ => called(path),
        };
        if self.side == SpanKind::Client {
            let context = span.clone().unwrap_or_else(Context::current);
            trace::inject(&context, request.headers_mut());
        }
        let work = self.inner.call(request);
        let Some(context) = span else { return Box::pin(work) };
        Box::pin(async move {
            let answer = work.with_context(context.clone()).await;
            if trace::is_sampled(&context) {
                conclude(&context, answer.as_ref().ok().map(Response::headers));
            }
            answer
        })
    }
}

/// `p2p.order.v1.MailboxService/Record`.
fn method(path: &str) -> String {
    path.trim_start_matches('/').to_owned()
}

fn attributes(path: &str) -> Vec<KeyValue> {
    vec![KeyValue::new("rpc.system.name", "grpc"), KeyValue::new("rpc.method", method(path))]
}

fn served(path: &str, headers: &HeaderMap) -> Context {
    let place = Place { parent: trace::extract(headers).unwrap_or_default(), ..Place::default() };
    trace::begin(method(path), SpanKind::Server, place, || attributes(path))
}

fn called(path: &str) -> Option<Context> {
    trace::child(method(path), SpanKind::Client, || attributes(path))
}

/// Ends the span with the call's status: of a call with one answer, the headers have it when it failed.
fn conclude(context: &Context, headers: Option<&HeaderMap>) {
    let code = match headers {
        Some(headers) => {
            headers.get("grpc-status").map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()))
        }
        None => Code::Unavailable,
    };
    let span = context.span();
    span.set_attribute(KeyValue::new("rpc.response.status_code", format!("{code:?}")));
    if code != Code::Ok {
        trace::failed(context, code.description());
    }
    span.end();
}
