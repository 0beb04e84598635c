//! Every declared route is walked with every kind of key, and with none.

use std::collections::BTreeSet;

use p2p_gateway::{Declared, Port, Who, routes};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{Holder, Locked, OPERATOR_KEY, ask, done};
use crate::client::{Answer, Client, http};

/// What a request may show.
struct Shown {
    what: &'static str,
    /// Shows the whole header, or none.
    client: Client,
    opens: Opens,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opens {
    Nothing,
    Clients,
    Providers,
    Operators,
}

fn opens(who: Who) -> Opens {
    match who {
        Who::Probe | Who::Anyone | Who::Newcomer | Who::Peer => Opens::Nothing,
        Who::Client => Opens::Clients,
        Who::Provider => Opens::Providers,
        Who::Operator => Opens::Operators,
    }
}

/// A key with another last digit.
fn altered(key: &str) -> String {
    let last = if key.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &key[..key.len() - 1])
}

fn all_shown(anyone: &Client, client: &Holder, provider: &Holder, revoked: &str) -> Vec<Shown> {
    let shown = |what, header: Option<String>, opens| {
        let client = header.map_or_else(|| anyone.clone(), |header| anyone.saying("authorization", &header));
        Shown { what, client, opens }
    };
    let wrong = |what, header: String| shown(what, Some(header), Opens::Nothing);
    let bearer = |key: &str| format!("Bearer {key}");
    let secret = "0123456789abcdef".repeat(4);
    let other_kind = client.key.replace("p2p_client", "p2p_provider");
    vec![
        shown("no key", None, Opens::Nothing),
        wrong("nothing", String::new()),
        wrong("no scheme", client.key.clone()),
        wrong("another scheme", format!("Basic {}", client.key)),
        wrong("a scheme alone", "Bearer".into()),
        wrong("two keys in one", bearer(&format!("{} {OPERATOR_KEY}", client.key))),
        wrong("a malformed key", bearer("p2p_client_none")),
        wrong("an unknown key", bearer(&format!("p2p_client_0123456789abcdef_{secret}"))),
        wrong("a client's key with another secret", bearer(&altered(&client.key))),
        wrong("a provider's key with another secret", bearer(&altered(&provider.key))),
        wrong("a client's key that says it is a provider's", bearer(&other_kind)),
        wrong("a revoked key", bearer(revoked)),
        wrong("another operator's key", bearer(&altered(OPERATOR_KEY))),
        wrong("the begin of the operator's key", bearer(&OPERATOR_KEY[..40])),
        shown("a client's key", Some(bearer(&client.key)), Opens::Clients),
        shown("a provider's key", Some(bearer(&provider.key)), Opens::Providers),
        shown("the operator's key", Some(bearer(OPERATOR_KEY)), Opens::Operators),
    ]
}

fn url(client: &Client, route: &Declared) -> String {
    let base = if route.port == Port::Bap { &client.bap } else { &client.cds };
    format!("{base}{}", route.path.replace("{id}", "0123456789abcdef"))
}

/// Asks with something shown. A body that nobody can read does nothing.
async fn ask_showing(route: &Declared, Shown { client, .. }: &Shown) -> Answer {
    let body = (route.method != Method::GET).then(|| b"{".to_vec());
    client.send(route.method.clone(), &url(client, route), body).await
}

/// What is wrong with an answer.
fn fault(route: &Declared, shown: &Shown, answer: &Answer) -> Option<String> {
    let needs = opens(route.who);
    let wanted = match (needs, shown.opens) {
        (Opens::Nothing, _) => None,
        (needs, shown) if needs == shown => None,
        (_, Opens::Nothing) => Some(401),
        _ => Some(403),
    };
    let asks = answer.headers.get("www-authenticate").map(|scheme| scheme.to_str().unwrap());
    let right = match wanted {
        Some(status) => answer.status == status && answer.said()["error"].is_string(),
        None => ![401, 403, 500].contains(&answer.status),
    };
    let right = right && asks == (answer.status == 401).then_some("Bearer");
    (!right).then(|| format!("{route:?} with {}: {} {}", shown.what, answer.status, answer.text))
}

#[test]
fn every_route_is_declared_for_whom_its_path_says() {
    for Declared { method, path, who, .. } in routes() {
        let first = path.split('/').nth(1).unwrap();
        let wanted = match (first, path) {
            ("api", "/api/transactions") if method == Method::DELETE => Who::Operator,
            ("api", _) => Who::Client,
            ("seller", "/seller/register") => Who::Newcomer,
            ("seller", _) => Who::Provider,
            ("operator" | "sync", _) => Who::Operator,
            ("health", _) => Who::Probe,
            ("catalog", "/catalog") => Who::Anyone,
            (
                "callbacks" | "discover" | "select" | "init" | "confirm" | "status" | "cancel" | "catalog",
                _,
            )
            | ("update" | "track" | "rate" | "support", _) => Who::Peer,
            (callback, _) if callback.starts_with("on_") => Who::Peer,
            _ => panic!("{method} {path}: say here whom it is for"),
        };
        assert_eq!(who, wanted, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_opens_to_whom_it_is_declared_for_and_to_nobody_else() {
    let system = Locked::start().await;
    let (client, provider) = (system.buyer("Mill").await, system.seller("Gamma Wind").await);
    let gone = system.buyer("Gone").await;
    let revoke = format!("/operator/keys/{}", gone.key.split('_').nth(2).unwrap());
    done(ask(&system.operator(), Method::DELETE, &revoke, None).await);
    client.client.discover().await;
    let before = system.rows().await;
    let all = all_shown(&system.anyone(), &client, &provider, &gone.key);
    let (declared, mut faults) = (routes(), Vec::new());
    assert!(declared.len() > 45, "{}", declared.len());
    // What would clear the view opens last.
    let clears = |route: &Declared| route.method == Method::DELETE && route.path == "/api/transactions";
    for route in &declared {
        for shown in all.iter().filter(|shown| !clears(route) || shown.opens != Opens::Operators) {
            let answer = ask_showing(route, shown).await;
            faults.extend(fault(route, shown, &answer));
        }
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
    assert_eq!(system.rows().await, before);
    let clear = declared.iter().find(|route| clears(route)).unwrap();
    let cleared = done(ask_showing(clear, all.last().unwrap()).await);
    assert_eq!(cleared.json["cleared"], 1);
    assert_eq!(client.client.get("/api/transactions").await.json, json!({"transactions": []}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_method_or_path_is_no_way_around_a_key() {
    let system = Locked::start().await;
    let client = system.anyone();
    let http = http().build().unwrap();
    let send = async |method: &Method, url: &str| {
        let answer = http.request(method.clone(), url).header("x-http-method-override", "GET").send().await;
        (answer.as_ref().unwrap().status(), answer.unwrap().text().await.unwrap())
    };
    let declared = routes();
    for route in &declared {
        let url = url(&client, route);
        let needs_key = opens(route.who) != Opens::Nothing;
        if route.method == Method::GET {
            let (status, body) = send(&Method::HEAD, &url).await;
            let wanted = if needs_key { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
            assert_eq!((status, &*body), (wanted, ""), "HEAD {url}");
        }
        let same = declared.iter().filter(|other| other.port == route.port && other.path == route.path);
        let methods: BTreeSet<&str> = same.map(|other| other.method.as_str()).collect();
        let others = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"];
        for method in others.into_iter().filter(|method| !methods.contains(method)) {
            let (status, body) = send(&method.parse().unwrap(), &url).await;
            assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{method} {url}");
            assert!(body.contains("\"request_id\":"), "{method} {url} {body}");
        }
        // Other spellings are other paths; nothing is behind them, with a key or without.
        if needs_key {
            let path = route.path.replace("{id}", "x");
            let begin = url.strip_suffix(&route.path.replace("{id}", "0123456789abcdef")).unwrap();
            let spellings = [
                format!("{path}/"),
                format!("/{path}"),
                format!("/.{}", path.replacen('/', "//", 1)),
                path.to_uppercase(),
                path.replacen('/', "/%2e/", 1),
                path.replacen('e', "%65", 1),
                format!("{path}%00"),
                format!("{path};x"),
            ];
            for spelling in spellings.iter().filter(|spelling| **spelling != path) {
                let (status, body) = send(&route.method, &format!("{begin}{spelling}")).await;
                let wanted =
                    [StatusCode::NOT_FOUND, StatusCode::UNAUTHORIZED, StatusCode::METHOD_NOT_ALLOWED];
                assert!(wanted.contains(&status), "{} {spelling}: {status} {body}", route.method);
            }
        }
        // What is served at one port is not at the other.
        let elsewhere = if route.port == Port::Bap { &client.cds } else { &client.bap };
        let other = |other: &Declared| other.port != route.port && other.path == route.path;
        if !declared.iter().any(other) {
            let (status, _) = send(&route.method, &format!("{elsewhere}{}", route.path)).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{} {} elsewhere", route.method, route.path);
        }
    }
    for path in ["/", "/nowhere", "/api", "/api/nowhere", "/operator", "/seller", "/metrics", "/admin"] {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            let (status, body) = send(&method, &format!("{}{path}", client.bap)).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{method} {path} {body}");
            assert!(body.contains("\"request_id\":"), "{method} {path} {body}");
        }
    }
}
