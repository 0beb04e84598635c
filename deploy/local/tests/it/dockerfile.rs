//! The Dockerfile, as far as it can be judged without building it.

use std::collections::BTreeMap;

use crate::{image::is_pinned, repository};

const DOCKERFILE: &str = "deploy/docker/Dockerfile";
const PROGRAMS: [&str; 4] = ["catalog", "matching", "order", "gateway"];
/// Distroless has no finer tags; RUNTIME_IMAGE takes a digest.
const RUNTIME: &str = "gcr.io/distroless/cc-debian12:nonroot";

/// One instruction and what it says, its lines joined.
struct Instruction {
    name: String,
    says: String,
}

fn instructions() -> Vec<Instruction> {
    let text = repository::read(DOCKERFILE);
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let instructions = joined.lines().filter_map(|line| line.split_once(' '));
    instructions
        .map(|(name, says)| Instruction { name: name.to_owned(), says: says.trim().to_owned() })
        .collect()
}

fn all(name: &str) -> Vec<String> {
    instructions().into_iter().filter(|i| i.name == name).map(|i| i.says).collect()
}

/// The instructions of each stage, by the stage's name.
fn stages() -> BTreeMap<String, Vec<String>> {
    let (mut stages, mut stage) = (BTreeMap::<_, Vec<_>>::new(), String::new());
    for Instruction { name, says } in instructions() {
        if name == "FROM" {
            stage = says.split(" AS ").nth(1).expect("every stage has a name").to_owned();
        }
        stages.entry(stage.clone()).or_default().push(format!("{name} {says}"));
    }
    stages
}

/// As docker reads `.dockerignore`: the last line that fits decides, and what fits a folder fits what is in it.
fn is_ignored(path: &str) -> bool {
    let text = repository::read(".dockerignore");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.fold(false, |ignored, line| match line.strip_prefix('!') {
        Some(kept) => ignored && !fits(kept, path),
        None => ignored || fits(line, path),
    })
}

fn fits(pattern: &str, path: &str) -> bool {
    match pattern.strip_prefix("**/") {
        _ if pattern == "*" => true,
        Some(name) => path.split('/').any(|part| part == name),
        None => path == pattern || path.strip_prefix(pattern).is_some_and(|rest| rest.starts_with('/')),
    }
}

/// What is copied from the repository, without what is copied from other stages.
fn sources() -> Vec<String> {
    let copies = all("COPY").into_iter().filter(|says| !says.contains("--from="));
    copies
        .flat_map(|says| {
            let mut words: Vec<String> = says.split_whitespace().map(str::to_owned).collect();
            words.pop();
            words
        })
        .collect()
}

#[test]
fn everything_that_is_copied_is_there_and_not_ignored() {
    assert!(!sources().is_empty());
    for source in sources() {
        assert!(repository::path(&source).exists(), "{source}");
        assert!(!is_ignored(&source), "{source} is ignored");
    }
}

#[test]
fn neither_secrets_nor_what_was_built_come_into_the_build() {
    for path in [".env", ".git/config", "target/release/gateway", "services/order/target/x", "proto/.env"] {
        assert!(is_ignored(path), "{path}");
    }
    assert!(!is_ignored("services/order/src/main.rs"));
}

#[test]
fn every_member_of_the_workspace_is_copied() {
    let manifest = repository::read("Cargo.toml");
    let members = manifest.split("members = [").nth(1).unwrap().split(']').next().unwrap();
    for member in members.split(',').map(|m| m.trim().trim_matches('"')).filter(|m| !m.is_empty()) {
        let copied = sources().iter().any(|source| fits(source, member));
        assert!(copied, "{member}");
    }
}

#[test]
fn images_are_pinned_and_the_compiler_is_the_toolchain_of_the_repository() {
    let arguments: BTreeMap<String, String> = all("ARG")
        .iter()
        .filter_map(|says| says.split_once('='))
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .collect();
    for from in all("FROM") {
        let image = from.split(" AS ").next().unwrap();
        if let Some(argument) = image.strip_prefix("${") {
            let image = &arguments[argument.trim_end_matches('}')];
            assert!(is_pinned(image) || image == RUNTIME, "{image}");
        }
    }
    let toolchain = repository::read("rust-toolchain.toml");
    let version = toolchain.split("channel = \"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(arguments["RUST_IMAGE"], format!("rust:{version}-slim-bookworm"));
}

#[test]
fn the_programs_run_as_nobody_and_are_asked_for_their_health_by_themselves() {
    let stages = stages();
    let programs = &stages["programs"];
    assert!(programs.contains(&"USER 65532:65532".to_owned()), "a number: runAsNonRoot wants one");
    for program in PROGRAMS {
        let stage = &stages[program];
        let path = format!("/usr/local/bin/{program}");
        assert!(stage[0].starts_with("FROM programs "), "{program}");
        assert!(stage.contains(&format!("CMD [\"{path}\"]")), "{program}");
        let health = format!("CMD [\"{path}\", \"health\"]");
        assert!(stage.iter().any(|i| i.starts_with("HEALTHCHECK ") && i.ends_with(&health)), "{program}");
    }
}

#[test]
fn the_programs_that_are_copied_are_those_that_are_built() {
    let run = all("RUN").into_iter().next().unwrap();
    let copied = run.split("&& cp ").nth(1).unwrap().trim_end_matches(" /programs/");
    let manifests = ["services/catalog", "services/matching", "services/order", "gateway", "migrations"];
    let manifests = manifests.map(|folder| repository::read(format!("{folder}/Cargo.toml")));
    let mut built = Vec::new();
    for manifest in &manifests {
        let package = manifest.split("name = \"").nth(1).unwrap().split('"').next().unwrap();
        assert!(run.contains(&format!("--package {package}")), "{package}");
        let binaries = manifest.split("[[bin]]\nname = \"").skip(1);
        built.extend(binaries.map(|rest| rest.split('"').next().unwrap()));
    }
    let mut copied: Vec<_> = copied.split_whitespace().collect();
    copied.sort_unstable();
    built.sort_unstable();
    assert_eq!(copied, built);
}

#[test]
fn variables_that_images_set_are_read_by_the_programs() {
    let known = crate::variables::known();
    for says in all("ENV") {
        for pair in says.split_whitespace() {
            let name = pair.split('=').next().unwrap();
            assert!(known.contains(name), "{name}");
        }
    }
}
