//! Logs on standard output: a line an event, with the trace id of the work that it belongs to.

use std::{fmt, io::IsTerminal};

use opentelemetry::{Context, trace::TraceContextExt};
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{self, Writer},
    },
    prelude::*,
    registry::LookupSpan,
};

use crate::{Env, EnvError};

const FILTER: &str = "info,sqlx=warn,sea_orm_migration=warn,h2=warn,fred=error,opentelemetry_sdk=off";

/// `LOG_FORMAT`: one JSON object a line, or text for people.
#[derive(Clone, Copy)]
enum Style {
    Json,
    Pretty,
}

impl std::str::FromStr for Style {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "json" => Ok(Self::Json),
            "pretty" => Ok(Self::Pretty),
            _ => Err("must be json or pretty"),
        }
    }
}

/// Which request of a client the work at hand belongs to: its `x-request-id`.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// Starts logging as `LOG_FORMAT` and `RUST_LOG` say.
pub(crate) fn start(env: &Env) -> Result<(), EnvError> {
    let style = env.value("LOG_FORMAT", Style::Pretty)?;
    let text = env.text("RUST_LOG", FILTER);
    let filter = EnvFilter::try_new(&text).map_err(|e| EnvError::Invalid {
        name: "RUST_LOG",
        text,
        why: e.to_string(),
    })?;
    let colours = std::io::stdout().is_terminal();
    let lines = tracing_subscriber::fmt::layer();
    let layer = match style {
        Style::Json => {
            let json = format::format().json().flatten_event(true).with_span_list(false);
            lines.json().event_format(WithIds { inner: json, style }).boxed()
        }
        Style::Pretty => {
            let text = format::format().with_ansi(colours);
            lines.with_ansi(colours).event_format(WithIds { inner: text, style }).boxed()
        }
    };
    tracing_subscriber::registry().with(filter).with(layer).init();
    // In the log, with the ids of its request, and not beside it.
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "a task has panicked")));
    Ok(())
}

/// A format, and the ids at the end of each line.
struct WithIds<F> {
    inner: F,
    style: Style,
}

impl<S, N, F> FormatEvent<S, N> for WithIds<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut to: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.inner.format_event(context, Writer::new(&mut line), event)?;
        Context::map_current(|current| {
            let span = current.span();
            let trace = span.span_context().trace_id();
            let trace = span.span_context().is_valid().then_some(trace);
            let request = current.get::<RequestId>().map(|id| id.0.as_str());
            match self.style {
                Style::Json => in_json(&mut to, &line, trace, request),
                Style::Pretty => in_text(&mut to, &line, trace, request),
            }
        })
    }
}

fn in_json(
    to: &mut Writer<'_>,
    line: &str,
    trace: Option<impl fmt::Display>,
    request: Option<&str>,
) -> fmt::Result {
    to.write_str(line.trim_end().strip_suffix('}').unwrap_or(line))?;
    if let Some(trace) = trace {
        write!(to, r#","trace_id":"{trace}""#)?;
    }
    if let Some(request) = request {
        // Rust escapes quotation marks and backslashes as JSON does, and there is nothing else to escape in an id.
        write!(to, r#","request_id":{request:?}"#)?;
    }
    to.write_str("}\n")
}

fn in_text(
    to: &mut Writer<'_>,
    line: &str,
    trace: Option<impl fmt::Display>,
    request: Option<&str>,
) -> fmt::Result {
    to.write_str(line.trim_end())?;
    if let Some(trace) = trace {
        write!(to, " trace_id={trace}")?;
    }
    if let Some(request) = request {
        write!(to, " request_id={request}")?;
    }
    to.write_char('\n')
}

/// An error with all its causes, for the log.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
