//! The real programs as processes: what signals do to them.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::LazyLock,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use p2p_proto::catalog::catalog_service_client::CatalogServiceClient;
use p2p_testkit::free_port;
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    process::{Child, Command},
    time::{Duration, timeout},
};
use tonic::transport::Channel;
use uuid::Uuid;

use crate::{
    client::{Client, PATIENCE, until},
    sql::Tables,
    system::{ready, seeded},
};

pub const GRACE_SECONDS: u64 = 10;
/// Each with the variable that says where it listens, and where it is called.
pub const SERVICES: [(&str, &str); 3] =
    [("catalog", "CATALOG_ADDR"), ("matching", "MATCHING_ADDR"), ("order", "ORDER_ADDR")];

/// The fault that all programs have which these tests start (`make chaos-proof`).
pub const PLANTED_BUG: &str = "PLANTED_BUG";

/// Its name.
pub fn planted_bug() -> Option<String> {
    std::env::var(PLANTED_BUG).ok()
}

/// The programs lie beside the folder of this test: `cargo build --workspace --all-targets` makes them.
pub fn binary(name: &str) -> PathBuf {
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

    /// Its process, which runs.
    pub fn pid(&self) -> u32 {
        let pid = self.child.id().expect("it was not waited for");
        let told = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
        assert!(!told.contains(") Z "), "{} has died", self.name);
        pid
    }

    /// SIGTERM; it must end well within its grace.
    pub async fn terminate(mut self) {
        self.signal(Signal::SIGTERM);
        let within = Duration::from_secs(GRACE_SECONDS + 5);
        let status: ExitStatus = timeout(within, self.child.wait()).await.expect("it ends").unwrap();
        assert_eq!(status.code(), Some(0), "{} ended with {status}", self.name);
    }

    /// SIGSTOP: its connections stay, and nothing is answered.
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Waits until it is frozen, by its own hand if nobody else did it.
    pub async fn is_frozen(&self) {
        let pid = self.pid();
        until(&format!("{} to cross its failpoint", self.name), async || {
            let told = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
            if told.contains(") T ") { Ok(()) } else { Err(told) }
        })
        .await;
    }

    /// SIGKILL.
    pub async fn kill(self) {
        self.signal(Signal::SIGKILL);
        self.died().await;
    }

    /// Waits until it has died as by kill -9, by its own hand if nobody else did it.
    pub async fn died(mut self) {
        let why = "its failpoint is not crossed, or it has none: cargo build --workspace --all-targets";
        let name = self.name;
        timeout(PATIENCE, self.dies()).await.unwrap_or_else(|_| panic!("{name} lives; {why}"));
    }

    /// The same, however long it takes.
    pub async fn dies(&mut self) {
        let status = self.child.wait().await.unwrap();
        assert_eq!(status.signal(), Some(9), "{} ended with {status}", self.name);
    }
}

/// Names this run among all whose logs lie in the same folder: numbers of processes come again.
static RUN: LazyLock<Uuid> = LazyLock::new(Uuid::new_v4);

/// Where a program of this test logs.
pub fn log_of(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.log", *RUN))
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
        Self { id, bap: free_port().unwrap(), cds: free_port().unwrap() }
    }

    /// Where its buyer's and seller's side listens.
    pub fn bap(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.bap).into()
    }

    /// Where its discovery listens.
    pub fn cds(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.cds).into()
    }

    pub fn client(&self) -> Client {
        Client::new(format!("http://127.0.0.1:{}", self.bap), format!("http://127.0.0.1:{}", self.cds))
    }
}

/// How a program that was asked something ended.
#[derive(Debug)]
pub struct Asked {
    pub code: Option<i32>,
    /// On standard error.
    pub said: String,
}

/// A database with the seed's rows, a Redis, ports, and the environment of the programs.
#[derive(Debug)]
pub struct Programs {
    pub tables: Tables,
    variables: BTreeMap<&'static str, String>,
    /// Where the replicas of each service listen, by variable.
    listen: BTreeMap<&'static str, Vec<SocketAddr>>,
    /// Where each program serves its metrics, by its name; the others do not.
    metrics: BTreeMap<&'static str, String>,
}

impl Programs {
    pub async fn new(gateways: &[&Place], more: &[(&'static str, &str)]) -> Self {
        Self::with_replicas(1, gateways, more).await
    }

    /// So many of each service.
    pub async fn with_replicas(replicas: usize, gateways: &[&Place], more: &[(&'static str, &str)]) -> Self {
        Self::over(seeded().await, replicas, gateways, more).await
    }

    /// So many of each service, on a database that has the seed's rows.
    pub async fn over(
        database: String,
        replicas: usize,
        gateways: &[&Place],
        more: &[(&'static str, &str)],
    ) -> Self {
        let tables = Tables::of(&database).await;
        let address = || SocketAddr::from(([127, 0, 0, 1], free_port().unwrap()));
        let listen = SERVICES.map(|(_, variable)| (variable, (0..replicas).map(|_| address()).collect()));
        let own = gateways.iter().flat_map(|g| [g.bap, g.cds]).map(|port| format!("http://127.0.0.1:{port}"));
        let mut variables = BTreeMap::from([
            ("DATABASE_URL", database),
            ("DATABASE_POOL", "5".into()),
            (p2p_testkit::ALLOW_OFF.0, p2p_testkit::ALLOW_OFF.1.into()),
            ("REDIS_URL", p2p_testkit::redis().unwrap()),
            ("OWN_URIS", own.collect::<Vec<_>>().join(",")),
            ("SHUTDOWN_GRACE_SECONDS", GRACE_SECONDS.to_string()),
            ("RUST_LOG", "warn,p2p_gateway=info".into()),
        ]);
        variables.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let mut programs = Self { tables, variables, listen: listen.into(), metrics: BTreeMap::new() };
        for (_, variable) in SERVICES {
            let addresses: Vec<String> = programs.listen[variable].iter().map(ToString::to_string).collect();
            programs.called_at(variable, &addresses);
        }
        programs
    }

    /// Where a service is called from now on.
    pub fn called_at(&mut self, variable: &'static str, addresses: &[String]) {
        self.variables.insert(variable, addresses.join(","));
    }

    /// What the programs that are started from now on find in a variable.
    pub fn told(&mut self, variable: &'static str, value: &str) {
        self.variables.insert(variable, value.to_owned());
    }

    /// Where the replicas of a service listen.
    pub fn listen(&self, variable: &str) -> &[SocketAddr] {
        &self.listen[variable]
    }

    /// The same, with metrics of all.
    pub fn measured(mut self) -> Self {
        let place = |name| (name, format!("127.0.0.1:{}", free_port().unwrap()));
        self.metrics = ["gateway", "catalog", "matching", "order"].map(place).into();
        self
    }

    /// Where a program serves its metrics.
    pub fn metrics_of(&self, name: &str) -> String {
        format!("http://{}/metrics", self.metrics[name])
    }

    /// Starts a program that does not start. Answers what it says.
    pub async fn refused(&self, name: &'static str, variable: &str, value: &str) -> String {
        let mut command = self.command(name);
        let ended = command.env(variable, value).stderr(Stdio::piped()).output();
        let output = timeout(PATIENCE, ended).await.expect("it ends").unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn command(&self, name: &'static str) -> Command {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let log = std::fs::File::options().create(true).append(true).open(log_of(name)).unwrap();
        let mut command = Command::new(binary(name));
        // Not where an .env may lie.
        command.env_clear().current_dir(folder).envs(&self.variables);
        command.env("METRICS_ADDR", self.metrics.get(name).map_or("off", String::as_str));
        command.env(PLANTED_BUG, planted_bug().unwrap_or_default());
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).kill_on_drop(true);
        command
    }

    /// What the programs of that name have logged.
    pub fn log(&self, name: &str) -> String {
        std::fs::read_to_string(log_of(name)).unwrap()
    }

    pub fn service(&self, name: &'static str) -> Program {
        self.doomed_service(name, "")
    }

    /// A service that dies at a failpoint.
    pub fn doomed_service(&self, name: &'static str, point: &str) -> Program {
        self.replica(name, 0, point)
    }

    /// One of the replicas of a service, from 0 on, which dies at a failpoint if one is named.
    pub fn replica(&self, name: &'static str, n: usize, point: &str) -> Program {
        let (_, variable) = SERVICES.into_iter().find(|(service, _)| *service == name).unwrap();
        let mut command = self.command(name);
        command.env(variable, self.listen[variable][n].to_string()).env("CRASH_AT", point);
        Program { name, child: command.spawn().unwrap() }
    }

    /// What fsck says of a system at rest.
    pub async fn fsck(&self) -> String {
        let mut command = self.command("fsck");
        let output = command.args(["--quiet", "0"]).stdout(Stdio::piped()).output().await.unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_ne!(output.status.code(), Some(2), "it cannot ask");
        said
    }

    /// What a program answers to the argument `health`.
    pub async fn health(&self, name: &'static str, place: &Place) -> Asked {
        self.ask(name, &["health"], place).await
    }

    /// What a program answers to the arguments `health live`.
    pub async fn alive(&self, name: &'static str, place: &Place) -> Asked {
        self.ask(name, &["health", "live"], place).await
    }

    /// What a program answers to arguments.
    pub async fn ask(&self, name: &'static str, arguments: &[&str], place: &Place) -> Asked {
        let mut command = self.command(name);
        // It asks where the program listens, not where it is called.
        if let Some((_, variable)) = SERVICES.into_iter().find(|(service, _)| *service == name) {
            command.env(variable, self.listen[variable][0].to_string());
        }
        command.args(arguments).env("BAP_PORT", place.bap.to_string()).stderr(Stdio::piped());
        let answer = timeout(PATIENCE, command.output()).await.expect("it answers").unwrap();
        Asked { code: answer.status.code(), said: String::from_utf8(answer.stderr).unwrap() }
    }

    /// A connection to a service that has said half a request and says no more.
    pub async fn half_a_request(&self, address: &'static str) -> TcpStream {
        let mut stream = TcpStream::connect(self.listen[address][0]).await.unwrap();
        // HTTP/2: the preface, SETTINGS, and HEADERS that do not end.
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
        stream.write_all(&[0, 0, 1, 1, 0, 0, 0, 0, 1, 0x83]).await.unwrap();
        stream
    }

    /// The catalog's gRPC.
    pub fn catalog(&self) -> CatalogServiceClient<Channel> {
        let address = format!("http://{}", self.listen["CATALOG_ADDR"][0]);
        CatalogServiceClient::new(Channel::from_shared(address).unwrap().connect_lazy())
    }

    pub fn services(&self) -> [Program; 3] {
        ["catalog", "matching", "order"].map(|name| self.service(name))
    }

    /// A gateway that accepts trades.
    pub async fn gateway(&self, place: &Place) -> Program {
        let program = self.doomed_gateway(place, "");
        ready(&place.client(), "ok").await;
        program
    }

    /// A gateway that dies at a failpoint, perhaps before it accepts anything.
    pub fn doomed_gateway(&self, place: &Place, point: &str) -> Program {
        self.gateway_at(place, "CRASH_AT", point)
    }

    /// A gateway that freezes at a failpoint.
    pub fn freezing_gateway(&self, place: &Place, point: &str) -> Program {
        self.gateway_at(place, "FREEZE_AT", point)
    }

    fn gateway_at(&self, place: &Place, variable: &str, point: &str) -> Program {
        let mut command = self.command("gateway");
        command.env("GATEWAY_ID", place.id).env(variable, point);
        command.env("BAP_PORT", place.bap.to_string()).env("CDS_PORT", place.cds.to_string());
        Program { name: "gateway", child: command.spawn().unwrap() }
    }
}
