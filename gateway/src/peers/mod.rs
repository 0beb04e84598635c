//! The one HTTP client for all that goes out: an address guard, deadlines, no redirects, no proxy, and our own gateways
//! served directly when their listener refuses the connection.
//!
//! An address is judged twice: as it is written (`target`), when it comes in and again whenever it is called; and what its
//! name leads to (`names`), by the connector itself. A connection that is kept and used again leads where it led when its
//! address was judged, and is used for the same scheme, name and port only, so a name that changes meanwhile changes nothing.

mod address;
mod allow;
mod config;
mod names;
mod senders;
mod target;
mod tls;

pub use config::PeerConfig;
pub use senders::FromOurselves;
pub use target::Refused;

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header},
};
use p2p_runtime::{
    Reach, RequestId, Tasks,
    trace::{self, KeyValue, SpanKind},
};
use tokio::sync::{Semaphore, oneshot};
use tower::ServiceExt;
use url::Url;

use self::{
    allow::Allow,
    names::{Guarded, Judge, Names, is_not_allowed},
    senders::Senders,
    target::Target,
};
use crate::{
    beckn::{Envelope, Fault, Invalid, lts_code},
    config::Identity,
    observe::REQUEST_ID,
    signature::http,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(8);
const IDLE_PER_PEER: usize = 64;
/// Beyond so many peers those that are not being called are forgotten.
const MOST_PEERS: usize = 10_000;
/// The messages of ours that go to a CDS.
const TO_CDS: [&str; 2] = ["/discover", "/catalog/publish"];
/// Most bytes of an answer that are read.
const MOST_BYTES: usize = 256 * 1024;

/// Why there is no answer. Nothing here says what a name leads to: peers and clients may read it.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The address can never be called.
    #[error("{uri} is no address that can be called: {why}")]
    Address {
        /// As it was written.
        uri: String,
        /// What is wrong with it.
        why: Refused,
    },
    /// Its name leads to no address that may be called, just now.
    #[error("{host} may not be called: its name leads nowhere that is allowed here")]
    NotAllowed {
        /// Host and port.
        host: String,
    },
    /// Nothing was sent.
    #[error("no connection to {host}")]
    Unreachable {
        /// Host and port.
        host: String,
        /// Why not.
        source: reqwest::Error,
    },
    /// Something may have been sent.
    #[error("no answer from {host}")]
    NoAnswer {
        /// Host and port.
        host: String,
        /// Why not.
        source: reqwest::Error,
    },
    /// This gateway stops and waits no longer; something may have been sent.
    #[error("the gateway stops, no answer from {0}")]
    Stopped(String),
}

impl PeerError {
    /// Whether the peer certainly did not get the message.
    pub fn never_sent(&self) -> bool {
        match self {
            Self::Address { .. } | Self::NotAllowed { .. } | Self::Unreachable { .. } => true,
            Self::NoAnswer { .. } | Self::Stopped(_) => false,
        }
    }
}

/// What a peer answered.
#[derive(Debug, Clone)]
pub struct Answered {
    /// HTTP status.
    pub status: StatusCode,
    /// When it wants to be asked again.
    pub retry_after: Option<Duration>,
    /// The body, as far as it was read.
    pub body: Vec<u8>,
    /// The peer's signature over the body.
    pub signature: Option<String>,
}

impl Answered {
    fn bad_gateway() -> Self {
        Self { status: StatusCode::BAD_GATEWAY, retry_after: None, body: Vec::new(), signature: None }
    }
}

/// The client.
#[derive(Clone)]
pub struct Peers {
    /// To what strangers wrote, and to what the operator wrote: names are judged otherwise, connections are not shared.
    strangers: reqwest::Client,
    ours: reqwest::Client,
    allow: Arc<Allow>,
    /// None when only programs of this machine reach us.
    senders: Option<Arc<Senders>>,
    calls_at_once: usize,
    peers: Arc<Mutex<HashMap<String, Arc<Peer>>>>,
    own: Arc<Own>,
    tasks: Tasks,
}

/// A call of a peer for a client, under way or waiting.
#[derive(Debug)]
pub struct Turn {
    peer: Arc<Peer>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.peer.turns.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One host and port.
#[derive(Debug)]
struct Peer {
    /// At most so many at once.
    calls: Semaphore,
    /// One at a time while it fails.
    probe: Semaphore,
    failing: AtomicBool,
    /// How many there are.
    turns: AtomicUsize,
}

struct Own {
    /// Host and port of each gateway of our mailbox.
    hosts: HashSet<String>,
    /// The same, and of all else that the operator wrote: they need no allowance.
    written: HashSet<String>,
    routers: OnceLock<OwnRouters>,
}

struct OwnRouters {
    prosumer: Router,
    cds: Router,
}

impl Peers {
    /// A client of who we are.
    ///
    /// # Errors
    /// When no client can be built.
    pub fn new(
        us: &Identity,
        config: &PeerConfig,
        calls_at_once: usize,
        tasks: &Tasks,
    ) -> anyhow::Result<Self> {
        let places = |uris: &[&String]| uris.iter().filter_map(|uri| target::place(uri)).collect();
        let hosts: HashSet<String> = places(&us.own_uris.iter().collect::<Vec<_>>());
        let mut written: HashSet<String> = places(&[&us.bap_uri, &us.bpp_uri, &us.cds_uri]);
        written.extend(hosts.iter().cloned());
        let names = Names::new(config.nameserver)?;
        let tls = tls::client(&config.authorities)?;
        let allow = Arc::new(config.allow.clone());
        let client = |judge| client(Guarded { names: names.clone(), judge }, tls.clone());
        let senders = match config.reach {
            Reach::Loopback => None,
            Reach::Network => Some(Arc::new(Senders::new(config.senders.clone(), names.clone(), &written))),
        };
        Ok(Self {
            strangers: client(Judge::Allowed(allow.clone()))?,
            ours: client(Judge::Own)?,
            allow,
            senders,
            calls_at_once,
            peers: Arc::default(),
            own: Arc::new(Own { hosts, written, routers: OnceLock::new() }),
            tasks: tasks.clone(),
        })
    }

    /// Whether who calls from there may send Beckn messages. Nobody knows from where: only when everybody may.
    pub async fn admits(&self, sender: Option<IpAddr>) -> bool {
        match (&self.senders, sender) {
            (None, _) => true,
            (Some(senders), Some(sender)) => senders.admit(sender).await,
            (Some(_), None) => false,
        }
    }

    /// Where a request to this address goes, if it can be called at all.
    ///
    /// # Errors
    /// Says why it never can.
    pub fn check(&self, uri: &str) -> Result<(), Refused> {
        self.target(uri).map(|_target| ())
    }

    /// Whether the participants of a message can ever be called: nobody is promised a callback that can never be made.
    ///
    /// # Errors
    /// Names the address that never can.
    pub fn can_answer(&self, envelope: &Envelope<'_>) -> Result<(), Invalid> {
        let context = &envelope.context;
        let (bap, bpp) = context.uri_names();
        let seller = context.bpp_uri.as_deref().map(|uri| (bpp, uri, lts_code::CTX_INVALID_BPP_URI));
        let buyer = (bap, context.bap_uri.as_str(), lts_code::CTX_INVALID_FIELD);
        for (name, uri, code) in [buyer].into_iter().chain(seller) {
            if let Err(why) = self.check(uri) {
                let why = format!("context.{name} cannot be called: {why}");
                return Err(envelope.invalid(Fault::at(code, format!("context.{name}"), why)));
            }
        }
        Ok(())
    }

    /// The client for what the operator wrote.
    pub fn to_the_operators(&self) -> reqwest::Client {
        self.ours.clone()
    }

    fn target(&self, uri: &str) -> Result<Target, Refused> {
        match target::place(uri) {
            Some(place) if self.own.written.contains(&place) => target::own(uri),
            _ => target::strangers(uri, &self.allow),
        }
    }

    /// Tells the client who serves what is addressed to ourselves when the listener does not.
    pub fn serve_own(&self, prosumer: Router, cds: Router) {
        // Set once, by the program's start.
        let _ = self.own.routers.set(OwnRouters { prosumer, cds });
    }

    /// Whether one of our own gateways is reached there.
    pub fn is_own(&self, uri: &str) -> bool {
        target::place(uri).is_some_and(|place| self.own.hosts.contains(&place))
    }

    /// A turn of a client's request to this address; none when so many wait for it already.
    pub fn turn(&self, uri: &str, most: usize) -> Option<Turn> {
        let peer = self.peer(&target::place(uri).unwrap_or_default());
        let one_more = |turns| (turns < most).then_some(turns + 1);
        peer.turns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Turn { peer })
    }

    /// POSTs JSON and reads the answer. At most so many to one host and port at once, and one at a time while it
    /// fails.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post(
        &self,
        uri: &str,
        body: &str,
        authorization: Option<&str>,
    ) -> Result<Answered, PeerError> {
        let target = self.target(uri).map_err(|why| PeerError::Address { uri: uri.to_owned(), why })?;
        let Target { url, host } = target;
        let peer = self.peer(&host);
        // The semaphores are never closed.
        let _call = peer.calls.acquire().await;
        let _probe = match peer.failing.load(Ordering::Relaxed) {
            true => Some(peer.probe.acquire().await),
            false => None,
        };
        let answered = self.send_or_serve(&url, &host, body, headers(authorization));
        let answered = trace::within("POST", SpanKind::Client, || attributes(&url), answered).await;
        // Who says when to come back is well, and has too much to do: what it takes, it takes soon.
        let fails = |answer: &Answered| answer.status.is_server_error() && answer.retry_after.is_none();
        let failed = answered.as_ref().map_or(true, fails);
        peer.failing.store(failed, Ordering::Relaxed);
        answered
    }

    async fn send_or_serve(
        &self,
        url: &Url,
        host: &str,
        body: &str,
        headers: HeaderMap,
    ) -> Result<Answered, PeerError> {
        let answered = match self.send(url, host, body, headers.clone()).await {
            Err(error) if error.never_sent() => match self.own_router(host, url.path()) {
                Some(router) => self.serve_directly(router, url, body, headers).await,
                None => return Err(error),
            },
            answered => answered?,
        };
        let status = answered.status;
        trace::note(|| vec![KeyValue::new("http.response.status_code", i64::from(status.as_u16()))]);
        if !status.is_success() {
            trace::failed(&trace::Context::current(), status.to_string());
        }
        Ok(answered)
    }

    fn peer(&self, host: &str) -> Arc<Peer> {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if peers.len() >= MOST_PEERS {
            peers.retain(|_, peer| Arc::strong_count(peer) > 1);
        }
        let new = || Peer {
            calls: Semaphore::new(self.calls_at_once),
            probe: Semaphore::new(1),
            failing: AtomicBool::new(false),
            turns: AtomicUsize::new(0),
        };
        peers.entry(host.to_owned()).or_insert_with(|| Arc::new(new())).clone()
    }

    async fn send(
        &self,
        url: &Url,
        host: &str,
        body: &str,
        headers: HeaderMap,
    ) -> Result<Answered, PeerError> {
        let failed = |source: reqwest::Error| {
            let host = host.to_owned();
            if is_not_allowed(&source) {
                PeerError::NotAllowed { host }
            } else if source.is_connect() {
                PeerError::Unreachable { host, source }
            } else {
                PeerError::NoAnswer { host, source }
            }
        };
        let client = if self.own.written.contains(host) { &self.ours } else { &self.strangers };
        let request = client.post(url.clone()).headers(headers).body(body.to_owned());
        let mut response = request.send().await.map_err(failed)?;
        let (status, retry_after) = (response.status(), retry_after(response.headers()));
        let signature = signature(response.headers());
        let mut read = Vec::new();
        // A body that is cut off takes nothing back from the status.
        while let Ok(Some(chunk)) = response.chunk().await {
            read.extend_from_slice(&chunk);
            if read.len() > MOST_BYTES {
                break;
            }
        }
        Ok(Answered { status, retry_after, body: read, signature })
    }

    /// As over a connection, what is asked goes on in a task of its own, on a stack of its own.
    async fn serve_directly(&self, router: Router, url: &Url, body: &str, headers: HeaderMap) -> Answered {
        let mut request = Request::new(Body::from(body.to_owned()));
        *request.method_mut() = Method::POST;
        *request.headers_mut() = headers;
        request.extensions_mut().insert(FromOurselves);
        let Ok(path) = url.path().parse() else { return Answered::bad_gateway() };
        *request.uri_mut() = path;
        let (tell, told) = oneshot::channel();
        self.tasks.spawn(async move {
            // Nobody may be waiting any more.
            let _ = tell.send(answer(router, request).await);
        });
        told.await.unwrap_or_else(|_panicked| Answered::bad_gateway())
    }

    /// Of another gateway of ours we know where it listens, not which of its listeners is which; the path tells.
    fn own_router(&self, host: &str, path: &str) -> Option<Router> {
        let routers = self.own.routers.get().filter(|_| self.own.hosts.contains(host))?;
        Some(if TO_CDS.contains(&path) { routers.cds.clone() } else { routers.prosumer.clone() })
    }
}

/// One connection serves one scheme, host and port; its host's name is judged when it is made.
fn client(names: Guarded, tls: rustls::ClientConfig) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .dns_resolver(names)
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .pool_max_idle_per_host(IDLE_PER_PEER)
        .tcp_nodelay(true)
        .build()
}

/// What goes with every request: its kind, the signature where it has one, and the trace that it belongs to.
fn headers(authorization: Option<&str>) -> HeaderMap {
    let mut headers =
        HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    if let Some(value) = authorization.and_then(|value| HeaderValue::from_str(value).ok()) {
        headers.insert(header::AUTHORIZATION, value);
    }
    let current = trace::Context::current();
    trace::inject(&current, &mut headers);
    // What our own gateways do for a client's request is found in their logs by its id.
    if let Some(id) = current.get::<RequestId>().and_then(|id| HeaderValue::from_str(&id.0).ok()) {
        headers.insert(REQUEST_ID, id);
    }
    headers
}

/// Of a call (semantic conventions, "HTTP").
fn attributes(url: &Url) -> Vec<KeyValue> {
    vec![
        KeyValue::new("http.request.method", "POST"),
        KeyValue::new("url.full", url.to_string()),
        KeyValue::new("server.address", url.host_str().unwrap_or_default().to_owned()),
        KeyValue::new("server.port", i64::from(url.port_or_known_default().unwrap_or_default())),
    ]
}

/// Seconds until the peer wants to be asked again.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// The signature over an answer's body.
fn signature(headers: &HeaderMap) -> Option<String> {
    headers.get(http::SIGNATURE)?.to_str().ok().map(str::to_owned)
}

/// What a router answers to a request.
async fn answer(router: Router, request: Request<Body>) -> Answered {
    let Ok(response) = router.oneshot(request).await;
    let (status, retry_after) = (response.status(), retry_after(response.headers()));
    let signature = signature(response.headers());
    match to_bytes(response.into_body(), MOST_BYTES).await {
        Ok(body) => Answered { status, retry_after, body: body.into(), signature },
        Err(_too_long) => Answered::bad_gateway(),
    }
}
