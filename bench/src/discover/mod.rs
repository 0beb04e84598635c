//! `bench discover`: searches among ever more offers, one after the other, at a catalog service of its own.

mod gateway;
mod stock;
mod table;
mod wish;

use anyhow::Context;
use p2p_domain::Clock;
use p2p_migrations::Service;
use p2p_proto::{
    catalog::{Filter, SearchCatalogRequest, SearchCatalogResponse},
    reason,
};
use serde::Serialize;
use tokio::time::Instant;
use tonic::{Code, Status};

use crate::{
    options::Discover,
    plot::{Plot, number},
    run::load,
    spread::Spread,
    stand::{Catalog, Stand, connect},
    table::ms,
};

const WARMUP: usize = 20;
const PAGE: u32 = 100;
const LONG_PAGE: u32 = 1_000;
/// A deep page lies behind so many long ones.
const DEEP: usize = 20;

/// What was looked for, and how long the answers took.
#[derive(Debug, Serialize)]
struct Measured {
    offers: usize,
    wish: &'static str,
    first: Answers,
    /// None when nothing was found at all.
    deep: Option<Answers>,
}

/// The answers to one request, made many times.
#[derive(Debug, Serialize)]
struct Answers {
    spread: Spread,
    /// How many offers the page had, or the reason why it was refused; empty where nobody counted.
    found: String,
}

/// Measures each number of offers in turn and leaves nothing behind.
///
/// # Errors
/// When there is no PostgreSQL or no catalog program, or one of them fails.
pub async fn run(options: Discover) -> anyhow::Result<()> {
    if let Some(cds) = &options.cds {
        return through(cds, &options).await;
    }
    let stand = Stand::make(&options.database_url, Service::Catalog).await?;
    let result = measure(&options, &stand).await;
    stand.remove().await?;
    result
}

async fn measure(options: &Discover, stand: &Stand) -> anyhow::Result<()> {
    let Discover { offers, requests, .. } = options;
    println!(
        "SearchCatalog over gRPC, pages of {PAGE}, {requests} requests of each kind, one after the other"
    );
    let mut catalog = stand.catalog();
    let wishes = wish::all(Clock::system().now()).context("no such time")?;
    let (mut loaded, mut measured) = (0, Vec::new());
    for &offers in offers {
        stock::load(&stand.db, loaded, offers).await?;
        loaded = offers;
        println!("\n== {offers} offers (load before {})\n{}", load(), table::heading());
        for (wish, filter) in &wishes {
            let first = ask(&mut catalog, filter, "", *requests).await?;
            let deep = match deep(&mut catalog, filter).await? {
                Some(cursor) => Some(ask(&mut catalog, filter, &cursor, *requests).await?),
                None => None,
            };
            let one = Measured { offers, wish, first, deep };
            println!("{}", table::of(&one));
            measured.push(one);
        }
    }
    options.output.write(&measured, &plot("First page of a search, by gRPC", &measured))
}

/// The first page through the running gateway, in the running system's database, which keeps the offers.
async fn through(cds: &str, options: &Discover) -> anyhow::Result<()> {
    println!(
        "first pages through the gateway, until on_discover has come; {} requests of each kind, one after the other",
        options.requests
    );
    let db = connect(&options.database_url).await?;
    let (mut loaded, mut measured) = (0, Vec::new());
    for &offers in &options.offers {
        stock::load(&db, loaded, offers).await?;
        loaded = offers;
        println!("\n== {offers} offers (load before {})\n{}", load(), table::heading());
        for one in gateway::measure(cds, offers, options.requests).await? {
            println!("{}", table::of(&one));
            measured.push(one);
        }
    }
    options.output.write(&measured, &plot("First page through the gateway", &measured))
}

/// The 99th percentile of the first page by offers, for each thing that was looked for.
fn plot(title: &str, measured: &[Measured]) -> Plot {
    let mut lines: Vec<(String, Vec<(f64, f64)>)> = Vec::new();
    for Measured { offers, wish, first, .. } in measured {
        let point = (number(*offers as u64), ms(first.spread.p99_us));
        match lines.iter_mut().find(|(name, _)| name == wish) {
            Some((_, points)) => points.push(point),
            None => lines.push(((*wish).to_owned(), vec![point])),
        }
    }
    Plot { title: title.to_owned(), x: "offers", y: "p99, ms", lines }
}

/// The same request again and again.
async fn ask(
    catalog: &mut Catalog,
    filter: &Filter,
    cursor: &str,
    requests: usize,
) -> anyhow::Result<Answers> {
    let mut found = String::new();
    let mut durations = Vec::with_capacity(WARMUP + requests);
    for _ in 0..WARMUP + requests {
        let started = Instant::now();
        let answer = page(catalog, filter, PAGE, cursor).await;
        durations.push(started.elapsed());
        found = answer?.map_or_else(|reason| reason, |page| page.listings.len().to_string());
    }
    Ok(Answers { spread: Spread::of(durations.split_off(WARMUP)), found })
}

/// A cursor far behind: after 20 long pages, or in the middle of what there is.
async fn deep(catalog: &mut Catalog, filter: &Filter) -> anyhow::Result<Option<String>> {
    let mut cursor = String::new();
    for _ in 0..DEEP {
        let Ok(found) = page(catalog, filter, LONG_PAGE, &cursor).await? else { return Ok(None) };
        if found.next_cursor.is_empty() {
            let middle = found.listings.get(found.listings.len() / 2);
            return Ok(middle.map(|listing| listing.cursor.clone()));
        }
        cursor = found.next_cursor;
    }
    Ok(Some(cursor))
}

/// A page, or the reason why the catalog refuses it.
async fn page(
    catalog: &mut Catalog,
    filter: &Filter,
    page_size: u32,
    cursor: &str,
) -> Result<Result<SearchCatalogResponse, String>, Status> {
    let filter = Some(filter.clone());
    let request = SearchCatalogRequest { filter, page_size, cursor: cursor.to_owned() };
    match catalog.search_catalog(request).await {
        Ok(answer) => Ok(Ok(answer.into_inner())),
        Err(status) if status.code() == Code::InvalidArgument => Ok(Err(reason(&status).unwrap_or_default())),
        Err(status) => Err(status),
    }
}
