use std::{
    collections::HashSet,
    net::{SocketAddr, TcpListener},
};

use tokio::{io::AsyncReadExt, runtime::Runtime};
use tonic::Code;
use tonic_health::{
    ServingStatus,
    pb::{HealthCheckRequest, health_client::HealthClient},
    server::{HealthReporter, HealthService},
};

use super::*;
use crate::grpc::{
    Between, DeadlineChannel, Service, channel,
    incoming::incoming,
    limits::{AGE, server},
};

const DEADLINE: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that dies, with its connections, when it is dropped.
struct Program {
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Program {
    /// On a port that was free. What it says of its health tells it from others.
    fn start(says: ServingStatus) -> Self {
        Self::listen(&TcpListener::bind("127.0.0.1:0").unwrap(), says)
    }

    fn again(address: SocketAddr) -> Self {
        Self::listen(&TcpListener::bind(address).unwrap(), ServingStatus::Serving)
    }

    fn listen(listener: &TcpListener, says: ServingStatus) -> Self {
        Self::of_age(listener, says, AGE)
    }

    /// Whose connections end so early.
    fn of_age(listener: &TcpListener, says: ServingStatus, age: Duration) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        listener.set_nonblocking(true).unwrap();
        let (listener, address) = (listener.try_clone().unwrap(), listener.local_addr().unwrap());
        let tasks = Tasks::new();
        let _entered = runtime.enter();
        let incoming = incoming(tokio::net::TcpListener::from_std(listener).unwrap());
        tasks.spawn(async move {
            let reporter = HealthReporter::new();
            reporter.set_service_status("", says).await;
            let health = HealthService::from_health_reporter(reporter);
            let health = tonic_health::pb::health_server::HealthServer::new(health);
            server(age).add_service(health).serve_with_incoming(incoming).await.unwrap();
        });
        Self { address, runtime: Some(runtime) }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn to(addresses: &[SocketAddr]) -> DeadlineChannel {
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    named(&addresses.join(","))
}

fn named(targets: &str) -> DeadlineChannel {
    channel(&Between::default(), Service::Order, targets.parse().unwrap(), DEADLINE).unwrap()
}

async fn ask(channel: &DeadlineChannel) -> Result<i32, Status> {
    let answer = HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await?;
    Ok(answer.into_inner().status)
}

/// What so many calls were answered, one after the other.
async fn answers(channel: &DeadlineChannel, calls: usize) -> Vec<Result<i32, Status>> {
    let mut answers = Vec::new();
    for _ in 0..calls {
        answers.push(ask(channel).await);
    }
    answers
}

fn seen(answers: &[Result<i32, Status>]) -> HashSet<i32> {
    answers.iter().map(|answer| *answer.as_ref().unwrap()).collect()
}

async fn until_both_answer(channel: &DeadlineChannel) {
    let both = async { while seen(&answers(channel, 4).await).len() < 2 {} };
    timeout(PATIENCE, both).await.expect("both answer");
}

#[tokio::test]
async fn calls_are_spread_over_all_replicas() {
    let (one, two) = (Program::start(ServingStatus::Serving), Program::start(ServingStatus::NotServing));
    let channel = to(&[one.address, two.address]);
    until_both_answer(&channel).await;
    let answers: Vec<i32> = answers(&channel, 20).await.into_iter().map(Result::unwrap).collect();
    let serving = ServingStatus::Serving as i32;
    assert_eq!(answers.iter().filter(|answer| **answer == serving).count(), 10, "{answers:?}");
}

#[tokio::test]
async fn a_replica_that_was_never_there_costs_no_call() {
    let one = Program::start(ServingStatus::Serving);
    let channel = to(&[free_address(), one.address, free_address()]);
    assert_eq!(seen(&answers(&channel, 50).await).len(), 1);
}

#[tokio::test]
async fn a_replica_that_dies_costs_what_was_under_way_and_is_asked_again_when_it_is_back() {
    let (one, two) = (Program::start(ServingStatus::Serving), Program::start(ServingStatus::NotServing));
    let channel = to(&[one.address, two.address]);
    until_both_answer(&channel).await;
    let address = one.address;
    drop(one);
    // Until its end has been heard of, a call may have been sent.
    let after = answers(&channel, 50).await;
    assert!(after.iter().filter(|answer| answer.is_err()).count() <= 1, "{after:?}");
    assert!(after[4..].iter().all(Result::is_ok), "{after:?}");
    let _one = Program::again(address);
    until_both_answer(&channel).await;
}

#[tokio::test]
async fn when_nobody_is_there_calls_fail_at_once_and_succeed_as_soon_as_somebody_is() {
    let addresses = [free_address(), free_address()];
    let channel = to(&addresses);
    for _ in 0..3 {
        let started = Instant::now();
        assert_eq!(ask(&channel).await.unwrap_err().code(), Code::Unavailable);
        assert!(started.elapsed() < CONNECT_TIMEOUT);
    }
    let _one = Program::again(addresses[1]);
    assert_eq!(ask(&channel).await.unwrap(), ServingStatus::Serving as i32);
}

#[tokio::test]
async fn a_name_is_resolved_and_one_that_is_not_known_is_unavailable_within_the_connect_timeout() {
    let one = Program::start(ServingStatus::Serving);
    let localhost = named(&format!("localhost:{}", one.address.port()));
    assert!(answers(&localhost, 10).await.iter().all(Result::is_ok));
    let unknown = named("no-such-host.invalid:1");
    let started = Instant::now();
    let error = ask(&unknown).await.unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (Code::Unavailable, "no address is known of no-such-host.invalid:1")
    );
    assert!(started.elapsed() < CONNECT_TIMEOUT * 2);
}

#[tokio::test]
async fn a_replica_that_hangs_costs_a_call_its_deadline_and_no_more_calls_after_it() {
    // The kernel makes its connections; nobody reads from them.
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let one = Program::start(ServingStatus::Serving);
    let channel = to(&[hanging.local_addr().unwrap(), one.address]);
    let failed = |answers: &[Result<i32, Status>]| answers.iter().filter(|answer| answer.is_err()).count();
    assert!(failed(&answers(&channel, 20).await) <= 1);
    assert_eq!(failed(&answers(&channel, 20).await), 0);
}

#[tokio::test]
async fn with_the_last_clone_of_a_channel_its_connections_end() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let channel = to(&[listener.local_addr().unwrap(), free_address()]);
    let (mut stream, _) = listener.accept().await.unwrap();
    drop(channel);
    let mut said = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut said)).await.expect("it ends").unwrap();
}

/// Under load, until the connections have been renewed many times.
async fn all_are_answered(channel: &DeadlineChannel) {
    const LASTS: Duration = Duration::from_secs(2);
    let calls = (0..16).map(async |_| {
        let (started, mut made) = (Instant::now(), 0);
        while started.elapsed() < LASTS {
            ask(channel).await.unwrap_or_else(|error| panic!("after {made} calls: {error:?}"));
            made += 1;
        }
        made
    });
    let made: usize = futures::future::join_all(calls).await.into_iter().sum();
    assert!(made > 100, "{made} calls are no load");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_fails_when_a_connection_has_become_old() {
    let young = || TcpListener::bind("127.0.0.1:0").unwrap();
    // Longer than a busy machine takes to read a connection's first bytes: hyper cuts off one that is old before them.
    let age = Duration::from_millis(250);
    let start = || Program::of_age(&young(), ServingStatus::Serving, age);
    let (one, two) = (start(), start());
    let (single, both) = (to(&[one.address]), to(&[one.address, two.address]));
    tokio::join!(all_are_answered(&single), all_are_answered(&both));
}

#[tokio::test]
async fn a_connection_that_says_nothing_ends() {
    let one = Program::start(ServingStatus::Serving);
    let mut silent = tokio::net::TcpStream::connect(one.address).await.unwrap();
    // What the server says of itself first is all that comes.
    let mut said = Vec::new();
    let _ = timeout(PATIENCE, silent.read_to_end(&mut said)).await.expect("it ends");
}
