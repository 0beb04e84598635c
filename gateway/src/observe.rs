//! What the outside sees of a request: its span, its ids, and the ids in its answer.
//!
//! A trade is one trace (README, "A trade in Jaeger"): a request whose client says nothing of a trace is beneath the
//! context that follows from its transaction id. That id is in the body, so the span of such a request begins when the
//! body has been read, with the arrival as its start.

use std::{
    sync::{Arc, OnceLock, Weak},
    time::SystemTime,
};

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode},
    middleware::Next,
    response::Response,
};
use p2p_domain::TransactionId;
use p2p_runtime::{
    RequestId,
    trace::{self, Context, FutureExt, KeyValue, Place, SpanKind},
};
use uuid::Uuid;

use crate::{access::Shed, beckn};

/// Names a request of a client, in its answer, in the log, and on the way to other programs.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const LONGEST_REQUEST_ID: usize = 128;
/// What is asked again and again by clients and orchestrators.
const UNTRACED: [&str; 2] = ["/health", "/api/transactions"];
/// Requests whose body says which trade they belong to.
const OF_TRADES: [&str; 10] = [
    "/api/",
    "/callbacks/",
    "/discover",
    "/select",
    "/init",
    "/confirm",
    "/status",
    "/cancel",
    "/on_",
    "/catalog/",
];

/// A request that has arrived.
#[derive(Debug)]
struct Arrival {
    method: Method,
    /// As it is declared; empty when there is none.
    route: String,
    since: SystemTime,
    /// What the client says that it belongs to.
    told: Option<Context>,
    /// Its span, once it has one.
    span: OnceLock<Context>,
}

/// Gives a request its ids and its span, and its answer the headers that name them.
pub async fn observe(request: Request, next: Next) -> Response {
    let arrival = Arc::new(Arrival::of(&request));
    let id = request_id(request.headers());
    // Weak: the span's context, which the arrival has, has this value too.
    let known = Context::new().with_value(RequestId(id.clone())).with_value(Arc::downgrade(&arrival));
    let context = match arrival.kind() {
        Kind::Untraced => trace::beneath(&known, &trace::untraced()),
        Kind::OfTrade => known.clone(),
        Kind::Other => arrival.begin(&known, None, Vec::new),
    };
    let mut response = next.run(request).with_context(context.clone()).await;
    let context = match arrival.kind() {
        Kind::Untraced => context,
        // Refused before it said which trade it belongs to.
        Kind::OfTrade | Kind::Other => arrival.begin(&known, None, Vec::new),
    };
    let refused = response.status().is_client_error() || response.status().is_server_error();
    if refused && response.extensions().get::<Shed>().is_none() {
        let _current = context.clone().attach();
        let Arrival { method, route, .. } = arrival.as_ref();
        tracing::info!(%method, route, status = response.status().as_u16(), "refused");
    }
    conclude(&context, &mut response, &id);
    response
}

/// The context of a request that has said which trade it belongs to: what is done for it, is done there.
pub fn in_trade(transaction: &TransactionId, more: impl FnOnce() -> Vec<KeyValue>) -> Context {
    let current = Context::current();
    let Some(arrival) = current.get::<Weak<Arrival>>().and_then(Weak::upgrade) else { return current };
    arrival.begin(&current, Some(transaction), || {
        let mut attributes = more();
        attributes.push(KeyValue::new("beckn.transaction_id", transaction.to_string()));
        attributes
    })
}

/// What a message says of itself.
pub fn facts(context: &beckn::Context) -> Vec<KeyValue> {
    let mut facts = vec![
        KeyValue::new("beckn.action", context.action.clone()),
        KeyValue::new("beckn.message_id", context.message_id.to_string()),
        KeyValue::new("beckn.bap_id", context.bap_id.to_string()),
    ];
    facts.extend(context.bpp_id.as_ref().map(|id| KeyValue::new("beckn.bpp_id", id.to_string())));
    facts
}

/// How a request is traced: looks, only where the client asks for it.
enum Kind {
    Untraced,
    OfTrade,
    Other,
}

impl Arrival {
    fn of(request: &Request) -> Self {
        let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
        Self {
            method: request.method().clone(),
            route: route.unwrap_or_default(),
            since: trace::now(),
            told: trace::extract(request.headers()),
            span: OnceLock::new(),
        }
    }

    fn kind(&self) -> Kind {
        let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| self.route.starts_with(prefix));
        if begins(&UNTRACED) || (self.method == Method::GET && self.told.is_none()) {
            Kind::Untraced
        } else if self.method == Method::POST && begins(&OF_TRADES) {
            Kind::OfTrade
        } else {
            Kind::Other
        }
    }

    /// Begins the span, once.
    fn begin(
        &self,
        known: &Context,
        trade: Option<&TransactionId>,
        more: impl FnOnce() -> Vec<KeyValue>,
    ) -> Context {
        let span = self.span.get_or_init(|| {
            let of_trade = trade.map(|transaction| trace::of_trade(transaction.as_str()));
            let parent = self.told.as_ref().or(of_trade.as_ref());
            // The way from a trace of the client's own to what else there is of the trade.
            let links = match (&self.told, &of_trade) {
                (Some(told), Some(trade)) if !trace::same(told, trade) => vec![trace::span_of(trade)],
                _ => Vec::new(),
            };
            let parent = parent.map_or_else(|| known.clone(), |parent| trace::beneath(known, parent));
            let name = format!("{} {}", self.method, self.route);
            let place = Place { parent, links, since: Some(self.since) };
            trace::begin(name.trim_end().to_owned(), SpanKind::Server, place, || {
                let mut attributes = vec![
                    KeyValue::new("http.request.method", self.method.to_string()),
                    KeyValue::new("http.route", self.route.clone()),
                ];
                attributes.extend(more());
                attributes
            })
        });
        span.clone()
    }
}

/// The client's own, if it is fit to be logged; else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let own = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(|id| {
        (1..=LONGEST_REQUEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
    });
    own.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

fn conclude(context: &Context, response: &mut Response, id: &str) {
    trace::inject(context, response.headers_mut());
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    if !trace::is_sampled(context) {
        return;
    }
    let status = response.status();
    trace::note_on(context, || vec![KeyValue::new("http.response.status_code", i64::from(status.as_u16()))]);
    if status >= StatusCode::INTERNAL_SERVER_ERROR {
        trace::failed(context, status.to_string());
    }
    trace::end(context);
}

/// The id of the request that is being answered.
pub fn current_request_id() -> Option<String> {
    Context::map_current(|current| current.get::<RequestId>().map(|id| id.0.clone()))
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, middleware, routing::post};
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn what_is_known_of_a_request_is_freed_with_its_answer() {
        let seen = Arc::new(OnceLock::new());
        let see = seen.clone();
        let handler = || async move {
            in_trade(&TransactionId::new(chrono::DateTime::UNIX_EPOCH), Vec::new);
            let arrival = Context::current().get::<Weak<Arrival>>().cloned().unwrap();
            assert!(arrival.upgrade().is_some());
            see.set(arrival).unwrap();
        };
        let app = Router::new().route("/api/select", post(handler)).layer(middleware::from_fn(observe));
        let request = Request::post("/api/select").body(Body::empty()).unwrap();
        let answer = app.oneshot(request).await.unwrap();
        assert!(answer.headers().contains_key(REQUEST_ID));
        assert!(seen.get().unwrap().upgrade().is_none());
    }
}
