//! Whether the gateway and what it leans on are well (seed.md, "Health Check").

use std::time::Duration;

use axum::{extract::State, http::StatusCode, response::Response};
use futures::future::join_all;
use serde::Serialize;
use tokio::time::timeout;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{app::App, beckn::instant, reply};

const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Serialize)]
struct Health {
    /// ok; degraded without Redis: everything works, more slowly; unavailable without PostgreSQL.
    status: &'static str,
    service: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<[&'static str; 2]>,
    postgres: &'static str,
    redis: &'static str,
    timestamp: String,
    services: std::collections::BTreeMap<&'static str, &'static str>,
}

fn word(well: bool) -> &'static str {
    if well { "connected" } else { "disconnected" }
}

/// `GET /health` of buyer's and seller's side.
pub async fn prosumer(State(app): State<App>) -> Response {
    answer(&app, "prosumer", Some(["bap", "bpp"])).await
}

/// `GET /health` of the CDS.
pub async fn cds(State(app): State<App>) -> Response {
    answer(&app, "cds-mock", None).await
}

/// `GET /health/live`: the program runs.
pub async fn live() -> Response {
    reply::json(&serde_json::json!({ "status": "ok" }))
}

/// `GET /health/ready`: trades can be accepted.
pub async fn ready(State(app): State<App>) -> Response {
    let joined = app.exchange.gateway().is_ok();
    let ready = joined && databases(&app).await.values().all(|well| *well);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    reply::json_with(status, &serde_json::json!({ "status": if ready { "ok" } else { "unavailable" } }))
}

async fn answer(app: &App, service: &'static str, roles: Option<[&'static str; 2]>) -> Response {
    let (databases, redis) = tokio::join!(databases(app), app.transactions.cache_answers());
    let postgres = databases.values().all(|well| *well);
    let health = Health {
        status: match (postgres, redis) {
            (true, true) => "ok",
            (true, false) => "degraded",
            (false, _) => "unavailable",
        },
        service,
        roles,
        postgres: word(postgres),
        redis: word(redis),
        timestamp: instant(app.clock.now()),
        services: databases.into_iter().map(|(name, well)| (name, word(well))).collect(),
    };
    reply::json_with(if postgres { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &health)
}

/// Whether each service says that its database answers. Of several replicas one is asked that can be reached: a service
/// is well while any of them is, for that is when trades are.
pub async fn databases(app: &App) -> std::collections::BTreeMap<&'static str, bool> {
    let checks = app.services.channels.iter().map(|(name, channel)| async move {
        let mut client = HealthClient::new(channel.clone());
        let check = client.check(HealthCheckRequest { service: String::new() });
        let serving = match timeout(PATIENCE, check).await {
            Ok(Ok(answer)) => answer.into_inner().status() == ServingStatus::Serving,
            Ok(Err(_)) | Err(_) => false,
        };
        (*name, serving)
    });
    join_all(checks).await.into_iter().collect()
}
