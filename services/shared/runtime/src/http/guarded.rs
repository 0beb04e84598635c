//! A connection between a client and hyper.

use std::{
    io::{self, ErrorKind, IoSlice},
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

use super::{Patience, Refusal, Refused, chunks::Chunks, head, head::Body};

const PIECE: usize = 8 * 1024;
/// hyper's patience with a body is that of who reads it, who answers when it is over; this one comes after.
const MORE: Duration = Duration::from_secs(1);
/// How long a client may go on sending what nobody reads, so that it reads the answer instead of a reset.
const LINGER: Duration = Duration::from_secs(1);
/// What hyper reads in place of what was refused: a request that ends the connection.
const INSTEAD: &[u8] = b"_OTHER / HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n";

/// Where the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Between two requests, or before the first.
    Between,
    /// Within a head, of which so many bytes were looked at.
    Head(usize),
    Body(Body),
    /// Behind a body that nobody can tell the end of.
    Lost,
    /// Nothing of it is read any more.
    Refused,
}

/// The client's connection as hyper sees it.
#[derive(Debug)]
pub(super) struct Guarded<S> {
    stream: S,
    patience: Patience,
    refusal: Refusal,
    phase: Phase,
    /// Heads so far.
    heads: u64,
    /// What has come and was not handed on.
    come: Vec<u8>,
    /// So many bytes of it were handed on.
    handed: usize,
    /// So many bytes of it may be handed on.
    fit: usize,
    /// When the phase must be over.
    until: Instant,
    clock: Option<Pin<Box<Sleep>>>,
    /// Runs while the client does not take an answer.
    untaken: Option<Pin<Box<Sleep>>>,
}

impl<S> Guarded<S> {
    pub fn new(stream: S, patience: Patience, refusal: Refusal) -> Self {
        Self {
            stream,
            patience,
            refusal,
            phase: Phase::Between,
            heads: 0,
            come: Vec::new(),
            handed: 0,
            fit: 0,
            until: Instant::now() + patience.head,
            clock: None,
            untaken: None,
        }
    }

    fn enter(&mut self, phase: Phase, within: Duration) {
        self.phase = phase;
        self.until = Instant::now() + within;
    }

    /// Looks at what has come, until something may be handed on or more must come.
    fn look(&mut self) {
        while self.fit == self.handed && self.handed < self.come.len() {
            let rest = &self.come[self.handed..];
            match self.phase {
                Phase::Between => match rest {
                    // Empty lines before a request are ignored (RFC 9112, 2.2), and do not set the clock.
                    [b'\r', b'\n', ..] => {
                        self.handed += 2;
                        self.fit = self.handed;
                    }
                    [b'\r'] => return,
                    _ => self.enter(Phase::Head(0), self.patience.head),
                },
                Phase::Head(seen) => match head::read(rest, seen) {
                    Ok(Some((length, body))) => {
                        self.heads += 1;
                        self.fit += length;
                        match body {
                            Body::Length(0) => self.enter(Phase::Between, self.patience.idle),
                            body => self.enter(Phase::Body(body), self.patience.body + MORE),
                        }
                    }
                    Ok(None) => {
                        self.phase = Phase::Head(rest.len());
                        return;
                    }
                    Err(refused) => self.refuse(refused),
                },
                Phase::Body(body) => {
                    let (here, left) = follow(body, rest);
                    self.fit += here;
                    match left {
                        Some(Body::Chunked(Chunks::Lost)) => self.phase = Phase::Lost,
                        Some(body) => self.phase = Phase::Body(body),
                        None => self.enter(Phase::Between, self.patience.idle),
                    }
                }
                Phase::Lost | Phase::Refused => return,
            }
        }
    }

    fn refuse(&mut self, refused: Refused) {
        self.heads += 1;
        // A connection has one refusal: nothing is looked at after it.
        let _ = self.refusal.set((self.heads, refused));
        self.come = INSTEAD.to_vec();
        (self.handed, self.fit) = (0, INSTEAD.len());
        self.enter(Phase::Refused, self.patience.answer);
    }

    fn hand_on(&mut self, to: &mut ReadBuf<'_>) {
        let here = (self.fit - self.handed).min(to.remaining());
        to.put_slice(&self.come[self.handed..self.handed + here]);
        self.handed += here;
        if self.handed == self.come.len() {
            self.come.clear();
            (self.handed, self.fit) = (0, 0);
        }
    }

    /// Forgets what was handed on, before more is put after it.
    fn forget(&mut self) {
        if self.handed > 0 {
            self.come.drain(..self.handed);
            self.fit -= self.handed;
            self.handed = 0;
        }
    }

    fn over(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let until = self.until;
        let clock = self.clock.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if clock.deadline() != until {
            clock.as_mut().reset(until);
        }
        ready!(clock.as_mut().poll(context));
        Poll::Ready(io::Error::new(ErrorKind::TimedOut, "the client took too long"))
    }
}

/// How many of these bytes belong to a body, and what of it is still to come.
fn follow(body: Body, bytes: &[u8]) -> (usize, Option<Body>) {
    match body {
        Body::Length(left) => {
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
            let left = left - here as u64;
            (here, (left > 0).then_some(Body::Length(left)))
        }
        Body::Chunked(mut chunks) => {
            let here = chunks.follow(bytes);
            (here, (chunks != Chunks::Ended).then_some(Body::Chunked(chunks)))
        }
    }
}

impl<S: AsyncRead + Unpin> Guarded<S> {
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut piece = [MaybeUninit::uninit(); PIECE];
        let mut piece = ReadBuf::uninit(&mut piece);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut piece))?;
        if !matches!(self.phase, Phase::Lost | Phase::Refused) {
            self.forget();
            self.come.extend_from_slice(piece.filled());
        }
        Poll::Ready(Ok(piece.filled().len()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            self.look();
            if self.fit > self.handed {
                self.hand_on(to);
                return Poll::Ready(Ok(()));
            }
            match self.phase {
                Phase::Lost => {
                    let why = "the body is not chunked as it says";
                    return Poll::Ready(Err(io::Error::new(ErrorKind::InvalidData, why)));
                }
                Phase::Refused => return self.over(context).map(Err),
                Phase::Between | Phase::Head(_) | Phase::Body(_) => {}
            }
            match self.poll_piece(context) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return self.over(context).map(Err),
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Guarded<S> {
    /// What came of a write: an answer that is taken too slowly ends the connection.
    fn written(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            if self.phase == Phase::Between {
                self.until = Instant::now() + self.patience.idle;
            }
            return written;
        }
        let until = Instant::now() + self.patience.answer;
        let clock = self.untaken.get_or_insert_with(|| Box::pin(sleep_until(until)));
        ready!(clock.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, "the client does not take the answer")))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes when it has written all that it had.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.untaken = None;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Says that nothing more comes. What the client is still sending is read away for a moment: a socket that is closed
    /// over unread bytes is reset, and the answer may be lost with it.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        if self.phase == Phase::Between && self.come.is_empty() {
            return Poll::Ready(Ok(()));
        }
        if self.untaken.is_none() {
            self.phase = Phase::Refused;
            self.untaken = Some(Box::pin(sleep_until(Instant::now() + LINGER)));
        }
        loop {
            match self.poll_piece(context) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => break,
            }
        }
        match &mut self.untaken {
            Some(clock) => clock.as_mut().poll(context).map(Ok),
            None => Poll::Ready(Ok(())),
        }
    }
}
