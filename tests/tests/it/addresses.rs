//! Which addresses are called, and who may send. Canaries stand where nobody may be called: they stay untouched.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::{StreamExt, stream};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::Method;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer},
    },
};

use crate::{
    beckn::{self, Message, OWN_BAP},
    client::{ALPHA, Answer, Client, until},
    dns::Nameserver,
    programs::{Place, Programs},
    receiver::Receiver,
    signing::{Participant, Registry},
    system::{Setup, System},
};

/// Where a peer may be called in these tests; our own programs are on 127.0.0.1.
const ALLOWED: &str = "127.0.0.2";
const FORBIDDEN: &str = "127.0.0.3";

/// Counts who comes; answers nobody.
#[derive(Debug, Clone)]
struct Canary {
    address: SocketAddr,
    touched: Arc<AtomicUsize>,
}

impl Canary {
    async fn at(address: &str, port: u16) -> Self {
        let listener = TcpListener::bind((address, port)).await.unwrap();
        let canary = Self { address: listener.local_addr().unwrap(), touched: Arc::default() };
        let touched = canary.touched.clone();
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                touched.fetch_add(1, Ordering::Relaxed);
            }
        });
        canary
    }

    fn is_untouched(&self) {
        assert_eq!(self.touched.load(Ordering::Relaxed), 0, "{} was called", self.address);
    }
}

fn port_of(receiver: &Receiver) -> u16 {
    url::Url::parse(&receiver.uri).unwrap().port().unwrap()
}

/// With peers at ALLOWED only, and what else is told.
async fn guarded(more: &[(&'static str, String)]) -> System {
    let more = [&[("PEER_ALLOW", ALLOWED.to_owned())], more].concat();
    System::with(Setup { more, ..Setup::default() }).await
}

async fn resolving(nameserver: &Nameserver) -> System {
    guarded(&[("PEER_DNS", nameserver.address.to_string())]).await
}

fn select(client: &Client, uri: &str) -> Message {
    Message::new(client, "select", uri, beckn::select(ALPHA, &json!(1))).elsewhere(uri)
}

/// Posts a select; again when the machine is too busy to accept it.
async fn accepted(client: &Client, message: &Message) {
    until("an ACK", async || {
        let answer = message.post(client).await;
        if answer.is_acknowledged() { Ok(()) } else { Err(answer.text) }
    })
    .await;
}

fn is_refused(answer: &Answer, sentence: &str, what: &str) {
    assert_eq!((answer.status, answer.verdict()), (400, "NACK"), "{what}: {}", answer.text);
    let error = &answer.json["ack"]["error"];
    let said = error["message"].as_str().unwrap();
    assert!(error["code"] == "40001" && said.contains(sentence), "{what}: {}", answer.text);
}

/// What became of the deliveries to a host: status and reason.
async fn fates(system: &System, host: &str) -> Vec<String> {
    let sql = format!("SELECT status || ': ' || last_error FROM orders.outbox WHERE uri LIKE '%//{host}%'");
    system.tables.texts(&sql).await
}

async fn becomes(system: &System, host: &str, fate: &str) {
    until(fate, async || {
        let found = fates(system, host).await;
        if found.iter().any(|found| found == fate) { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}

/// How hosts that may not be called are written.
const SPELLINGS: [&str; 62] = [
    "127.0.0.1",
    "127.0.0.3",
    "127.1",
    "127.0.1",
    "127.255.255.255",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0X7F.0.0.1",
    "017700000001",
    "0177.0.0.1",
    "00000177.0.0.01",
    "0177.0x0.0.1",
    "127.0.0.1.",
    "%31%32%37.0.0.1",
    "127.0.0.%31",
    "%30x7f.1",
    "0",
    "0.0.0.0",
    "0x0",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::FFFF:127.0.0.1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2002:7f00:1::1]",
    "[2001:0:7f00:1::80ff:fffe]",
    "[2a00::5efe:127.0.0.1]",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.254.43518",
    "169.16689662",
    "%31%36%39.254.169.254",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::169.254.169.254]",
    "[2002:a9fe:a9fe::1]",
    "[fd00:ec2::254]",
    "100.100.100.200",
    "168.63.129.16",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "[fe80::1]",
    "[fc00::1]",
    "[ff02::1]",
    "[fec0::1]",
];

/// What is no address of a participant at all, with a part of what is said of it.
const UNUSABLE: [(&str, &str); 22] = [
    ("", "must be http or https URLs"),
    ("http://", "must be http or https URLs"),
    ("ftp://127.0.0.2:{port}", "must be http or https URLs"),
    ("file:///etc/passwd", "must be http or https URLs"),
    ("gopher://127.0.0.2:{port}/_GET", "must be http or https URLs"),
    ("http://user@127.0.0.2:{port}", "must be http or https URLs"),
    ("http://127.0.0.2:{port}@127.0.0.1:{port}", "must be http or https URLs"),
    ("http://:p@127.0.0.2:{port}", "must be http or https URLs"),
    ("http://127.0.0.2:{port}?@127.0.0.1", "must be http or https URLs"),
    ("http://127.0.0.2:{port}#@127.0.0.1", "must be http or https URLs"),
    ("http://①②⑦.0.0.1:{port}", "must be http or https URLs"),
    ("http://127.0.0.1:{port}\u{0}", "no NUL"),
    ("http://127.0.0.2:{port}\t", "must be http or https URLs"),
    ("http://[fe80::1%25eth0]:{port}", "must be http or https URLs"),
    ("http://[::1:{port}", "must be http or https URLs"),
    ("http://127.0.0.256:{port}", "must be http or https URLs"),
    ("http://1.2.3.4.5:{port}", "must be http or https URLs"),
    ("http://127.0.0.2:99999", "must be http or https URLs"),
    ("http://127.0.0.3\\@127.0.0.2:{port}", "its host is not among"),
    ("http://127.0.0.2:22", "its port must be 80, 443, or 1024 and above"),
    ("http://127.0.0.2:0", "its port must be 80, 443, or 1024 and above"),
    ("http://a..example:{port}", "its host is neither a name nor an IP address"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_be_called_is_refused_before_the_ack_however_it_is_spelled() {
    let system = guarded(&[]).await;
    let canary = Canary::at("127.0.0.1", 0).await;
    let port = canary.address.port();
    let more = [Canary::at(FORBIDDEN, port).await, Canary::at("::1", port).await];
    for host in SPELLINGS {
        for uri in [format!("http://{host}:{port}"), format!("https://{host}")] {
            let answer = select(&system, &uri).post(&system).await;
            let why = "context.bap_uri cannot be called: its host is not among those that may be called here";
            is_refused(&answer, why, &uri);
        }
        let health = system.get("/health").await;
        assert_eq!((health.status, &health.json["status"]), (200, &json!("ok")), "{host}");
    }
    let bpp = select(&system, &format!("http://127.0.0.2:{port}"))
        .with("bpp_uri", &format!("http://[::1]:{port}"))
        .post(&system)
        .await;
    is_refused(&bpp, "context.bpp_uri cannot be called", "bpp_uri");
    let provider = json!({
        "id": "p-far", "name": "Far", "bpp_id": "bpp.far", "bpp_uri": format!("http://0x7f.1:{port}"),
    });
    let body = provider.to_string().into_bytes();
    let synced = system.send(Method::POST, &format!("{}/sync/provider", system.cds), Some(body)).await;
    let why = "bpp_uri cannot be called: its host is not among those that may be called here";
    assert_eq!((synced.status, synced.error()), (400, why));
    assert_eq!(system.tables.number("SELECT count(*) FROM orders.events").await, 0);
    for canary in [&canary].into_iter().chain(&more) {
        canary.is_untouched();
    }
}

#[tokio::test]
async fn what_is_no_address_is_refused_with_the_reason() {
    let system = guarded(&[]).await;
    let canary = Canary::at("127.0.0.1", 0).await;
    for (uri, sentence) in UNUSABLE {
        let uri = uri.replace("{port}", &canary.address.port().to_string());
        let mut message = select(&system, "t-1");
        message.0["context"]["bap_uri"] = uri.as_str().into();
        let answer = message.post(&system).await;
        assert_eq!(answer.status, 400, "{uri}: {}", answer.text);
        if !uri.contains('\u{0}') {
            is_refused(&answer, sentence, &uri);
        }
        assert_eq!(system.get("/health").await.status, 200, "{uri}");
    }
    canary.is_untouched();
}

#[tokio::test]
async fn a_name_is_called_at_its_allowed_addresses_only() {
    let receiver = Receiver::at(ALLOWED).await;
    let port = port_of(&receiver);
    let canaries = [
        Canary::at(FORBIDDEN, port).await,
        Canary::at("::1", port).await,
        Canary::at("127.0.0.1", port).await,
    ];
    let [allowed, forbidden, localhost, six] =
        [ALLOWED, FORBIDDEN, "127.0.0.1", "::1"].map(|address| address.parse::<IpAddr>().unwrap());
    let nameserver = Nameserver::start(move |name, _| match name {
        "both.example" => vec![forbidden, localhost, six, allowed],
        "metadata.example" => vec!["169.254.169.254".parse().unwrap()],
        "gone.example" => vec![],
        _ => vec![forbidden, six],
    })
    .await;
    let system = resolving(&nameserver).await;
    for name in ["both", "none", "metadata", "gone"] {
        accepted(&system, &select(&system, &format!("http://{name}.example:{port}"))).await;
    }
    receiver.has(1).await;
    let refused = |name: &str| {
        format!(
            "PENDING: {name}.example:{port} may not be called: its name leads nowhere that is allowed here"
        )
    };
    becomes(&system, "none.example", &refused("none")).await;
    becomes(&system, "metadata.example", &refused("metadata")).await;
    becomes(&system, "gone.example", &format!("PENDING: no connection to gone.example:{port}")).await;
    becomes(&system, "both.example", "DELIVERED: ").await;
    // Where a name leads may change: three tries, then it is dead.
    for _ in 1..3 {
        let now = "UPDATE orders.outbox SET due_at = now() WHERE uri LIKE '%none.example%'";
        let tries = "SELECT attempts FROM orders.outbox WHERE uri LIKE '%none.example%'";
        let before = system.tables.number(tries).await;
        system.tables.change(now).await;
        until("another try", async || {
            let tries = system.tables.number(tries).await;
            if tries > before { Ok(()) } else { Err(tries.to_string()) }
        })
        .await;
    }
    becomes(&system, "none.example", &refused("none").replace("PENDING", "DEAD")).await;
    assert!(nameserver.asked("both.example") > 0);
    for canary in canaries {
        canary.is_untouched();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_leads_elsewhere_each_time_it_is_asked_never_leads_where_it_may_not() {
    const NAMES: usize = 500;
    let receiver = Receiver::at(ALLOWED).await;
    let port = port_of(&receiver);
    let canary = Canary::at(FORBIDDEN, port).await;
    // Whoever asks twice, to check and to connect, connects to the canary.
    let answers = [ALLOWED, FORBIDDEN].map(|address| address.parse::<IpAddr>().unwrap());
    let nameserver = Nameserver::start(move |_, times| vec![answers[times % 2]]).await;
    let system = resolving(&nameserver).await;
    stream::iter(0..NAMES)
        .for_each_concurrent(16, async |n| {
            accepted(&system, &select(&system, &format!("http://n{n}.rebind.example:{port}"))).await;
        })
        .await;
    receiver.has(NAMES).await;
    canary.is_untouched();
    let asked: Vec<usize> = (0..NAMES).map(|n| nameserver.asked(&format!("n{n}.rebind.example"))).collect();
    assert!(asked.iter().all(|times| *times >= 1), "{asked:?}");
}

#[tokio::test]
async fn what_is_stored_and_no_longer_allowed_is_dead_and_not_called() {
    let system = guarded(&[]).await;
    let canary = Canary::at(FORBIDDEN, 0).await;
    // Nobody listens there: it is to be sent again.
    accepted(&system, &select(&system, &format!("http://{ALLOWED}:1025"))).await;
    becomes(&system, ALLOWED, &format!("PENDING: no connection to {ALLOWED}:1025")).await;
    let uri = format!("http://{}/callbacks/on_select", canary.address);
    system.tables.change(&format!("UPDATE orders.outbox SET uri = '{uri}', due_at = now()")).await;
    let why = "its host is not among those that may be called here";
    let fate = format!("DEAD: {uri} is no address that can be called: {why}");
    becomes(&system, FORBIDDEN, &fate).await;
    canary.is_untouched();
}

/// An authority, and a file with its certificate.
fn authority(file: &str) -> (CertifiedIssuer<'static, KeyPair>, String) {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let path = format!("{}/{file}-{}.pem", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    std::fs::write(&path, issuer.pem()).unwrap();
    (issuer, path)
}

fn acceptor(issuer: &CertifiedIssuer<'static, KeyPair>, name: &str) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    let certificate: CertificateDer<'static> = params.signed_by(&key, issuer).unwrap().into();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test]
async fn an_https_peer_is_called_if_its_certificate_is_its_own() {
    let (known, file) = authority("known");
    let (unknown, other_file) = authority("unknown");
    let nameserver = Nameserver::start(|_, _| vec![ALLOWED.parse().unwrap()]).await;
    let dns = ("PEER_DNS", nameserver.address.to_string());
    let system = guarded(&[dns, ("PEER_CA_FILE", file.clone())]).await;
    let right = Receiver::behind(acceptor(&known, "right.example"), ALLOWED).await;
    let literal = Receiver::behind(acceptor(&known, ALLOWED), ALLOWED).await;
    let named_otherwise = Receiver::behind(acceptor(&known, "other.example"), ALLOWED).await;
    let stranger = Receiver::behind(acceptor(&unknown, "stranger.example"), ALLOWED).await;
    accepted(&system, &select(&system, &literal.uri)).await;
    let at = |name: &str, receiver: &Receiver| format!("https://{name}.example:{}", port_of(receiver));
    let (wrong, strange) = (at("wrong", &named_otherwise), at("stranger", &stranger));
    for uri in [&at("right", &right), &wrong, &strange] {
        accepted(&system, &select(&system, uri)).await;
    }
    right.has(1).await;
    literal.has(1).await;
    for uri in [wrong, strange] {
        let host = uri.strip_prefix("https://").unwrap();
        becomes(&system, host, &format!("PENDING: no connection to {host}")).await;
    }
    assert!(named_otherwise.bodies().is_empty() && stranger.bodies().is_empty());
    std::fs::remove_file(file).unwrap();
    std::fs::remove_file(other_file).unwrap();
}

const OPERATOR: &str = "3c9f0a17b52e4d688a1be07f5d2c9463";

#[tokio::test]
async fn a_gateway_on_the_network_takes_beckn_messages_from_known_peers_only() {
    let nameserver = Nameserver::start(|_, _| vec!["127.0.0.4".parse().unwrap()]).await;
    let registry = Registry::new();
    let [bap, bpp] = [Participant::new(OWN_BAP, 1), Participant::new("bpp.p2p-trading.local", 2)];
    let mut more = vec![
        ("PEER_ALLOW", format!("{ALLOWED},known.example")),
        ("PEER_DNS", nameserver.address.to_string()),
        // The listeners are the test's own, on loopback; what is configured counts.
        ("BIND_ADDR", "0.0.0.0".into()),
        ("AUTH", "keys".into()),
        ("OPERATOR_KEY", OPERATOR.into()),
    ];
    more.extend(registry.variables(&bap, &bpp));
    let system = System::with(Setup { more, ..Setup::default() }).await;
    let receiver = Receiver::at(ALLOWED).await;
    let sender = Participant::new("bap.elsewhere", 3);
    registry.has(&[sender.registered(&receiver.uri)]);
    let from = |address: &str| system.client.calling_from(address.parse().unwrap());
    // An allowed address, that of an allowed name, and our own.
    for (n, address) in [ALLOWED, "127.0.0.4", "127.0.0.1"].into_iter().enumerate() {
        let message = select(&system, &receiver.uri);
        let signed = system.client.saying("authorization", &sender.signs(&message.text(), 0));
        accepted(&signed.calling_from(address.parse().unwrap()), &message).await;
        receiver.has(n + 1).await;
    }
    let stranger = from(FORBIDDEN);
    for path in [
        "/select",
        "/init",
        "/confirm",
        "/status",
        "/cancel",
        "/callbacks/on_discover",
        "/callbacks/on_select",
        "/callbacks/on_init",
        "/callbacks/on_confirm",
        "/callbacks/on_status",
        "/callbacks/on_cancel",
    ] {
        // Whatever it says: it is not read.
        is_forbidden(&stranger.post_text(path, "{").await, path);
    }
    let discover = stranger.send(Method::POST, &format!("{}/discover", system.cds), Some("{}".into())).await;
    is_forbidden(&discover, "/discover");
    // As its own client sends it, through its own listener.
    let operator = system.client.saying("authorization", &format!("Bearer {OPERATOR}"));
    let made = operator.post("/operator/clients", &json!({"name": "one"})).await;
    let key = made.json["key"].as_str().unwrap_or_else(|| panic!("{}", made.text)).to_owned();
    system.client.saying("authorization", &format!("Bearer {key}")).discover().await;
    assert_eq!(stranger.get("/health").await.status, 200);
    assert_eq!(nameserver.asked("known.example"), 1, "once a minute");
}

fn is_forbidden(answer: &Answer, path: &str) {
    assert_eq!((answer.status, answer.verdict()), (403, "NACK"), "{path} {}", answer.text);
    assert_eq!(answer.json["ack"]["error"]["code"], "40301", "{path}");
}

#[tokio::test]
async fn a_gateway_on_the_network_does_not_start_without_peers_and_no_proxy_is_asked() {
    let proxy = Canary::at("127.0.0.1", 0).await;
    let at = format!("http://{}", proxy.address);
    let place = Place::new("gateway-1");
    let variables = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let more: Vec<_> = variables.iter().map(|name| (*name, at.as_str())).collect();
    let programs = Programs::new(&[&place], &more).await;
    let said = programs.refused("gateway", "BIND_ADDR", "0.0.0.0").await;
    assert!(said.contains("PEER_ALLOW cannot be used: it must say which hosts and addresses"), "{said}");
    let said = programs.refused("gateway", "PEER_ALLOW", "10.0.0.0/33").await;
    assert!(said.contains(r#""10.0.0.0/33" is no range (such as 203.0.113.0/24)"#), "{said}");

    let _services = programs.services();
    let _gateway = programs.gateway(&place).await;
    let receiver = Receiver::start().await;
    let client = place.client();
    accepted(&client, &select(&client, &receiver.uri)).await;
    receiver.has(1).await;
    client.discover().await;
    proxy.is_untouched();
}
