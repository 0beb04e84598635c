//! What a PromQL query names. Its syntax is promtool's to judge.

use crate::pattern::pattern;
use std::collections::BTreeSet;

use regex::{Captures, Regex};

use super::exposition::{Exposition, Kind};

const KEYWORDS: [&str; 7] = ["and", "or", "unless", "bool", "offset", "inf", "nan"];

/// A query of the dashboard as Prometheus gets it.
pub fn without_variables(query: &str) -> String {
    query.replace("$__rate_interval", "5m").replace("$instance", ".*")
}

/// What is wrong with a query, given what the programs expose: a line for each.
pub fn faults(query: &str, exposition: &Exposition) -> Vec<String> {
    let series = series(query);
    let mut faults = Vec::new();
    for (name, labels) in &series {
        let Some(kind) = exposition.kind(name) else {
            faults.push(format!("{name} is exposed by nobody"));
            continue;
        };
        let unknown = labels.iter().filter(|label| !exposition.has_label(name, label));
        faults.extend(unknown.map(|label| format!("{name} has no label {label}")));
        let rated = is_argument_of("rate|irate|increase", name, query);
        match kind {
            Kind::Counter if !rated => faults.push(format!("{name} counts and is read without its rate")),
            Kind::Gauge if rated => faults.push(format!("{name} is a gauge and has no rate")),
            Kind::Counter | Kind::Gauge => {}
        }
    }
    for label in grouped(query) {
        if label != "le" && !series.iter().any(|(name, _)| exposition.has_label(name, &label)) {
            faults.push(format!("nothing in it has the label {label}"));
        }
    }
    let quantiles = pattern!(r"histogram_quantile\([\d.]+, sum by \(le[,)]");
    if query.matches("histogram_quantile").count() != quantiles.find_iter(query).count() {
        faults.push("a quantile is over sum by (le, ...)".to_owned());
    }
    faults.into_iter().map(|fault| format!("{fault}: {query}")).collect()
}

/// The series that a query selects, with the labels by which it does.
pub fn series(query: &str) -> Vec<(String, BTreeSet<String>)> {
    let text = pattern!(r#""(?:[^"\\]|\\.)*""#);
    let grouping = pattern!(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)|\[[^\]]*\]");
    let word = pattern!(r"\b([A-Za-z_:][\w:]*)\s*(\{[^}]*\}|\()?");
    let label = pattern!(r"([A-Za-z_]\w*)\s*(?:=~|!~|!=|=)");
    let bare = text.replace_all(query, "\"\"");
    let bare = grouping.replace_all(&bare, "");
    let selected = |found: Captures<'_>| {
        let (name, then) = (found[1].to_owned(), found.get(2).map_or("", |then| then.as_str()));
        let is_series = then != "(" && !KEYWORDS.contains(&name.as_str());
        is_series.then(|| (name, label.captures_iter(then).map(|label| label[1].to_owned()).collect()))
    };
    word.captures_iter(&bare).filter_map(selected).collect()
}

fn grouped(query: &str) -> Vec<String> {
    let grouping = pattern!(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)");
    let lists = grouping.captures_iter(query).map(|found| found[1].to_owned()).collect::<Vec<_>>();
    lists.iter().flat_map(|list| list.split(',')).map(|label| label.trim().to_owned()).collect()
}

fn is_argument_of(functions: &str, series: &str, query: &str) -> bool {
    Regex::new(&format!(r"\b(?:{functions})\(\s*{series}[\[{{]")).unwrap().is_match(query)
}

#[test]
fn a_query_is_told_apart_into_series_and_labels() {
    let query =
        r#"sum by (job) (rate(a_total{x=~"b{c}",y!="d"}[5m])) / on (job) max(e) > 1e3 or absent(f{z="g"})"#;
    let labels = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let wanted = [("a_total", labels(&["x", "y"])), ("e", labels(&[])), ("f", labels(&["z"]))];
    assert_eq!(series(query), wanted.map(|(name, labels)| (name.to_owned(), labels)));
}

#[test]
fn a_query_is_found_fault_with() {
    let text = "# TYPE g gauge\ng{x=\"1\"} 1\n# TYPE h histogram\nh_bucket{x=\"1\",le=\"1\"} 1\nh_count{x=\"1\"} 1\n";
    let exposition = Exposition::of(&[text.to_owned()]);
    let faults = |query: &str| {
        let found = faults(query, &exposition).into_iter();
        found.map(|fault| fault.split(": ").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        faults("histogram_quantile(0.9, sum by (le, x) (rate(h_bucket[5m]))) > max(g{instance=\"i\"})"),
        [""; 0]
    );
    assert_eq!(faults("i"), ["i is exposed by nobody"]);
    assert_eq!(faults("rate(g[5m])"), ["g is a gauge and has no rate"]);
    assert_eq!(
        faults("sum by (y) (h_count{z=\"1\"})"),
        [
            "h_count has no label z",
            "h_count counts and is read without its rate",
            "nothing in it has the label y"
        ]
    );
    assert_eq!(
        faults("histogram_quantile(0.9, sum by (x) (rate(h_bucket[5m])))"),
        ["a quantile is over sum by (le, ...)"]
    );
}
