//! gRPC health (grpc.health.v1): whether a server, and each service that it serves, can do its work.
//!
//! It can while its database answers and it does not drain. Other services of ours do not count: each says for itself
//! whether it is well, and most of what a server does goes on without the others - the order service accepts, answers,
//! queues and expires while catalog or matching is away, and goes on with the rest when they are back. Were readiness
//! handed on, one service that is away would take the whole house out of service, and with it what mends it.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream, stream::BoxStream};
use sea_orm::DatabaseConnection;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tonic::{Request, Response, Status};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse,
    health_check_response::ServingStatus,
    health_server::{Health, HealthServer},
};

use crate::{Stop, Tasks, metrics};

/// Asked of by name, health says whether the program answers at all: a restart mends that, and no absent database.
pub(crate) const LIVE: &str = "live";
const INTERVAL: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(2);

/// What a server can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Its work.
    Ready,
    /// Nothing, for its database is away, or has not answered yet.
    Waiting,
    /// What it has begun.
    Draining,
}

impl State {
    fn status(self) -> ServingStatus {
        match self {
            Self::Ready => ServingStatus::Serving,
            Self::Waiting | Self::Draining => ServingStatus::NotServing,
        }
    }
}

/// Answers for the server (the empty name) and for each of its services; all stand and fall together.
#[derive(Debug)]
pub(super) struct Readiness {
    services: Arc<[String]>,
    state: watch::Receiver<State>,
}

impl Readiness {
    /// Follows the database until `stop`.
    pub fn of(
        services: &[&str],
        db: DatabaseConnection,
        tasks: &Tasks,
        stop: Stop,
    ) -> HealthServer<impl Health> {
        let (told, state) = watch::channel(State::Waiting);
        tasks.spawn(follow(db, told, stop));
        let services = services.iter().map(|name| (*name).to_owned()).collect();
        HealthServer::new(Self { services, state })
    }

    fn known(&self, request: Request<HealthCheckRequest>) -> Result<(), Status> {
        let name = request.into_inner().service;
        let known = name.is_empty() || self.services.contains(&name);
        if known { Ok(()) } else { Err(Status::not_found("no such service is served here")) }
    }
}

#[tonic::async_trait]
impl Health for Readiness {
    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if request.get_ref().service == LIVE {
            return Ok(Response::new(answer(ServingStatus::Serving)));
        }
        self.known(request)?;
        Ok(Response::new(answer(self.state.borrow().status())))
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        self.known(request)?;
        Ok(Response::new(changes(self.state.clone())))
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

/// The status now, and each change of it. It ends when the server drains, for an open stream would hold it up.
fn changes(state: watch::Receiver<State>) -> BoxStream<'static, Result<HealthCheckResponse, Status>> {
    let next = |(mut state, told): (watch::Receiver<State>, Option<ServingStatus>)| async move {
        loop {
            let now = *state.borrow_and_update();
            if told != Some(now.status()) {
                let change = answer(now.status());
                return Some((Ok(change), (state, Some(now.status()))));
            }
            if now == State::Draining {
                return None;
            }
            state.changed().await.ok()?;
        }
    };
    stream::unfold((state, None), next).boxed()
}

async fn follow(db: DatabaseConnection, state: watch::Sender<State>, stop: Stop) {
    stop.run_until_cancelled(follow_database(&db, &state)).await;
    state.send_replace(State::Draining);
}

async fn follow_database(db: &DatabaseConnection, state: &watch::Sender<State>) {
    loop {
        let alive = timeout(PATIENCE, db.ping()).await.is_ok_and(|ping| ping.is_ok());
        metrics::dependency("postgresql", alive);
        let now = if alive { State::Ready } else { State::Waiting };
        state.send_if_modified(|state| std::mem::replace(state, now) != now);
        sleep(INTERVAL).await;
    }
}
