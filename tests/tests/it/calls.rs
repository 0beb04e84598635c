//! RPCs, counted on their way.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tonic::{
    body::Body,
    codegen::http::Request,
    transport::{Channel, Server, server::TcpIncoming},
};
use tower::{ServiceExt, service_fn};

use crate::system::listen;

/// How many of each name.
pub type Counts = BTreeMap<String, u64>;

/// Counts by name. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Counter(Arc<Mutex<Counts>>);

impl Counter {
    pub fn add(&self, name: &str) {
        *self.0.lock().unwrap().entry(name.to_owned()).or_default() += 1;
    }

    /// What was counted since this was last asked.
    pub fn take(&self) -> Counts {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// Counts calls by the method's name: `Record`.
#[derive(Debug, Clone, Default)]
pub struct Calls(pub Counter);

impl Calls {
    /// An address whose calls are counted and passed on to the service.
    pub async fn on_the_way_to(&self, service: SocketAddr) -> SocketAddr {
        let (listener, address) = listen().await;
        let channel = Channel::from_shared(format!("http://{service}")).unwrap().connect_lazy();
        let counter = self.0.clone();
        let pass_on = service_fn(move |request: Request<Body>| {
            counter.add(request.uri().path().rsplit('/').next().unwrap_or_default());
            channel.clone().oneshot(request)
        });
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        tokio::spawn(Server::builder().serve_with_incoming(pass_on, incoming));
        address
    }
}
