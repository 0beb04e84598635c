//! HTTP answers: JSON always, errors with a sentence.

use std::{borrow::Cow, collections::BTreeMap, error::Error, panic::AssertUnwindSafe};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request, rejection::BytesRejection},
    http::{HeaderValue, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use futures::FutureExt;
use p2p_proto::{InvalidMessage, reason};
use p2p_runtime::http::{Late, Refused};
use percent_encoding::percent_decode_str;
use serde::{Serialize, de::DeserializeOwned};
use tonic::{Code, Status};

use crate::{
    access::Who,
    app::App,
    beckn::{ErrorBody, Fault, Invalid, Reply, code, rejection, turned_away, unfit},
    named::not_found,
    observe::current_request_id,
    signed::Presented,
};

const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// The reason of what goes beyond a caller's quota: its sentence says which.
pub const QUOTA: &str = "QUOTA_EXCEEDED";

/// A JSON text with its status.
pub fn json_text(status: StatusCode, text: String) -> Response {
    let mut response =
        (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], text).into_response();
    if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS);
    }
    response
}

/// An answer of Beckn.
pub fn reply(reply: Reply) -> Response {
    json_text(StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), reply.text)
}

/// The answer to a message that is not stored; `code` is of the seed's.
pub fn rejected(invalid: &Invalid, status: StatusCode, code: &str, at: DateTime<Utc>) -> Response {
    let error = ErrorBody::new(code, invalid.why());
    reply(rejection(invalid, status.as_u16(), at, error, current_request_id()))
}

/// How what is refused before anything is asked about it is answered (beckn-network.md §2).
pub fn status_of_fault(fault: &Fault) -> StatusCode {
    match fault.code.split_once('_') {
        Some(("AUT", _)) => StatusCode::UNAUTHORIZED,
        Some(("NET", "DOWNSTREAM_UNAVAILABLE")) => StatusCode::SERVICE_UNAVAILABLE,
        Some(("NET", "INTERNAL_ERROR")) => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// A value as JSON.
pub fn json<T: Serialize>(value: &T) -> Response {
    json_with(StatusCode::OK, value)
}

/// A value as JSON with a status.
pub fn json_with<T: Serialize>(status: StatusCode, value: &T) -> Response {
    match serde_json::to_string(value) {
        Ok(text) => json_text(status, text),
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written");
            ApiError::internal().into_response()
        }
    }
}

/// `{error}` with a status, and what else belongs to it.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    body: serde_json::Value,
}

impl ApiError {
    /// A status with a sentence.
    pub fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, body: serde_json::json!({ "error": error.into() }) }
    }

    /// 400 with a sentence.
    pub fn bad_request(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    /// 404 with a sentence.
    pub fn not_found(error: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, error)
    }

    /// 500 without details.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error")
    }

    /// Says something before the sentence.
    pub fn after(mut self, first: &str) -> Self {
        let sentence = self.body["error"].as_str().unwrap_or_default();
        self.body["error"] = format!("{first}: {sentence}").into();
        self
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Its sentence.
    pub fn sentence(&self) -> String {
        self.body["error"].as_str().unwrap_or_default().to_owned()
    }

    /// Adds a field beside the sentence.
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.body[name] = value.into();
        self
    }
}

impl ApiError {
    /// In the form of the route.
    pub fn answer(self, who: Who, now: DateTime<Utc>) -> Response {
        match who {
            Who::Peer => self.into_nack(now),
            _ => self.into_response(),
        }
    }

    /// Where Beckn is spoken: a NACK, without the context, which nobody has read.
    pub fn into_nack(self, now: DateTime<Utc>) -> Response {
        let code = match self.status {
            StatusCode::FORBIDDEN => code::FORBIDDEN,
            StatusCode::TOO_MANY_REQUESTS => code::INTERNAL,
            status if status.is_server_error() => code::INTERNAL,
            _ => code::INVALID,
        };
        let sentence = self.body["error"].as_str().unwrap_or_default();
        let error = ErrorBody::new(code, sentence);
        reply(turned_away(self.status.as_u16(), now, error, current_request_id()))
    }
}

impl IntoResponse for ApiError {
    fn into_response(mut self) -> Response {
        if let Some(id) = current_request_id() {
            self.body["request_id"] = id.into();
        }
        json_with(self.status, &self.body)
    }
}

/// How a failed call of a service is answered: what the caller got wrong, or that it may try again.
pub fn status_of(error: &Status) -> StatusCode {
    match error.code() {
        Code::InvalidArgument | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::FailedPrecondition | Code::AlreadyExists => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Internal | Code::DataLoss | Code::Unimplemented => StatusCode::INTERNAL_SERVER_ERROR,
        // A connection that broke in the middle of a call is Unknown.
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// What is said about a failed call: the service's own sentence only where it is about the caller's input.
pub fn sentence_of(error: &Status) -> String {
    match status_of(error) {
        StatusCode::NOT_FOUND => {
            let known = reason(error).and_then(|reason| not_found(&reason));
            known.unwrap_or_else(|| error.message()).to_owned()
        }
        StatusCode::BAD_REQUEST | StatusCode::CONFLICT => error.message().to_owned(),
        StatusCode::INTERNAL_SERVER_ERROR => "internal error".into(),
        StatusCode::TOO_MANY_REQUESTS if reason(error).as_deref() == Some(QUOTA) => {
            error.message().to_owned()
        }
        _ => "the service is not available, try again".into(),
    }
}

impl From<Status> for ApiError {
    fn from(error: Status) -> Self {
        if status_of(&error).is_client_error() {
            tracing::debug!(%error, "a service refused what a client asked for");
        } else {
            tracing::warn!(%error, "a service did not do as asked");
        }
        Self::new(status_of(&error), sentence_of(&error))
    }
}

impl From<InvalidMessage> for ApiError {
    /// What a service said is not what it should be: a fault of ours.
    fn from(error: InvalidMessage) -> Self {
        tracing::error!(%error, "a service's answer cannot be read");
        Self::internal()
    }
}

/// A request's body: UTF-8 within the route's limit.
#[derive(Debug)]
pub struct Text(pub String);

impl<S: Send + Sync> FromRequest<S> for Text {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, state).await.map_err(unread)?;
        let text = String::from_utf8(bytes.into()).map_err(|e| {
            let at = e.utf8_error().valid_up_to();
            ApiError::bad_request(format!("the body is not UTF-8 at byte {at}"))
        })?;
        Ok(Self(text))
    }
}

/// A Beckn message, to the byte, and what it presents to show who sent it.
#[derive(Debug, Clone)]
pub struct Message {
    /// The exact text.
    pub body: String,
    /// Not believed yet.
    pub presented: Presented,
}

impl FromRequest<App> for Message {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let presented = Presented::of(request.headers());
        let Text(body) =
            Text::from_request(request, app).await.map_err(|error| error.into_nack(app.clock.now()))?;
        Ok(Self { body, presented })
    }
}

/// A request whose body has come, within the route's limit.
///
/// # Errors
/// When it does not.
pub async fn whole(request: Request) -> Result<Request, ApiError> {
    let (parts, body) = request.into_parts();
    // The route's limit is among the extensions.
    let mut coming = Request::new(body);
    coming.extensions_mut().clone_from(&parts.extensions);
    let bytes = Bytes::from_request(coming, &()).await.map_err(unread)?;
    Ok(Request::from_parts(parts, bytes.into()))
}

/// Why a body was not read.
fn unread(error: BytesRejection) -> ApiError {
    if is_late(&error) {
        return ApiError::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time");
    }
    let why = if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        "the body is too large"
    } else {
        "the body cannot be read"
    };
    ApiError::new(error.status(), why)
}

/// Whether a body did not come in time.
fn is_late(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |&error| error.source()).any(<dyn Error>::is::<Late>)
}

/// A request's body as a JSON object. An empty body is an empty object.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let Text(text) = Text::from_request(request, state).await?;
        let text = if text.trim().is_empty() { "{}" } else { text.trim_start() };
        if !text.starts_with('{') {
            return Err(ApiError::bad_request("the body must be a JSON object"));
        }
        if let Some(why) = unfit(text) {
            return Err(ApiError::bad_request(why));
        }
        let value = serde_json::from_str(text)
            .map_err(|e| ApiError::bad_request(format!("the body cannot be read: {e}")))?;
        Ok(Self(value))
    }
}

/// Answers what was refused before it was a request.
pub async fn refuse(request: Request, next: Next) -> Response {
    match request.extensions().get::<Refused>() {
        Some(Refused { status, why }) => ApiError::new(*status, *why).into_response(),
        None => next.run(request).await,
    }
}

/// Answers a request whose work panicked; what it said is in the log.
pub async fn survive(request: Request, next: Next) -> Response {
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    answered.unwrap_or_else(|_said| ApiError::internal().into_response())
}

/// Most entries of one page.
const MOST_LISTED: u32 = 1_000;

/// `?limit=&cursor=` of a list.
#[derive(Debug, Default)]
pub struct PageQuery {
    /// How many at most; 1 to 1,000.
    pub limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    pub cursor: String,
}

impl PageQuery {
    /// As the services take it: 0 for as many as usual, 100.
    pub fn size(&self) -> u32 {
        self.limit.unwrap_or_default()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PageQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let told = told(parts.uri.query().unwrap_or_default())?;
        let bad = || ApiError::bad_request(format!("limit must be a whole number from 1 to {MOST_LISTED}"));
        let limit = told.get("limit").map(|limit| limit.parse::<u32>().map_err(|_e| bad())).transpose()?;
        if limit.is_some_and(|limit| !(1..=MOST_LISTED).contains(&limit)) {
            return Err(bad());
        }
        Ok(Self { limit, cursor: told.get("cursor").cloned().unwrap_or_default() })
    }
}

/// What a query says: each name once, texts that can be kept.
///
/// # Errors
/// Names what is not so.
pub fn told(query: &str) -> Result<BTreeMap<String, String>, ApiError> {
    let mut told = BTreeMap::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let [name, value] = [name, value].map(|text| {
            let text = text.replace('+', " ");
            percent_decode_str(&text).decode_utf8().map(Cow::into_owned)
        });
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(ApiError::bad_request("the query is not UTF-8"));
        };
        if name.contains('\0') || value.contains('\0') {
            return Err(ApiError::bad_request("the query has a NUL"));
        }
        if told.contains_key(&name) {
            return Err(ApiError::bad_request(format!("{name:.64} is given twice")));
        }
        told.insert(name, value);
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use axum::{
        Router,
        body::{Body, to_bytes},
        middleware,
        routing::get,
    };
    use tower::ServiceExt;

    use super::*;
    use crate::observe::observe;

    #[tokio::test]
    async fn a_handler_that_panics_is_an_error_of_ours_with_its_request() {
        let panics = || async {
            if true {
                panic!("on purpose")
            }
        };
        let app = Router::new().route("/", get(panics)).layer(middleware::from_fn(survive));
        let app = app.layer(middleware::from_fn(observe));
        let request = Request::get("/").header("x-request-id", "r-1").body(Body::empty()).unwrap();
        let answer = app.oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let said = to_bytes(answer.into_body(), 1_000).await.unwrap();
        assert_eq!(said, r#"{"error":"internal error","request_id":"r-1"}"#);
    }

    #[test]
    fn a_query_says_each_thing_once() {
        let of = |query: &str| told(query).map_err(|e| e.body["error"].to_string());
        assert_eq!(of("a=1&b=x+y%2B&&c").unwrap()["b"], "x y+");
        assert!(of("a=1&%61=2").unwrap_err().contains("a is given twice"));
        assert!(of("a=%ff").unwrap_err().contains("UTF-8"));
        assert!(of("a=%00").unwrap_err().contains("NUL"));
    }
}
