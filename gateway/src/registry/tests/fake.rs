//! A registry that answers as it is told, on a free port.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};
use p2p_runtime::Tasks;
use serde_json::{Value, json};
use tokio::sync::watch;
use url::Url;

/// The registry; clones are the same.
#[derive(Clone)]
pub struct Fake(Arc<Told>);

struct Told {
    base: Url,
    answer: Mutex<(u16, String)>,
    open: watch::Sender<bool>,
    asked: AtomicUsize,
    last: Mutex<String>,
}

impl Fake {
    /// Answers 404 until it is told otherwise.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/registry", listener.local_addr().unwrap()).parse().unwrap();
        let answer = Mutex::new((404, json!({"message": "no such record"}).to_string()));
        let (asked, last) = (AtomicUsize::new(0), Mutex::default());
        let fake = Self(Arc::new(Told { base, answer, open: watch::Sender::new(true), asked, last }));
        let app = Router::new().fallback(answer_as_told).with_state(fake.clone());
        Tasks::new().spawn(async move { axum::serve(listener, app).await.unwrap() });
        fake
    }

    pub fn base(&self) -> Url {
        self.0.base.clone()
    }

    pub fn answers(&self, status: u16, body: impl ToString) {
        *self.0.answer.lock().unwrap() = (status, body.to_string());
    }

    /// Whether it answers now, or lets wait.
    pub fn open(&self, open: bool) {
        self.0.open.send_replace(open);
    }

    /// How often it was asked until now.
    pub fn asked(&self) -> usize {
        self.0.asked.load(Ordering::SeqCst)
    }

    /// Method, path and body of what it was asked last.
    pub fn last(&self) -> String {
        self.0.last.lock().unwrap().clone()
    }
}

async fn answer_as_told(State(Fake(told)): State<Fake>, request: Request) -> Response {
    let asked = format!("{} {}", request.method(), request.uri());
    let body = axum::body::to_bytes(request.into_body(), 1024).await.unwrap();
    *told.last.lock().unwrap() = format!("{asked} {}", String::from_utf8_lossy(&body));
    told.asked.fetch_add(1, Ordering::SeqCst);
    told.open.subscribe().wait_for(|open| *open).await.unwrap();
    let (status, body) = told.answer.lock().unwrap().clone();
    (StatusCode::from_u16(status).unwrap(), [(LOCATION, "/elsewhere")], body).into_response()
}

/// A record of DeDi.
pub fn dedi(details: Value, more: Value) -> Value {
    let mut data = json!({"record_id": "k1", "details": details, "network_memberships": ["n/1"]});
    data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"message": "Record retrieved successfully", "data": data})
}

/// DeDi's details of `a.example`.
pub fn details() -> Value {
    json!({
        "url": "https://a.example/beckn", "type": "BPP", "domain": "beckn.one:deg:p2p-trading",
        "subscriber_id": "a.example", "signing_public_key": "public", "encr_public_key": "other",
    })
}
