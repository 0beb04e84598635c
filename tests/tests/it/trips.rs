//! Round trips to Redis, counted on their way.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::TcpStream,
};
use url::Url;

use crate::{calls::Counter, system::listen};

/// What the notes for observers count as.
pub const NOTES: &str = "notes";

/// Counts commands by name, a script as one: `HGET`, `EVALSHA`. Notes for observers are sent many at once, and what
/// is sent at once counts as one.
#[derive(Debug, Clone, Default)]
pub struct Trips(pub Counter);

impl Trips {
    /// A URL whose commands are counted and passed on to Redis.
    pub async fn on_the_way_to(&self, redis: &str) -> String {
        let (listener, address) = listen().await;
        let mut url = Url::parse(redis).unwrap();
        let server = *url.socket_addrs(|| None).unwrap().first().unwrap();
        let trips = self.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(trips.clone().pass_on(client, server));
            }
        });
        url.set_port(Some(address.port())).unwrap();
        url.into()
    }

    async fn pass_on(self, client: TcpStream, server: SocketAddr) -> std::io::Result<()> {
        let server = TcpStream::connect(server).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let ((mut from, mut back), (mut answers, mut to)) = (client.into_split(), server.into_split());
        tokio::spawn(async move { copy(&mut answers, &mut back).await });
        let (mut sent, mut buffer) = (Vec::new(), vec![0; 1 << 20]);
        loop {
            let length = from.read(&mut buffer).await?;
            if length == 0 {
                return Ok(());
            }
            sent.extend_from_slice(&buffer[..length]);
            let whole = self.count(&sent);
            sent.drain(..whole);
            to.write_all(&buffer[..length]).await?;
        }
    }

    /// Counts the whole commands of what was sent at once. Answers how long they are.
    fn count(&self, sent: &[u8]) -> usize {
        let (mut at, mut notes) = (0, false);
        while let Some((words, length)) = command(&sent[at..]) {
            at += length;
            match words.get(1) {
                Some(key) if key.starts_with("msg:") || key == "txn:all" => notes = true,
                _ => self.0.add(&words[0].to_uppercase()),
            }
        }
        if notes {
            self.0.add(NOTES);
        }
        at
    }
}

/// The words of the first command, and its length. None when it is not whole.
fn command(sent: &[u8]) -> Option<(Vec<String>, usize)> {
    let (words, mut at) = number(sent, 0, b'*')?;
    let mut word = || {
        let (length, begin) = number(sent, at, b'$')?;
        at = begin + length + "\r\n".len();
        Some(String::from_utf8_lossy(sent.get(begin..at)?).trim_end().to_owned())
    };
    let words = (0..words).map(|_| word()).collect::<Option<_>>()?;
    Some((words, at))
}

/// The number on the line at `at`, and where the next line begins.
fn number(sent: &[u8], at: usize, kind: u8) -> Option<(usize, usize)> {
    let line = sent.get(at..)?;
    let end = line.windows(2).position(|end| end == b"\r\n")?;
    assert_eq!(line[0], kind, "fred writes arrays of strings");
    let number = std::str::from_utf8(&line[1..end]).unwrap().parse().unwrap();
    Some((number, at + end + "\r\n".len()))
}
