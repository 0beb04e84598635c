//! A buyer's side of somebody else: takes callbacks and keeps them.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// Answers 200 to everything, one request a connection.
#[derive(Debug, Clone)]
pub struct Receiver {
    pub uri: String,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        let receiver = Self { uri, bodies: Arc::default() };
        let taking = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let taking = taking.clone();
                tokio::spawn(async move { taking.take(stream).await });
            }
        });
        receiver
    }

    /// None when the sender dies meanwhile.
    async fn take(&self, stream: TcpStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
            let line = line.trim().to_ascii_lowercase();
            if let Some(text) = line.strip_prefix("content-length:") {
                length = text.trim().parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        self.bodies.lock().unwrap().push(String::from_utf8(body).unwrap());
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\
                      connection: close\r\n\r\n{\"status\":\"ok\"}";
        stream.write_all(answer.as_bytes()).await.ok()
    }

    /// All bodies so far, in order of arrival.
    pub fn bodies(&self) -> Vec<String> {
        self.bodies.lock().unwrap().clone()
    }
}
