//! docker-compose.yml, docker-compose.production.yml, and what they extend.

use std::{collections::BTreeMap, path::Path, process::Command};

use serde_json::{Map, Value};

use crate::{image::is_pinned, repository, repository::texts, variables};

const DEVELOPMENT: &str = "docker-compose.yml";
const PRODUCTION: &str = "docker-compose.production.yml";
const PROGRAMS: [&str; 5] = ["migrate", "catalog", "matching", "order", "gateway"];
/// A one-shot program, and an image that holds nothing but its program.
const WITHOUT_HEALTH: [&str; 2] = ["migrate", "otel-collector"];
/// What no default may stand in for.
const SECRETS: [&str; 9] = [
    "POSTGRES_PASSWORD",
    "CATALOG_PASSWORD",
    "MATCHING_PASSWORD",
    "ORDER_PASSWORD",
    "REDIS_PASSWORD",
    "SERVICE_TOKEN",
    "OPERATOR_KEY",
    "BAP_SIGNING_KEYS",
    "BPP_SIGNING_KEYS",
];
/// What is no secret, and has no default either.
const MUST_BE_SAID: [&str; 8] = [
    "BAP_ADDRESS",
    "BAP_ID",
    "BPP_ID",
    "BAP_URI",
    "BPP_URI",
    "ALLOWED_NETWORKS",
    "PEER_ALLOW",
    "PEER_SENDERS",
];

type Services = BTreeMap<String, Map<String, Value>>;

/// The services of a file, each with what it extends.
fn services(file: &str) -> Services {
    let file = repository::yaml(file);
    let services = file["services"].as_object().unwrap();
    services.iter().map(|(name, service)| (name.clone(), extended(service.as_object().unwrap()))).collect()
}

fn extended(service: &Map<String, Value>) -> Map<String, Value> {
    let Some(extends) = service.get("extends") else { return service.clone() };
    let base = repository::yaml(extends["file"].as_str().unwrap());
    let mut merged = base["services"][extends["service"].as_str().unwrap()].as_object().unwrap().clone();
    for (key, value) in service {
        match (merged.get_mut(key), value) {
            (Some(Value::Object(under)), Value::Object(over)) => under.extend(over.clone()),
            (Some(Value::Array(under)), Value::Array(over)) if key != "command" => {
                under.extend(over.iter().cloned());
            }
            _ => {
                merged.insert(key.clone(), value.clone());
            }
        }
    }
    merged
}

fn both() -> [(&'static str, Services); 2] {
    [DEVELOPMENT, PRODUCTION].map(|file| (file, services(file)))
}

fn names(services: &Services) -> Vec<&str> {
    services.keys().map(String::as_str).collect()
}

#[test]
fn the_whole_system_is_there() {
    let [(_, development), (_, production)] = both();
    let system = ["catalog", "gateway", "matching", "migrate", "order", "postgres", "redis"];
    assert_eq!(names(&production), system);
    let (observability, usual): (Services, Services) =
        development.into_iter().partition(|(_, service)| service.contains_key("profiles"));
    assert_eq!(
        names(&usual),
        ["catalog", "gateway", "jaeger", "matching", "migrate", "order", "postgres", "redis"]
    );
    assert_eq!(names(&observability), ["grafana", "otel-collector", "prometheus"]);
    for service in observability.values() {
        assert_eq!(texts(&service["profiles"]), ["observability"]);
    }
    assert_eq!(usual["postgres"]["container_name"], "p2p-postgres");
    assert_eq!(usual["redis"]["container_name"], "p2p-redis");
}

#[test]
fn in_development_every_port_is_published_on_loopback_only() {
    for (name, service) in services(DEVELOPMENT) {
        for port in texts(service.get("ports").unwrap_or(&Value::Null)) {
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port}");
        }
    }
}

#[test]
fn in_production_only_the_gateways_port_is_published_where_it_was_asked_for() {
    for (name, service) in services(PRODUCTION) {
        let ports = texts(service.get("ports").unwrap_or(&Value::Null));
        if name == "gateway" {
            assert!(matches!(ports[..], [port] if port.starts_with("${BAP_ADDRESS:?")), "{ports:?}");
        } else {
            assert_eq!(ports, [""; 0], "{name}");
        }
    }
}

#[test]
fn in_production_no_secret_has_a_default_and_nothing_is_seeded() {
    let text = repository::read(PRODUCTION);
    for secret in SECRETS {
        let uses: Vec<&str> = text.split(&format!("${{{secret}")).skip(1).collect();
        assert!(!uses.is_empty(), "{secret}");
        assert!(uses.iter().all(|rest| rest.starts_with(":?")), "{secret}");
    }
    let production = services(PRODUCTION);
    assert_eq!(texts(&production["migrate"]["command"]), ["/usr/local/bin/migrate", "up"]);
    for program in PROGRAMS {
        assert_eq!(production[program]["environment"]["ENV"], "production", "{program}");
    }
    let gateway = &production["gateway"]["environment"];
    assert_eq!(gateway["OTEL_TRACES_SAMPLER"], "parentbased_traceidratio");
    assert_eq!(gateway["OTEL_TRACES_SAMPLER_ARG"], "${OTEL_TRACES_SAMPLER_ARG:-0.05}");
}

#[test]
fn programs_ask_for_keys_in_production_and_count_as_loopback_in_development() {
    let [(_, development), (_, production)] = both();
    for program in &PROGRAMS[1..] {
        let environment = &production[*program]["environment"];
        assert_eq!(environment["SERVICE_TOKEN"], "${SERVICE_TOKEN:?set it}", "{program}");
        assert_eq!(environment.get("PUBLISHED_ADDR"), None, "{program}");
        let environment = &development[*program]["environment"];
        assert_eq!(environment["PUBLISHED_ADDR"], "127.0.0.1", "{program}");
    }
    let gateway = &production["gateway"]["environment"];
    assert_eq!(gateway["OPERATOR_KEY"], "${OPERATOR_KEY:?set it}");
    for name in MUST_BE_SAID.into_iter().filter(|name| *name != "BAP_ADDRESS") {
        assert!(gateway[name].as_str().unwrap().starts_with(&format!("${{{name}:?")), "{name}");
    }
    assert_eq!(gateway["REGISTRY_TYPE"], "${REGISTRY_TYPE:-dedi}");
}

#[test]
fn images_are_pinned() {
    for (file, services) in both() {
        for (name, service) in services {
            let image = service["image"].as_str().unwrap();
            let ours = format!("p2p-{name}:${{P2P_VERSION:-0.1.0}}");
            assert!(image == ours || is_pinned(image), "{file}: {image}");
            assert_eq!(service.contains_key("build"), PROGRAMS.contains(&name.as_str()), "{file}: {name}");
        }
    }
}

#[test]
fn whoever_waits_for_health_waits_for_one_that_tells_it() {
    for (file, services) in both() {
        for (name, service) in &services {
            assert_eq!(
                service.contains_key("healthcheck"),
                !WITHOUT_HEALTH.contains(&name.as_str()),
                "{name}"
            );
            for (other, how) in service.get("depends_on").and_then(Value::as_object).into_iter().flatten() {
                match how["condition"].as_str().unwrap() {
                    "service_healthy" => {
                        assert!(services[other].contains_key("healthcheck"), "{file}: {other}")
                    }
                    "service_completed_successfully" => assert_eq!(other, "migrate", "{file}"),
                    "service_started" => assert_eq!(other, "jaeger", "{file}: nobody waits for it"),
                    condition => panic!("{file}: {name}: {condition}"),
                }
            }
        }
    }
}

#[test]
fn programs_start_after_the_schemas_are_up_to_date() {
    for (file, services) in both() {
        assert_eq!(services["migrate"]["depends_on"]["postgres"]["condition"], "service_healthy");
        for service in ["catalog", "matching", "order"] {
            let waits = &services[service]["depends_on"]["migrate"]["condition"];
            assert_eq!(waits, "service_completed_successfully", "{file}: {service}");
            let waits = &services["gateway"]["depends_on"][service]["condition"];
            assert_eq!(waits, "service_healthy", "{file}");
        }
    }
}

#[test]
fn programs_are_given_only_variables_that_they_read() {
    let known = variables::known();
    for (file, services) in both() {
        for program in PROGRAMS {
            for name in services[program]["environment"].as_object().unwrap().keys() {
                assert!(known.contains(name), "{file}: {program}: {name}");
            }
        }
    }
}

#[test]
fn a_program_is_asked_for_its_health_by_itself() {
    for (file, services) in both() {
        for program in &PROGRAMS[1..] {
            let test = texts(&services[*program]["healthcheck"]["test"]);
            let path = format!("/usr/local/bin/{program}");
            assert_eq!(test, ["CMD", &path, "health"], "{file}");
        }
    }
}

#[test]
fn every_container_is_confined_and_limited() {
    for (file, services) in both() {
        for (name, service) in services {
            let what = format!("{file}: {name}");
            assert_eq!(service["read_only"], true, "{what}");
            assert_eq!(texts(&service["cap_drop"]), ["ALL"], "{what}");
            assert_eq!(texts(&service["security_opt"]), ["no-new-privileges:true"], "{what}");
            for key in ["mem_limit", "cpus", "restart"] {
                assert!(service.contains_key(key), "{what}: {key}");
            }
            if PROGRAMS.contains(&name.as_str()) {
                assert_eq!(service["user"], "65532:65532", "{what}");
                assert_eq!(service.get("cap_add"), None, "{what}");
            }
        }
    }
}

#[test]
fn what_is_mounted_is_there() {
    for (file, services) in both() {
        for (name, service) in services {
            for volume in texts(service.get("volumes").unwrap_or(&Value::Null)) {
                let source = volume.split(':').next().unwrap();
                if source.starts_with('.') {
                    assert!(repository::path(Path::new(source)).exists(), "{file}: {name}: {source}");
                } else {
                    assert!(repository::yaml(file)["volumes"].get(source).is_some(), "{file}: {source}");
                }
            }
        }
    }
}

#[test]
fn docker_compose_itself_reads_both_and_refuses_production_without_its_secrets() {
    if !repository::has("docker-compose") {
        eprintln!("skipped: no docker-compose on this machine");
        return;
    }
    let read = |file: &str, given: &[&str]| {
        let mut command = Command::new("docker-compose");
        // No .env of this machine (all lines of the example are comments), none of its variables.
        command.current_dir(repository::path("")).args(["--env-file", ".env.example"]);
        command
            .args(["--file", file, "config", "--quiet"])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap());
        command.envs(given.iter().map(|name| (name, "192.0.2.7"))).output().unwrap()
    };
    let answer = read(DEVELOPMENT, &[]);
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let wanted = [&SECRETS[..], &MUST_BE_SAID[..]].concat();
    let answer = read(PRODUCTION, &wanted);
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    for missing in &wanted {
        let given: Vec<&str> = wanted.iter().copied().filter(|name| name != missing).collect();
        let answer = read(PRODUCTION, &given);
        assert!(!answer.status.success(), "{missing}");
        assert!(String::from_utf8_lossy(&answer.stderr).contains(missing), "{missing}");
    }
}
