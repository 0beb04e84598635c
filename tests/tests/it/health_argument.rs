//! `<program> health`, by which a container asks the program in it how it is.

use crate::{
    client::until,
    programs::{Asked, Place, Programs},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_program_says_by_its_exit_code_whether_the_running_one_is_well() {
    let place = Place::new("gateway-1");
    // Where a container's programs listen: on all interfaces.
    let programs =
        Programs::new(&[&place], &[("BIND_ADDR", "0.0.0.0"), ("PUBLISHED_ADDR", "127.0.0.1")]).await;
    let names = ["catalog", "matching", "order", "gateway"];
    for name in names {
        let asked = programs.health(name, &place).await;
        assert_eq!(asked.code, Some(1), "{name} does not run");
        assert!(asked.said.starts_with(&format!("{name}: cannot connect to 127.0.0.1:")), "{}", asked.said);
    }
    let [catalog, _matching, _order] = programs.services();
    let _gateway = programs.gateway(&place).await;
    for name in names {
        until("health", async || well(programs.health(name, &place).await)).await;
    }
    catalog.kill().await;
    let asked = programs.health("gateway", &place).await;
    assert_eq!(asked.code, Some(1));
    assert!(
        asked.said.ends_with("says \"HTTP/1.1 503 Service Unavailable\" to GET /health/ready\n"),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_service_without_its_database_is_not_well() {
    let place = Place::new("gateway-1");
    let nowhere = "postgresql://nobody:secret@127.0.0.1:1/nowhere";
    let programs = Programs::new(&[&place], &[("MATCHING_DATABASE_URL", nowhere)]).await;
    let _matching = programs.service("matching");
    until("an answer", async || {
        let asked = programs.health("matching", &place).await;
        if asked.said.ends_with(" says NOT_SERVING\n") { Ok(()) } else { Err(asked.said) }
    })
    .await;
}

#[tokio::test]
async fn a_program_refuses_an_argument_that_it_does_not_know() {
    let place = Place::new("gateway-1");
    let programs = Programs::new(&[&place], &[]).await;
    let asked = programs.ask("catalog", &["heath"], &place).await;
    assert_eq!((asked.code, asked.said.as_str()), (Some(1), "catalog: usage: catalog [health [live]]\n"));
}

fn well(asked: Asked) -> Result<(), String> {
    if asked.code == Some(0) { Ok(()) } else { Err(asked.said) }
}
