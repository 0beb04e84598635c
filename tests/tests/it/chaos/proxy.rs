//! A network that can be bad: connections go through it, and it holds them up, cuts them, or lets little through.

use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use fastrand::Rng;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::yield_now,
    time::sleep,
};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Everything takes so much longer, each way.
    Latency(Duration),
    /// Connections are made, and nothing comes through until it is over.
    Blackhole,
    /// Every connection is reset, new ones too.
    Reset,
    /// A few bytes at a time.
    Slice,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Latency(_) => "slow",
            Self::Blackhole => "a black hole",
            Self::Reset => "reset",
            Self::Slice => "sliced",
        })
    }
}

type Weather = watch::Receiver<Option<Trouble>>;

/// Takes connections on a port of its own and makes each to one of the addresses behind it, in turn.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    weather: watch::Sender<Option<Trouble>>,
}

impl Proxy {
    pub async fn start(behind: &[SocketAddr]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (weather, _) = watch::channel(None);
        let behind: Arc<[SocketAddr]> = behind.into();
        let told = weather.clone();
        tokio::spawn(async move {
            let mut taken = 0;
            while let Ok((near, _)) = listener.accept().await {
                let (behind, weather) = (behind.clone(), told.subscribe());
                // It ends when one of the two ends it.
                tokio::spawn(async move { carry(near, &behind, taken, weather).await });
                taken += 1;
            }
        });
        Self { address, weather }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on it is so; calm without.
    pub fn becomes(&self, trouble: Option<Trouble>) {
        self.weather.send_replace(trouble);
    }
}

async fn carry(near: TcpStream, behind: &[SocketAddr], n: usize, mut weather: Weather) -> io::Result<()> {
    let reset = async |mut weather: Weather| {
        if weather.wait_for(|now| *now == Some(Trouble::Reset)).await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let struck = weather.clone();
    let far = tokio::select! {
        far = connect(behind, n, &mut weather) => far?,
        () = reset(struck) => return near.set_zero_linger(),
    };
    let (mut near, mut far) = (near, far);
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    {
        let ((near_reads, near_writes), (far_reads, far_writes)) = (near.split(), far.split());
        let there = pump(near_reads, far_writes, weather.clone(), Rng::with_seed(n as u64));
        let back = pump(far_reads, near_writes, weather.clone(), Rng::with_seed(!(n as u64)));
        tokio::select! {
            done = async { tokio::try_join!(there, back) } => return done.map(|_| ()),
            () = reset(weather) => {}
        }
    }
    near.set_zero_linger()?;
    far.set_zero_linger()
}

/// To the next one that is there.
async fn connect(behind: &[SocketAddr], n: usize, weather: &mut Weather) -> io::Result<TcpStream> {
    passable(weather).await;
    let mut last = io::Error::other("nobody is behind it");
    for address in behind.iter().cycle().skip(n % behind.len()).take(behind.len()) {
        match TcpStream::connect(address).await {
            Ok(far) => return Ok(far),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn passable(weather: &mut Weather) {
    // Without its proxy a connection is of no use.
    let _ = weather.wait_for(|now| *now != Some(Trouble::Blackhole)).await;
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut weather: Weather,
    mut rng: Rng,
) -> io::Result<()> {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut bytes).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        passable(&mut weather).await;
        let now = *weather.borrow();
        match now {
            Some(Trouble::Slice) => {
                let mut left = &bytes[..read];
                while !left.is_empty() {
                    let (slice, rest) = left.split_at(rng.usize(1..=7).min(left.len()));
                    to.write_all(slice).await?;
                    yield_now().await;
                    left = rest;
                }
            }
            Some(Trouble::Latency(pause)) => {
                sleep(pause).await;
                to.write_all(&bytes[..read]).await?;
            }
            Some(Trouble::Blackhole | Trouble::Reset) | None => to.write_all(&bytes[..read]).await?,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;

    const LINE: &[u8] = b"a line of forty characters, no more of it";

    /// Who answers what it is told.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut reads, mut writes) = stream.split();
                    tokio::io::copy(&mut reads, &mut writes).await
                });
            }
        });
        address
    }

    async fn told(stream: &mut TcpStream) -> io::Result<()> {
        stream.write_all(LINE).await?;
        let mut heard = vec![0; LINE.len()];
        stream.read_exact(&mut heard).await?;
        assert_eq!(heard, LINE);
        Ok(())
    }

    #[tokio::test]
    async fn each_trouble_is_what_it_says_and_is_over_when_it_is_over() {
        let proxy = Proxy::start(&[echo().await]).await;
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        told(&mut stream).await.unwrap();
        proxy.becomes(Some(Trouble::Slice));
        told(&mut stream).await.unwrap();

        let pause = Duration::from_millis(60);
        proxy.becomes(Some(Trouble::Latency(pause)));
        let asked = Instant::now();
        told(&mut stream).await.unwrap();
        assert!(asked.elapsed() >= 2 * pause, "{:?}", asked.elapsed());

        proxy.becomes(Some(Trouble::Blackhole));
        {
            let mut waiting = std::pin::pin!(told(&mut stream));
            timeout(pause, &mut waiting).await.expect_err("nothing comes through");
            proxy.becomes(None);
            waiting.await.unwrap();
        }

        proxy.becomes(Some(Trouble::Reset));
        assert_eq!(told(&mut stream).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        let mut another = TcpStream::connect(proxy.address()).await.unwrap();
        told(&mut another).await.unwrap_err();
        proxy.becomes(None);
        told(&mut TcpStream::connect(proxy.address()).await.unwrap()).await.unwrap();
    }

    #[tokio::test]
    async fn who_is_away_is_passed_over() {
        let here = echo().await;
        let away = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let proxy = Proxy::start(&[away, here]).await;
        for _ in 0..4 {
            told(&mut TcpStream::connect(proxy.address()).await.unwrap()).await.unwrap();
        }
    }
}
