//! `bench hot`: many buyers of one offer, at a catalog service of its own. Nothing in the stock is as contended.

use std::time::Duration;

use anyhow::{Context, ensure};
use p2p_domain::{Clock, Energy, TimeWindow};
use p2p_migrations::Service;
use p2p_proto::catalog::{
    CheckStockRequest, GetBlockStatsRequest, ReservationStatus, ReserveBlocksRequest, StockLine,
};
use rust_decimal::Decimal;
use serde::Serialize;
use tokio::{task::JoinSet, time::Instant};
use tonic::Status;
use uuid::Uuid;

use crate::{
    fill,
    options::Hot,
    plot::{Plot, number},
    run::load,
    spread::Spread,
    stand::{Catalog, Stand},
    table::ms,
};

const PROVIDER: &str = "bench-provider-hot";
/// More than anybody reserves in a measurement.
const PLENTY_KWH: i64 = 10_000_000;
/// What is fought for to the last kWh.
const SCARCE_KWH: i64 = 1_000;
const FIGHTERS: usize = 64;

/// What so many buyers got.
#[derive(Debug, Serialize)]
struct Measured {
    buyers: usize,
    reservations_per_second: u64,
    /// How long a reservation took.
    spread: Spread,
}

/// Measures each number of buyers on an offer of its own, then sells one out, and leaves nothing behind.
///
/// # Errors
/// When there is no PostgreSQL or no catalog program, one of them fails, or the stock contradicts itself.
pub async fn run(options: Hot) -> anyhow::Result<()> {
    let stand = Stand::make(&options.database_url, Service::Catalog).await?;
    let result = measure(&options, &stand.catalog()).await;
    stand.remove().await?;
    result
}

async fn measure(options: &Hot, catalog: &Catalog) -> anyhow::Result<()> {
    let today = Clock::system().now().date_naive();
    let window = fill::window(today).context("no such day")?;
    let mut catalog = catalog.clone();
    fill::sells(&mut catalog, PROVIDER).await?;
    println!(
        "ReserveBlocks of 1 kWh of one offer over gRPC, {} s each (load before {})",
        options.lasts.as_secs(),
        load()
    );
    println!(
        "{:>7} {:>14} {:>9} {:>9} {:>9} {:>9}  ms",
        "buyers", "reservations/s", "p50", "p95", "p99", "max"
    );
    let mut measured = Vec::new();
    for (n, &buyers) in options.concurrency.iter().enumerate() {
        let offer = put_up(&mut catalog, &format!("hot-{n}"), PLENTY_KWH, window).await?;
        // The first of them pay for plans and connections.
        let before = all(&catalog, &offer, buyers, Until::Over(options.warmup)).await?;
        let held = all(&catalog, &offer, buyers, Until::Over(options.lasts)).await?;
        let rate = held.len() as u64 * 1_000 / u64::try_from(options.lasts.as_millis().max(1))?;
        is_held(&mut catalog, &offer, before.len() + held.len()).await?;
        let spread = Spread::of(held);
        measured.push(Measured { buyers, reservations_per_second: rate, spread });
        let Spread { p50_us, p95_us, p99_us, max_us } = spread;
        let [p50, p95, p99, max] = [p50_us, p95_us, p99_us, max_us].map(ms);
        println!("{buyers:>7} {rate:>14} {p50:>9.2} {p95:>9.2} {p99:>9.2} {max:>9.2}");
    }
    let offer = put_up(&mut catalog, "scarce", SCARCE_KWH, window).await?;
    let held = all(&catalog, &offer, FIGHTERS, Until::Refused).await?.len();
    ensure!(held == usize::try_from(SCARCE_KWH)?, "of {SCARCE_KWH} kWh {held} were reserved");
    is_held(&mut catalog, &offer, held).await?;
    println!("{SCARCE_KWH} kWh among {FIGHTERS} buyers: {held} reserved, the rest refused");
    let found = catalog.check_stock(CheckStockRequest {}).await?.into_inner().violations;
    ensure!(found.is_empty(), "the stock contradicts itself: {found:?}");
    println!("the stock agrees with itself (CheckStock, as fsck asks)");
    let point = |m: &Measured| (number(m.buyers as u64), number(m.reservations_per_second));
    let lines = vec![("reservations/s".to_owned(), measured.iter().map(point).collect())];
    let title = "Reservations of one hot offer".to_owned();
    options.output.write(&measured, &Plot { title, x: "buyers at once", y: "reservations/s", lines })
}

async fn put_up(catalog: &mut Catalog, name: &str, kwh: i64, window: TimeWindow) -> anyhow::Result<String> {
    fill::put_up(catalog, name, PROVIDER, Decimal::new(8, 2), kwh * Energy::KWH.wh(), window).await?;
    Ok(fill::offer_id(name))
}

/// Exactly so many kWh are, by the counters.
async fn is_held(catalog: &mut Catalog, offer: &str, held: usize) -> anyhow::Result<()> {
    let request = GetBlockStatsRequest { offer_ids: vec![offer.to_owned()] };
    let stats = catalog.get_block_stats(request).await?.into_inner().stats;
    let reserved = stats.first().map(|stats| stats.reserved);
    ensure!(reserved == Some(i64::try_from(held)?), "{held} were reserved, and {stats:?} is there");
    Ok(())
}

/// When a buyer stops.
#[derive(Debug, Clone, Copy)]
enum Until {
    /// After so long.
    Over(Duration),
    /// When there is not enough any more.
    Refused,
}

/// How long each reservation took that was made.
async fn all(catalog: &Catalog, offer: &str, buyers: usize, until: Until) -> anyhow::Result<Vec<Duration>> {
    let mut running = JoinSet::new();
    for _ in 0..buyers {
        let (catalog, offer) = (catalog.clone(), offer.to_owned());
        running.spawn(async move { one(catalog, &offer, until).await });
    }
    let mut took = Vec::new();
    while let Some(ended) = running.join_next().await {
        took.extend(ended??);
    }
    Ok(took)
}

async fn one(mut catalog: Catalog, offer: &str, until: Until) -> Result<Vec<Duration>, Status> {
    let began = Instant::now();
    let mut took = Vec::new();
    loop {
        if let Until::Over(lasts) = until
            && began.elapsed() >= lasts
        {
            return Ok(took);
        }
        let asked = Instant::now();
        let request = ReserveBlocksRequest {
            order_id: Uuid::new_v4().to_string(),
            transaction_id: Uuid::new_v4().to_string(),
            lines: vec![StockLine { offer_id: offer.to_owned(), quantity_wh: Energy::KWH.wh() }],
        };
        let answer = catalog.reserve_blocks(request).await?.into_inner();
        match (answer.reservation.unwrap_or_default().status(), until) {
            (ReservationStatus::Held, _) => took.push(asked.elapsed()),
            (ReservationStatus::Refused, Until::Refused) => return Ok(took),
            (other, _) => return Err(Status::internal(format!("{offer}: {other:?}"))),
        }
    }
}
