//! README's configuration table, `.env.example` and what reads the environment say the same.

mod rust;

use crate::pattern::pattern;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use self::rust::{Read, Source};

/// Of the machine, not of the operator.
const OF_THE_MACHINE: [&str; 3] = ["HOSTNAME", "PATH", "TMPDIR"];
/// The server that `make test` starts: only tests and benchmarks read it.
const OF_TESTS: [&str; 1] = ["TEST_DATABASE_URL"];
/// In the table although no code of ours reads them: libraries do.
const OF_LIBRARIES: [&str; 1] = ["OTEL_RESOURCE_ATTRIBUTES"];
/// Reads of a name that is not written there: each says which file, and which variables these are.
const BY_OTHER_NAMES: [(&str, &str); 2] = [
    ("deploy/local/src/programs.rs: env.optional(name", "who a gateway is, where it is not the first one"),
    ("migrations/src/roles.rs: env.secret(variable", "the services' database URLs, for their users"),
];
const HEADER: [&str; 4] = ["variable", "unit or format", "default", "meaning"];
/// What no program of ours is made of.
const NO_SOURCES: [&str; 4] = ["target", "tests", "testkit", ".git"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Variables with their defaults.
type Defaults = BTreeMap<String, Option<String>>;

/// A default is literal when it is set as code, and nothing else is said.
fn table() -> Defaults {
    let readme = read(&root().join("README.md"));
    let section = readme.split("\n## Configuration\n").nth(1).expect("README has a section Configuration");
    let section = section.split("\n## ").next().unwrap();
    let mut defaults = Defaults::new();
    let mut inside = false;
    for line in section.lines() {
        let cells: Vec<&str> = line.trim().trim_matches('|').split(" | ").map(str::trim).collect();
        inside = line.starts_with('|') && (inside || cells == HEADER);
        if !inside || cells == HEADER || line.starts_with("|-") {
            continue;
        }
        let [variable, unit, default, meaning] = cells[..] else { panic!("README: not four cells: {line}") };
        let variable = as_code(variable).unwrap_or_else(|| panic!("README: no variable: {line}"));
        assert!(!unit.is_empty() && !meaning.is_empty(), "README says too little about {variable}");
        let before = defaults.insert(variable.to_owned(), as_code(default).map(str::to_owned));
        assert_eq!(before, None, "README has {variable} twice");
    }
    defaults
}

fn as_code(cell: &str) -> Option<&str> {
    let inner = cell.strip_prefix('`')?.strip_suffix('`')?;
    (!inner.contains('`')).then_some(inner)
}

fn example() -> Defaults {
    let line = pattern!(r"(?m)^# ?([A-Z][A-Z0-9_]*)=(.*)$");
    let text = read(&root().join(".env.example"));
    let pairs = line.captures_iter(&text).map(|found| {
        let default = found[2].trim().trim_matches('"').to_owned();
        (found[1].to_owned(), Some(default).filter(|default| !default.is_empty()))
    });
    pairs.collect()
}

fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && !NO_SOURCES.contains(&name.as_str()) {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let file = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
                sources.push(Source::new(file, &read(&path)));
            }
        }
    }
    sources
}

/// What compose puts in, with its defaults.
fn of_compose() -> Defaults {
    let variable = pattern!(r"(\$?)\$\{([A-Z][A-Z0-9_]*)(?::?-([^}]*)|:?\?[^}]*)?\}");
    let mut found = Defaults::new();
    let folders = [root(), root().join("deploy/compose")].map(|folder| fs::read_dir(folder).unwrap());
    let files = folders.into_iter().flatten().map(|entry| entry.unwrap().path());
    let is_compose = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "yml");
    for file in files.filter(is_compose) {
        let text = read(&file);
        let used = variable.captures_iter(&text).filter(|found| found[1].is_empty());
        found.extend(
            used.map(|used| (used[2].to_owned(), used.get(3).map(|default| default.as_str().to_owned()))),
        );
    }
    found
}

/// What make can be told beside its goals.
fn of_make() -> Defaults {
    let variable = pattern!(r"(?m)^([A-Z][A-Z0-9_]*) \?= *(.*)$");
    let text = read(&root().join("Makefile"));
    variable.captures_iter(&text).map(|found| (found[1].to_owned(), Some(found[2].to_owned()))).collect()
}

/// What the programs read, for operators.
fn of_programs() -> Vec<Read> {
    let (mut reads, unclear) = rust::reads(&sources());
    let known = BY_OTHER_NAMES.map(|(place, _)| place.to_owned());
    assert_eq!(unclear, known.into(), "reads whose variable cannot be told");
    let read: BTreeSet<String> = reads.iter().map(|read| read.variable.clone()).collect();
    let hidden = OF_THE_MACHINE.iter().chain(&OF_TESTS);
    for name in hidden.clone() {
        assert!(read.contains(*name), "{name} is not read any more");
    }
    reads.retain(|read| !hidden.clone().any(|name| *name == read.variable));
    reads
}

fn said(default: &Option<String>) -> &str {
    default.as_deref().unwrap_or("none that is a literal")
}

#[test]
fn the_table_of_the_readme_has_every_variable_that_is_read_with_its_default_and_no_other() {
    let (table, programs, compose, make) = (table(), of_programs(), of_compose(), of_make());
    let mut faults = BTreeSet::new();
    for Read { variable, default, file } in &programs {
        match table.get(variable) {
            None => drop(faults.insert(format!("{variable}: read by {file}, not in the table"))),
            Some(listed) if default.is_some() && default != listed => {
                let (default, listed) = (said(default), said(listed));
                faults.insert(format!("{variable}: {default} in {file}, {listed} in the table"));
            }
            Some(_) => {}
        }
    }
    let is_of_programs = |variable: &str| programs.iter().any(|read| read.variable == variable);
    for (variable, default) in compose.iter().chain(&make) {
        match table.get(variable) {
            None => drop(faults.insert(format!("{variable}: used by compose or make, not in the table"))),
            // Containers may have other defaults for programs than programs have.
            Some(listed) if !is_of_programs(variable) && default != listed => {
                let (default, listed) = (said(default), said(listed));
                faults.insert(format!("{variable}: {default} in compose or make, {listed} in the table"));
            }
            Some(_) => {}
        }
    }
    for variable in table.keys() {
        let is_read =
            is_of_programs(variable) || compose.contains_key(variable) || make.contains_key(variable);
        if !is_read && !OF_LIBRARIES.contains(&variable.as_str()) {
            faults.insert(format!("{variable}: in the table, read by nobody"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_example_of_an_env_file_says_what_the_table_says() {
    let (table, example, make) = (table(), example(), of_make());
    let mut faults = Vec::new();
    for (variable, default) in &table {
        match example.get(variable) {
            // make reads no .env.
            None if make.contains_key(variable) => {}
            None => faults.push(format!("{variable}: in the table, not in .env.example")),
            Some(shown) if shown != default => {
                faults.push(format!(
                    "{variable}: {} in .env.example, {} in the table",
                    said(shown),
                    said(default)
                ));
            }
            Some(_) => {}
        }
    }
    let more = example.keys().filter(|variable| !table.contains_key(*variable));
    faults.extend(more.map(|variable| format!("{variable}: in .env.example, not in the table")));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
