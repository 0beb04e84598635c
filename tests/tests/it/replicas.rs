//! Two of everything: whichever of two gateways and of two of each service does a part, it is one trade.

use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::{
    calls::{Calls, Counts},
    client::{ALPHA, BETA, until, window},
    load::Load,
    programs::{Place, Program, Programs, SERVICES},
    races::stall,
    system::ready,
};

const KWH: u32 = 100_000;

/// The best match for 1 kWh.
fn best() -> Value {
    json!({"quantity": 1, "autoMatch": true, "requestedTimeWindow": window()})
}

fn places() -> [Place; 2] {
    [Place::new("gateway-1"), Place::new("gateway-2")]
}

async fn listens(programs: &Programs, variable: &str, n: usize) {
    let address = programs.listen(variable)[n];
    until(variable, async || TcpStream::connect(address).await.map(drop).map_err(|error| error.to_string()))
        .await;
}

/// A replica of each service at each place, that listens.
async fn two_of_each(programs: &Programs) -> Vec<[Option<Program>; 2]> {
    let mut all = Vec::new();
    for (name, variable) in SERVICES {
        all.push([0, 1].map(|n| Some(programs.replica(name, n, ""))));
        for n in [0, 1] {
            listens(programs, variable, n).await;
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_ask_both_replicas_of_each_service() {
    let [first, second] = places();
    let mut programs = Programs::with_replicas(2, &[&first, &second], &[("CALLBACK_DELAY", "20")]).await;
    let mut counted = Vec::new();
    for (name, variable) in SERVICES {
        let calls = [Calls::default(), Calls::default()];
        let mut asked_at = Vec::new();
        for (calls, listens) in calls.iter().zip(programs.listen(variable).to_vec()) {
            asked_at.push(calls.on_the_way_to(listens).await.to_string());
        }
        programs.called_at(variable, &asked_at);
        counted.push((name, calls));
    }
    let _services = two_of_each(&programs).await;
    let _gateways = [programs.gateway(&first).await, programs.gateway(&second).await];
    let asked_for = |counts: Counts| -> u64 {
        let real = counts.iter().filter(|(name, _)| *name != "Check");
        real.map(|(_, count)| count).sum()
    };
    for place in [&first, &second] {
        for (_, calls) in &counted {
            calls.iter().for_each(|calls| drop(calls.0.take()));
        }
        for _ in 0..4 {
            let trade = place.client().discover().await;
            trade.ask("select", best()).await.acknowledged();
            trade.status("INITIALIZING").await;
            trade.ask("init", json!({})).await.acknowledged();
            trade.status("CONFIRMING").await;
            trade.bought().await;
        }
        programs.tables.is_sound().await;
        for (name, calls) in &counted {
            let asked = calls.each_ref().map(|calls| asked_for(calls.0.take()));
            assert!(asked.iter().all(|asked| *asked > 0), "{name} {asked:?}");
        }
    }
    assert_eq!(programs.fsck().await, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_are_found_by_name() {
    let place = Place::new("gateway-1");
    let mut programs = Programs::new(&[&place], &[("CALLBACK_DELAY", "20")]).await;
    for (_, variable) in SERVICES {
        let named = format!("localhost:{}", programs.listen(variable)[0].port());
        programs.called_at(variable, &[named]);
    }
    // The gateway looks for them before they are there.
    let _gateway = programs.doomed_gateway(&place, "");
    let _services = programs.services();
    ready(&place.client(), "ok").await;
    for offer in [ALPHA, BETA] {
        let trade = place.client().discover().await;
        trade.ordered(offer, 2).await;
        trade.bought().await;
    }
    programs.tables.is_sound().await;
    assert_eq!(programs.fsck().await, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trades_go_on_while_one_replica_of_each_service_in_turn_is_killed() {
    let places = places();
    let more = [
        ("CALLBACK_DELAY", "20"),
        ("LEASE_SECONDS", "2"),
        ("SWEEP_INTERVAL_SECONDS", "1"),
        // Both reconcilers look at trades under way.
        ("RECONCILE_INTERVAL_SECONDS", "1"),
    ];
    let programs = Programs::with_replicas(2, &places.each_ref(), &more).await;
    let mut services = two_of_each(&programs).await;
    let _gateways = [programs.gateway(&places[0]).await, programs.gateway(&places[1]).await];
    stall(&places[0].client(), "SOLAR", KWH, &[KWH]).await;
    let loads = places.each_ref().map(|place| Load::start(&place.client(), &[best()]));
    for (service, (name, variable)) in SERVICES.into_iter().enumerate() {
        for n in [0, 1] {
            for (load, _) in &loads {
                load.under_way(2).await;
            }
            services[service][n].take().unwrap().kill().await;
            for (place, (load, _)) in places.iter().zip(&loads) {
                ready(&place.client(), "ok").await;
                load.under_way(4).await;
            }
            services[service][n] = Some(programs.replica(name, n, ""));
            listens(&programs, variable, n).await;
        }
    }
    let mut all = Vec::new();
    for (load, buyers) in loads {
        load.end(buyers).await;
        all.push(load);
    }
    for load in all {
        load.was_kept(&programs.tables).await;
    }
    assert_eq!(programs.fsck().await, "");
}
