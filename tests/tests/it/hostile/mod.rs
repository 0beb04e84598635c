//! Hostile inputs against the shipped programs: each has its expected answer, and none leaves a trace.

mod addresses;
mod framing;
mod json;
mod keys;
mod queries;
mod values;

use std::{net::SocketAddr, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    client::Client,
    programs::{Place, Program, Programs},
};

/// How much the gateway may grow, bytes.
const GROWTH: u64 = 8 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(20);

/// Which listener it is sent to.
#[derive(Debug, Clone, Copy)]
pub enum Side {
    Bap,
    Cds,
}

/// An input and what is answered to it.
#[derive(Debug)]
pub struct Row {
    pub name: String,
    pub side: Side,
    /// As it goes over the wire.
    pub bytes: Vec<u8>,
    pub status: u16,
    /// In the answer's body.
    pub says: &'static str,
}

impl Row {
    /// Raw bytes to the buyer's and seller's side.
    pub fn raw(name: &str, bytes: impl Into<Vec<u8>>, status: u16, says: &'static str) -> Self {
        Self { name: name.to_owned(), side: Side::Bap, bytes: bytes.into(), status, says }
    }

    /// A request without a body.
    pub fn get(side: Side, target: &str, status: u16, says: &'static str) -> Self {
        let bytes = format!("GET {target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        Self { side, ..Self::raw(&format!("GET {target:.80}"), bytes, status, says) }
    }

    /// A body to a path; that of the CDS go there.
    pub fn post(name: &str, path: &str, body: impl AsRef<[u8]>, status: u16, says: &'static str) -> Self {
        let body = body.as_ref();
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        let of_cds = path.starts_with("/sync") || path == "/discover";
        let side = if of_cds { Side::Cds } else { Side::Bap };
        let bytes = [head.as_bytes(), body].concat();
        Self { side, ..Self::raw(&format!("{path}: {name}"), bytes, status, says) }
    }
}

/// The first answer to these bytes: its status and its body.
async fn answered(at: SocketAddr, bytes: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(at).await.unwrap();
    // It may be refused before all of it is written.
    let _ = stream.write_all(bytes).await;
    let mut read = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut read)).await.expect("the connection ends");
    let text = String::from_utf8(read).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or(0), body.to_owned())
}

fn address(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").parse().unwrap()
}

/// What is wrong with the answer to a row.
async fn fault(client: &Client, row: &Row) -> Option<String> {
    let at = match row.side {
        Side::Bap => address(&client.bap),
        Side::Cds => address(&client.cds),
    };
    let (status, body) = answered(at, &row.bytes).await;
    let json: Value = serde_json::from_str(&body).unwrap_or_default();
    let is_json = json.is_object() && (status < 400 || json["request_id"].is_string());
    let right = status == row.status && body.contains(row.says) && is_json;
    let wanted = (row.status, row.says);
    (!right).then(|| format!("{}: {status} {body:.400}\n    and not {wanted:?}", row.name))
}

/// Resident, bytes.
fn memory(program: &Program) -> u64 {
    let told = std::fs::read_to_string(format!("/proc/{}/statm", program.pid())).unwrap();
    told.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}

/// Sends all of them, and looks at the gateway after each.
async fn are_answered(programs: &Programs, gateway: &Program, client: &Client, rows: &[Row]) {
    let mut faults = Vec::new();
    for row in rows {
        faults.extend(fault(client, row).await);
    }
    // What the first round needed it may keep.
    let (pid, before) = (gateway.pid(), memory(gateway));
    for row in rows {
        faults.extend(fault(client, row).await);
        let health = client.get("/health").await;
        assert_eq!((health.status, &health.json["status"]), (200, &"ok".into()), "after {}", row.name);
        assert_eq!(gateway.pid(), pid, "after {}", row.name);
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
    let after = memory(gateway);
    assert!(after < before + GROWTH, "from {before} to {after} bytes");
    programs.tables.is_sound().await;
    assert_eq!(programs.fsck().await, "");
    let log = programs.log("gateway");
    assert!(!log.contains("panicked"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_inputs_are_answered_and_leave_no_trace() {
    let place = Place::new("gateway-1");
    let programs = Programs::new(&[&place], &[]).await;
    let _services = programs.services();
    let gateway = programs.gateway(&place).await;
    let client = place.client();
    let mut rows = json::rows(&client);
    rows.extend(framing::rows());
    rows.extend(values::rows(&client));
    rows.extend(queries::rows(&client));
    rows.extend(addresses::rows(&client));
    rows.extend(keys::ignored());
    assert!(rows.len() >= 80, "{} inputs", rows.len());
    are_answered(&programs, &gateway, &client, &rows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_keys_open_nothing_and_leave_no_trace() {
    const OPERATOR: &str = "operator-key-of-this-test-0123456789abcdef";
    let place = Place::new("gateway-1");
    let programs = Programs::new(&[&place], &[("AUTH", "keys"), ("OPERATOR_KEY", OPERATOR)]).await;
    let _services = programs.services();
    let gateway = programs.gateway(&place).await;
    let client = place.client();
    let rows = keys::rows(&keys::Keys::issued(&client, OPERATOR).await);
    assert!(rows.len() >= 80, "{} inputs", rows.len());
    are_answered(&programs, &gateway, &client, &rows).await;
}
