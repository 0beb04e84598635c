//! The real programs as processes: what signals do to them.

use std::{
    collections::BTreeMap,
    net::TcpListener,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{ExitStatus, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    process::{Child, Command},
    time::{Duration, timeout},
};
use uuid::Uuid;

use crate::{
    client::{Client, PATIENCE},
    sql::Tables,
    system::{ready, seeded},
};

pub const GRACE_SECONDS: u64 = 10;

/// A port that is free now, below those that the system gives to clients.
pub fn free_port() -> u16 {
    loop {
        let (random, _) = Uuid::new_v4().as_u64_pair();
        let port = 20_000 + u16::try_from(random % 12_000).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The programs lie beside the folder of this test: `cargo build --workspace --all-targets` makes them.
fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join(name);
    assert!(path.exists(), "{} is missing: cargo build --workspace --all-targets", path.display());
    path
}

/// A running program; it is killed when it is dropped.
#[derive(Debug)]
pub struct Program {
    name: &'static str,
    child: Child,
}

impl Program {
    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id().unwrap()).unwrap());
        kill(pid, signal).unwrap();
    }

    /// SIGTERM; it must end well within its grace.
    pub async fn terminate(mut self) {
        self.signal(Signal::SIGTERM);
        let within = Duration::from_secs(GRACE_SECONDS + 5);
        let status: ExitStatus = timeout(within, self.child.wait()).await.expect("it ends").unwrap();
        assert_eq!(status.code(), Some(0), "{} ended with {status}", self.name);
    }

    /// SIGKILL.
    pub async fn kill(mut self) {
        self.signal(Signal::SIGKILL);
        let status = timeout(PATIENCE, self.child.wait()).await.expect("it ends").unwrap();
        assert_eq!(status.signal(), Some(9), "{} ended with {status}", self.name);
    }
}

/// One gateway's place.
#[derive(Debug, Clone)]
pub struct Place {
    id: &'static str,
    bap: u16,
    cds: u16,
}

impl Place {
    pub fn new(id: &'static str) -> Self {
        Self { id, bap: free_port(), cds: free_port() }
    }

    pub fn client(&self) -> Client {
        Client::new(format!("http://127.0.0.1:{}", self.bap), format!("http://127.0.0.1:{}", self.cds))
    }
}

/// A database with the seed's rows, a Redis, ports, and the environment of the programs.
#[derive(Debug)]
pub struct Programs {
    pub tables: Tables,
    variables: BTreeMap<&'static str, String>,
}

impl Programs {
    pub async fn new(gateways: &[&Place], more: &[(&'static str, &str)]) -> Self {
        let database = seeded().await;
        let tables = Tables::of(&database).await;
        let address = || format!("127.0.0.1:{}", free_port());
        let own = gateways.iter().flat_map(|g| [g.bap, g.cds]).map(|port| format!("http://127.0.0.1:{port}"));
        let mut variables = BTreeMap::from([
            ("DATABASE_URL", database),
            ("DATABASE_POOL", "5".into()),
            ("REDIS_URL", p2p_testkit::redis().unwrap()),
            ("CATALOG_ADDR", address()),
            ("MATCHING_ADDR", address()),
            ("ORDER_ADDR", address()),
            ("OWN_URIS", own.collect::<Vec<_>>().join(",")),
            ("SHUTDOWN_GRACE_SECONDS", GRACE_SECONDS.to_string()),
            ("RUST_LOG", "warn,p2p_gateway=info".into()),
        ]);
        variables.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        Self { tables, variables }
    }

    fn command(&self, name: &'static str) -> Command {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(folder.join(format!("{name}-{}.log", std::process::id())))
            .unwrap();
        let mut command = Command::new(binary(name));
        // Not where an .env may lie.
        command.env_clear().current_dir(folder).envs(&self.variables);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).kill_on_drop(true);
        command
    }

    pub fn service(&self, name: &'static str) -> Program {
        Program { name, child: self.command(name).spawn().unwrap() }
    }

    pub fn services(&self) -> [Program; 3] {
        ["catalog", "matching", "order"].map(|name| self.service(name))
    }

    /// A gateway that accepts trades.
    pub async fn gateway(&self, place: &Place) -> Program {
        let mut command = self.command("gateway");
        command.env("GATEWAY_ID", place.id);
        command.env("BAP_PORT", place.bap.to_string()).env("CDS_PORT", place.cds.to_string());
        let program = Program { name: "gateway", child: command.spawn().unwrap() };
        ready(&place.client(), "ok").await;
        program
    }
}
