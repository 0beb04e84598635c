//! Clients who are silent or slow, against the shipped gateway.

use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    client::Client,
    programs::{Place, Programs},
};

const SOCKETS: usize = 500;
/// When a head must be whole, and a body.
const HEAD: Duration = Duration::from_secs(5);
const BODY: Duration = Duration::from_secs(10);
/// For a machine that does other things.
const MARGIN: Duration = Duration::from_secs(10);

/// One who takes his time.
#[derive(Debug, Clone, Copy)]
struct Slow {
    begins: &'static str,
    /// What it says every second.
    goes_on: &'static str,
    deadline: Duration,
    /// What it is answered before it is closed.
    told: &'static str,
}

const BODY_TO_COME: &str = "POST /select HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n{";
const KINDS: [Slow; 4] = [
    Slow { begins: "", goes_on: "", deadline: HEAD, told: "" },
    Slow { begins: "GET /health HTTP/1.1\r\nho", goes_on: "", deadline: HEAD, told: "" },
    Slow { begins: BODY_TO_COME, goes_on: "", deadline: BODY, told: "HTTP/1.1 408" },
    Slow { begins: BODY_TO_COME, goes_on: " ", deadline: BODY, told: "HTTP/1.1 408" },
];

/// How long it took until it was closed, and what it was told.
async fn closed(at: &str, slow: Slow) -> (Duration, String) {
    let began = Instant::now();
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(slow.begins.as_bytes()).await.unwrap();
    let mut told = Vec::new();
    loop {
        assert!(began.elapsed() < slow.deadline + MARGIN, "{slow:?} is not closed");
        match timeout(Duration::from_secs(1), stream.read_buf(&mut told)).await {
            Ok(Ok(0) | Err(_)) => break,
            Ok(Ok(_)) => {}
            // It may have been closed meanwhile.
            Err(_) => drop(stream.write_all(slow.goes_on.as_bytes()).await),
        }
    }
    (began.elapsed(), String::from_utf8(told).unwrap())
}

/// Looks, lists and begins trades, one after the other.
async fn honest(client: &Client, answered: &mut usize) {
    loop {
        assert_eq!(client.get("/health").await.status, 200);
        assert_eq!(client.get("/api/transactions?limit=1").await.status, 200);
        client.discover().await;
        *answered += 3;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_slow_sockets_are_closed_at_their_deadline_while_honest_requests_are_answered() {
    let place = Place::new("gateway-1");
    let programs = Programs::new(&[&place], &[]).await;
    let _services = programs.services();
    let gateway = programs.gateway(&place).await;
    let (client, pid) = (place.client(), gateway.pid());
    let at = client.bap.strip_prefix("http://").unwrap().to_owned();
    let slow = join_all(KINDS.into_iter().cycle().take(SOCKETS).map(async |slow| {
        let (took, told) = closed(&at, slow).await;
        assert!(took >= slow.deadline, "{slow:?} was closed after {took:?}");
        assert!(told.starts_with(slow.told), "{slow:?} was told {told:?}");
        assert_eq!(told.is_empty(), slow.told.is_empty(), "{slow:?} was told {told:?}");
    }));
    let mut answered = 0;
    tokio::select! {
        _ = slow => {}
        () = honest(&client, &mut answered) => {}
    }
    assert!(answered > 30, "only {answered} honest requests");
    assert_eq!(gateway.pid(), pid);
    assert_eq!(programs.fsck().await, "");
}
