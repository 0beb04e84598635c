//! The operations port: `GET /metrics` in Prometheus' text format.

use std::{
    net::{Ipv4Addr, SocketAddr},
    str::FromStr,
    time::Duration,
};

use anyhow::Context;
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Registry, TEXT_FORMAT, TextEncoder, process_collector::ProcessCollector};
use tokio::{net::TcpListener, runtime::Handle, time::timeout};

use super::{install, runtime};
use crate::{
    Env, EnvError, Stop, Tasks,
    http::{self, Connections, Door, Patience},
    trace,
};

const ADDRESS: &str = "METRICS_ADDR";
/// Where each program serves on one machine. Others, which do one thing and end, have no operations port.
const PORTS: [(&str, u16); 4] = [("gateway", 9464), ("catalog", 9465), ("matching", 9466), ("order", 9467)];
/// Most connections at once.
const MOST_READERS: usize = 64;
/// How long the end of a program waits for one who reads.
const PATIENCE: Duration = Duration::from_secs(1);

/// `METRICS_ADDR`: ip:port, or `off`.
#[derive(Clone, Copy)]
enum Place {
    At(SocketAddr),
    Off,
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            _ => text.parse().map(Self::At).map_err(|_no_address| "must be ip:port, or off"),
        }
    }
}

/// The operations server, until it is ended.
#[derive(Debug, Default)]
pub(crate) struct Operations {
    stop: Stop,
    tasks: Tasks,
}

/// Starts to measure, and serves what is measured. `METRICS_ADDR=off`: neither.
///
/// # Errors
/// When the variable cannot be used, or somebody else listens there.
pub(crate) async fn serve(env: &Env, name: &'static str) -> anyhow::Result<Operations> {
    let operations = Operations::default();
    let Some(address) = address(env, name)? else { return Ok(operations) };
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {ADDRESS} {address}; choose another ip:port, or off"))?;
    let app = Router::new().route("/metrics", get(show)).with_state(registry(name)?);
    let app = app.layer(middleware::from_fn(http::refuse));
    runtime::watch(&Handle::current());
    tracing::info!(address = %listener.local_addr()?, "operations port serves /metrics");
    let door = Door::new(Connections { most: MOST_READERS, per_peer: 0 });
    operations.tasks.spawn(http::serve(listener, app, door, Patience::default(), operations.stop.clone()));
    Ok(operations)
}

fn address(env: &Env, name: &str) -> Result<Option<SocketAddr>, EnvError> {
    let Some((_, port)) = PORTS.into_iter().find(|(program, _)| *program == name) else { return Ok(None) };
    Ok(match env.value(ADDRESS, Place::At((Ipv4Addr::LOCALHOST, port).into()))? {
        Place::At(address) => Some(address),
        Place::Off => None,
    })
}

/// What OpenTelemetry measures, and the process beside it.
fn registry(name: &'static str) -> anyhow::Result<Registry> {
    let registry = Registry::new();
    registry.register(Box::new(ProcessCollector::for_self()))?;
    let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone());
    let exporter = exporter.scope_info_enabled(false).build()?;
    let provider = SdkMeterProvider::builder().with_reader(exporter).with_resource(trace::resource(name));
    install(provider.build());
    Ok(registry)
}

async fn show(State(registry): State<Registry>) -> Response {
    match TextEncoder::new().encode_to_string(&registry.gather()) {
        Ok(text) => ([(CONTENT_TYPE, TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

impl Operations {
    /// Ends, when everything else has ended.
    pub async fn end(self) {
        self.stop.cancel();
        // Whoever reads so slowly reads in vain.
        let _ = timeout(PATIENCE, self.tasks.drained()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_program_has_its_port_unless_told_otherwise_and_one_off_programs_have_none() {
        let told = |variables: &[(&str, &str)], name| {
            let env = match variables {
                [one] => Env::of([*one]),
                _ => Env::of([]),
            };
            address(&env, name).map(|address| address.map(|address| address.to_string()))
        };
        let default = |name| told(&[], name).unwrap();
        assert_eq!(default("gateway").as_deref(), Some("127.0.0.1:9464"));
        assert_eq!(default("order").as_deref(), Some("127.0.0.1:9467"));
        assert_eq!(default("migrate"), None);
        assert_eq!(told(&[(ADDRESS, "0.0.0.0:1")], "catalog").unwrap().as_deref(), Some("0.0.0.0:1"));
        assert_eq!(told(&[(ADDRESS, "0.0.0.0:1")], "seed").unwrap(), None);
        assert_eq!(told(&[(ADDRESS, "off")], "catalog").unwrap(), None);
        let error = told(&[(ADDRESS, "9464")], "catalog").unwrap_err().to_string();
        assert_eq!(error, r#"METRICS_ADDR="9464" cannot be used: must be ip:port, or off"#);
    }
}
