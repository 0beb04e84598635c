//! No secret comes out of any program: not in a log, a span, a metric, an error or an answer, whatever fails.

use std::fs;

use p2p_proto::order::{ListTransactionsRequest, mailbox_service_client::MailboxServiceClient};
use p2p_runtime::Env;
use p2p_testkit::{Door, RedisServer, set_door};
use regex::bytes::Regex;
use reqwest::Method;
use serde_json::json;
use tonic::{
    Request,
    transport::{ClientTlsConfig, Endpoint},
};
use url::Url;
use uuid::Uuid;

use crate::{
    certificates::Certificates,
    client::{BETA, Client, until},
    collector::Collector,
    programs::{Place, Programs},
    system::seeded,
};

/// What every secret of this test holds, so that one search finds them all.
const CANARY: &str = "qZx7Canary0Wv4";
const PROGRAMS: [&str; 5] = ["catalog", "matching", "order", "gateway", "migrate"];

/// A secret, and whose.
fn secret(of: &str) -> String {
    format!("{of}-{CANARY}-0123456789abcdef")
}

/// The canary as it is, and as encodings would hide it.
fn forms() -> Vec<String> {
    let bytes = CANARY.as_bytes();
    let each =
        |write: fn(&u8) -> String, between: &str| bytes.iter().map(write).collect::<Vec<_>>().join(between);
    let mut forms = vec![
        CANARY.to_owned(),
        each(|byte| format!("{byte:02x}"), ""),
        each(|byte| format!("{byte:02X}"), ""),
        each(|byte| format!("%{byte:02x}"), ""),
        each(|byte| format!("%{byte:02X}"), ""),
        // Debug of bytes.
        each(u8::to_string, ", "),
    ];
    forms.extend((0..3).map(|before| base64(bytes, before)));
    forms
}

/// What base64 makes of it after so many other bytes, without the digits that hold something of its neighbours.
fn base64(bytes: &[u8], before: usize) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text: Vec<u8> = std::iter::repeat_n(&0, before).chain(bytes).copied().collect();
    let bits: Vec<u8> = text.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let digits =
        bits.chunks_exact(6).map(|six| six.iter().fold(0, |digit, bit| digit << 1 | usize::from(*bit)));
    let digits = digits.map(|digit| char::from(alphabet[digit]));
    digits.skip((before * 8).div_ceil(6)).collect()
}

#[test]
fn the_forms_are_what_encoders_write() {
    let forms = forms();
    // printf 'qZx7Canary0Wv4' | base64, and after one and two other bytes.
    for wanted in
        ["cVp4N0NhbmFyeTBXdj", "FaeDdDYW5hcnkwV3Y0", "xWng3Q2FuYXJ5MFd2N", "715a783743616e61727930577634"]
    {
        assert!(forms.iter().any(|form| form == wanted), "{wanted} in {forms:?}");
    }
}

#[test]
fn a_secret_is_found_wherever_it_is() {
    for form in forms() {
        let mut seen = Seen::default();
        seen.add("a log", format!(r#"{{"url":"{form}ab"}}"#));
        assert!(seen.secret("other").is_some(), "{form}");
    }
    let mut seen = Seen::default();
    seen.add("a log", "nothing");
    assert_eq!(seen.secret("other"), None);
}

#[test]
fn what_programs_are_told_can_be_printed() {
    let url = format!("postgresql://u:{}@127.0.0.1/x", secret("database"));
    let (redis, token) = (format!("redis://:{}@127.0.0.1", secret("redis")), secret("token"));
    let certificates = Certificates::make();
    let files = certificates.variables();
    let [authority, certificate, key] = files.each_ref().map(|(name, file)| (*name, file.as_str()));
    let told = [("DATABASE_URL", url.as_str()), ("REDIS_URL", &redis), ("SERVICE_TOKEN", &token)];
    let env = Env::of([told[0], told[1], told[2], ("OPERATOR_KEY", &token), authority, certificate, key]);
    let mut seen = Seen::default();
    seen.add("env", format!("{env:?}"));
    seen.add("catalog", format!("{:?}", p2p_catalog::Config::from_env(&env).unwrap()));
    seen.add("matching", format!("{:?}", p2p_matching::Config::from_env(&env).unwrap()));
    seen.add("order", format!("{:?}", p2p_order::Config::from_env(&env).unwrap()));
    seen.add("gateway", format!("{:?}", p2p_gateway::Config::from_env(&env).unwrap()));
    let key = fs::read_to_string(certificates.key()).unwrap();
    assert_eq!(seen.secret(key.lines().nth(1).unwrap()), None);
}

/// Everything that came out, by where it was found.
#[derive(Default)]
struct Seen(Vec<(String, String)>);

impl Seen {
    fn add(&mut self, place: impl Into<String>, text: impl Into<String>) {
        self.0.push((place.into(), text.into()));
    }

    async fn ask(&mut self, client: &Client, method: Method, path: &str, body: Option<&str>) {
        let url = format!("{}{path}", client.bap);
        let answer = client.try_send(method, &url, body.map(|body| body.as_bytes().to_vec())).await;
        self.add(
            path,
            answer.map_or_else(String::new, |answer| format!("{:?} {}", answer.headers, answer.text)),
        );
    }

    /// Where one is, and what is around it.
    fn secret(&self, also: &str) -> Option<String> {
        let all = forms().iter().map(String::as_str).chain([also]).map(regex::escape).collect::<Vec<_>>();
        let any = Regex::new(&all.join("|")).unwrap();
        for (place, text) in &self.0 {
            if let Some(found) = any.find(text.as_bytes()) {
                let around = found.start().saturating_sub(400)..(found.end() + 200).min(text.len());
                return Some(format!("{place}: {}", String::from_utf8_lossy(&text.as_bytes()[around])));
            }
        }
        None
    }
}

/// The requests that fail, and those that only look.
const FAILING: [(&str, &str); 8] = [
    ("/api/select", "{"),
    ("/api/select", "{\"transaction_id\":\"none\"}"),
    ("/api/init", "{\"transaction_id\":\"none\"}"),
    ("/confirm", "{\"context\":{\"action\":\"confirm\"}}"),
    ("/callbacks/on_init", "[]"),
    ("/seller/items", "{\"provider_id\":\"nobody\"}"),
    ("/seller/orders/none/cancel", "{}"),
    ("/nowhere", ""),
];
const LOOKS: [&str; 7] = [
    "/health",
    "/health/ready",
    "/api/transactions",
    "/seller/providers",
    "/seller/items",
    "/seller/offers",
    "/seller/orders",
];

async fn requests(seen: &mut Seen, client: &Client) {
    let shown = client.saying("authorization", &format!("Bearer {}", secret("of-a-stranger")));
    for client in [client, &shown] {
        for (path, body) in FAILING {
            seen.ask(client, Method::POST, path, Some(body)).await;
        }
        for path in LOOKS {
            seen.ask(client, Method::GET, path, None).await;
        }
    }
}

fn with_password(url: &str, user: &str, password: &str) -> String {
    let mut url = Url::parse(url).unwrap();
    url.set_username(user).unwrap();
    url.set_password(Some(password)).unwrap();
    url.into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_comes_out_of_any_program_at_the_highest_level_of_logging() {
    let (collector, certificates) = (Collector::start().await, Certificates::make());
    let mut redis = RedisServer::start().await.unwrap();
    redis.protect(&secret("redis")).unwrap();
    let plain = seeded().await;
    let user = Url::parse(&plain).unwrap().username().to_owned();
    // Roles belong to the whole server.
    let role = |service: &str| format!("{service}_{}", Uuid::new_v4().simple());
    let database = with_password(&plain, &user, &secret("database"));
    let own = ["catalog", "matching", "order"].map(|name| with_password(&plain, &role(name), &secret(name)));
    let redis_url = redis.url().replace("//", &format!("//:{}@", secret("redis")));
    let tokens = format!("{},{}", secret("token"), secret("older-token"));
    let files = certificates.variables();
    let traced = collector.variables();
    let place = Place::new("gateway-1");
    let operator = secret("operator-key");
    let collectors = format!("x-key={}", secret("collector"));
    let mut more = vec![
        ("DATABASE_URL", database.as_str()),
        ("CATALOG_DATABASE_URL", &own[0]),
        ("MATCHING_DATABASE_URL", &own[1]),
        ("ORDER_DATABASE_URL", &own[2]),
        ("REDIS_URL", &redis_url),
        ("SERVICE_TOKEN", &tokens),
        ("OPERATOR_KEY", &operator),
        ("OTEL_EXPORTER_OTLP_HEADERS", &collectors),
        ("RUST_LOG", "trace"),
        ("LOG_FORMAT", "json"),
        ("CALLBACK_DELAY", "10"),
    ];
    more.extend(traced);
    more.extend(files.each_ref().map(|(name, file)| (*name, file.as_str())));
    let programs = Programs::over(plain.clone(), 1, &[&place], &more).await.measured();
    let mut seen = Seen::default();

    let migrated = programs.ask("migrate", &["up"], &place).await;
    assert_eq!(migrated.code, Some(0), "{}", migrated.said);
    seen.add("migrate", migrated.said);
    let _services = programs.services();
    let gateway = programs.gateway(&place).await;
    let client = place.client();
    // The keys of a provider and of a client, once there are any, are shown in their answers alone: they are made here,
    // and what is asked with them is added to what is seen.
    let trade = client.discover().await;
    trade.ordered(BETA, 2).await;
    seen.add("the trade", trade.bought().await.to_string());
    seen.add("its events", json!(trade.events().await).to_string());
    requests(&mut seen, &client).await;
    strangers(&mut seen, &programs, &certificates).await;

    redis.end().unwrap();
    requests(&mut seen, &client).await;
    set_door(&plain, Door::Shut).await.unwrap();
    until("503", async || match client.get("/health").await {
        answer if answer.status == 503 => Ok(()),
        answer => Err(answer.text),
    })
    .await;
    requests(&mut seen, &client).await;
    set_door(&plain, Door::Open).await.unwrap();

    // What cannot be used, and what is refused.
    let unusable = format!("postgresql://u:{}@h:port/x", secret("unusable"));
    seen.add("refused", programs.refused("catalog", "CATALOG_DATABASE_URL", &unusable).await);
    seen.add("refused", programs.refused("gateway", "REDIS_URL", &unusable).await);
    seen.add(
        "refused",
        programs.refused("order", "SERVICE_TOKEN", &format!("{} x", secret("unusable"))).await,
    );
    for name in ["gateway", "catalog", "matching", "order"] {
        let metrics = crate::client::http().build().unwrap().get(programs.metrics_of(name));
        seen.add(format!("metrics of {name}"), metrics.send().await.unwrap().text().await.unwrap());
    }
    gateway.terminate().await;
    for name in PROGRAMS {
        let log = programs.log(name);
        assert!(name == "migrate" || log.contains("TRACE"), "{name} was not asked for all");
        seen.add(format!("log of {name}"), log);
    }
    assert!(!collector.heard().is_empty());
    seen.add("spans", collector.heard());
    let key = fs::read_to_string(certificates.key()).unwrap();
    assert_eq!(seen.secret(key.lines().nth(1).unwrap()), None);
}

/// What a service says to one who shows a token that is none of its own.
async fn strangers(seen: &mut Seen, programs: &Programs, certificates: &Certificates) {
    let order = programs.listen("ORDER_ADDR")[0];
    let tls: ClientTlsConfig = certificates.believing("order").identity(certificates.identity());
    let channel =
        Endpoint::from_shared(format!("https://{order}")).unwrap().tls_config(tls).unwrap().connect_lazy();
    for token in [secret("token"), secret("no-token")] {
        let mut request = Request::new(ListTransactionsRequest::default());
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        let answer = MailboxServiceClient::new(channel.clone()).list_transactions(request).await;
        seen.add("gRPC", format!("{answer:?}"));
    }
}
