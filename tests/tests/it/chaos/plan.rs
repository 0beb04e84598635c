//! What happens when: the same seed makes the same plan.

use std::{collections::BTreeMap, fmt, time::Duration};

use fastrand::Rng;

use super::{proxy::Trouble, sizes::Sizes};
use crate::{programs::SERVICES, redis};

/// How many gateways there are.
pub const GATEWAYS: usize = 2;
/// LEASE_SECONDS of all programs.
pub const LEASE: Duration = Duration::from_secs(2);

/// Between whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// The services and PostgreSQL.
    Postgres,
    /// The gateways and Redis.
    Redis,
    /// Our buyer's side, our seller's side and our discovery, by way of a balancer before both gateways.
    Gateways,
    /// The gateways and the services, and the services among themselves.
    Services,
    /// The gateways and another BAP that takes callbacks.
    Buyer,
}

const LINKS: [Link; 5] = [Link::Gateways, Link::Postgres, Link::Services, Link::Buyer, Link::Redis];
const REDIS: [redis::Fault; 4] =
    [redis::Fault::Flushed, redis::Fault::Killed, redis::Fault::Frozen, redis::Fault::Yesterday];

/// A program: the gateways, then the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Gateway(usize),
    Service(usize),
}

impl Who {
    fn nth(n: usize) -> Self {
        if n < GATEWAYS { Self::Gateway(n) } else { Self::Service(n - GATEWAYS) }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Gateway(_) => "gateway",
            Self::Service(n) => SERVICES[n].0,
        }
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// kill -9.
    Killed(Who),
    /// SIGSTOP until its leases have lapsed.
    Frozen(Who),
    /// kill -9 of all its processes.
    Postgres,
    Redis(redis::Fault),
    Network(Link, Trouble),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Killed(who) => write!(f, "{} killed", who.name()),
            Self::Frozen(who) => write!(f, "{} frozen past its lease", who.name()),
            Self::Postgres => write!(f, "PostgreSQL killed"),
            Self::Redis(redis::Fault::Yesterday) => write!(f, "Redis put back to older data"),
            Self::Redis(fault) => write!(f, "Redis {}", format!("{fault:?}").to_lowercase()),
            Self::Network(link, trouble) => {
                write!(f, "network to {} {trouble}", format!("{link:?}").to_lowercase())
            }
        }
    }
}

/// A fault, how long it lasts, and how long nothing happens afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strike {
    pub fault: Fault,
    pub lasts: Duration,
    pub then: Duration,
}

fn between(rng: &mut Rng, least: u64, most: u64) -> Duration {
    Duration::from_millis(rng.u64(least..=most))
}

/// All faults of these sizes, in an order of the seed's.
pub fn plan(sizes: &Sizes, seed: u64) -> Vec<Strike> {
    let mut rng = Rng::with_seed(seed);
    let mut faults: Vec<Fault> = Vec::new();
    faults.extend((0..sizes.gateways).map(|n| Fault::Killed(Who::Gateway(n % GATEWAYS))));
    let services = (0..SERVICES.len()).flat_map(|n| std::iter::repeat_n(n, sizes.services));
    faults.extend(services.map(|n| Fault::Killed(Who::Service(n))));
    faults.extend((0..sizes.postgres).map(|_| Fault::Postgres));
    faults.extend((0..sizes.redis).map(|n| Fault::Redis(REDIS[n % REDIS.len()])));
    let first = rng.usize(..GATEWAYS + SERVICES.len());
    let programs = (first..).map(|n| n % (GATEWAYS + SERVICES.len()));
    faults.extend(programs.take(sizes.freezes).map(|n| Fault::Frozen(Who::nth(n))));
    let first = rng.usize(..LINKS.len());
    for n in 0..sizes.network {
        // Each trouble soon, and on each link in the end.
        let trouble = match (first + n + n / LINKS.len()) % 4 {
            0 => Trouble::Latency(between(&mut rng, 50, 250)),
            1 => Trouble::Blackhole,
            2 => Trouble::Reset,
            _ => Trouble::Slice,
        };
        faults.push(Fault::Network(LINKS[n % LINKS.len()], trouble));
    }
    rng.shuffle(&mut faults);
    let strikes = faults.into_iter().map(|fault| {
        let (least, most) = match fault {
            // Some are back before their leases lapse, and some are not.
            Fault::Killed(_) => (0, 2_500),
            Fault::Postgres => (0, 1_000),
            Fault::Frozen(_) => (2_500, 3_500),
            Fault::Redis(_) => (300, 1_500),
            Fault::Network(..) => (500, 3_000),
        };
        Strike { fault, lasts: between(&mut rng, least, most), then: between(&mut rng, 0, 1_000) }
    });
    strikes.collect()
}

/// How often each kind happens.
pub fn counts(strikes: &[Strike]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for strike in strikes {
        *counts.entry(strike.fault.to_string()).or_default() += 1;
    }
    counts
}

#[test]
fn a_seed_is_a_plan() {
    let sizes = Sizes::told();
    assert_eq!(plan(&sizes, 7), plan(&sizes, 7));
    assert!(plan(&sizes, 7) != plan(&sizes, 8) || plan(&sizes, 7).len() < 2);
    let kinds = counts(&plan(&sizes, 7));
    let planned = |kind: String| kinds.get(&kind).copied().unwrap_or(0);
    assert_eq!(planned("gateway killed".into()), sizes.gateways);
    for (service, _) in SERVICES {
        assert_eq!(planned(format!("{service} killed")), sizes.services);
    }
}
