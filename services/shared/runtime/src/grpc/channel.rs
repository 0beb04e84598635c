//! The way to a program of ours.

use std::{net::SocketAddr, time::Duration};

use tonic::{
    Request, Status,
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint, Error},
};

use super::{
    Measured, Targets, Traced, Whole,
    limits::{ALIVE_WITHIN, KEEPALIVE},
    replicas::Replicas,
};

pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A client's channel: every call carries its deadline to the server.
pub type DeadlineChannel = InterceptedService<Traced<Measured<Whole>>, Deadline>;

/// Puts the same deadline on every call.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Duration);

impl Interceptor for Deadline {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.set_timeout(self.0);
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
/// When the address is none.
pub fn channel(targets: Targets, deadline: Duration) -> Result<DeadlineChannel, Error> {
    let way = match targets.literal() {
        Some(address) => Way::One(endpoint(address, deadline)?.connect_lazy()),
        None => Way::Many(Replicas::start(targets, deadline)),
    };
    Ok(InterceptedService::new(Traced::client(Measured::client(Whole(way))), Deadline(deadline)))
}

/// How one address is connected to.
pub(super) fn endpoint(address: SocketAddr, deadline: Duration) -> Result<Endpoint, Error> {
    Ok(Endpoint::from_shared(format!("http://{address}"))?
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(deadline)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(ALIVE_WITHIN)
        .keep_alive_while_idle(true))
}
