//! What all gRPC servers and clients of ours have in common.

mod whole;

pub use whole::Whole;

use std::{net::SocketAddr, time::Duration};

use p2p_proto::FILE_DESCRIPTOR_SET;
use sea_orm::DatabaseConnection;
use tokio::{net::TcpListener, time::timeout};
use tonic::{
    Request, Status,
    service::{Interceptor, Routes, interceptor::InterceptedService},
    transport::{Endpoint, Server, server::TcpIncoming},
};
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::{Stop, Tasks, unless_stalled};

const HEALTH: &str = "grpc.health.v1.Health";
/// Asked of by name, health says whether the program answers at all: a restart mends that, and no absent database.
const LIVE: &str = "live";
const REFLECTION_V1: &str = "grpc.reflection.v1.ServerReflection";
const REFLECTION_V1ALPHA: &str = "grpc.reflection.v1alpha.ServerReflection";
const KEEPALIVE: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const HEALTH_INTERVAL: Duration = Duration::from_secs(1);
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);

/// Serves the routes with health and reflection (v1 and v1alpha, with comments) until `stop`, then lets calls
/// under way end. `services` are the full names of what the routes serve.
///
/// # Errors
/// When the transport fails.
pub async fn serve(
    routes: Routes,
    services: &[&str],
    db: DatabaseConnection,
    listener: TcpListener,
    stop: Stop,
) -> anyhow::Result<()> {
    let (reporter, health) = tonic_health::server::health_reporter();
    let tasks = Tasks::new();
    tasks.spawn(watch_database(reporter, db, stop.clone()));
    let routes = routes
        .add_service(health)
        .add_service(reflection(services).with_service_name(REFLECTION_V1).build_v1()?)
        .add_service(reflection(services).with_service_name(REFLECTION_V1ALPHA).build_v1alpha()?);
    // Without it small frames wait for the peer's delayed acknowledgement, 40 ms each.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let server = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming, stop.clone().cancelled_owned());
    unless_stalled(&stop, server).await?;
    tasks.drained().await;
    Ok(())
}

/// Reflection on these services, on health, and on the details of errors.
fn reflection<'a>(services: &[&str]) -> tonic_reflection::server::Builder<'a> {
    let builder = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
        .with_service_name(HEALTH);
    services.iter().fold(builder, |builder, name| builder.with_service_name(*name))
}

/// Keeps the health of the whole server (the empty service name) at what the database is.
async fn watch_database(reporter: HealthReporter, db: DatabaseConnection, stop: Stop) {
    reporter.set_service_status(LIVE, ServingStatus::Serving).await;
    loop {
        let alive = timeout(HEALTH_TIMEOUT, db.ping()).await.is_ok_and(|ping| ping.is_ok());
        let status = if alive { ServingStatus::Serving } else { ServingStatus::NotServing };
        reporter.set_service_status("", status).await;
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(HEALTH_INTERVAL) => {}
        }
    }
}

/// A client's channel: every call carries its deadline to the server.
pub type DeadlineChannel = InterceptedService<Whole, Deadline>;

/// Puts the same deadline on every call.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Duration);

impl Interceptor for Deadline {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.set_timeout(self.0);
        Ok(request)
    }
}

/// A channel to a program of ours that connects when it is first used and again whenever it must.
///
/// # Errors
/// When the address is none.
pub fn channel(address: SocketAddr, deadline: Duration) -> Result<DeadlineChannel, tonic::transport::Error> {
    let channel = Endpoint::from_shared(format!("http://{address}"))?
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(deadline)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_while_idle(true)
        .connect_lazy();
    Ok(InterceptedService::new(Whole(channel), Deadline(deadline)))
}
