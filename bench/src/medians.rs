//! Functions measured by criterion: its report is printed, its medians are read back.

use std::{fs, path::Path};

use anyhow::Context;
use criterion::{BenchmarkId, Criterion, Throughput};
use serde::Deserialize;

/// A function to measure.
pub struct Measured<'a> {
    /// What it is called in the report.
    pub name: String,
    /// How many of what is counted one call handles.
    pub elements: u64,
    /// One call.
    pub call: Box<dyn FnMut() + 'a>,
}

/// `estimates.json`, as far as it is of use.
#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
}

/// The median of one call of each, in nanoseconds.
///
/// # Errors
/// When criterion's files cannot be read.
pub fn medians(group: &str, all: Vec<Measured<'_>>) -> anyhow::Result<Vec<f64>> {
    let folder = std::env::temp_dir().join(format!("bench-criterion-{}", std::process::id()));
    let mut criterion = Criterion::default().output_directory(&folder);
    let mut benchmarks = criterion.benchmark_group(group);
    let mut medians = Vec::with_capacity(all.len());
    for Measured { name, elements, mut call } in all {
        benchmarks.throughput(Throughput::Elements(elements));
        benchmarks.bench_function(BenchmarkId::from_parameter(&name), |bencher| bencher.iter(&mut call));
        medians.push(median(&folder.join(group).join(name).join("new/estimates.json")));
    }
    benchmarks.finish();
    // What was measured has been read; nothing stays behind.
    let _ = fs::remove_dir_all(&folder);
    medians.into_iter().collect()
}

fn median(file: &Path) -> anyhow::Result<f64> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(serde_json::from_str::<Estimates>(&text)?.median.point_estimate)
}
