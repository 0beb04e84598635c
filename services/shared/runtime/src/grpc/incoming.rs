//! Connections to a gRPC server: so many, each says who it is soon, and none is closed on what its client still sends.

use std::{
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::{Stream, stream};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    time::{Sleep, sleep},
};
use tonic::transport::server::{Connected, TcpConnectInfo};

use super::limits::CONNECTIONS;
use crate::http::{Door, Place};

/// How much a connection says soon: no less than HTTP/2's preface, or a TLS hello.
const PREFACE: usize = 24;
const WITHIN: Duration = Duration::from_secs(5);
/// How long a connection that we have ended is read until its client has ended it too.
const LINGERS: Duration = Duration::from_secs(1);
/// How much of what is not wanted any more is read at once.
const UNWANTED: usize = 4096;

/// Connections as they come, while there is room. Without delay, else small frames wait for the peer's delayed
/// acknowledgement, 40 ms each.
pub(super) fn incoming(listener: TcpListener) -> impl Stream<Item = io::Result<Admitted>> {
    stream::unfold((Door::new(CONNECTIONS), listener), async |(door, listener)| {
        let (stream, _, place) = door.enter(&listener).await;
        // A socket that cannot be set so is slower, nothing else.
        let _ = stream.set_nodelay(true);
        let silent = Some(Box::pin(sleep(WITHIN)));
        Some((Ok(Admitted { stream, said: 0, silent, ended: None, _place: place }), (door, listener)))
    })
}

/// A connection.
#[derive(Debug)]
pub(super) struct Admitted {
    stream: TcpStream,
    said: usize,
    /// Runs until it has said enough.
    silent: Option<Pin<Box<Sleep>>>,
    /// Runs from when we have ended it.
    ended: Option<Pin<Box<Sleep>>>,
    _place: Place,
}

impl Connected for Admitted {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Admitted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = to.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, to);
        let Some(silent) = &mut self.silent else { return read };
        if read.is_pending() {
            ready!(silent.as_mut().poll(context));
            return Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, "the client says nothing")));
        }
        self.said += to.filled().len() - before;
        if self.said >= PREFACE {
            self.silent = None;
        }
        read
    }
}

impl AsyncWrite for Admitted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Ends it, and reads on until the client has done so too. If a socket were closed on bytes that are still to be
    /// read, the kernel would answer them with a reset, on which the client's kernel throws away what the client has
    /// not read: the GOAWAY that tells which calls were not taken (RFC 9112, 9.6 is about the same).
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.ended.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
        }
        let ended = this.ended.get_or_insert_with(|| Box::pin(sleep(LINGERS)));
        if ended.as_mut().poll(context).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut unwanted = [0; UNWANTED];
        loop {
            let mut unwanted = ReadBuf::new(&mut unwanted);
            let read = ready!(Pin::new(&mut this.stream).poll_read(context, &mut unwanted));
            if read.is_err() || unwanted.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::{Instant, timeout},
    };

    use super::*;

    async fn connected() -> (TcpStream, Admitted) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut incoming = std::pin::pin!(incoming(listener));
        (client, incoming.next().await.unwrap().unwrap())
    }

    #[tokio::test]
    async fn what_was_said_last_arrives_though_the_client_still_sends() {
        let (mut client, mut server) = connected().await;
        let ends = async move {
            server.write_all(b"no more").await.unwrap();
            server.shutdown().await.unwrap();
            drop(server);
        };
        let sends = async {
            client.write_all(&[0; 1024 * 1024]).await.unwrap();
            client.shutdown().await.unwrap();
            let mut said = Vec::new();
            client.read_to_end(&mut said).await.unwrap();
            assert_eq!(said, b"no more");
        };
        timeout(WITHIN, async { tokio::join!(ends, sends) }).await.unwrap();
    }

    #[tokio::test]
    async fn a_client_that_never_stops_is_left() {
        let (client, mut server) = connected().await;
        let (_reads, mut client) = client.into_split();
        let sends = async { while client.write_all(&[0; 65_536]).await.is_ok() {} };
        let started = Instant::now();
        let ends = async {
            server.shutdown().await.unwrap();
            assert!(started.elapsed() >= LINGERS);
            drop(server);
        };
        timeout(WITHIN, async { tokio::join!(ends, sends) }).await.unwrap();
    }
}
