//! What all gRPC servers and clients of ours have in common.

mod between;
mod channel;
mod health;
mod incoming;
mod limits;
mod measured;
mod replicas;
mod service;
mod targets;
mod tls;
mod token;
mod traced;
mod whole;

pub use between::Between;
pub use channel::{DeadlineChannel, Head, channel};
pub use limits::{MOST_ANSWER, MOST_REQUEST};
pub use measured::Measured;
pub use service::Service;
pub use targets::{Targets, TargetsError};
pub use traced::Traced;
pub use whole::Whole;

pub(crate) use health::LIVE;

use p2p_proto::FILE_DESCRIPTOR_SET;
use sea_orm::DatabaseConnection;
use tokio::net::TcpListener;
use tonic::service::Routes;

use self::{
    health::Readiness,
    incoming::incoming,
    limits::{AGE, BoundedServer, USUAL},
    measured::MeasuredServer,
    traced::TracedServer,
};
use crate::{Stop, Tasks, unless_stalled};

const HEALTH: &str = "grpc.health.v1.Health";
const REFLECTION_V1: &str = "grpc.reflection.v1.ServerReflection";
const REFLECTION_V1ALPHA: &str = "grpc.reflection.v1alpha.ServerReflection";

/// Serves the routes with health and reflection (v1 and v1alpha, with comments) until `stop`, then lets calls
/// under way end. `services` are the full names of what the routes serve; `between` says who may call them.
///
/// # Errors
/// When the transport fails.
pub async fn serve(
    routes: Routes,
    services: &[&str],
    between: &Between,
    db: DatabaseConnection,
    listener: TcpListener,
    stop: Stop,
) -> anyhow::Result<()> {
    let tasks = Tasks::new();
    let health = Readiness::of(services, db, &tasks, stop.clone());
    let routes = routes
        .add_service(health)
        .add_service(reflection(services).with_service_name(REFLECTION_V1).build_v1()?)
        .add_service(reflection(services).with_service_name(REFLECTION_V1ALPHA).build_v1alpha()?);
    let server = between
        .secured(limits::server(AGE))?
        .layer(MeasuredServer)
        .layer(between.admission())
        .layer(TracedServer)
        .layer(BoundedServer::new(USUAL))
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming(listener), stop.clone().cancelled_owned());
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
