use std::time::Duration;

use axum::{
    middleware,
    routing::{any, get},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout},
};

use super::*;
use crate::Tasks;

/// What nobody waits for longer.
const LONG: Duration = Duration::from_secs(20);
const SHORT: Patience = Patience {
    head: Duration::from_millis(300),
    body: Duration::from_millis(600),
    idle: Duration::from_millis(900),
    answer: Duration::from_millis(400),
};

/// A server that echoes bodies, has one large answer, and is stopped with the test.
struct Server {
    at: SocketAddr,
    stop: Stop,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Server {
    async fn start(patience: Patience) -> Self {
        let echo = |body: Result<String, _>| async move {
            let late = |_e: axum::extract::rejection::StringRejection| (StatusCode::REQUEST_TIMEOUT, "late");
            body.map_err(late)
        };
        let large = || async { "x".repeat(64 * 1024 * 1024) };
        let app = Router::new().route("/", any(echo)).route("/large", get(large));
        let app = app.layer(middleware::from_fn(refuse));
        let listener = listen(([127, 0, 0, 1], 0).into()).unwrap();
        let at = listener.local_addr().unwrap();
        let stop = Stop::new();
        let door = Door::new(Connections { most: 2_000, per_peer: 0 });
        Tasks::new().spawn(serve(listener, app, door, patience, stop.clone()));
        Self { at, stop }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.at).await.unwrap()
    }

    /// Everything that is answered until the connection ends, which the server does: a client that ends its side may have
    /// gone, and hyper answers it no more.
    async fn said(&self, text: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        everything(&mut stream).await
    }
}

async fn everything(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let ended = timeout(LONG, stream.read_to_end(&mut read)).await.expect("the connection ends");
    // A connection may end with a reset.
    drop(ended);
    String::from_utf8(read).unwrap()
}

/// The status lines of all answers.
fn statuses(said: &str) -> Vec<&str> {
    said.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect()
}

#[tokio::test]
async fn a_message_that_ends_in_two_places_is_refused() {
    let server = Server::start(Patience::default()).await;
    let both = "a request has Content-Length or Transfer-Encoding, not both";
    for (headers, why) in [
        ("content-length: 5\r\ntransfer-encoding: chunked\r\n", both),
        ("transfer-encoding: chunked\r\ncontent-length: 5\r\n", both),
        ("transfer-encoding: chunked\r\ncontent-length: x\r\n", both),
        ("content-length: 5\r\ncontent-length: 6\r\n", "one Content-Length"),
        ("content-length: 5\r\ncontent-length: 5\r\n", "one Content-Length"),
        ("content-length: 5, 5\r\n", "must be a number"),
        ("content-length: +5\r\n", "must be a number"),
        ("content-length: -1\r\n", "must be a number"),
        ("content-length: 0x5\r\n", "must be a number"),
        ("content-length: 99999999999999999999\r\n", "too large"),
        ("content-length:\r\n", "must be a number"),
        ("transfer-encoding: chunked, identity\r\n", "must be chunked"),
        ("transfer-encoding: identity, chunked\r\n", "must be chunked"),
        ("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", "must be chunked"),
        ("transfer-encoding: \x0bchunked\r\n", "cannot be read"),
        ("transfer-encoding : chunked\r\n", "cannot be read"),
        ("a: b\r\n folded\r\n", "cannot be read"),
        ("\u{fc}: b\r\n", "cannot be read"),
        ("a: b\rc\r\n", "cannot be read"),
        ("a: b\0c\r\n", "cannot be read"),
        ("a: b\ncontent-length: 5\r\n", "does not end with CR and LF"),
        ("host: b\r\n", "one Host"),
    ] {
        let smuggled = "0\r\n\r\nGET /large HTTP/1.1\r\nhost: a\r\n\r\n";
        let said = server.said(&format!("POST / HTTP/1.1\r\nhost: a\r\n{headers}\r\n{smuggled}")).await;
        assert_eq!(statuses(&said), ["400"], "{headers:?}: {said}");
        assert!(said.contains(why), "{headers:?}: {said}");
    }
    for (head, why) in [
        ("POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n", "HTTP/1.0 has no"),
        ("GET / HTTP/1.1\r\n", "one Host"),
        ("GET / HTTP/2.0\r\nhost: a\r\n", "cannot be read"),
        ("GET /\r\nhost: a\r\n", "cannot be read"),
        ("GET / HTTP/1.1\nhost: a\n", "does not end with CR and LF"),
        ("PRI * HTTP/2.0\r\n", "cannot be read"),
        ("\x16\x03\x01\x02\r\n", "cannot be read"),
    ] {
        let said = server.said(&format!("{head}\r\n")).await;
        assert_eq!(statuses(&said), ["400"], "{head:?}: {said}");
        assert!(said.contains(why), "{head:?}: {said}");
    }
}

#[tokio::test]
async fn requests_follow_each_other_as_they_did() {
    let server = Server::start(Patience::default()).await;
    let said = server
        .said(concat!(
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello\r\n",
            "GET http://elsewhere/ HTTP/1.1\r\nhost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5;x\r\nworld\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        ))
        .await;
    assert_eq!(statuses(&said), ["200", "200", "200", "400"], "{said}");
    assert!(said.contains("hello") && said.contains("world"), "{said}");
    let said = server.said("GET / HTTP/1.0\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.0 200"), "{said}");
}

/// What hyper reads on from where the guard sees an end would be served unseen.
#[tokio::test]
async fn a_body_whose_end_is_in_doubt_ends_the_connection() {
    let server = Server::start(Patience::default()).await;
    let next = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 25\r\n\r\nGET /smuggled HTTP/1.1\n\n\n\n";
    for body in [
        "2\r\n{}\r\n0\r\nX: y\n\r\n\r\n",
        "2\r\n{}\r\n0\r\nX: y\r\n\r\n",
        "2\r\n{}\r\n0\r\n\n",
        "2\r\n{}\r\n0\n\r\n",
        "2\r\n{}\n0\r\n\r\n",
        "2 \r\n{}\r\n0\r\n\r\n",
        "2;\n\r\n{}\r\n0\r\n\r\n",
    ] {
        let head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        let said = server.said(&format!("{head}{body}{next}")).await;
        // What the server of these tests says of every body that does not come.
        assert_eq!(statuses(&said), ["408"], "{body:?}: {said}");
    }
}

#[tokio::test]
async fn the_answer_to_too_much_arrives() {
    let server = Server::start(Patience::default()).await;
    let mut stream = server.connect().await;
    let head = format!("GET / HTTP/1.1\r\nhost: a\r\npad: {}", "x".repeat(4 * 1024 * 1024));
    // It may end before all of it is written.
    let _ = stream.write_all(head.as_bytes()).await;
    let said = everything(&mut stream).await;
    assert_eq!(statuses(&said), ["431"], "{said}");
}

/// One client who takes his time. Answers what he was told, and how long it took.
async fn slow(server: &Server, begins: &str, pieces: &str) -> (String, Duration) {
    // Its deadline runs from when it is let in, which may be before this side hears of it.
    let began = Instant::now();
    let mut stream = server.connect().await;
    stream.write_all(begins.as_bytes()).await.unwrap();
    let (mut reads, mut writes) = stream.into_split();
    let mut said = Vec::new();
    let trickle = async {
        for piece in pieces.as_bytes().chunks(1).cycle() {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if pieces.is_empty() || writes.write_all(piece).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _ = timeout(LONG, reads.read_to_end(&mut said)) => {}
        () = trickle => {}
    }
    (String::from_utf8_lossy(&said).into_owned(), began.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_slow_clients_are_all_gone_at_their_deadlines() {
    let server = Server::start(SHORT).await;
    let post = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n";
    let chunked = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nfffff\r\n";
    let kinds = [
        ("", "", "", SHORT.head),
        ("GET / HTTP/1.1\r\nho", "", "", SHORT.head),
        ("GET / HTTP/1.1\r\nhost: a\r\n", "a: b\r\n", "", SHORT.head),
        ("\r\n", "\r\n", "", SHORT.head),
        (post, "", "408", SHORT.body),
        (post, "x", "408", SHORT.body),
        (chunked, "x", "408", SHORT.body),
        ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", "", "200", SHORT.idle),
        ("GET / HTTP/1.1\r\nhost: a\r\n\r\nGET", "", "200", SHORT.head),
        ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", "G", "200", SHORT.head),
    ];
    let clients = (0..500).map(|n| kinds[n % kinds.len()]).map(async |(begins, pieces, status, within)| {
        let (said, took) = slow(&server, begins, pieces).await;
        assert_eq!(statuses(&said).join(" "), status, "{begins:?} {pieces:?} {took:?}: {said}");
        // A second for lingering, the rest for a machine that does other things.
        assert!(took < within + LINGER_AND_LOAD, "{begins:?} {pieces:?} took {took:?}");
        assert!(took >= within, "{begins:?} {pieces:?} took only {took:?}");
    });
    let honest = async {
        let head = "POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 2\r\n\r\n";
        loop {
            let said = server.said(&format!("{head}hi")).await;
            assert_eq!(statuses(&said), ["200"], "{said}");
        }
    };
    tokio::select! {
        _ = futures::future::join_all(clients) => {}
        () = honest => {}
    }
}

const LINGER_AND_LOAD: Duration = Duration::from_secs(6);

#[tokio::test]
async fn an_answer_that_nobody_reads_ends_the_connection() {
    let server = Server::start(SHORT).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut first = [0; 1024];
    stream.read_exact(&mut first).await.unwrap();
    tokio::time::sleep(SHORT.answer * 4).await;
    let read = everything(&mut stream).await.len();
    assert!(read < 64 * 1024 * 1024, "{read} bytes arrived");
}

#[tokio::test]
async fn stopping_ends_idle_connections_and_lets_requests_end() {
    let server = Server::start(Patience::default()).await;
    let (mut idle, mut busy) = (server.connect().await, server.connect().await);
    idle.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    let head = "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";
    busy.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    busy.read_exact(&mut go_on).await.unwrap();
    busy.write_all(b"he").await.unwrap();
    let began = Instant::now();
    server.stop.cancel();
    everything(&mut idle).await;
    assert!(began.elapsed() < Duration::from_secs(4));
    busy.write_all(b"llo").await.unwrap();
    let said = everything(&mut busy).await;
    assert_eq!(statuses(&said), ["200"], "{said}");
}
