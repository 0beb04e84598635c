//! A buyer's side of somebody else: takes callbacks, keeps them, and answers as it was told to.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time::Instant,
};
use tokio_rustls::TlsAcceptor;

use crate::client::until;

/// How a request is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manner {
    /// With a status, and a header line or none.
    Says(u16, String),
    /// Never, but the connection stays open.
    Silent,
}

impl Manner {
    pub fn status(status: u16) -> Self {
        Self::Says(status, String::new())
    }
}

/// What came in.
#[derive(Debug, Clone)]
pub struct Arrived {
    pub at: Instant,
    pub body: String,
}

/// Answers one request a connection.
#[derive(Debug, Clone)]
pub struct Receiver {
    pub uri: String,
    first: Arc<Mutex<VecDeque<Manner>>>,
    then: Manner,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

impl Receiver {
    /// Answers 200 to everything.
    pub async fn start() -> Self {
        Self::answering([], Manner::status(200)).await
    }

    /// Answers the first requests so, and all others like that.
    pub async fn answering(first: impl IntoIterator<Item = Manner>, then: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self::named("http", &listener, first, then);
        receiver.serve(listener, async |stream| Some(stream));
        receiver
    }

    /// Answers 200 to everything, at this address.
    pub async fn at(address: &str) -> Self {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let receiver = Self::named("http", &listener, [], Manner::status(200));
        receiver.serve(listener, async |stream| Some(stream));
        receiver
    }

    /// The same, behind TLS.
    pub async fn behind(tls: TlsAcceptor, address: &str) -> Self {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let receiver = Self::named("https", &listener, [], Manner::status(200));
        receiver.serve(listener, move |stream| {
            let tls = tls.clone();
            async move { tls.accept(stream).await.ok() }
        });
        receiver
    }

    fn named(
        scheme: &str,
        listener: &TcpListener,
        first: impl IntoIterator<Item = Manner>,
        then: Manner,
    ) -> Self {
        let uri = format!("{scheme}://{}", listener.local_addr().unwrap());
        let first = Arc::new(Mutex::new(first.into_iter().collect()));
        Self { uri, first, then, arrived: Arc::default() }
    }

    fn serve<S, F>(&self, listener: TcpListener, opened: impl Fn(TcpStream) -> F + Send + 'static)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = Option<S>> + Send + 'static,
    {
        let receiver = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (taking, opened) = (receiver.clone(), opened(stream));
                tokio::spawn(async move { taking.take(opened.await?).await });
            }
        });
    }

    /// None when the sender dies meanwhile.
    async fn take(&self, stream: impl AsyncRead + AsyncWrite + Unpin) -> Option<()> {
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
        let arrived = Arrived { at: Instant::now(), body: String::from_utf8(body).unwrap() };
        self.arrived.lock().unwrap().push(arrived);
        let manner = self.first.lock().unwrap().pop_front().unwrap_or_else(|| self.then.clone());
        match manner {
            Manner::Says(status, header) => {
                let answer = format!(
                    "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: 15\r\n{header}\
                     connection: close\r\n\r\n{{\"status\":\"ok\"}}"
                );
                stream.write_all(answer.as_bytes()).await.ok()
            }
            // Until the sender has had enough.
            Manner::Silent => stream.read_line(&mut String::new()).await.ok().map(|_read| ()),
        }
    }

    /// All that has arrived so far, in that order.
    pub fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    /// Its bodies.
    pub fn bodies(&self) -> Vec<String> {
        self.arrived().into_iter().map(|arrived| arrived.body).collect()
    }

    /// Waits until so many have arrived.
    pub async fn has(&self, count: usize) -> Vec<Arrived> {
        until(&format!("{count} callbacks"), async || {
            let arrived = self.arrived();
            if arrived.len() >= count { Ok(arrived) } else { Err(format!("{}", arrived.len())) }
        })
        .await
    }
}
