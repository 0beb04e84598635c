//! What it answers: one record as DeDi does, subscriptions as the classic registry does, and its health.

use axum::{
    Json, Router,
    extract::{
        Path, Request, State,
        rejection::{JsonRejection, PathRejection},
    },
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use p2p_runtime::http::Refused;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::listed::{Listed, Subscriber};

/// A classic look-up. What is not told does not matter.
#[derive(Debug, Deserialize)]
struct Wanted {
    subscriber_id: Option<String>,
    key_id: Option<String>,
    domain: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// All routes.
pub fn routes(listed: Listed) -> Router {
    let well = get(async || Json(json!({"status": "ok"})));
    Router::new()
        .route("/lookup/{subscriber}/subscribers.beckn.one/{key}", get(record))
        .route("/lookup", post(subscriptions))
        .route("/health", well.clone())
        .route("/health/ready", well.clone())
        .route("/health/live", well)
        .fallback(async || refused(StatusCode::NOT_FOUND, "there is nothing here"))
        .method_not_allowed_fallback(async || refused(StatusCode::METHOD_NOT_ALLOWED, "not by this method"))
        .layer(middleware::from_fn(refuse))
        .with_state(listed)
}

/// What was refused before it was a request.
async fn refuse(request: Request, next: Next) -> Response {
    match request.extensions().get() {
        Some(Refused { status, why }) => refused(*status, why),
        None => next.run(request).await,
    }
}

async fn record(
    State(listed): State<Listed>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Response {
    let Path((subscriber, key)) = match path {
        Ok(path) => path,
        Err(unreadable) => return refused(unreadable.status(), &unreadable.body_text()),
    };
    let is = |listed: &&Subscriber| listed.subscriber_id == subscriber && listed.key_id == key;
    match listed.now().iter().find(is) {
        Some(found) => Json(dedi(found)).into_response(),
        None => refused(StatusCode::NOT_FOUND, "no such record"),
    }
}

fn dedi(found: &Subscriber) -> Value {
    let Subscriber { key_id, network_memberships, ttl, .. } = found;
    let mut data = json!({
        "record_id": key_id,
        "details": found,
        "network_memberships": network_memberships,
    });
    if let Some(ttl) = ttl {
        data["ttl"] = json!(ttl);
    }
    json!({"message": "Record retrieved successfully", "data": data})
}

async fn subscriptions(
    State(listed): State<Listed>,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Response {
    match wanted {
        Ok(Json(wanted)) => {
            let listed = listed.now();
            let found: Vec<&Subscriber> = listed.iter().filter(|listed| wanted.is(listed)).collect();
            Json(found).into_response()
        }
        Err(unreadable) => refused(unreadable.status(), &unreadable.body_text()),
    }
}

impl Wanted {
    fn is(&self, listed: &Subscriber) -> bool {
        let fits = |wanted: &Option<String>, told: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| told == Some(wanted))
        };
        let more = |field: &str| listed.more.get(field).and_then(Value::as_str);
        fits(&self.subscriber_id, Some(&listed.subscriber_id))
            && fits(&self.key_id, Some(&listed.key_id))
            && fits(&self.domain, more("domain"))
            && fits(&self.kind, more("type"))
    }
}

fn refused(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({"message": why}))).into_response()
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use axum::{
        body::{Body, to_bytes},
        http::Request,
    };
    use tower::ServiceExt;

    use super::*;

    const A: &str = r#"{"subscriber_id":"a.example","key_id":"k1","signing_public_key":"one","type":"BAP","url":"u",
        "network_memberships":["n/1"],"ttl":60,"status":"SUBSCRIBED"}"#;
    const B: &str = r#"{"subscriber_id":"b.example","key_id":"k1","signing_public_key":"two","type":"BPP"}"#;

    fn start(name: &str) -> (PathBuf, Router) {
        let path = std::env::temp_dir().join(format!("p2p-registry-{name}-{}.json", std::process::id()));
        fs::write(&path, format!("[{A},{B}]")).unwrap();
        (path.clone(), routes(Listed::open(path).unwrap()))
    }

    async fn ask(app: &Router, method: &str, path: &str, body: &str) -> (u16, Value) {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let answer = app.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&to_bytes(answer.into_body(), 4_096).await.unwrap()).unwrap())
    }

    #[tokio::test]
    async fn a_record_is_told_as_dedi_tells_it() {
        let (path, app) = start("dedi");
        let told = ask(&app, "GET", "/lookup/a.example/subscribers.beckn.one/k1", "").await;
        let details = json!({
            "subscriber_id": "a.example", "key_id": "k1", "signing_public_key": "one", "type": "BAP", "url": "u",
            "status": "SUBSCRIBED",
        });
        let data = json!({"record_id": "k1", "details": details, "network_memberships": ["n/1"], "ttl": 60});
        assert_eq!(told, (200, json!({"message": "Record retrieved successfully", "data": data})));
        let none = (404, json!({"message": "no such record"}));
        assert_eq!(ask(&app, "GET", "/lookup/a.example/subscribers.beckn.one/k2", "").await, none);
        fs::remove_file(path).unwrap();
    }

    #[tokio::test]
    async fn subscriptions_are_told_as_the_classic_registry_tells_them() {
        let (path, app) = start("classic");
        let second = json!({
            "subscriber_id": "b.example", "key_id": "k1", "signing_public_key": "two", "type": "BPP",
        });
        for wanted in [r#"{"subscriber_id":"b.example","key_id":"k1"}"#, r#"{"type":"BPP"}"#] {
            assert_eq!(ask(&app, "POST", "/lookup", wanted).await, (200, json!([second])), "{wanted}");
        }
        assert_eq!(ask(&app, "POST", "/lookup", r#"{"key_id":"k2"}"#).await, (200, json!([])));
        fs::remove_file(path).unwrap();
    }

    #[tokio::test]
    async fn what_it_does_not_answer_it_says_in_json() {
        let (path, app) = start("refused");
        for (method, target, status) in [
            ("GET", "/", 404),
            ("GET", "/lookup", 405),
            ("POST", "/lookup", 400),
            ("POST", "/subscribe", 404),
        ] {
            let (told, body) = ask(&app, method, target, "[").await;
            assert!(told == status && body["message"].is_string(), "{method} {target}: {told} {body}");
        }
        assert_eq!(ask(&app, "GET", "/health", "").await, (200, json!({"status": "ok"})));
        fs::remove_file(path).unwrap();
    }

    #[tokio::test]
    async fn a_change_of_the_file_is_a_change_of_the_registry() {
        let (path, app) = start("changed");
        let listed = async || ask(&app, "POST", "/lookup", "{}").await.1.as_array().unwrap().len();
        fs::write(&path, format!("[{A}]")).unwrap();
        assert_eq!(listed().await, 1);
        fs::write(&path, "[").unwrap();
        assert_eq!(listed().await, 1, "what cannot be read changes nothing");
        fs::remove_file(&path).unwrap();
        assert_eq!(listed().await, 1, "what is away changes nothing");
        fs::write(&path, "[]").unwrap();
        assert_eq!(listed().await, 0);
        fs::remove_file(path).unwrap();
    }
}
