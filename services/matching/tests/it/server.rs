//! A running service on a fresh database.

use std::time::Duration;

use p2p_matching::Config;
use p2p_proto::matching::matching_service_client::MatchingServiceClient;
use p2p_runtime::{
    Env, Stop, Tasks,
    grpc::{DeadlineChannel, Service, channel},
};
use tokio::net::TcpListener;

const DEADLINE: Duration = Duration::from_secs(10);

/// Serves until dropped.
pub struct Server {
    /// How it is reached.
    pub channel: DeadlineChannel,
    /// Its database.
    pub database: String,
    stop: Stop,
    tasks: Tasks,
}

impl Server {
    /// On a new database.
    pub async fn start() -> Self {
        Self::start_on(p2p_testkit::database().await.unwrap()).await
    }

    /// On this database, be it there or not.
    pub async fn start_on(database: String) -> Self {
        let config = Config::from_env(&Env::of([
            ("MATCHING_DATABASE_URL", database.as_str()),
            p2p_testkit::ALLOW_OFF,
        ]))
        .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().into();
        let channel = channel(&config.between, Service::Matching, address, DEADLINE).unwrap();
        let (stop, tasks) = (Stop::new(), Tasks::new());
        let serving = p2p_matching::serve(config, listener, stop.clone());
        tasks.spawn(async { serving.await.unwrap() });
        Self { channel, database, stop, tasks }
    }

    /// A client of it.
    pub fn client(&self) -> MatchingServiceClient<DeadlineChannel> {
        MatchingServiceClient::new(self.channel.clone())
    }

    /// Stops it and waits until it has drained.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.drained().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
