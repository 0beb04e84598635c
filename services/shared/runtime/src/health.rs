//! `<program> health`: asks the running program of the same environment how it is, for container health checks.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, ensure};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};
use tonic::transport::Endpoint;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// More than a program takes that waits for its database's answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// How a program that serves is asked for its health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// By gRPC's health service, where it listens.
    Grpc(SocketAddr),
    /// By `GET /health/ready`, where it listens.
    Http(SocketAddr),
}

impl Health {
    /// Asks the running program.
    ///
    /// # Errors
    /// When it does not say within 4 seconds that it is well.
    pub(crate) async fn ask(self) -> anyhow::Result<()> {
        let (Self::Grpc(address) | Self::Http(address)) = self;
        let address = within_reach(address);
        let asked = async {
            match self {
                Self::Grpc(_) => ask_grpc(address).await,
                Self::Http(_) => ask_http(address).await,
            }
        };
        let answer = timeout(PATIENCE, asked).await;
        answer.with_context(|| format!("no answer from {address} within {} s", PATIENCE.as_secs()))?
    }
}

/// A program that listens on all interfaces is asked on loopback.
fn within_reach(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, address.port())
}

async fn ask_grpc(address: SocketAddr) -> anyhow::Result<()> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
    let channel = endpoint.connect().await.with_context(|| format!("cannot connect to {address}"))?;
    let answer = HealthClient::new(channel).check(HealthCheckRequest { service: String::new() }).await;
    let status = answer.with_context(|| format!("{address} does not tell its health"))?.into_inner().status();
    ensure!(status == ServingStatus::Serving, "{address} says {}", status.as_str_name());
    Ok(())
}

async fn ask_http(address: SocketAddr) -> anyhow::Result<()> {
    let stream = TcpStream::connect(address).await;
    let mut stream = stream.with_context(|| format!("cannot connect to {address}"))?;
    let request = format!("GET /health/ready HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut status_line = String::new();
    BufReader::new(stream).read_line(&mut status_line).await?;
    let status = status_line.split(' ').nth(1);
    ensure!(status == Some("200"), "{address} says {:?} to GET /health/ready", status_line.trim_end());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_listens_on_all_interfaces_is_asked_on_loopback() {
        for (listens, asked) in [
            ("0.0.0.0:50051", "127.0.0.1:50051"),
            ("[::]:50051", "[::1]:50051"),
            ("10.0.0.7:50051", "10.0.0.7:50051"),
        ] {
            assert_eq!(within_reach(listens.parse().unwrap()), asked.parse().unwrap());
        }
    }
}
