//! HTTP/1.1 servers that nobody can hold up: every head, body, pause and answer has its deadline, heads have their
//! limits, and a message whose end two readers could see in two places is refused.
//!
//! hyper has a deadline for heads only, drops a Content-Length beside a Transfer-Encoding silently, and what it refuses
//! by itself has no body. So each connection goes through [`Guarded`], which looks at heads and at where bodies end, and
//! hands hyper a request that is answered in JSON in place of one that is refused.

mod body;
mod chunks;
mod door;
mod guarded;
mod head;

pub use body::Late;
pub use door::{Connections, Door, Place, listen, network_of};

use std::{
    net::SocketAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

use self::{body::Timely, guarded::Guarded};
use crate::{Stop, Tasks};

/// Most bytes of a head: the request line, and all headers.
const HEAD_BYTES: usize = 16 * 1024;
/// Most headers.
const HEADERS: usize = 64;
/// What hyper reads ahead, and gathers of an answer.
const BUFFER_BYTES: usize = 64 * 1024;

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a head: from the connection's beginning or the head's first byte to its end.
    pub head: Duration,
    /// For a whole body, however it trickles.
    pub body: Duration,
    /// Between two requests. Longer than clients keep a connection, so that none is closed as it is used again.
    pub idle: Duration,
    /// To take an answer that does not fit into the system's buffers.
    pub answer: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(5),
            body: Duration::from_secs(10),
            idle: Duration::from_secs(120),
            answer: Duration::from_secs(30),
        }
    }
}

/// Why a request was refused before it was one. An extension of the request that stands in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// 400 or 431.
    pub status: StatusCode,
    /// A sentence.
    pub why: &'static str,
}

impl Refused {
    const fn bad(why: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, why }
    }

    const fn too_large(why: &'static str) -> Self {
        Self { status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, why }
    }
}

/// Which request of a connection was refused, counted from 1: its last.
type Refusal = Arc<OnceLock<(u64, Refused)>>;

/// Serves until `stop`, then lets requests under way end.
pub async fn serve(listener: TcpListener, app: Router, door: Door, patience: Patience, stop: Stop) {
    let tasks = Tasks::new();
    loop {
        let (stream, peer, place) = tokio::select! {
            entered = door.enter(&listener) => entered,
            () = stop.cancelled() => break,
        };
        // A socket that cannot be set so is slower, nothing else.
        let _ = stream.set_nodelay(true);
        let connection = connection(stream, peer, app.clone(), patience, stop.clone());
        tasks.spawn(async move {
            connection.await;
            drop(place);
        });
    }
    drop(listener);
    tasks.drained().await;
}

async fn connection(stream: TcpStream, peer: SocketAddr, app: Router, patience: Patience, stop: Stop) {
    let refusal = Refusal::default();
    let guarded = Guarded::new(stream, patience, refusal.clone());
    let count = AtomicU64::new(0);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let nth = count.fetch_add(1, Ordering::Relaxed) + 1;
        let mut request = request.map(|body| Body::new(Timely::new(body, patience.body)));
        request.extensions_mut().insert(ConnectInfo(peer));
        if let Some((_, refused)) = refusal.get().filter(|(at, _)| *at == nth) {
            request.extensions_mut().insert(*refused);
        }
        app.clone().oneshot(request)
    });
    let mut builder = http1::Builder::new();
    // Who has said all closes its half, and still wants the answer.
    let served =
        builder.half_close(true).max_buf_size(BUFFER_BYTES).serve_connection(TokioIo::new(guarded), service);
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = &mut served => ended,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, error = crate::chain(&error), "a connection ended early");
    }
}

/// Answers what was refused before it was a request, in plain text.
pub async fn refuse(request: Request, next: Next) -> Response {
    match request.extensions().get::<Refused>() {
        Some(Refused { status, why }) => (*status, *why).into_response(),
        None => next.run(request).await,
    }
}

#[cfg(test)]
mod tests;
