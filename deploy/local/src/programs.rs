//! Which programs are started, and what each is told: where it listens, whom it calls, who it is.

use std::{collections::BTreeMap, net::SocketAddr};

use p2p_runtime::Env;

use crate::{
    addresses::{self, Addresses},
    ports,
};

/// A program to be started.
#[derive(Debug, PartialEq, Eq)]
pub struct Start {
    /// The program.
    pub program: &'static str,
    /// This one of its replicas, as it is called in logs.
    pub name: String,
    /// What its environment has beside the servers.
    pub variables: BTreeMap<String, String>,
    /// How one sees that it is up.
    pub ready: Ready,
}

/// How one sees that a program is up.
#[derive(Debug, PartialEq, Eq)]
pub enum Ready {
    /// A service listens.
    Listens(SocketAddr),
    /// A gateway answers 200 at both.
    Answers([String; 2]),
}

/// All of them, in the order in which they are started: who is called before who calls.
///
/// # Errors
/// When `METRICS_ADDR` is no address, or no port is free for metrics.
pub fn all(env: &Env, replicas: &[Addresses]) -> anyhow::Result<Vec<Start>> {
    let plan = Plan { env, replicas };
    let numbers = 0..replicas.len();
    let mut all: Vec<Start> = numbers.clone().map(|n| plan.catalog(n)).collect();
    all.extend(numbers.clone().map(|n| plan.matching(n)));
    all.extend(numbers.clone().map(|n| plan.order(n)));
    all.extend(numbers.map(|n| plan.gateway(n)));
    add_metrics(env, &mut all)?;
    Ok(all)
}

/// The addresses of all replicas of a service, for who calls it.
pub fn called(replicas: &[Addresses], service: fn(&Addresses) -> SocketAddr) -> String {
    let reached = replicas.iter().map(|replica| addresses::reached(service(replica)).to_string());
    reached.collect::<Vec<_>>().join(",")
}

struct Plan<'a> {
    env: &'a Env,
    replicas: &'a [Addresses],
}

impl Plan<'_> {
    fn catalog(&self, n: usize) -> Start {
        let address = self.replicas[n].catalog;
        service("catalog", n, address, [("CATALOG_ADDR", address.to_string())])
    }

    fn matching(&self, n: usize) -> Start {
        let address = self.replicas[n].matching;
        service("matching", n, address, [("MATCHING_ADDR", address.to_string())])
    }

    fn order(&self, n: usize) -> Start {
        let address = self.replicas[n].order;
        let variables = [
            ("ORDER_ADDR", address.to_string()),
            ("CATALOG_ADDR", called(self.replicas, |replica| replica.catalog)),
            ("MATCHING_ADDR", called(self.replicas, |replica| replica.matching)),
        ];
        service("order", n, address, variables)
    }

    fn gateway(&self, n: usize) -> Start {
        let Addresses { bap, cds, .. } = self.replicas[n];
        let mut variables = owned([
            ("CATALOG_ADDR", called(self.replicas, |replica| replica.catalog)),
            ("MATCHING_ADDR", called(self.replicas, |replica| replica.matching)),
            ("ORDER_ADDR", called(self.replicas, |replica| replica.order)),
            ("BAP_PORT", bap.port().to_string()),
            ("CDS_PORT", cds.port().to_string()),
        ]);
        if self.replicas.len() > 1 {
            variables.extend(owned([("OWN_URIS", self.own_uris())]));
        }
        // The first one is who the environment says that we are.
        if n > 0 {
            let (bap, cds) = (addresses::url(bap), addresses::url(cds));
            variables.extend(owned([("BAP_URI", bap.clone()), ("BPP_URI", bap), ("CDS_URI", cds)]));
            if let Some(id) = self.env.optional("GATEWAY_ID") {
                variables.extend(owned([("GATEWAY_ID", format!("{id}-{}", n + 1))]));
            }
        }
        let ready =
            [format!("{}/health/ready", addresses::url(bap)), format!("{}/health", addresses::url(cds))];
        Start { program: "gateway", name: named("gateway", n), variables, ready: Ready::Answers(ready) }
    }

    /// All gateways, and what the environment calls us.
    fn own_uris(&self) -> String {
        let said = ["OWN_URIS", "BAP_URI", "BPP_URI", "CDS_URI"].map(|name| self.env.optional(name));
        let listened = self.replicas.iter().flat_map(|replica| [replica.bap, replica.cds]);
        let mut all = Vec::new();
        for uri in said.into_iter().flatten().chain(listened.map(addresses::url)) {
            if !all.contains(&uri) {
                all.push(uri);
            }
        }
        all.join(",")
    }
}

fn service<const N: usize>(
    program: &'static str,
    n: usize,
    address: SocketAddr,
    variables: [(&str, String); N],
) -> Start {
    Start { program, name: named(program, n), variables: owned(variables), ready: Ready::Listens(address) }
}

fn named(program: &str, n: usize) -> String {
    if n == 0 { program.to_owned() } else { format!("{program}-{}", n + 1) }
}

fn owned<const N: usize>(variables: [(&str, String); N]) -> BTreeMap<String, String> {
    variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Where each serves metrics: on the first port that is free from its usual one on, or from that of `METRICS_ADDR` on.
/// The first of each program come first, so that they have the usual ones.
fn add_metrics(env: &Env, all: &mut [Start]) -> anyhow::Result<()> {
    if env.optional("METRICS_ADDR").is_some_and(|text| text == "off") {
        return Ok(());
    }
    let mut promised = Vec::new();
    let (firsts, others): (Vec<_>, Vec<_>) = all.iter_mut().partition(|start| start.name == start.program);
    for start in firsts.into_iter().chain(others) {
        let usual = match start.program {
            "gateway" => 9464,
            "catalog" => 9465,
            "matching" => 9466,
            _order => 9467,
        };
        let wished = env.value("METRICS_ADDR", SocketAddr::from(([127, 0, 0, 1], usual)))?;
        let port = ports::from_but(wished.port(), &promised)?;
        promised.push(port);
        start.variables.extend(owned([("METRICS_ADDR", SocketAddr::new(wished.ip(), port).to_string())]));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(env: &Env) -> Vec<Start> {
        all(env, &Addresses::of_replicas(env).unwrap()).unwrap()
    }

    fn of<'a>(all: &'a [Start], name: &str) -> &'a BTreeMap<String, String> {
        &all.iter().find(|start| start.name == name).unwrap().variables
    }

    #[test]
    fn one_of_each_is_told_what_it_would_find_itself() {
        let all = plan(&Env::of([("METRICS_ADDR", "off")]));
        let names: Vec<&str> = all.iter().map(|start| start.name.as_str()).collect();
        assert_eq!(names, ["catalog", "matching", "order", "gateway"]);
        let gateway = owned([
            ("BAP_PORT", "4000".into()),
            ("CDS_PORT", "4001".into()),
            ("CATALOG_ADDR", "127.0.0.1:50051".into()),
            ("MATCHING_ADDR", "127.0.0.1:50052".into()),
            ("ORDER_ADDR", "127.0.0.1:50053".into()),
        ]);
        assert_eq!(*of(&all, "gateway"), gateway);
    }

    #[test]
    fn of_two_each_listens_for_itself_and_calls_both() {
        let env = Env::of([("REPLICAS", "2"), ("METRICS_ADDR", "off"), ("CATALOG_ADDR", "0.0.0.0:50051")]);
        let all = plan(&env);
        let names: Vec<&str> = all.iter().map(|start| start.name.as_str()).collect();
        let order = ["order", "order-2", "gateway", "gateway-2"];
        assert_eq!(names, [["catalog", "catalog-2", "matching", "matching-2"], order].concat());
        assert_eq!(of(&all, "catalog-2")["CATALOG_ADDR"], "0.0.0.0:50061");
        assert_eq!(of(&all, "order-2")["ORDER_ADDR"], "127.0.0.1:50063");
        assert_eq!(of(&all, "order-2")["CATALOG_ADDR"], "127.0.0.1:50051,127.0.0.1:50061");
        assert_eq!(of(&all, "gateway")["ORDER_ADDR"], "127.0.0.1:50053,127.0.0.1:50063");
    }

    #[test]
    fn the_second_gateway_is_one_of_its_own_and_both_know_each_other() {
        let env = Env::of([("REPLICAS", "2"), ("METRICS_ADDR", "off"), ("BAP_URI", "http://10.0.0.1")]);
        let all = plan(&env);
        let second = of(&all, "gateway-2");
        assert_eq!(
            (&*second["BAP_URI"], &*second["BPP_URI"]),
            ("http://127.0.0.1:4010", "http://127.0.0.1:4010")
        );
        assert_eq!(second["CDS_URI"], "http://127.0.0.1:4011");
        let own = [4000, 4001, 4010, 4011].map(|port| format!("http://127.0.0.1:{port}")).join(",");
        for name in ["gateway", "gateway-2"] {
            assert_eq!(of(&all, name)["OWN_URIS"], format!("http://10.0.0.1,{own}"));
        }
        assert!(!of(&all, "gateway").contains_key("BAP_URI"), "the environment says it");
        assert!(!second.contains_key("GATEWAY_ID"), "its port names it");
        let env = Env::of([("REPLICAS", "2"), ("GATEWAY_ID", "north")]);
        assert_eq!(of(&plan(&env), "gateway-2")["GATEWAY_ID"], "north-2");
    }

    #[test]
    fn no_two_serve_metrics_on_one_port() {
        let all = plan(&Env::of([("REPLICAS", "4")]));
        let mut metrics: Vec<&String> = all.iter().map(|start| &start.variables["METRICS_ADDR"]).collect();
        metrics.sort();
        metrics.dedup();
        assert_eq!(metrics.len(), 16);
    }
}
