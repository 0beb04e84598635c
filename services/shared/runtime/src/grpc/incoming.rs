//! Connections to a gRPC server: so many, and each says who it is soon.

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

/// Connections as they come, while there is room. Without delay, else small frames wait for the peer's delayed
/// acknowledgement, 40 ms each.
pub(super) fn incoming(listener: TcpListener) -> impl Stream<Item = io::Result<Admitted>> {
    stream::unfold((Door::new(CONNECTIONS), listener), async |(door, listener)| {
        let (stream, _, place) = door.enter(&listener).await;
        // A socket that cannot be set so is slower, nothing else.
        let _ = stream.set_nodelay(true);
        let silent = Some(Box::pin(sleep(WITHIN)));
        Some((Ok(Admitted { stream, said: 0, silent, _place: place }), (door, listener)))
    })
}

/// A connection.
#[derive(Debug)]
pub(super) struct Admitted {
    stream: TcpStream,
    said: usize,
    /// Runs until it has said enough.
    silent: Option<Pin<Box<Sleep>>>,
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

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
