//! Signed messages of the LTS profile at the edge: verified, read, checked and answered under our signature, on two cores
//! and without PostgreSQL; and beside it the same through a running gateway, where each is stored before it is answered.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{anyhow, ensure};
use p2p_domain::Clock;
use p2p_gateway::{
    Config, Edge,
    signature::{PrivateKey, Signer, SigningKey},
};
use p2p_runtime::Env;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::Instant};
use uuid::Uuid;

use crate::{options, receiver::Receiver, run::load};

const CORES: usize = 2;
/// Signed before the measurement, and taken in turn.
const MESSAGES: usize = 2_000;
/// Longer than any measurement.
const HOLDS_SECONDS: i64 = 3_600;
const BUYER: &str = "bench-buyer.example";
const SELLER: &str = "bpp.p2p-trading.local";
/// A stock of the seed's.
const OFFER: (&str, &str) = ("offer-beta-afternoon", "item-solar-002");

/// What was measured.
#[derive(Debug, Serialize)]
pub struct Measured {
    action: &'static str,
    /// edge, or gateway.
    at: &'static str,
    bytes: usize,
    at_once: usize,
    messages_per_second: f64,
}

/// Who signs.
struct Buyer {
    key: SigningKey,
    uri: String,
    clock: Clock,
}

/// A body with its header.
struct Signed {
    body: String,
    authorization: String,
}

impl Buyer {
    fn new(uri: &str) -> anyhow::Result<Self> {
        let key = SigningKey::new(Signer::new(BUYER, "k1")?, PrivateKey::random()?);
        Ok(Self { key, uri: uri.to_owned(), clock: Clock::system() })
    }

    /// Writes itself into a registry's file.
    fn register(&self, file: &Path) -> anyhow::Result<()> {
        let entry = json!([{
            "subscriber_id": BUYER,
            "key_id": "k1",
            "url": self.uri,
            "signing_public_key": self.key.public().to_string(),
            "network_memberships": [],
        }]);
        Ok(fs::write(file, entry.to_string())?)
    }

    fn sign(&self, action: &str, bpp_uri: &str) -> Signed {
        let now = self.clock.now();
        let body = json!({
            "context": {
                "version": "2.0.0", "action": action, "bapId": BUYER, "bapUri": self.uri, "bppId": SELLER,
                "bppUri": bpp_uri, "transactionId": Uuid::new_v4(), "messageId": Uuid::new_v4(),
                "timestamp": now.to_rfc3339(), "ttl": "PT1H",
                "schemaContext": ["https://schema.nfh.global/BecknTimeSeries/v1.0/context.jsonld"],
            },
            "message": {"contract": contract()},
        });
        let body = body.to_string();
        let created = now.timestamp();
        let authorization =
            self.key.sign(body.as_bytes(), created, created + HOLDS_SECONDS, None).to_string();
        Signed { body, authorization }
    }
}

/// 3 kWh in one interval, with the four roles and their participants.
fn contract() -> Value {
    let schema = |name: &str| format!("https://schema.nfh.global/{name}/v2.0/context.jsonld");
    let participant = |id: &str, meter: &str| {
        json!({"id": id, "participantAttributes": {
            "@context": schema("EnergyCustomer"), "@type": "EnergyCustomer", "meterId": meter,
            "utilityCustomerId": format!("customer of {meter}"), "platformUrl": format!("https://{id}"),
        }})
    };
    let role = |role: &str, id: &str| json!({"role": role, "participantId": id});
    let payload = |kind: &str, value: f64| json!({"type": kind, "values": [value]});
    json!({
        "status": {"code": "DRAFT"},
        "commitments": [{
            "id": "commitment-1",
            "status": {"descriptor": {"code": "DRAFT"}},
            "resources": [{
                "id": OFFER.1,
                "descriptor": {"name": "Rooftop solar in the afternoon"},
                "quantity": {"@type": "Quantity", "unitCode": "KWH", "unitQuantity": 3},
                "resourceAttributes": {
                    "@context": schema("EnergyResource"), "@type": "EnergyResource", "type": "SOLAR", "id": "METER_1",
                },
            }],
            "offer": {"id": OFFER.0, "resourceIds": [OFFER.1]},
            "commitmentAttributes": {
                "@context": schema("BecknTimeSeries"), "@type": "TimeSeries",
                "intervalPeriod": {"start": "2030-01-01T10:00:00Z", "duration": "PT4H"},
                "payloadDescriptors": [
                    {"objectType": "EVENT_PAYLOAD_DESCRIPTOR", "payloadType": "PRICE_PER_KWH", "currency": "USD",
                     "insertedBy": "sellerPlatform"},
                    {"objectType": "EVENT_PAYLOAD_DESCRIPTOR", "payloadType": "REQUESTED_QTY", "units": "KWH",
                     "insertedBy": "buyerPlatform"},
                ],
                "intervals": [{"id": 0, "payloads": [payload("PRICE_PER_KWH", 0.08), payload("REQUESTED_QTY", 3.0)]}],
            },
        }],
        "contractAttributes": {
            "@context": schema("DEGContract"), "@type": "DEGContract",
            "roles": [role("buyerPlatform", BUYER), role("sellerPlatform", SELLER),
                      role("buyerDiscom", "DISCOM_1"), role("sellerDiscom", "DISCOM_2")],
        },
        "participants": [participant(BUYER, "METER_2"), participant(SELLER, "METER_1"),
                         participant("DISCOM_1", ""), participant("DISCOM_2", "")],
    })
}

/// A file that goes with this value.
struct File(PathBuf);

impl Drop for File {
    fn drop(&mut self) {
        // It is in the folder for what is temporary.
        let _ = fs::remove_file(&self.0);
    }
}

/// Without PostgreSQL, on two cores.
///
/// # Errors
/// When the edge refuses what is measured.
pub async fn at_the_edge(lasts: Duration) -> anyhow::Result<Vec<Measured>> {
    let file = File(std::env::temp_dir().join(format!("bench-registry-{}.json", std::process::id())));
    let buyer = Buyer::new("http://127.0.0.1:9009")?;
    buyer.register(&file.0)?;
    let name = file.0.to_string_lossy().into_owned();
    let seed = PrivateKey::random()?.seed();
    let keys = format!("k1:{}", seed.as_str());
    let env = Env::of([
        ("SIGNATURES", "required"),
        ("BAP_SIGNING_KEYS", &keys),
        ("BPP_SIGNING_KEYS", &keys),
        ("REGISTRY_TYPE", "file"),
        ("REGISTRY_FILE", &name),
    ]);
    let config = Config::from_env(&env)?;
    let edge = Edge::new(&config)?;
    let mut measured = Vec::new();
    for action in ["select", "confirm"] {
        let signed = (0..MESSAGES).map(|_| buyer.sign(action, &config.identity.bpp_uri));
        let signed: Arc<Vec<Signed>> = Arc::new(signed.collect());
        let done = on_cores(&edge, action, &signed, lasts).await?;
        measured.push(Measured {
            action,
            at: "edge",
            bytes: signed.first().map_or(0, |signed| signed.body.len()),
            at_once: CORES,
            messages_per_second: done / lasts.as_secs_f64(),
        });
    }
    Ok(measured)
}

async fn on_cores(
    edge: &Edge,
    action: &'static str,
    messages: &Arc<Vec<Signed>>,
    lasts: Duration,
) -> anyhow::Result<f64> {
    let mut cores = JoinSet::new();
    let ends = Instant::now() + lasts;
    for core in 0..CORES {
        let (edge, messages) = (edge.clone(), messages.clone());
        cores.spawn(async move {
            let mut done = 0_u32;
            for Signed { body, authorization } in messages.iter().cycle().skip(core * MESSAGES / CORES) {
                edge.accept(action, body, authorization).await.map_err(|why| anyhow!("{action}: {why}"))?;
                done += 1;
                if done.is_multiple_of(64) {
                    if Instant::now() >= ends {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            }
            anyhow::Ok(done)
        });
    }
    let mut all = 0.0;
    while let Some(done) = cores.join_next().await {
        all += f64::from(done??);
    }
    Ok(all)
}

/// Selects through the running gateway: each is stored with its callback before it is acknowledged, and the callback is
/// heard here.
///
/// # Errors
/// When the gateway refuses what is measured, or a callback does not come.
pub async fn durably(options: &options::Edge, registry: &Path) -> anyhow::Result<Measured> {
    let receiver = Receiver::start().await?;
    let buyer = Arc::new(Buyer::new(&receiver.uri)?);
    buyer.register(registry)?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("{}/select", options.url);
    let bytes = buyer.sign("select", &options.url).body.len();
    // The file is looked at once a second.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut senders = JoinSet::new();
    let ends = Instant::now() + options.lasts;
    for _ in 0..options.at_once {
        let (buyer, client, url, base) = (buyer.clone(), client.clone(), url.clone(), options.url.clone());
        senders.spawn(async move {
            let mut done = 0_u32;
            while Instant::now() < ends {
                let Signed { body, authorization } = buyer.sign("select", &base);
                let request = client.post(&url).header("content-type", "application/json");
                let answer = request.header("authorization", authorization).body(body).send().await?;
                let status = answer.status();
                let sealed = answer.headers().contains_key("signature");
                ensure!(status == 200 && sealed, "{status} {}", answer.text().await?);
                done += 1;
            }
            anyhow::Ok(done)
        });
    }
    let mut all = 0.0;
    while let Some(done) = senders.join_next().await {
        all += f64::from(done??);
    }
    Ok(Measured {
        action: "select",
        at: "gateway",
        bytes,
        at_once: options.at_once,
        messages_per_second: all / options.lasts.as_secs_f64(),
    })
}

/// Tells what was measured.
pub fn tell(measured: &[Measured]) {
    println!(
        "\nSigned, in the LTS profile: verified, read, checked, answered under our signature (load {})",
        load()
    );
    println!("{:<10} {:<8} {:>6} {:>8} {:>12}", "", "at", "bytes", "at once", "messages/s");
    for Measured { action, at, bytes, at_once, messages_per_second } in measured {
        println!("{action:<10} {at:<8} {bytes:>6} {at_once:>8} {messages_per_second:>12.0}");
    }
}
