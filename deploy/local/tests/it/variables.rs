//! Which environment variables mean something to a program.

use std::collections::BTreeSet;

use crate::{literals::literals, repository};

/// Where programs read the environment.
const SOURCES: [&str; 6] = [
    "gateway/src",
    "migrations/src",
    "services/catalog/src",
    "services/matching/src",
    "services/order/src",
    "services/shared/runtime/src",
];
/// What OpenTelemetry's own crates read.
const OPENTELEMETRY: [&str; 4] = [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
];

/// Every variable that our programs read: a literal of their source that looks like one.
pub fn known() -> BTreeSet<String> {
    let files = SOURCES.iter().flat_map(|folder| repository::files(folder, "rs"));
    let mut names: BTreeSet<String> = files
        .flat_map(|file| literals(&repository::read(file)))
        .map(|literal| literal.text)
        .filter(|text| is_name(text))
        .collect();
    names.extend(OPENTELEMETRY.iter().map(|name| (*name).to_owned()));
    names
}

fn is_name(text: &str) -> bool {
    text.len() > 2
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

#[test]
fn the_seeds_variables_are_among_those_that_the_programs_read() {
    let known = known();
    for name in ["DATABASE_URL", "REDIS_URL", "BAP_PORT", "CALLBACK_DELAY", "MATCH_WEIGHT_PRICE", "ENV"] {
        assert!(known.contains(name), "{name}");
    }
    assert!(!known.contains("BAP_PROT"));
}
