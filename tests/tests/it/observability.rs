//! What operators look at: dashboard, alert rules and runbook name what the programs expose, and each other.

mod exposition;
mod promql;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use self::exposition::Exposition;
use crate::{
    client::until,
    pattern::pattern,
    programs::{Place, Programs},
};

/// As docker-compose.yml names them.
const PROGRAMS: [&str; 4] = ["gateway", "catalog", "matching", "order"];
/// Prometheus's own checker.
const PROMTOOL: &str = "promtool";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn folder() -> PathBuf {
    root().join("deploy/observability")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn yaml(file: &str) -> Value {
    serde_saphyr::from_str(&read(&folder().join(file))).unwrap_or_else(|e| panic!("{file}: {e}"))
}

fn dashboard() -> Value {
    serde_json::from_str(&read(&folder().join("grafana/dashboards/p2p.json"))).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

fn alerts() -> Vec<Value> {
    let groups = yaml("alerts.yml");
    list(&groups["groups"]).iter().flat_map(|group| list(&group["rules"]).to_vec()).collect()
}

fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    list(&dashboard["panels"]).iter().filter(|panel| panel["type"] != "row")
}

/// The queries of panels, annotations and variables, as Prometheus gets them.
fn queries_of_the_dashboard() -> Vec<String> {
    let dashboard = dashboard();
    let of_panels =
        panels(&dashboard).flat_map(|panel| list(&panel["targets"])).map(|target| &target["expr"]);
    let of_annotations = list(&dashboard["annotations"]["list"]).iter().map(|annotation| &annotation["expr"]);
    let of_variables =
        list(&dashboard["templating"]["list"]).iter().map(|variable| &variable["query"]["query"]);
    let values = pattern!(r"^label_values\((.*), \w+\)$");
    let queries = of_panels.chain(of_annotations).chain(of_variables).filter_map(Value::as_str);
    queries.map(|query| promql::without_variables(&values.replace(query, "$1"))).collect()
}

fn queries_of_alerts() -> Vec<String> {
    alerts().iter().map(|alert| text(&alert["expr"]).to_owned()).collect()
}

/// What the programs expose once they have made a trade.
async fn exposition(named: &BTreeSet<String>) -> Exposition {
    let place = Place::new("gateway-1");
    let more = [("RECONCILE_INTERVAL_SECONDS", "1"), ("SWEEP_INTERVAL_SECONDS", "1")];
    let programs = Programs::new(&[&place], &more).await.measured();
    let _services = programs.services();
    let _gateway = programs.gateway(&place).await;
    let trade = place.client().discover().await;
    trade.match_best(1).await.acknowledged();
    trade.status("INITIALIZING").await;
    trade.ask("init", json!({})).await.acknowledged();
    trade.status("CONFIRMING").await;
    trade.bought().await;
    // Some are read from the database every few seconds.
    until("every metric", async || {
        let exposition = Exposition::of(&scraped(&PROGRAMS.map(|name| programs.metrics_of(name))).await);
        let missing: Vec<_> = named.iter().filter(|name| exposition.kind(name).is_none()).collect();
        if missing.is_empty() { Ok(exposition) } else { Err(format!("without {missing:?}")) }
    })
    .await
}

async fn scraped(urls: &[String]) -> Vec<String> {
    let client = crate::client::http().build().unwrap();
    let mut texts = Vec::new();
    for url in urls {
        let answer = client.get(url).send().await.unwrap().error_for_status().unwrap();
        texts.push(answer.text().await.unwrap());
    }
    texts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_query_of_dashboard_and_alerts_names_metrics_and_labels_that_the_programs_expose() {
    let queries: Vec<String> = queries_of_the_dashboard().into_iter().chain(queries_of_alerts()).collect();
    assert!(queries.len() > 60, "{} queries", queries.len());
    let named = queries.iter().flat_map(|query| promql::series(query)).map(|(name, _)| name).collect();
    let exposition = exposition(&named).await;
    let faults: Vec<String> = queries.iter().flat_map(|query| promql::faults(query, &exposition)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_panel_says_what_it_shows_in_which_unit_and_has_a_place_of_its_own() {
    let dashboard = dashboard();
    let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
    for panel in list(&dashboard["panels"]) {
        let title = text(&panel["title"]);
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title} has the id of another panel");
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        assert!(x + w <= 24, "{title} is too wide");
        for place in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(places.insert(place), "{title} lies over another panel");
        }
    }
    for panel in panels(&dashboard) {
        let title = text(&panel["title"]);
        assert!(!title.is_empty() && !text(&panel["description"]).is_empty(), "{title:?} says nothing");
        let unit = &panel["fieldConfig"]["defaults"]["unit"];
        let unit = if panel["type"] == "heatmap" { &panel["options"]["yAxis"]["unit"] } else { unit };
        assert!(unit.is_string() || panel["type"] == "table", "{title} has no unit");
        for target in list(&panel["targets"]) {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            let has_legend = panel["type"] == "stat"
                || panel["type"] == "table"
                || !text(&target["legendFormat"]).is_empty();
            assert!(has_legend, "{title} has no legend");
        }
    }
}

#[test]
fn every_alert_says_how_long_how_bad_and_where_to_read_and_the_runbook_has_each_and_no_other() {
    let mut headings = BTreeSet::new();
    for alert in alerts() {
        let name = text(&alert["alert"]);
        assert!(alert["for"].is_string(), "{name} does not say for how long");
        assert!(
            ["critical", "warning"].contains(&text(&alert["labels"]["severity"])),
            "{name} has no severity"
        );
        for annotation in ["summary", "description"] {
            assert!(!text(&alert["annotations"][annotation]).is_empty(), "{name} has no {annotation}");
        }
        let url = format!("deploy/RUNBOOK.md#{}", name.to_lowercase());
        assert_eq!(alert["annotations"]["runbook_url"], url);
        assert!(headings.insert(name.to_owned()), "{name} is there twice");
    }
    let runbook = read(&root().join("deploy/RUNBOOK.md"));
    let paragraphs = runbook.lines().filter_map(|line| line.strip_prefix("### ")).map(str::to_owned);
    assert_eq!(paragraphs.collect::<BTreeSet<_>>(), headings);
    let links = pattern!(r"\]\(#([^)]*)\)");
    for link in links.captures_iter(&runbook) {
        assert!(headings.iter().any(|name| name.to_lowercase() == link[1]), "#{} leads nowhere", &link[1]);
    }
}

#[test]
fn prometheus_collector_and_grafana_know_each_other_and_the_programs() {
    let prometheus = yaml("prometheus.yml");
    assert_eq!(prometheus["rule_files"], json!(["alerts.yml"]));
    for program in PROGRAMS {
        let job = list(&prometheus["scrape_configs"]).iter().find(|job| job["job_name"] == program);
        let targets =
            &job.unwrap_or_else(|| panic!("{program} is not scraped"))["static_configs"][0]["targets"];
        assert_eq!(targets, &json!([format!("{program}:9464")]));
    }
    let collector = yaml("otel-collector.yaml");
    assert_eq!(collector["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"], "0.0.0.0:4317");
    let traces = &collector["service"]["pipelines"]["traces"];
    for (part, kind) in [("receivers", "receivers"), ("processors", "processors"), ("exporters", "exporters")]
    {
        for name in list(&traces[part]) {
            assert!(collector[kind][text(name)].is_object(), "{kind} has no {name}");
        }
    }
    let sources = yaml("grafana/provisioning/datasources/p2p.yml");
    let uids: Vec<&str> = list(&sources["datasources"]).iter().map(|source| text(&source["uid"])).collect();
    assert_eq!(uids, ["prometheus", "jaeger"]);
    assert_eq!(dashboard()["templating"]["list"][0]["current"]["value"], uids[0]);
}

/// None where there is no promtool, which is said.
fn promtool(arguments: &[&str]) -> Option<String> {
    let run = Command::new(PROMTOOL).args(arguments).current_dir(folder()).output();
    let Ok(output) = run else {
        eprintln!("skipped: promtool {arguments:?}, because there is no {PROMTOOL}");
        return None;
    };
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    assert!(output.status.success(), "promtool {arguments:?}: {said}");
    Some(said)
}

#[test]
fn prometheus_accepts_its_configuration_and_the_alerts_fire_when_they_must() {
    promtool(&["check", "config", "prometheus.yml"]);
    promtool(&["check", "rules", "alerts.yml"]);
    promtool(&["test", "rules", "alerts_test.yml"]);
}

#[test]
fn prometheus_can_read_every_query_of_the_dashboard() {
    let rule = |(n, query): (usize, String)| json!({"record": format!("dashboard:{n}"), "expr": query});
    let rules: Vec<Value> = queries_of_the_dashboard().into_iter().enumerate().map(rule).collect();
    let count = rules.len();
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("dashboard-{}.yml", std::process::id()));
    // What is JSON is YAML.
    fs::write(&file, json!({"groups": [{"name": "dashboard", "rules": rules}]}).to_string()).unwrap();
    let said = promtool(&["check", "rules", file.to_str().unwrap()]);
    fs::remove_file(&file).unwrap();
    assert!(said.is_none_or(|said| said.contains(&format!("{count} rules found"))));
}
