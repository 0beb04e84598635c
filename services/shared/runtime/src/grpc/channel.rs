//! The way to a program of ours.

use std::{net::SocketAddr, time::Duration};

use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint, Error},
};

use super::{
    Between, Measured, Service, Targets, Traced, Whole,
    limits::{ALIVE_WITHIN, KEEPALIVE},
    replicas::Replicas,
};

pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A client's channel: every call carries its deadline to the server, and our token.
pub type DeadlineChannel = InterceptedService<Traced<Measured<Whole>>, Head>;

/// Puts the same deadline, and the token if programs share one, on every call.
#[derive(Debug, Clone)]
pub struct Head {
    deadline: Duration,
    token: Option<MetadataValue<Ascii>>,
}

impl Interceptor for Head {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.set_timeout(self.deadline);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

/// One connection, or one to each replica.
#[derive(Debug, Clone)]
pub(super) enum Way {
    One(Channel),
    Many(Replicas),
}

/// A channel to a program of ours that connects when it is first used and again whenever it must. A single literal
/// address is one connection; anything else is resolved again and again, and its calls are spread over what is found.
///
/// # Errors
/// When the address is none, or the certificates cannot be used.
pub fn channel(
    between: &Between,
    service: Service,
    targets: Targets,
    deadline: Duration,
) -> Result<DeadlineChannel, Error> {
    let connector = Connector { between: between.clone(), service, deadline };
    let way = match targets.literal() {
        Some(address) => Way::One(connector.endpoint(address)?.connect_lazy()),
        None => Way::Many(Replicas::start(targets, connector)),
    };
    let head = Head { deadline, token: between.tokens().map(|tokens| tokens.sent()) };
    Ok(InterceptedService::new(Traced::client(Measured::client(Whole(way))), head))
}

/// How the addresses of a service are connected to.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    between: Between,
    service: Service,
    pub deadline: Duration,
}

impl Connector {
    /// One of them.
    pub fn endpoint(&self, address: SocketAddr) -> Result<Endpoint, Error> {
        Ok(self
            .between
            .endpoint(self.service, address)?
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(self.deadline)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(ALIVE_WITHIN)
            .keep_alive_while_idle(true))
    }
}
