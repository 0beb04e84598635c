//! A buyer's side of somebody else: takes callbacks, keeps them, and answers as it was told to.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep},
};
use tokio_rustls::TlsAcceptor;

use crate::client::until;

/// How a request is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manner {
    /// With a status, and a header line or none.
    Says(u16, String),
    /// The same, so much later.
    Late(Duration, u16),
    /// With 200, one byte a second.
    Dripping,
    /// With 200 and a body of so many bytes.
    Huge(usize),
    /// Never: it hangs up.
    Gone,
    /// Never, but the connection stays open.
    Silent,
}

/// Chooses how a request with this body is answered.
type Choice = Arc<dyn Fn(&str) -> Manner + Send + Sync>;

impl Manner {
    pub fn status(status: u16) -> Self {
        Self::Says(status, String::new())
    }
}

const OK: &str = r#"{"status":"ok"}"#;

/// What came in.
#[derive(Debug, Clone)]
pub struct Arrived {
    pub at: Instant,
    pub body: String,
}

/// Answers one request a connection.
#[derive(Clone)]
pub struct Receiver {
    pub uri: String,
    choice: Choice,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("uri", &self.uri).finish_non_exhaustive()
    }
}

/// The first requests so, and all others like that.
fn in_turn(first: impl IntoIterator<Item = Manner>, then: Manner) -> Choice {
    let first = Mutex::new(first.into_iter().collect::<VecDeque<Manner>>());
    Arc::new(move |_body| first.lock().unwrap().pop_front().unwrap_or_else(|| then.clone()))
}

impl Receiver {
    /// Answers 200 to everything.
    pub async fn start() -> Self {
        Self::answering([], Manner::status(200)).await
    }

    /// Answers the first requests so, and all others like that.
    pub async fn answering(first: impl IntoIterator<Item = Manner>, then: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self::named("http", &listener, in_turn(first, then));
        receiver.serve(listener, async |stream| Some(stream));
        receiver
    }

    /// Answers each request as is chosen when its body has been read.
    pub async fn choosing(choice: impl Fn(&str) -> Manner + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self::named("http", &listener, Arc::new(choice));
        receiver.serve(listener, async |stream| Some(stream));
        receiver
    }

    /// Answers 200 to everything, at this address.
    pub async fn at(address: &str) -> Self {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let receiver = Self::named("http", &listener, in_turn([], Manner::status(200)));
        receiver.serve(listener, async |stream| Some(stream));
        receiver
    }

    /// The same, behind TLS.
    pub async fn behind(tls: TlsAcceptor, address: &str) -> Self {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let receiver = Self::named("https", &listener, in_turn([], Manner::status(200)));
        receiver.serve(listener, move |stream| {
            let tls = tls.clone();
            async move { tls.accept(stream).await.ok() }
        });
        receiver
    }

    fn named(scheme: &str, listener: &TcpListener, choice: Choice) -> Self {
        let uri = format!("{scheme}://{}", listener.local_addr().unwrap());
        Self { uri, choice, arrived: Arc::default() }
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
        let body = String::from_utf8(body).unwrap();
        let manner = (self.choice)(&body);
        self.arrived.lock().unwrap().push(Arrived { at: Instant::now(), body });
        let head = |status: u16, header: &str, length: usize| {
            format!(
                "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{header}\
                 connection: close\r\n\r\n"
            )
        };
        let says = |status: u16, header: &str| head(status, header, OK.len()) + OK;
        match manner {
            Manner::Says(status, header) => stream.write_all(says(status, &header).as_bytes()).await.ok(),
            Manner::Late(pause, status) => {
                sleep(pause).await;
                stream.write_all(says(status, "").as_bytes()).await.ok()
            }
            Manner::Dripping => {
                for byte in says(200, "").bytes() {
                    stream.write_all(&[byte]).await.ok()?;
                    sleep(Duration::from_secs(1)).await;
                }
                Some(())
            }
            Manner::Huge(length) => {
                stream.write_all(head(200, "", length).as_bytes()).await.ok()?;
                stream.write_all(&vec![b' '; length]).await.ok()
            }
            Manner::Gone => None,
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
