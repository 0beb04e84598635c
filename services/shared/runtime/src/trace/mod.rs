//! Spans: one trace follows a trade through all programs (OpenTelemetry; W3C Trace Context between programs).
//!
//! The context of the work at hand is OpenTelemetry's current one. A server's span begins it; the spans of calls and
//! statements are made beneath it, and only where it is sampled. Names are those of the semantic conventions.

mod carried;
mod provider;
mod sampler;
mod sql;

pub use carried::{extract, from_traceparent, inject, of_trade, traceparent};
pub use opentelemetry::{
    Context, KeyValue,
    trace::{FutureExt, SpanKind},
};
pub use sql::statement;

pub(crate) use provider::{resource, start};
pub(crate) use sql::verb;

use std::{borrow::Cow, future::Future, sync::OnceLock, time::SystemTime};

use opentelemetry::{
    InstrumentationScope,
    trace::{
        Link, SpanBuilder, SpanContext, Status, TraceContextExt, TraceFlags, TraceState, Tracer,
        TracerProvider,
    },
};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SdkTracer, SdkTracerProvider};

static TRACER: OnceLock<SdkTracer> = OnceLock::new();

fn install(provider: &SdkTracerProvider) {
    let scope = InstrumentationScope::builder("p2p").with_version(env!("CARGO_PKG_VERSION")).build();
    // Telemetry starts once in a program.
    let _ = TRACER.set(provider.tracer_with_scope(scope));
}

/// Where a span stands: what it is beneath, and what it is linked to.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// The parent; none for the first of a trace.
    pub parent: Context,
    /// Other spans that it has to do with.
    pub links: Vec<SpanContext>,
    /// When it began; now when absent.
    pub since: Option<SystemTime>,
}

/// A server's span, or another that work begins with. It is made whether or not its trace is sampled: its ids go to
/// the log, to the client and to the programs that are called.
pub fn begin(
    name: impl Into<Cow<'static, str>>,
    kind: SpanKind,
    place: Place,
    attributes: impl FnOnce() -> Vec<KeyValue>,
) -> Context {
    let Some(tracer) = TRACER.get() else { return place.parent };
    let links = place.links.into_iter().map(Link::with_context).collect();
    let mut builder = SpanBuilder::from_name(name).with_kind(kind).with_links(links);
    builder.start_time = place.since;
    let span = tracer.build_with_context(builder, &place.parent);
    let context = place.parent.with_span(span);
    if is_sampled(&context) {
        context.span().set_attributes(attributes());
    }
    context
}

/// A span beneath the current one, if that is sampled. Who gets it ends it.
pub fn child(
    name: impl Into<Cow<'static, str>>,
    kind: SpanKind,
    attributes: impl FnOnce() -> Vec<KeyValue>,
) -> Option<Context> {
    Context::map_current(|current| {
        let tracer = TRACER.get().filter(|_| is_sampled(current))?;
        let builder = SpanBuilder::from_name(name).with_kind(kind).with_attributes(attributes());
        Some(current.with_span(tracer.build_with_context(builder, current)))
    })
}

/// Does something in a span beneath the current one, which says when it failed.
///
/// # Errors
/// The work's own.
pub async fn within<T, E: std::fmt::Display>(
    name: impl Into<Cow<'static, str>>,
    kind: SpanKind,
    attributes: impl FnOnce() -> Vec<KeyValue>,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let span = child(name, kind, attributes);
    let said = span.clone();
    let work = async move {
        let result = work.await;
        if let (Some(context), Err(error)) = (said, &result) {
            failed(&context, error.to_string());
        }
        result
    };
    inside(span, work).await
}

/// Does something in a span of its own, if there is one, and ends it.
pub async fn inside<T>(span: Option<Context>, work: impl Future<Output = T>) -> T {
    let Some(context) = span else { return work.await };
    let done = work.with_context(context.clone()).await;
    context.span().end();
    done
}

/// A span of work that serves many: beneath the first sampled one of them, linked to the others. None when none is.
pub(crate) fn shared(name: &'static str, served: &[Context]) -> Option<Context> {
    let tracer = TRACER.get()?;
    let mut sampled = served.iter().filter(|context| is_sampled(context));
    let parent = sampled.next()?;
    let links = sampled.map(|context| Link::with_context(context.span().span_context().clone())).collect();
    let count = i64::try_from(served.len()).unwrap_or(i64::MAX);
    let builder = SpanBuilder::from_name(name)
        .with_links(links)
        .with_attributes([KeyValue::new("db.operation.batch.size", count)]);
    Some(parent.with_span(tracer.build_with_context(builder, parent)))
}

/// Whether spans beneath this context are recorded.
pub fn is_sampled(context: &Context) -> bool {
    context.span().span_context().is_sampled()
}

/// The span of a context, for links.
pub fn span_of(context: &Context) -> SpanContext {
    context.span().span_context().clone()
}

/// Whether two contexts are of one trace.
pub fn same(one: &Context, other: &Context) -> bool {
    one.span().span_context().trace_id() == other.span().span_context().trace_id()
}

/// What is known in one context, beneath the span of another.
pub fn beneath(known: &Context, span: &Context) -> Context {
    known.with_remote_span_context(span_of(span))
}

/// Now, for the start of a span.
pub fn now() -> SystemTime {
    opentelemetry::time::now()
}

/// Says something more about the current span.
pub fn note(attributes: impl FnOnce() -> Vec<KeyValue>) {
    Context::map_current(|current| note_on(current, attributes));
}

/// Says something more about the span of a context.
pub fn note_on(context: &Context, attributes: impl FnOnce() -> Vec<KeyValue>) {
    if is_sampled(context) {
        context.span().set_attributes(attributes());
    }
}

/// Links the current span to one of another trace, to be followed in Jaeger.
pub(crate) fn link(to: &Context) {
    Context::map_current(|current| {
        let (span, other) = (current.span(), span_of(to));
        if span.span_context().trace_id() != other.trace_id() {
            span.add_link(other, Vec::new());
        }
    });
}

/// Marks the span of a context as failed.
pub fn failed(context: &Context, why: impl Into<Cow<'static, str>>) {
    context.span().set_status(Status::error(why));
}

/// Ends the span of a context; nothing where it is not of this program.
pub fn end(context: &Context) {
    context.span().end();
}

/// A context in which nothing is recorded, here or by the programs that are called: for what goes by the clock.
pub fn untraced() -> Context {
    let ids = RandomIdGenerator::default();
    let span = SpanContext::new(
        ids.new_trace_id(),
        ids.new_span_id(),
        TraceFlags::default(),
        true,
        TraceState::default(),
    );
    Context::new().with_remote_span_context(span)
}
