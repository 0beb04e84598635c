//! A collector of traces that remembers them: OTLP over gRPC, as the specification has it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1,
};
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

use crate::client::until;

/// A span; ids are hexadecimal digits, the parent of a root is empty.
#[derive(Debug, Clone)]
pub struct Span {
    pub service: String,
    pub trace: String,
    pub id: String,
    pub parent: String,
    pub name: String,
    /// Texts and whole numbers.
    pub attributes: BTreeMap<String, String>,
    /// Traces of other spans that it is linked to.
    pub links: Vec<String>,
}

/// The receiver.
#[derive(Debug, Clone, Default)]
pub struct Collector {
    pub endpoint: String,
    spans: Arc<Mutex<Vec<Span>>>,
    /// All that came, with what is no attribute of a span.
    heard: Arc<Mutex<String>>,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Value| match value {
        Value::StringValue(text) => Some(text),
        Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    };
    attributes.into_iter().filter_map(|a| Some((a.key, text(a.value?.value?)?))).collect()
}

fn span(service: &str, span: v1::Span) -> Span {
    Span {
        service: service.to_owned(),
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        name: span.name,
        attributes: texts(span.attributes),
        links: span.links.iter().map(|link| hex(&link.trace_id)).collect(),
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.heard.lock().unwrap().push_str(&format!("{:?}", request.get_ref()));
        for of_program in request.into_inner().resource_spans {
            let resource = texts(of_program.resource.unwrap_or_default().attributes);
            for name in ["service.version", "service.instance.id"] {
                assert!(resource.contains_key(name), "{resource:?}");
            }
            let spans = of_program.scope_spans.into_iter().flat_map(|scope| scope.spans);
            let service = &resource["service.name"];
            self.spans.lock().unwrap().extend(spans.map(|seen| span(service, seen)));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let collector = Self { endpoint, ..Self::default() };
        let server = Server::builder().add_service(TraceServiceServer::new(collector.clone()));
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        collector
    }

    /// What sends its spans here, soon.
    pub fn variables(&self) -> [(&'static str, &str); 2] {
        [("OTEL_EXPORTER_OTLP_ENDPOINT", &self.endpoint), ("OTEL_BSP_SCHEDULE_DELAY", "50")]
    }

    /// All that has come so far.
    pub fn spans(&self) -> Spans {
        Spans(self.spans.lock().unwrap().iter().map(|span| (span.id.clone(), span.clone())).collect())
    }

    /// All that has come, as text.
    pub fn heard(&self) -> String {
        self.heard.lock().unwrap().clone()
    }

    /// Waits for a span that is like that.
    pub async fn has(&self, what: &str, like: impl Fn(&Span) -> bool) -> Span {
        until(what, async || {
            let spans = self.spans();
            spans
                .0
                .values()
                .find(|span| like(span))
                .cloned()
                .ok_or_else(|| format!("{} spans", spans.0.len()))
        })
        .await
    }
}

/// Spans by their ids.
#[derive(Debug)]
pub struct Spans(pub HashMap<String, Span>);

impl Spans {
    /// The span, its parent, and so on.
    pub fn line<'a>(&'a self, span: &'a Span) -> impl Iterator<Item = &'a Span> {
        std::iter::successors(Some(span), |span| self.0.get(&span.parent))
    }

    /// All beneath a span.
    pub fn beneath<'a>(&'a self, above: &'a Span) -> impl Iterator<Item = &'a Span> {
        self.0.values().filter(|span| self.line(span).skip(1).any(|one| one.id == above.id))
    }

    pub fn named(&self, name: &str) -> Result<&Span, String> {
        self.0.values().find(|span| span.name == name).ok_or_else(|| format!("there is no {name}"))
    }
}
