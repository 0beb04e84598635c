//! A Redis of a test's own, for what would disturb the other tests.

use std::process::Stdio;

use tokio::{
    net::TcpStream,
    process::{Child, Command},
};

use crate::{client::until, programs::free_port};

/// A running server; it is killed when it is dropped.
#[derive(Debug)]
pub struct RedisServer {
    /// redis://...
    pub url: String,
    _child: Child,
}

impl RedisServer {
    /// Empty, and nothing is written to disk.
    pub async fn start() -> Self {
        let port = free_port();
        let mut command = Command::new("redis-server");
        command.args([
            "--bind",
            "127.0.0.1",
            "--port",
            &port.to_string(),
            "--save",
            "",
            "--appendonly",
            "no",
        ]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let child = command.current_dir(env!("CARGO_TARGET_TMPDIR")).spawn().unwrap();
        until("redis-server", async || {
            TcpStream::connect(("127.0.0.1", port)).await.map(|_| ()).map_err(|e| e.to_string())
        })
        .await;
        Self { url: format!("redis://127.0.0.1:{port}"), _child: child }
    }
}
