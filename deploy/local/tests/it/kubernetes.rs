//! deploy/kubernetes: what is relied on, in the files as they are, and in what `kubectl kustomize` makes of them.

use std::{collections::BTreeMap, process::Command};

use serde_json::Value;

use crate::{image::is_pinned, repository, repository::texts, variables};

const FOLDER: &str = "deploy/kubernetes";
const OVERLAYS: [&str; 2] = ["dev", "production"];
const SERVICES: [&str; 3] = ["catalog", "matching", "order"];
const PROGRAMS: [&str; 4] = ["catalog", "matching", "order", "gateway"];
/// Beside the databases' URLs.
const SECRETS: [&str; 5] =
    ["REDIS_URL", "SERVICE_TOKEN", "OPERATOR_KEY", "BAP_SIGNING_KEYS", "BPP_SIGNING_KEYS"];
const NAME: &str = "app.kubernetes.io/name";
/// Named by a pod's own field, for another variable to show.
const FROM_THE_POD: [&str; 1] = ["POD_NAME"];
const PRIVATE: [&str; 3] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];
const METADATA: &str = "169.254.0.0/16";

/// Objects of one overlay.
struct Objects(Vec<Value>);

impl Objects {
    /// As the files have them: the base's and the overlay's.
    fn as_written(overlay: &str) -> Self {
        let folders = ["base".to_owned(), format!("overlays/{overlay}")];
        let files = folders.iter().flat_map(|f| repository::files(format!("{FOLDER}/{f}"), "yaml"));
        let files = files.filter(|file| file.file_name().unwrap() != "kustomization.yaml");
        Self(files.flat_map(|file| repository::documents(&repository::read(file))).collect())
    }

    /// As kustomize makes them, where it is on this machine.
    fn rendered(overlay: &str) -> Option<Self> {
        if !repository::has("kubectl") {
            eprintln!("skipped: no kubectl on this machine");
            return None;
        }
        let folder = repository::path(format!("{FOLDER}/overlays/{overlay}"));
        let answer = Command::new("kubectl").arg("kustomize").arg(folder).output().unwrap();
        assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
        Some(Self(repository::documents(&String::from_utf8(answer.stdout).unwrap())))
    }

    fn all<'a, 'k>(&'a self, kind: &'k str) -> impl Iterator<Item = &'a Value> + use<'a, 'k> {
        self.0.iter().filter(move |object| object["kind"] == *kind)
    }

    fn one(&self, kind: &str, name: &str) -> &Value {
        let found = self.0.iter().find(|o| o["kind"] == *kind && o["metadata"]["name"] == *name);
        found.unwrap_or_else(|| panic!("no {kind} {name}"))
    }

    /// Name and pod of everything that runs pods.
    fn pods(&self) -> Vec<(&str, &Value)> {
        let kinds = ["Deployment", "StatefulSet", "Job"].into_iter();
        let owners = kinds.flat_map(|kind| self.all(kind));
        owners.map(|o| (o["metadata"]["name"].as_str().unwrap(), &o["spec"]["template"])).collect()
    }
}

/// Each overlay, as it is written and, where that can be, as it is rendered.
fn everywhere(check: impl Fn(&Objects)) {
    for overlay in OVERLAYS {
        check(&Objects::as_written(overlay));
        if let Some(rendered) = Objects::rendered(overlay) {
            check(&rendered);
        }
    }
}

fn container(pod: &Value) -> &Value {
    assert_eq!(pod["spec"]["containers"].as_array().unwrap().len(), 1);
    &pod["spec"]["containers"][0]
}

/// Whether the labels are all among the pod's.
fn selects(labels: &Value, pod: &Value) -> bool {
    let of_pod = &pod["metadata"]["labels"];
    labels.as_object().unwrap().iter().all(|(key, value)| of_pod[key] == *value)
}

#[test]
fn selectors_find_the_pods_they_are_meant_for() {
    everywhere(|objects| {
        for kind in ["Deployment", "StatefulSet"] {
            for owner in objects.all(kind) {
                let labels = &owner["spec"]["selector"]["matchLabels"];
                assert!(selects(labels, &owner["spec"]["template"]), "{}", owner["metadata"]["name"]);
            }
        }
        let pods = objects.pods();
        for service in objects.all("Service") {
            let (_, pod) = pods.iter().find(|(_, pod)| selects(&service["spec"]["selector"], pod)).unwrap();
            for port in service["spec"]["ports"].as_array().unwrap() {
                let ports = container(pod)["ports"].as_array().unwrap();
                let target =
                    ports.iter().find(|p| p["name"] == port["targetPort"]).expect("a port of that name");
                assert_eq!(target["containerPort"], port["port"]);
            }
        }
        for budget in objects.all("PodDisruptionBudget") {
            let labels = &budget["spec"]["selector"]["matchLabels"];
            assert!(pods.iter().any(|(_, pod)| selects(labels, pod)), "{labels}");
        }
        for scaler in objects.all("HorizontalPodAutoscaler") {
            objects.one("Deployment", scaler["spec"]["scaleTargetRef"]["name"].as_str().unwrap());
        }
    });
}

#[test]
fn every_program_is_there_once_in_development_and_scaled_in_production() {
    let Some(dev) = Objects::rendered("dev") else { return };
    let production = Objects::rendered("production").unwrap();
    for program in PROGRAMS {
        assert_eq!(dev.one("Deployment", program)["spec"]["replicas"], 1, "{program}");
        let replicas = production.one("Deployment", program)["spec"].get("replicas");
        assert_eq!(replicas, None, "{program}: its scaler says how many");
        let scaler = production.one("HorizontalPodAutoscaler", program);
        assert!(scaler["spec"]["minReplicas"].as_u64() >= Some(2), "{program}");
        production.one("PodDisruptionBudget", program);
    }
    assert_eq!(dev.all("HorizontalPodAutoscaler").count() + dev.all("PodDisruptionBudget").count(), 0);
    let names =
        |objects: &Objects| objects.pods().iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&production), ["catalog", "gateway", "matching", "order", "migrate"]);
    let dev = names(&dev);
    assert!(["postgres", "redis", "jaeger"].iter().all(|name| dev.iter().any(|n| n == name)), "{dev:?}");
}

#[test]
fn calls_are_balanced_over_the_pods_of_a_service() {
    everywhere(|objects| {
        for service in SERVICES {
            assert_eq!(objects.one("Service", service)["spec"]["clusterIP"], "None", "{service}");
        }
    });
}

#[test]
fn probes_restart_no_program_because_its_database_is_away() {
    everywhere(|objects| {
        for (name, pod) in objects.pods().into_iter().filter(|(name, _)| *name != "migrate") {
            let container = container(pod);
            for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
                assert!(container[probe].is_object(), "{name}: {probe}");
            }
            if SERVICES.contains(&name) {
                assert_eq!(container["livenessProbe"]["grpc"]["service"], "live", "{name}");
                assert_eq!(container["readinessProbe"]["grpc"]["service"], Value::Null, "{name}");
            }
        }
        let gateway = container(&objects.one("Deployment", "gateway")["spec"]["template"]);
        assert_eq!(gateway["livenessProbe"]["httpGet"]["path"], "/health/live");
        assert_eq!(gateway["readinessProbe"]["httpGet"]["path"], "/health/ready");
    });
}

#[test]
fn a_program_has_drained_before_its_pod_is_killed() {
    let base = repository::yaml(format!("{FOLDER}/base/kustomization.yaml"));
    let literals = texts(&base["configMapGenerator"][0]["literals"]);
    let drain = literals.iter().find_map(|l| l.strip_prefix("SHUTDOWN_GRACE_SECONDS=")).unwrap();
    let drain: u64 = drain.parse().unwrap();
    everywhere(|objects| {
        for program in PROGRAMS {
            let pod = &objects.one("Deployment", program)["spec"]["template"];
            let pre_stop = container(pod)["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().unwrap();
            let grace = pod["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap();
            assert!(pre_stop + drain < grace, "{program}: {pre_stop} + {drain} in {grace}");
        }
    });
}

#[test]
fn programs_are_given_only_variables_that_they_read_and_secrets_by_reference() {
    let known = variables::known();
    everywhere(|objects| {
        for (name, pod) in objects.pods().into_iter().filter(|(n, _)| PROGRAMS.contains(n) || *n == "migrate")
        {
            for variable in container(pod)["env"].as_array().unwrap() {
                let variable_name = variable["name"].as_str().unwrap();
                let is_known = known.contains(variable_name) || FROM_THE_POD.contains(&variable_name);
                assert!(is_known, "{name}: {variable_name}");
                let is_secret = variable_name.ends_with("DATABASE_URL") || SECRETS.contains(&variable_name);
                assert_eq!(
                    is_secret,
                    variable["valueFrom"]["secretKeyRef"].is_object(),
                    "{name}: {variable_name}"
                );
                assert!(
                    !variable["value"].as_str().is_some_and(|v| v.contains('@')),
                    "{name}: {variable_name}"
                );
            }
        }
        for map in objects.all("ConfigMap") {
            for (variable, text) in map["data"].as_object().unwrap() {
                assert!(known.contains(variable), "{variable}");
                assert!(!text.as_str().unwrap().contains('@'), "{variable}");
            }
        }
    });
    assert_eq!(Objects::as_written("production").all("Secret").count(), 0);
    let Some(rendered) = Objects::rendered("production") else { return };
    assert_eq!(rendered.all("Secret").count(), 0);
}

#[test]
fn programs_know_one_another_by_a_token_and_the_gateway_its_operator_by_a_key() {
    let key = |env: &Value, name: &str| {
        let variable = env.as_array().unwrap().iter().find(|variable| variable["name"] == name).unwrap();
        variable["valueFrom"]["secretKeyRef"]["key"].clone()
    };
    everywhere(|objects| {
        for program in PROGRAMS {
            let env = &container(&objects.one("Deployment", program)["spec"]["template"])["env"];
            assert_eq!(key(env, "SERVICE_TOKEN"), "service-token", "{program}");
        }
        let env = &container(&objects.one("Deployment", "gateway")["spec"]["template"])["env"];
        assert_eq!(key(env, "OPERATOR_KEY"), "operator-key");
        assert_eq!(key(env, "BAP_SIGNING_KEYS"), "bap-signing-keys");
        assert_eq!(key(env, "BPP_SIGNING_KEYS"), "bpp-signing-keys");
    });
}

/// Reached from the network it starts with keys and a registry only.
#[test]
fn the_gateway_in_production_can_sign_and_look_up_who_has_signed() {
    let production = repository::yaml(format!("{FOLDER}/overlays/production/kustomization.yaml"));
    let maps = production["configMapGenerator"].as_array().unwrap();
    let gateway = maps.iter().find(|map| map["name"] == "p2p-gateway").unwrap();
    let literals = texts(&gateway["literals"]);
    for name in ["BAP_ID", "BPP_ID", "REGISTRY_TYPE", "ALLOWED_NETWORKS"] {
        assert!(literals.iter().any(|literal| literal.starts_with(&format!("{name}="))), "{name}");
    }
}

/// A certificate's files in each program, and services that ask themselves: the kubelet speaks no TLS to gRPC.
#[test]
fn the_component_for_mutual_tls_gives_each_program_its_files_and_its_probes() {
    if !repository::has("kubectl") {
        return eprintln!("skipped: no kubectl on this machine");
    }
    let folder = std::env::temp_dir().join(format!("p2p-kustomize-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let copied = Command::new("cp").arg("-r").arg(repository::path(FOLDER)).arg(&folder).status().unwrap();
    assert!(copied.success());
    let overlay = folder.join("kubernetes/overlays/production");
    let file = overlay.join("kustomization.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}\ncomponents: [../../components/tls]\n")).unwrap();
    let answer = Command::new("kubectl").arg("kustomize").arg(overlay).output().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let objects = Objects(repository::documents(&String::from_utf8(answer.stdout).unwrap()));
    let known = variables::known();
    for program in PROGRAMS {
        let pod = &objects.one("Deployment", program)["spec"]["template"];
        let mount = container(pod)["volumeMounts"][0]["mountPath"].as_str().unwrap();
        assert_eq!(pod["spec"]["volumes"][0]["secret"]["secretName"], "p2p-tls", "{program}");
        for name in ["TLS_CA_FILE", "TLS_CERT_FILE", "TLS_KEY_FILE"] {
            let env = container(pod)["env"].as_array().unwrap();
            let file = env.iter().find(|variable| variable["name"] == name).unwrap();
            assert!(known.contains(name) && file["value"].as_str().unwrap().starts_with(mount), "{program}");
        }
        if SERVICES.contains(&program) {
            let asks = |probe: &str| texts(&container(pod)[probe]["exec"]["command"]).join(" ");
            assert_eq!(asks("livenessProbe"), format!("/usr/local/bin/{program} health live"));
            assert_eq!(asks("readinessProbe"), format!("/usr/local/bin/{program} health"));
        }
    }
}

#[test]
fn each_pod_of_the_gateway_is_a_gateway_of_its_own() {
    everywhere(|objects| {
        let env = &container(&objects.one("Deployment", "gateway")["spec"]["template"])["env"];
        let id = env.as_array().unwrap().iter().find(|v| v["name"] == "GATEWAY_ID").unwrap();
        assert_eq!(id["valueFrom"]["fieldRef"]["fieldPath"], "metadata.name");
    });
}

#[test]
fn images_are_pinned() {
    for overlay in OVERLAYS {
        let kustomization = repository::yaml(format!("{FOLDER}/overlays/{overlay}/kustomization.yaml"));
        let images = kustomization["images"].as_array().unwrap();
        let tags: BTreeMap<&str, &str> = images
            .iter()
            .map(|image| (image["name"].as_str().unwrap(), image["newTag"].as_str().unwrap()))
            .collect();
        for (_, pod) in Objects::as_written(overlay).pods() {
            let image = container(pod)["image"].as_str().unwrap();
            let tagged = tags.get(image).map_or(image.to_owned(), |tag| format!("{image}:{tag}"));
            assert!(is_pinned(&tagged), "{overlay}: {tagged}");
        }
    }
}

/// What the Pod Security Standard "restricted" asks, and resources, and no token.
#[test]
fn pods_are_confined_and_limited() {
    everywhere(|objects| {
        for (name, pod) in objects.pods() {
            let (spec, container) = (&pod["spec"], container(pod));
            assert_eq!(spec["automountServiceAccountToken"], false, "{name}");
            assert_eq!(spec["securityContext"]["runAsNonRoot"], true, "{name}");
            assert_eq!(spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{name}");
            let context = &container["securityContext"];
            assert_eq!(context["allowPrivilegeEscalation"], false, "{name}");
            assert_eq!(context["readOnlyRootFilesystem"], true, "{name}");
            assert_eq!(texts(&context["capabilities"]["drop"]), ["ALL"], "{name}");
            for resource in
                [&container["resources"]["requests"]["cpu"], &container["resources"]["limits"]["memory"]]
            {
                assert!(resource.is_string(), "{name}");
            }
        }
        let namespace = objects.all("Namespace").next().unwrap();
        assert_eq!(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");
    });
}

#[test]
fn nothing_is_reached_but_by_those_who_must() {
    everywhere(|objects| {
        let all = &objects.one("NetworkPolicy", "default-deny")["spec"];
        assert_eq!(all["podSelector"], serde_json::json!({}));
        assert_eq!(texts(&all["policyTypes"]), ["Ingress", "Egress"]);
        for (service, callers) in [
            ("catalog", &["gateway", "order"][..]),
            ("matching", &["gateway", "order"]),
            ("order", &["gateway"]),
        ] {
            let from =
                objects.one("NetworkPolicy", service)["spec"]["ingress"][0]["from"].as_array().unwrap();
            let names: Vec<_> =
                from.iter().map(|f| f["podSelector"]["matchLabels"][NAME].as_str().unwrap()).collect();
            assert_eq!(names, callers, "{service}");
        }
    });
}

#[test]
fn callbacks_never_reach_the_machines_metadata_nor_private_networks_in_production() {
    for overlay in OVERLAYS {
        let objects = Objects::as_written(overlay);
        let to = &objects.one("NetworkPolicy", "callbacks")["spec"]["egress"][0]["to"];
        let except = texts(&to[0]["ipBlock"]["except"]);
        assert!(except.contains(&METADATA), "{overlay}");
        if overlay == "production" {
            assert!(PRIVATE.iter().all(|network| except.contains(network)), "{except:?}");
        }
        for block in objects.all("NetworkPolicy").flat_map(blocks) {
            let everything = ["0.0.0.0/0", "::/0"].contains(&block["cidr"].as_str().unwrap());
            assert!(!everything || block["except"].is_array(), "{overlay}: {block}");
        }
    }
}

/// Every `ipBlock` of a policy's ways out.
fn blocks(policy: &Value) -> Vec<&Value> {
    let rules = policy["spec"]["egress"].as_array().into_iter().flatten();
    let peers = rules.filter_map(|rule| rule["to"].as_array()).flatten();
    peers.map(|peer| &peer["ipBlock"]).filter(|block| block.is_object()).collect()
}
