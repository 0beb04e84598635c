//! `bench match`: the best 100 of ever more offers, by criterion; and RankOffers over gRPC, at a service of its own.
#![allow(clippy::float_arithmetic, reason = "times are reported, nothing is decided by them")]

use std::hint::black_box;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use p2p_domain::Clock;
use p2p_matching::{Columns, Policy, Row, Wanted};
use p2p_migrations::Service;
use p2p_proto::{
    common,
    matching::{Candidate, RankOffersRequest, SetTrustRequest, Trust},
    timestamp,
};
use serde::Serialize;
use tokio::{task::spawn_blocking, time::Instant};

use crate::{
    medians::{self, medians},
    options::Match,
    plot::{Plot, number},
    run::load,
    spread::Spread,
    stand::{Matching, Stand},
    table::ms,
};

/// What a buyer looks at.
const BEST: usize = 100;
/// Most offers that RankOffers takes.
const MOST_CANDIDATES: usize = 10_000;
const PROVIDERS: u32 = 100;
const WARMUP: usize = 20;
const HOUR_MICROS: i64 = 3_600_000_000;

/// What ranking so many offers takes.
#[derive(Debug, Default, Serialize)]
struct Measured {
    offers: usize,
    /// The function, in nanoseconds: criterion's median.
    function_ns: f64,
    /// RankOffers over gRPC, where it takes so many.
    service: Option<Spread>,
}

/// Measures the function, then the service.
///
/// # Errors
/// When there is no PostgreSQL or no matching program, or one of them fails.
pub async fn run(options: Match) -> anyhow::Result<()> {
    println!("the best {BEST} of so many offers, the function on one core (load before {})", load());
    let offers = options.offers.clone();
    let mut measured = spawn_blocking(move || function(&offers)).await??;
    println!("{:>8} {:>12} {:>10}", "offers", "us", "ns/offer");
    for Measured { offers, function_ns, .. } in &measured {
        println!("{offers:>8} {:>12.1} {:>10.2}", function_ns / 1e3, function_ns / number(*offers as u64));
    }
    let stand = Stand::make(&options.database_url, Service::Matching).await?;
    let result = service(options.requests, &mut measured, &mut stand.matching()).await;
    stand.remove().await?;
    result?;
    options.output.write(&measured, &plot(&measured))
}

fn plot(measured: &[Measured]) -> Plot {
    let x = |m: &Measured| number(m.offers as u64);
    let function = measured.iter().map(|m| (x(m), m.function_ns / 1e6)).collect();
    let service = measured.iter().filter_map(|m| Some((x(m), ms(m.service?.p50_us)))).collect();
    let lines = vec![("the function".to_owned(), function), ("RankOffers, p50".to_owned(), service)];
    Plot { title: format!("The best {BEST} offers"), x: "offers", y: "ms", lines }
}

/// An offer by its number: prices of 0.02 to 0.30, 1 to 500 kWh, 1 to 6 hours from some hour of the day on.
fn row(n: usize) -> Row {
    // Numbers that look like chance and are the same at every run (the constant of Fibonacci hashing).
    let chance = (n as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let among = |shift: u32, most: u64| ((chance >> shift) % most) as i64;
    let start = among(8, 24) * HOUR_MICROS;
    Row {
        price: 20_000 + among(16, 280_000),
        available: (1 + among(24, 500)) * 1_000,
        start,
        end: start + (1 + among(32, 6)) * HOUR_MICROS,
        provider: (chance >> 40) as u32 % PROVIDERS,
    }
}

/// 0.1 to 1; one provider in nine is not trusted enough.
fn trust(provider: u32) -> f64 {
    f64::from(1 + provider % 10) / 10.0
}

/// 30 kWh from 8 to 20 o'clock.
const WANTED: Wanted =
    Wanted { quantity: 30_000, max_price: i64::MAX, start: 8 * HOUR_MICROS, end: 20 * HOUR_MICROS };

fn function(offers: &[usize]) -> anyhow::Result<Vec<Measured>> {
    let trust: Vec<f64> = (0..PROVIDERS).map(trust).collect();
    let policy = Policy::default();
    let filled = |&offers: &usize| {
        let mut columns = Columns::with_capacity(offers);
        (0..offers).for_each(|n| columns.push(row(n)));
        columns
    };
    let columns: Vec<Columns> = offers.iter().map(filled).collect();
    let (policy, trust) = (&policy, &trust);
    let calls = offers.iter().zip(&columns).map(|(offers, columns)| medians::Measured {
        name: offers.to_string(),
        elements: *offers as u64,
        call: Box::new(move || {
            drop(black_box(black_box(columns).best(policy, &WANTED, trust, BEST, |a, b| a.cmp(&b))));
        }),
    });
    let medians = medians("match", calls.collect())?;
    let measured = |(&offers, function_ns)| Measured { offers, function_ns, service: None };
    Ok(offers.iter().zip(medians).map(measured).collect())
}

/// One request after the other for as many offers as a request may have.
async fn service(requests: usize, measured: &mut [Measured], matching: &mut Matching) -> anyhow::Result<()> {
    for provider in 0..PROVIDERS {
        let trust = Trust { provider_id: provider_id(provider), score: trust(provider), ..Trust::default() };
        matching.set_trust(SetTrustRequest { trust: Some(trust), unless_counted: false }).await?;
    }
    let day = Clock::system().now().duration_trunc(TimeDelta::days(1))?;
    println!("\nRankOffers over gRPC, {} requests one after the other (load before {})", requests, load());
    println!("{:>8} {:>8} {:>9} {:>9} {:>9}  ms", "offers", "ranked", "p50", "p99", "max");
    for one in measured.iter_mut().filter(|one| one.offers <= MOST_CANDIDATES) {
        let offers = one.offers;
        let request = RankOffersRequest {
            quantity_wh: WANTED.quantity,
            window: Some(window(day, WANTED.start, WANTED.end)),
            max_price_per_kwh: None,
            candidates: (0..offers).map(|n| candidate(day, n)).collect(),
            decides: None,
        };
        let mut took = Vec::with_capacity(WARMUP + requests);
        let mut ranked = 0;
        for _ in 0..WARMUP + requests {
            let request = request.clone();
            let asked = Instant::now();
            ranked = matching.rank_offers(request).await?.into_inner().ranked.len();
            took.push(asked.elapsed());
        }
        let spread = Spread::of(took.split_off(WARMUP));
        one.service = Some(spread);
        let Spread { p50_us, p99_us, max_us, .. } = spread;
        let [p50, p99, max] = [p50_us, p99_us, max_us].map(ms);
        println!("{offers:>8} {ranked:>8} {p50:>9.2} {p99:>9.2} {max:>9.2}");
    }
    Ok(())
}

fn candidate(day: DateTime<Utc>, n: usize) -> Candidate {
    let row = row(n);
    Candidate {
        offer_id: format!("offer-{n:08}"),
        provider_id: provider_id(row.provider),
        price_per_kwh: Some(common::Money {
            currency_code: "USD".to_owned(),
            units: 0,
            nanos: row.price as i32 * 1_000,
        }),
        available_wh: row.available,
        window: Some(window(day, row.start, row.end)),
    }
}

fn provider_id(provider: u32) -> String {
    format!("bench-provider-{provider:03}")
}

fn window(day: DateTime<Utc>, start: i64, end: i64) -> common::TimeWindow {
    let at = |micros| Some(timestamp(day + TimeDelta::microseconds(micros)));
    common::TimeWindow { start: at(start), end: at(end) }
}
