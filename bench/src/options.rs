//! Every option, with its default. What is not given is taken from the running `local up`, then from the
//! environment.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use p2p_runtime::{Env, Secret};
use url::{Host, Url};

use crate::{local::Running, output::Output};

/// What there is to call.
pub const USAGE: &str =
    "usage: bench trade [--url http://127.0.0.1:4000] [--concurrency 1,8,32,128] [--seconds 10]
                   [--rounds 1] [--floor] [--warmup 2] [--poll-ms 20] [--fill] [--catalog 127.0.0.1:50051]
                   [--pids name=pid,...] [--database-url URL] [--redis-url URL]
                   [--key KEY] (better in CLIENT_KEY, where other users do not see it)
       bench load [--orders 200000] [--database-url URL]
       bench floor [--concurrency 1,8,32,128] [--seconds 10] [--database-url URL]
       bench compare --other FOLDER [--rounds 6] [--concurrency 8] [--seconds 10] [--warmup 2] [--poll-ms 20]
       bench slow [--url http://127.0.0.1:4000] [--sockets 500] [--rounds 6] [--concurrency 8] [--seconds 10]
                  [--warmup 2] [--poll-ms 20] [--fill] [--catalog 127.0.0.1:50051] [--key KEY]
       bench overload [--url http://127.0.0.1:4000] [--times 10] [--concurrency 8,16,32] [--seconds 10]
                  [--warmup 2] [--fill] [--catalog 127.0.0.1:50051] [--key KEY]
       bench hot [--concurrency 1,8,32,128] [--seconds 10] [--warmup 2] [--database-url URL]
                 in a database of its own
       bench match [--offers 100,1000,10000,100000,1000000] [--requests 300] [--database-url URL]
                 the function by criterion, then RankOffers at a matching service and in a database of its own
       bench discover [--offers 1000,10000,100000,1000000] [--requests 300] [--database-url URL]
                   where a database of its own can be made: of `local up`, or alone by
                   local test -- target/release/bench discover
       bench discover --gateway [--offers ...] [--requests 300]
                   through the running gateway, whose database keeps the offers (`make clean-db`)
       bench edge [--seconds 10] [--registry FILE] [--url http://127.0.0.1:4000] [--concurrency 32]
                   with the REGISTRY_FILE of a running gateway, which is overwritten: also through that gateway
       all but floor, compare, slow, overload and load: [--json FILE] [--svg FILE]";

const SWITCHES: [&str; 3] = ["fill", "floor", "gateway"];
const VALUES: [&str; 20] = [
    "other",
    "rounds",
    "url",
    "concurrency",
    "seconds",
    "warmup",
    "poll-ms",
    "catalog",
    "pids",
    "database-url",
    "redis-url",
    "registry",
    "json",
    "svg",
    "offers",
    "orders",
    "requests",
    "key",
    "sockets",
    "times",
];

/// `--name value` and `--switch`.
#[derive(Debug, Default)]
pub struct Options {
    values: BTreeMap<String, String>,
    switches: BTreeSet<String>,
}

impl Options {
    /// Of a command line.
    ///
    /// # Errors
    /// Names the word that is not understood.
    pub fn parse(words: &[String]) -> anyhow::Result<Self> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.strip_prefix("--") {
                Some(name) if SWITCHES.contains(&name) => {
                    options.switches.insert(name.to_owned());
                }
                Some(name) if VALUES.contains(&name) => {
                    let value = words.next().with_context(|| format!("{word} needs a value"))?;
                    options.values.insert(name.to_owned(), value.clone());
                }
                _ => bail!("{word} is not known\n{USAGE}"),
            }
        }
        Ok(options)
    }

    fn text(&self, name: &str) -> Option<String> {
        self.values.get(name).cloned()
    }

    fn value<T: FromStr<Err: std::fmt::Display>>(&self, name: &str, default: T) -> anyhow::Result<T> {
        let Some(text) = self.values.get(name) else { return Ok(default) };
        text.parse().map_err(|why| anyhow::anyhow!("--{name} {text}: {why}"))
    }

    fn concurrency(&self) -> anyhow::Result<Vec<usize>> {
        self.numbers("concurrency", "1,8,32,128", 1_000)
    }

    /// `--json FILE` and `--svg FILE`.
    ///
    /// # Errors
    /// When a file can never be written: better said before the measurement than after it.
    pub fn output(&self) -> anyhow::Result<Output> {
        let file = |name| {
            let Some(file) = self.text(name).map(PathBuf::from) else { return Ok(None) };
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
            ensure!(folder.is_none_or(Path::is_dir), "--{name} {}: there is no such folder", file.display());
            Ok(Some(file))
        };
        Ok(Output { json: file("json")?, svg: file("svg")? })
    }

    fn requests(&self) -> anyhow::Result<usize> {
        let requests = self.value("requests", 300)?;
        ensure!(requests > 0, "--requests: at least 1");
        Ok(requests)
    }

    /// Numbers from 1 to the most, separated by commas.
    fn numbers(&self, name: &str, default: &str, most: usize) -> anyhow::Result<Vec<usize>> {
        let text = self.values.get(name).map_or(default, String::as_str);
        let each = text.split(',').map(|one| one.trim().parse::<usize>());
        let each = each.collect::<Result<Vec<_>, _>>().with_context(|| format!("--{name} {text}"))?;
        ensure!(each.iter().all(|one| (1..=most).contains(one)), "--{name}: from 1 to {most}");
        Ok(each)
    }
}

/// `bench edge`.
#[derive(Debug)]
pub struct Edge {
    /// How long each measurement of signed messages lasts.
    pub lasts: Duration,
    /// The file in which the running gateway looks participants up; none: only the edge is measured.
    pub registry: Option<PathBuf>,
    /// The running gateway.
    pub url: String,
    /// Messages under way at once through it.
    pub at_once: usize,
    /// Where the numbers go.
    pub output: Output,
}

impl Edge {
    /// Of the command line, over the running system.
    ///
    /// # Errors
    /// Names the option that cannot be used.
    pub fn of(options: &Options, running: Option<&Running>) -> anyhow::Result<Self> {
        let seconds = options.value("seconds", 10_u64)?;
        ensure!(seconds > 0, "--seconds: at least 1");
        let at_once = options.numbers("concurrency", "32", 1_000)?;
        Ok(Self {
            lasts: Duration::from_secs(seconds),
            registry: options.text("registry").map(PathBuf::from),
            url: bap_url(options, running)?,
            at_once: at_once.first().copied().context("concurrency")?,
            output: options.output()?,
        })
    }
}

/// `bench trade`.
#[derive(Debug)]
pub struct Trade {
    /// The server with the seed's /api.
    pub url: String,
    /// A client's key, where clients need one.
    pub key: Option<Secret>,
    /// Trades under way at once, one measurement each.
    pub concurrency: Vec<usize>,
    /// How often all are measured.
    pub rounds: usize,
    /// Whether PostgreSQL alone is measured after each.
    pub floor: Option<Floor>,
    /// How long each measurement lasts.
    pub lasts: Duration,
    /// Trades before each measurement, not counted.
    pub warmup: Duration,
    /// The pause between two looks at a transaction.
    pub poll: Duration,
    /// Whether stock is put up first, and where the catalog service is.
    pub fill: Option<SocketAddr>,
    /// Processes by name; each stands for all its descendants too.
    pub pids: Vec<(String, u32)>,
    /// PostgreSQL, for its counters; its superuser sees what each service does.
    pub database_url: Option<String>,
    /// Redis, for its counters.
    pub redis_url: Option<String>,
    /// Where the numbers go.
    pub output: Output,
}

impl Trade {
    /// Of the command line, over the running system.
    ///
    /// # Errors
    /// Names the option that cannot be used.
    pub fn of(options: Options, env: &Env, running: Option<&Running>) -> anyhow::Result<Self> {
        let url = bap_url(&options, running)?;
        let pids = match options.text("pids") {
            Some(text) => named_pids(&text)?,
            None => running.map(Running::processes).unwrap_or_default(),
        };
        let fill = to_fill(&options, env)?;
        let redis_url = options
            .text("redis-url")
            .or_else(|| env.optional("REDIS_URL"))
            .or_else(|| running.and_then(|running| running.variable("REDIS_URL")));
        redis_url.as_deref().map(on_this_machine).transpose()?;
        let rounds = options.numbers("rounds", "1", 1_000)?.first().copied().context("rounds")?;
        let floor =
            options.switches.contains("floor").then(|| Floor::of(&options, env, running)).transpose()?;
        let seconds = options.value("seconds", 10_u64)?;
        ensure!(seconds > 0, "--seconds: at least 1");
        Ok(Self {
            url,
            key: key(&options, env)?,
            concurrency: options.concurrency()?,
            rounds,
            floor,
            lasts: Duration::from_secs(seconds),
            warmup: Duration::from_secs(options.value("warmup", 2)?),
            poll: Duration::from_millis(options.value("poll-ms", 20)?),
            fill,
            pids,
            database_url: database_url(&options, env, running)?,
            redis_url,
            output: options.output()?,
        })
    }
}

/// `bench compare`.
#[derive(Debug)]
pub struct Compare {
    /// The checkout that the other system runs in.
    pub other: PathBuf,
    /// How often both are measured.
    pub rounds: usize,
    /// Trades under way at once.
    pub concurrency: usize,
    /// How long each measurement lasts.
    pub lasts: Duration,
    /// Trades before each measurement, not counted.
    pub warmup: Duration,
    /// The pause between two looks at a transaction.
    pub poll: Duration,
}

impl Compare {
    /// Of the command line.
    ///
    /// # Errors
    /// Names the option that cannot be used.
    pub fn of(options: Options) -> anyhow::Result<Self> {
        let numbers = |name, default| options.numbers(name, default, 1_000)?.first().copied().context(name);
        Ok(Self {
            other: options.text("other").map(PathBuf::from).context("say --other FOLDER")?,
            rounds: numbers("rounds", "6")?,
            concurrency: numbers("concurrency", "8")?,
            lasts: Duration::from_secs(options.value("seconds", 10)?),
            warmup: Duration::from_secs(options.value("warmup", 2)?),
            poll: Duration::from_millis(options.value("poll-ms", 20)?),
        })
    }
}

/// `bench slow`.
#[derive(Debug)]
pub struct Slow {
    /// The server with the seed's /api.
    pub url: String,
    /// How many are slow.
    pub sockets: usize,
    /// How often both are measured.
    pub rounds: usize,
    /// Honest trades under way at once.
    pub concurrency: usize,
    /// How long each measurement lasts.
    pub lasts: Duration,
    /// Trades before the first measurement, not counted.
    pub warmup: Duration,
    /// The pause between two looks at a transaction.
    pub poll: Duration,
    /// Whether stock is put up first, and where the catalog service is.
    pub fill: Option<SocketAddr>,
    /// A client's key, where clients need one.
    pub key: Option<Secret>,
}

impl Slow {
    /// Of the command line, over the running system.
    ///
    /// # Errors
    /// Names the option that cannot be used.
    pub fn of(options: Options, env: &Env, running: Option<&Running>) -> anyhow::Result<Self> {
        let numbers = |name, default| options.numbers(name, default, 1_000)?.first().copied().context(name);
        Ok(Self {
            url: bap_url(&options, running)?,
            sockets: numbers("sockets", "500")?,
            rounds: numbers("rounds", "6")?,
            concurrency: numbers("concurrency", "8")?,
            lasts: Duration::from_secs(options.value("seconds", 10)?),
            warmup: Duration::from_secs(options.value("warmup", 2)?),
            poll: Duration::from_millis(options.value("poll-ms", 20)?),
            fill: to_fill(&options, env)?,
            key: key(&options, env)?,
        })
    }
}

/// `bench overload`.
#[derive(Debug)]
pub struct Overload {
    /// The gateway.
    pub url: String,
    /// How many times what can be done is asked for.
    pub times: usize,
    /// Requests at once whose throughput is tried, to find out what can be done.
    pub concurrency: Vec<usize>,
    /// How long each measurement lasts.
    pub lasts: Duration,
    /// Requests before the first measurement, not counted.
    pub warmup: Duration,
    /// Whether stock is put up first, and where the catalog service is.
    pub fill: Option<SocketAddr>,
    /// A client's key, where clients need one.
    pub key: Option<Secret>,
}

impl Overload {
    /// Of the command line, over the running system.
    ///
    /// # Errors
    /// Names the option that cannot be used.
    pub fn of(options: Options, env: &Env, running: Option<&Running>) -> anyhow::Result<Self> {
        Ok(Self {
            url: bap_url(&options, running)?,
            times: options.numbers("times", "10", 100)?.first().copied().context("times")?,
            concurrency: options.numbers("concurrency", "8,16,32", 1_000)?,
            lasts: Duration::from_secs(options.value("seconds", 10)?),
            warmup: Duration::from_secs(options.value("warmup", 2)?),
            fill: to_fill(&options, env)?,
            key: key(&options, env)?,
        })
    }
}

/// `bench floor`.
#[derive(Debug)]
pub struct Floor {
    /// Clients at once, one measurement each.
    pub concurrency: Vec<usize>,
    /// How long each measurement lasts.
    pub lasts: Duration,
    /// The PostgreSQL whose floor it is.
    pub database_url: String,
    /// `PG_BIN`.
    pub pg_bin: Option<PathBuf>,
}

impl Floor {
    /// Of the command line, over the running system.
    ///
    /// # Errors
    /// Names the option that cannot be used.
    pub fn of(options: &Options, env: &Env, running: Option<&Running>) -> anyhow::Result<Self> {
        let database_url = database_url(options, env, running)?;
        Ok(Self {
            concurrency: options.concurrency()?,
            lasts: Duration::from_secs(options.value("seconds", 10)?),
            database_url: database_url.context("no PostgreSQL: say --database-url")?,
            pg_bin: env.optional("PG_BIN").map(PathBuf::from),
        })
    }
}

/// `bench hot`.
#[derive(Debug)]
pub struct Hot {
    /// Buyers at once, one measurement each.
    pub concurrency: Vec<usize>,
    /// How long each measurement lasts.
    pub lasts: Duration,
    /// Reservations before each measurement, not counted.
    pub warmup: Duration,
    /// A PostgreSQL whose user may make databases.
    pub database_url: String,
    /// Where the numbers go.
    pub output: Output,
}

impl Hot {
    /// Of the command line, over the private PostgreSQL of `local test` or the running system.
    ///
    /// # Errors
    /// Names the option that cannot be used.
    pub fn of(options: Options, env: &Env, running: Option<&Running>) -> anyhow::Result<Self> {
        Ok(Self {
            concurrency: options.numbers("concurrency", "1,8,32,128", 1_000)?,
            lasts: Duration::from_secs(options.value("seconds", 10)?),
            warmup: Duration::from_secs(options.value("warmup", 2)?),
            database_url: own_database_url(&options, env, running)?,
            output: options.output()?,
        })
    }
}

/// `bench load`.
#[derive(Debug)]
pub struct Load {
    /// How many.
    pub orders: u64,
    /// PostgreSQL, as its superuser.
    pub database_url: String,
}

impl Load {
    /// Of the command line, over the running system.
    ///
    /// # Errors
    /// Names the option that cannot be used.
    pub fn of(options: Options, env: &Env, running: Option<&Running>) -> anyhow::Result<Self> {
        let url = database_url(&options, env, running)?;
        Ok(Self {
            orders: options.value("orders", 200_000)?,
            database_url: url.context("no PostgreSQL: say --database-url")?,
        })
    }
}

/// `bench match`.
#[derive(Debug)]
pub struct Match {
    /// How many offers there are to rank, one measurement each.
    pub offers: Vec<usize>,
    /// Requests to the service for each number that it takes.
    pub requests: usize,
    /// A PostgreSQL whose user may make databases.
    pub database_url: String,
    /// Where the numbers go.
    pub output: Output,
}

impl Match {
    /// Of the command line, over the private PostgreSQL of `local test` or the running system.
    ///
    /// # Errors
    /// Names the option that cannot be used.
    pub fn of(options: Options, env: &Env, running: Option<&Running>) -> anyhow::Result<Self> {
        Ok(Self {
            offers: options.numbers("offers", "100,1000,10000,100000,1000000", 10_000_000)?,
            requests: options.requests()?,
            database_url: own_database_url(&options, env, running)?,
            output: options.output()?,
        })
    }
}

/// `bench discover`.
#[derive(Debug)]
pub struct Discover {
    /// How many offers there are, one measurement each, ever more.
    pub offers: Vec<usize>,
    /// Requests of each kind.
    pub requests: usize,
    /// The running gateway's CDS, when it is asked instead of a catalog service.
    pub cds: Option<String>,
    /// A PostgreSQL whose user may make databases; the running system's when its gateway is asked.
    pub database_url: String,
    /// Where the numbers go.
    pub output: Output,
}

impl Discover {
    /// Of the command line, over the private PostgreSQL of `local test` or the running system.
    ///
    /// # Errors
    /// Names the option that cannot be used.
    pub fn of(options: Options, env: &Env, running: Option<&Running>) -> anyhow::Result<Self> {
        let mut offers = options.numbers("offers", "1000,10000,100000,1000000", 10_000_000)?;
        offers.sort_unstable();
        let through = options.switches.contains("gateway");
        let no_system = "nothing runs here that --gateway could ask";
        let port =
            running.and_then(|running| running.variable("CDS_PORT")).or_else(|| env.optional("CDS_PORT"));
        let cds = through.then(|| format!("http://127.0.0.1:{}", port.as_deref().unwrap_or("4001")));
        let database_url = match through {
            true => running.and_then(Running::superuser_url).context(no_system)?,
            false => own_database_url(&options, env, running)?,
        };
        Ok(Self { offers, requests: options.requests()?, cds, database_url, output: options.output()? })
    }
}

/// Where the server with the seed's /api is.
fn bap_url(options: &Options, running: Option<&Running>) -> anyhow::Result<String> {
    let bap = running.map(|running| running.bap_url.clone());
    let url = options.text("url").or(bap).unwrap_or_else(|| "http://127.0.0.1:4000".to_owned());
    on_this_machine(&url)?;
    Ok(url.trim_end_matches('/').to_owned())
}

fn key(options: &Options, env: &Env) -> anyhow::Result<Option<Secret>> {
    match options.text("key") {
        Some(key) => Ok(Some(Secret::new(key))),
        None => Ok(env.secret("CLIENT_KEY")?),
    }
}

/// The catalog service, if stock is to be put up there.
fn to_fill(options: &Options, env: &Env) -> anyhow::Result<Option<SocketAddr>> {
    let catalog = env.value("CATALOG_ADDR", SocketAddr::from(([127, 0, 0, 1], 50_051)))?;
    let catalog = options.value("catalog", catalog)?;
    ensure!(catalog.ip().is_loopback(), "--catalog {catalog} is not this machine");
    Ok(options.switches.contains("fill").then_some(catalog))
}

/// What was named, else the private PostgreSQL of `local up` by its superuser, who sees every service's
/// statements.
fn database_url(options: &Options, env: &Env, running: Option<&Running>) -> anyhow::Result<Option<String>> {
    let named = options.text("database-url").or_else(|| env.optional("DATABASE_URL"));
    let url = named.or_else(|| running.and_then(Running::superuser_url));
    url.as_deref().map(on_this_machine).transpose()?;
    Ok(url)
}

/// Where a database of the measurement's own can be made.
fn own_database_url(options: &Options, env: &Env, running: Option<&Running>) -> anyhow::Result<String> {
    let named = options.text("database-url").or_else(|| env.optional("TEST_DATABASE_URL"));
    named.as_deref().map(on_this_machine).transpose()?;
    let url = match named {
        Some(url) => Some(url),
        None => database_url(options, env, running)?,
    };
    url.context("no PostgreSQL: say --database-url")
}

/// Only this machine is measured.
fn on_this_machine(url: &str) -> anyhow::Result<()> {
    let parsed = Url::parse(url).context("a URL cannot be read")?;
    let here = match parsed.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.parse().is_ok_and(is_loopback),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    // Without user and password: the sentence may be logged.
    ensure!(here, "{:?} is not this machine", parsed.host_str().unwrap_or_default());
    Ok(())
}

/// Hosts of URLs whose scheme `url` does not know stay text.
fn is_loopback(address: std::net::IpAddr) -> bool {
    address.is_loopback()
}

fn named_pids(text: &str) -> anyhow::Result<Vec<(String, u32)>> {
    let pair = |pair: &str| {
        let (name, pid) = pair.split_once('=')?;
        Some((name.to_owned(), pid.parse().ok()?))
    };
    text.split(',').map(|one| pair(one).with_context(|| format!("--pids: {one} is not name=pid"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(words: &str) -> anyhow::Result<Options> {
        Options::parse(&words.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_read_and_unknown_ones_named() {
        let trade = options("--concurrency 1,4 --seconds 3 --fill --pids node=12,postgres=13").unwrap();
        let trade = Trade::of(trade, &Env::of([]), None).unwrap();
        assert_eq!((trade.concurrency, trade.lasts), (vec![1, 4], Duration::from_secs(3)));
        assert_eq!(trade.pids, [("node".to_owned(), 12), ("postgres".to_owned(), 13)]);
        assert!(trade.fill.is_some());
        assert!(options("--sconds 3").unwrap_err().to_string().contains("--sconds"));
        assert!(Trade::of(options("--concurrency 0").unwrap(), &Env::of([]), None).is_err());
        let env = Env::of([("TEST_DATABASE_URL", "postgresql://127.0.0.1:1/postgres")]);
        let discover = Discover::of(options("--offers 50,10").unwrap(), &env, None).unwrap();
        assert_eq!((discover.offers, discover.requests), (vec![10, 50], 300));
    }

    #[test]
    fn other_machines_are_not_measured() {
        for url in ["http://127.0.0.1:4000", "postgresql://p@127.0.0.1:5432/db", "redis://localhost:1"] {
            on_this_machine(url).unwrap();
        }
        for url in ["http://10.0.0.1:4000", "postgresql://p@db.example/x", "nonsense"] {
            assert!(on_this_machine(url).is_err(), "{url}");
        }
    }
}
