//! Clients who take their time.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};

/// How each begins, and what it says every second from then on.
const KINDS: [(&str, &str); 4] = [
    ("", ""),
    ("GET /health HTTP/1.1\r\nho", ""),
    ("POST /select HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n{", ""),
    ("POST /select HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n{", " "),
];
const SECOND: Duration = Duration::from_secs(1);

/// So many sockets, a quarter of each kind; who is closed comes again. They end when this is dropped.
#[derive(Debug)]
pub struct Sockets {
    _sockets: JoinSet<()>,
    closed: Arc<AtomicU64>,
}

impl Sockets {
    /// Connects them, all at once.
    pub fn open(at: SocketAddr, count: usize) -> Self {
        let closed = Arc::new(AtomicU64::new(0));
        let mut sockets = JoinSet::new();
        for kind in KINDS.into_iter().cycle().take(count) {
            let closed = Arc::clone(&closed);
            sockets.spawn(async move {
                loop {
                    match slow(at, kind).await {
                        Ok(()) => {
                            closed.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(_refused) => sleep(SECOND).await,
                    }
                }
            });
        }
        Self { _sockets: sockets, closed }
    }

    /// How many the server has closed.
    pub fn closed(&self) -> u64 {
        self.closed.load(Ordering::Relaxed)
    }
}

/// One of them, until the server closes it.
async fn slow(at: SocketAddr, (begins, goes_on): (&str, &str)) -> io::Result<()> {
    let mut stream = TcpStream::connect(at).await?;
    stream.write_all(begins.as_bytes()).await?;
    let mut said = [0; 1_024];
    loop {
        match timeout(SECOND, stream.read(&mut said)).await {
            Ok(Ok(0) | Err(_)) => return Ok(()),
            Ok(Ok(_)) => {}
            // What the server no longer takes, it says by closing.
            Err(_) => drop(stream.write_all(goes_on.as_bytes()).await),
        }
    }
}
