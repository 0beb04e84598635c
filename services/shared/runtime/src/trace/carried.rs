//! Trace context as it is carried: in headers (W3C Trace Context), in rows, and in the transaction id of a trade.

use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tonic::codegen::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use super::sampler::Ratio;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";
/// What participants must carry on at least (W3C Trace Context, 3.3.1.5); longer ones are dropped.
const LONGEST_STATE: usize = 512;

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let text = self.0.get(name)?.to_str().ok()?;
        (name != TRACESTATE || text.len() <= LONGEST_STATE).then_some(text)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct HeadersMut<'a>(&'a mut HeaderMap);

impl Injector for HeadersMut<'_> {
    fn set(&mut self, name: &str, value: String) {
        // Ids are hexadecimal, and a state was read from a header.
        let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::try_from(value)) else {
            return;
        };
        if !value.is_empty() {
            self.0.insert(name, value);
        }
    }
}

/// What a request says that it belongs to; none when it does not say so, or not in the form of the standard.
pub fn extract(headers: &HeaderMap) -> Option<Context> {
    headers.get(TRACEPARENT)?;
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers));
    context.span().span_context().is_valid().then_some(context)
}

/// Puts a context into a request's headers.
pub fn inject(context: &Context, headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(context, &mut HeadersMut(headers));
}

/// The current context as a `traceparent`; empty when there is none.
pub fn traceparent() -> String {
    Context::map_current(|current| {
        let span = current.span();
        let context = span.span_context();
        if !context.is_valid() {
            return String::new();
        }
        let flags = context.trace_flags() & TraceFlags::SAMPLED;
        format!("00-{}-{}-{flags:02x}", context.trace_id(), context.span_id())
    })
}

/// The context that a `traceparent` tells; none when it tells none.
pub fn from_traceparent(text: &str) -> Option<Context> {
    let mut headers = HeaderMap::new();
    headers.insert(TRACEPARENT, HeaderValue::from_str(text).ok()?);
    extract(&headers)
}

/// What all of a trade is beneath when its client says nothing else: the trace id is the transaction's UUID (UUIDv5 of
/// the id if it is none, or nil), the span id the first 8 bytes of UUIDv5(trace id, "root"). Nobody ever records that
/// span, so every gateway derives the same one by itself.
pub fn of_trade(transaction_id: &str) -> Context {
    let trace = Uuid::parse_str(transaction_id)
        .ok()
        .filter(|id| !id.is_nil())
        .unwrap_or_else(|| Uuid::new_v5(&Uuid::NAMESPACE_OID, transaction_id.as_bytes()));
    let (root, _) = Uuid::new_v5(&trace, b"root").as_u64_pair();
    let trace = TraceId::from_bytes(trace.into_bytes());
    let flags = match Ratio::of_roots().samples(trace) {
        true => TraceFlags::SAMPLED,
        false => TraceFlags::default(),
    };
    let span =
        SpanContext::new(trace, SpanId::from_bytes(root.to_be_bytes()), flags, true, TraceState::default());
    Context::new().with_remote_span_context(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trade_is_found_under_its_transaction_id() {
        let id = "7f9c24e8-3b12-4fef-91e2-0a1b2c3d4e5f";
        let context = of_trade(id);
        assert_eq!(context.span().span_context().trace_id().to_string(), id.replace('-', ""));
        assert_eq!(span(&context), span(&of_trade(id)));
    }

    #[test]
    fn an_id_that_is_no_uuid_or_nil_has_a_trace_all_the_same() {
        for id in ["txn-1", "00000000-0000-0000-0000-000000000000"] {
            let context = of_trade(id);
            assert!(context.span().span_context().is_valid(), "{id}");
            assert_eq!(span(&context), span(&of_trade(id)));
        }
    }

    #[test]
    fn a_context_is_read_as_it_was_written_and_nonsense_is_none() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context = from_traceparent(text).unwrap();
        let _current = context.attach();
        assert_eq!(traceparent(), text);
        for nonsense in
            ["", "00-4bf9-00f0-01", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "\n"]
        {
            assert!(from_traceparent(nonsense).is_none(), "{nonsense:?}");
        }
    }

    #[test]
    fn a_long_state_is_dropped_and_its_context_kept() {
        let mut headers = HeaderMap::new();
        headers
            .insert(TRACEPARENT, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap());
        headers.insert(TRACESTATE, format!("a={}", "b".repeat(LONGEST_STATE)).parse().unwrap());
        let context = extract(&headers).unwrap();
        assert_eq!(context.span().span_context().trace_state().header(), "");
    }

    fn span(context: &Context) -> SpanContext {
        context.span().span_context().clone()
    }
}
