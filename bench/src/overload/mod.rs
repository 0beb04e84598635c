//! `bench overload`: what becomes of requests when there are ten times as many as can be served, and of the system
//! afterwards. Half are `POST /api/discover` of a client, half `POST /init` of another BAP.
#![allow(clippy::float_arithmetic, reason = "rates and shares are reported, nothing is decided by them")]

mod ask;
mod load;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::ensure;
use p2p_domain::Clock;
use tokio::time::{Instant, sleep};

use self::{
    ask::{Asker, Came, Kind},
    load::{Sample, closed, open},
};
use crate::{fill, options, receiver::Receiver, run, spread::Spread, table::ms, trade};

/// Of what can be done, what is asked for while it is calm: seven tenths.
const CALM: (usize, usize) = (7, 10);
/// Calm again is whoever takes no more than three times as long as before.
const CALM_AGAIN: u64 = 3;
/// How long it may take to become calm.
const WATCHED: Duration = Duration::from_secs(15);
/// How long the time is of which it is said whether it was calm.
const WINDOW: Duration = Duration::from_secs(1);
/// How long what was acknowledged may take to be done.
const DONE_WITHIN: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(200);
const KINDS: [(Kind, &str); 2] = [(Kind::Discover, "/api/discover"), (Kind::Init, "/init")];

/// Measures.
///
/// # Errors
/// When the gateway is not there, or something that was acknowledged is not done.
pub async fn overload(options: options::Overload) -> anyhow::Result<()> {
    let today = Clock::system().now().date_naive();
    if let Some(catalog) = options.fill {
        fill::fill(catalog, today).await?;
    }
    let receiver = Receiver::start().await?;
    let asker =
        Asker::new(&options.url, trade::window(today), &receiver.uri, options.key.as_ref()).map(Arc::new)?;
    println!("load before {}", run::load());
    let mut all = closed(&asker, 8, options.warmup).await;
    let mut most = 0;
    for &at_once in &options.concurrency {
        let samples = closed(&asker, at_once, options.lasts / 2).await;
        let rate = a_second(&samples, options.lasts / 2);
        println!("{at_once:>5} at once: {rate} acknowledged a second");
        most = most.max(rate);
        all.extend(samples);
    }
    ensure!(most > 0, "nothing was acknowledged: {:?}", failures(&all));
    let calm = open(&asker, rate(most * CALM.0 / CALM.1), options.lasts).await;
    report("calm", &calm, options.lasts);
    let flooded = Instant::now();
    let flood = open(&asker, rate(most * options.times), options.lasts).await;
    report("overload", &flood, options.lasts);
    for (kind, name) in KINDS {
        let [before, during] = [&calm, &flood].map(|samples| ms(spread(samples, kind).p99_us));
        println!("{name}: p99 of the acknowledged {:.2} times that of calm", during / before);
    }
    let ended = flooded + options.lasts;
    let after = open(&asker, rate(most * CALM.0 / CALM.1), WATCHED).await;
    report("afterwards", &after, WATCHED);
    match calm_after(&calm, &after, ended) {
        Some(after) => println!("calm again {:.1} s after the flood", after.as_secs_f64()),
        None => println!("not calm within {} s after the flood", WATCHED.as_secs()),
    }
    all.extend(calm.into_iter().chain(flood).chain(after));
    all_done(&asker, &receiver, &all).await
}

/// Requests that were acknowledged, each second.
fn a_second(samples: &[Sample], lasted: Duration) -> usize {
    let acknowledged = samples.iter().filter(|sample| sample.is_acknowledged()).count();
    acknowledged * 1_000 / usize::try_from(lasted.as_millis().max(1)).unwrap_or(usize::MAX)
}

fn rate(a_second: usize) -> u32 {
    u32::try_from(a_second.max(1)).unwrap_or(u32::MAX)
}

fn failures(samples: &[Sample]) -> BTreeMap<&str, usize> {
    let mut found = BTreeMap::new();
    for sample in samples {
        if let Came::Failed(why) = &sample.came {
            *found.entry(why.as_str()).or_default() += 1;
        }
    }
    found
}

/// How long the acknowledgements of a kind took.
fn spread(samples: &[Sample], kind: Kind) -> Spread {
    let of_kind = samples.iter().filter(|sample| sample.kind == kind && sample.is_acknowledged());
    Spread::of(of_kind.map(|sample| sample.took).collect())
}

fn report(name: &str, samples: &[Sample], lasted: Duration) {
    let shed: Vec<Duration> =
        samples.iter().filter(|sample| sample.came == Came::Shed).map(|sample| sample.took).collect();
    println!(
        "\n== {name}: {} requests a second, {} acknowledged a second, {:.1} % shed",
        samples.len() as u64 * 1_000 / u64::try_from(lasted.as_millis().max(1)).unwrap_or(u64::MAX),
        a_second(samples, lasted),
        100.0 * shed.len() as f64 / samples.len().max(1) as f64,
    );
    println!("{:>15} {:>9} {:>9} {:>9} {:>9}  ms", "", "p50", "p95", "p99", "max");
    let kinds = KINDS.map(|(kind, name)| (name, spread(samples, kind)));
    for (name, Spread { p50_us, p95_us, p99_us, max_us }) in
        kinds.into_iter().chain([("shed", Spread::of(shed))])
    {
        let [p50, p95, p99, max] = [p50_us, p95_us, p99_us, max_us].map(ms);
        println!("{name:>15} {p50:>9.2} {p95:>9.2} {p99:>9.2} {max:>9.2}");
    }
    for (why, count) in failures(samples) {
        println!("{:>15} {count:>9}  {why}", "FAILED");
    }
}

/// How long after the flood the first calm window began that another one followed: next to nothing was shed, nothing
/// failed, and nothing took too long.
fn calm_after(calm: &[Sample], after: &[Sample], ended: Instant) -> Option<Duration> {
    let longest = KINDS.map(|(kind, _)| (kind, spread(calm, kind).p99_us * CALM_AGAIN));
    let is_calm = |since: Instant| {
        let within = after.iter().filter(|sample| sample.due >= since && sample.due < since + WINDOW);
        let within: Vec<Sample> = within.cloned().collect();
        let others = within.iter().filter(|sample| !sample.is_acknowledged()).count();
        let soon = |(kind, longest): &(Kind, u64)| spread(&within, *kind).p99_us <= *longest;
        !within.is_empty() && others * 100 <= within.len() && longest.iter().all(soon)
    };
    let mut begins = ended;
    while begins + WINDOW * 2 <= ended + WATCHED {
        if is_calm(begins) && is_calm(begins + WINDOW) {
            return Some(begins - ended);
        }
        begins += WINDOW / 2;
    }
    None
}

/// Waits for what was acknowledged.
async fn all_done(asker: &Asker, receiver: &Receiver, samples: &[Sample]) -> anyhow::Result<()> {
    let since = Instant::now();
    let acknowledged = samples.iter().filter_map(|sample| match &sample.came {
        Came::Acknowledged(id) => Some((sample.kind, id.as_str())),
        Came::Shed | Came::Failed(_) => None,
    });
    let mut open: Vec<(Kind, &str)> = acknowledged.collect();
    let count = open.len();
    loop {
        let mut still = Vec::new();
        for (kind, id) in open {
            let done = match kind {
                Kind::Discover => asker.has_heard(id).await == Some(true),
                Kind::Init => receiver.heard.has(id),
            };
            if !done {
                still.push((kind, id));
            }
        }
        open = still;
        if open.is_empty() || since.elapsed() > DONE_WITHIN {
            break;
        }
        sleep(LOOK_AGAIN).await;
    }
    println!("\nacknowledged in all: {count}; done: {}", count - open.len());
    ensure!(open.is_empty(), "acknowledged and not done: {:?} ...", &open[..open.len().min(10)]);
    Ok(())
}
