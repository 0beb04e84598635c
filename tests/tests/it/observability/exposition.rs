//! What the programs expose, read from Prometheus's text format.

use crate::pattern::pattern;
use std::collections::{BTreeMap, BTreeSet};

/// What Prometheus itself puts on every series.
const SCRAPED: [&str; 2] = ["job", "instance"];
/// What Prometheus itself makes.
const OF_PROMETHEUS: &str = "
# TYPE up gauge
up 1
# TYPE ALERTS gauge
ALERTS{alertname=\"\",alertstate=\"\",severity=\"\"} 1
";

/// How a series may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Gauge,
    /// Also the buckets, the sum and the count of a histogram.
    Counter,
}

/// Series by name: how each may be read, and its labels.
#[derive(Debug, Default)]
pub struct Exposition(BTreeMap<String, (Kind, BTreeSet<String>)>);

impl Exposition {
    pub fn of(texts: &[String]) -> Self {
        let mut exposition = Self::default();
        for text in texts.iter().map(String::as_str).chain([OF_PROMETHEUS]) {
            exposition.read(text);
        }
        exposition
    }

    fn read(&mut self, text: &str) {
        let label = pattern!(r#"([A-Za-z_]\w*)="(?:[^"\\]|\\.)*""#);
        let mut kinds = BTreeMap::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                kinds.insert(name, kind);
            } else if !line.starts_with('#') {
                let name = line.split(['{', ' ']).next().unwrap();
                let kind = match kinds.get(name) {
                    Some(&"counter") => Kind::Counter,
                    Some(_) => Kind::Gauge,
                    None if is_of_a_histogram(name, &kinds) => Kind::Counter,
                    None => panic!("{name} has no type"),
                };
                let (_, labels) = self.0.entry(name.to_owned()).or_insert((kind, BTreeSet::new()));
                labels.extend(SCRAPED.map(str::to_owned));
                labels.extend(label.captures_iter(line).map(|found| found[1].to_owned()));
            }
        }
    }

    pub fn kind(&self, series: &str) -> Option<Kind> {
        self.0.get(series).map(|(kind, _)| *kind)
    }

    pub fn has_label(&self, series: &str, label: &str) -> bool {
        self.0.get(series).is_some_and(|(_, labels)| labels.contains(label))
    }
}

fn is_of_a_histogram(series: &str, kinds: &BTreeMap<&str, &str>) -> bool {
    let bases = ["_bucket", "_sum", "_count"].iter().filter_map(|part| series.strip_suffix(part));
    bases.into_iter().any(|base| kinds.get(base) == Some(&"histogram"))
}
