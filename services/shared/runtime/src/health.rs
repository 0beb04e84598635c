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

use crate::grpc::{Between, LIVE, Service};

/// More than a program takes that waits for its database's answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// Whether it can do its work.
    Ready,
    /// Whether it answers at all: a restart mends that.
    Live,
}

/// How a program that serves is asked for its health.
#[derive(Debug, Clone)]
pub enum Health {
    /// By gRPC's health service, where it listens; in TLS when it speaks that. Health needs no token.
    Grpc(Service, SocketAddr, Between),
    /// By `GET /health/ready`, where it listens.
    Http(SocketAddr),
}

impl Health {
    /// Asks the running program.
    ///
    /// # Errors
    /// When it does not say so within 4 seconds.
    pub(crate) async fn ask(self, question: Question) -> anyhow::Result<()> {
        let (Self::Grpc(_, address, _) | Self::Http(address)) = self;
        let address = within_reach(address);
        let asked = async {
            match self {
                Self::Grpc(service, _, between) => {
                    ask_grpc(between.endpoint(service, address)?, question).await
                }
                Self::Http(_) => ask_http(address, question).await,
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

async fn ask_grpc(endpoint: Endpoint, question: Question) -> anyhow::Result<()> {
    let address = endpoint.uri().authority().map(ToString::to_string).unwrap_or_default();
    let channel = endpoint.connect().await.with_context(|| format!("cannot connect to {address}"))?;
    let service = match question {
        Question::Ready => "",
        Question::Live => LIVE,
    };
    let answer = HealthClient::new(channel).check(HealthCheckRequest { service: service.to_owned() }).await;
    let status = answer.with_context(|| format!("{address} does not tell its health"))?.into_inner().status();
    ensure!(status == ServingStatus::Serving, "{address} says {}", status.as_str_name());
    Ok(())
}

async fn ask_http(address: SocketAddr, question: Question) -> anyhow::Result<()> {
    let stream = TcpStream::connect(address).await;
    let mut stream = stream.with_context(|| format!("cannot connect to {address}"))?;
    let path = match question {
        Question::Ready => "/health/ready",
        Question::Live => "/health/live",
    };
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut status_line = String::new();
    BufReader::new(stream).read_line(&mut status_line).await?;
    let status = status_line.split(' ').nth(1);
    ensure!(status == Some("200"), "{address} says {:?} to GET {path}", status_line.trim_end());
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
