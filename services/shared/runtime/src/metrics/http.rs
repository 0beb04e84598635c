//! Requests of HTTP servers (semantic conventions, "HTTP").

use std::{sync::LazyLock, time::Instant};

use axum::{
    extract::{MatchedPath, Request},
    http::Method,
    middleware::Next,
    response::Response,
};

use super::{Histogram, KeyValue, OTHER, durations, is_on};

static DURATION: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    durations(
        "http.server.request.duration",
        "From a request's head to its answer, by route as it is declared.",
    )
});

/// Measures a request. It goes by the route's template; what no route matches is one route.
pub async fn measure(request: Request, next: Next) -> Response {
    if !is_on() {
        return next.run(request).await;
    }
    let began = Instant::now();
    let method = known(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let route = route.map_or_else(|| OTHER.to_owned(), |route| route.as_str().to_owned());
    let status = i64::from(response.status().as_u16());
    let attributes = [
        KeyValue::new("http.request.method", method),
        KeyValue::new("http.route", route),
        KeyValue::new("http.response.status_code", status),
    ];
    DURATION.record(began.elapsed().as_secs_f64(), &attributes);
    response
}

/// A method as a label; what HTTP does not define is the conventions' `_OTHER`.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "_OTHER",
    }
}
