//! Programs know one another: by a token, by certificates; and what they speak to PostgreSQL and Redis can be TLS.

use std::net::SocketAddr;

use p2p_proto::catalog::{GetBlockStatsRequest, catalog_service_client::CatalogServiceClient};
use p2p_runtime::{
    Env,
    grpc::{Between, Service, channel},
};
use p2p_testkit::{PostgresServer, RedisServer, free_port};
use tokio::time::Duration;
use tonic::{
    Code, Request,
    transport::{Channel, ClientTlsConfig, Endpoint, Server, ServerTlsConfig, server::TcpIncoming},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest,
};

use crate::{
    certificates::Certificates,
    client::{ALPHA, BETA},
    programs::{Place, Programs},
    system,
};

const TOKEN: &str = "token-of-this-test-0123456789abcdef";

/// A channel to an address, in TLS when that is told.
fn to(address: SocketAddr, tls: Option<ClientTlsConfig>) -> Channel {
    match tls {
        None => Channel::from_shared(format!("http://{address}")).unwrap().connect_lazy(),
        Some(tls) => Endpoint::from_shared(format!("https://{address}"))
            .unwrap()
            .tls_config(tls)
            .unwrap()
            .connect_lazy(),
    }
}

/// What a service says to one who shows this token.
async fn asked(channel: Channel, token: Option<&str>) -> Code {
    let mut request = Request::new(GetBlockStatsRequest { offer_ids: vec![ALPHA.into()] });
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", token.parse().unwrap());
    }
    let answer = CatalogServiceClient::new(channel).get_block_stats(request).await;
    answer.map_or_else(|refused| refused.code(), |_| Code::Ok)
}

async fn health(channel: Channel) -> Code {
    let answer = HealthClient::new(channel).check(HealthCheckRequest::default()).await;
    answer.map_or_else(|refused| refused.code(), |_| Code::Ok)
}

async fn reflection(channel: Channel) -> Code {
    let list = MessageRequest::ListServices(String::new());
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(list) };
    let mut client = ServerReflectionClient::new(channel);
    let asked = client.server_reflection_info(futures::stream::iter([request])).await;
    asked.map_or_else(|refused| refused.code(), |_| Code::Ok)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_programs_trade_in_mutual_tls_with_a_token_and_let_nobody_else_in() {
    let (certificates, others) = (Certificates::make(), Certificates::make());
    let place = Place::new("gateway-1");
    let files = certificates.variables();
    let [authority, certificate, key] = files.each_ref().map(|(name, file)| (*name, file.as_str()));
    let more = [("SERVICE_TOKEN", TOKEN), authority, certificate, key, ("CALLBACK_DELAY", "10")];
    let mut programs = Programs::new(&[&place], &more).await;
    // One connection to the catalog, and as many as are found of the others.
    for variable in ["MATCHING_ADDR", "ORDER_ADDR"] {
        let named = format!("localhost:{}", programs.listen(variable)[0].port());
        programs.called_at(variable, &[named]);
    }
    let _services = programs.services();
    let _gateway = programs.gateway(&place).await;
    let trade = place.client().discover().await;
    trade.ordered(BETA, 2).await;
    trade.bought().await;
    assert_eq!(programs.fsck().await, "");
    for name in ["catalog", "matching", "order", "gateway"] {
        for argument in ["health", "live"] {
            let asked = if argument == "live" {
                programs.alive(name, &place).await
            } else {
                programs.health(name, &place).await
            };
            assert_eq!(asked.code, Some(0), "{name}: {}", asked.said);
        }
    }

    let catalog = programs.listen("CATALOG_ADDR")[0];
    let ours = || certificates.believing("catalog").identity(certificates.identity());
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(asked(to(catalog, Some(ours())), Some(&bearer)).await, Code::Ok);
    // In TLS, without the token.
    assert_eq!(asked(to(catalog, Some(ours())), None).await, Code::Unauthenticated);
    assert_eq!(
        asked(to(catalog, Some(ours())), Some("Bearer of-something-else")).await,
        Code::Unauthenticated
    );
    assert_eq!(reflection(to(catalog, Some(ours()))).await, Code::Unauthenticated);
    assert_eq!(health(to(catalog, Some(ours()))).await, Code::Ok);
    // With the token, and no certificate, another authority's, or no TLS at all. Not even health is told.
    let nothing = certificates.believing("catalog");
    let strangers = certificates.believing("catalog").identity(others.identity());
    for tls in [Some(nothing), Some(strangers), None] {
        let channel = to(catalog, tls);
        for code in [asked(channel.clone(), Some(&bearer)).await, health(channel).await] {
            assert!(code != Code::Ok && code != Code::Unauthenticated, "{code:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_shows_another_services_certificate_is_not_called() {
    let certificates = Certificates::naming("order");
    let variables = certificates.variables();
    let between =
        Between::from_env(&Env::of(variables.each_ref().map(|(name, file)| (*name, &**file)))).unwrap();
    let (listener, address) = system::listen().await;
    let (_, health) = tonic_health::server::health_reporter();
    let tls = ServerTlsConfig::new().identity(certificates.identity());
    let server = Server::builder().tls_config(tls).unwrap().add_service(health);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    let asked = async |service| {
        let channel = channel(&between, service, address.into(), Duration::from_secs(5)).unwrap();
        let answer = HealthClient::new(channel).check(HealthCheckRequest::default()).await;
        answer.map_or_else(|refused| format!("{refused:?}"), |_| "answered".to_owned())
    };
    assert_eq!(asked(Service::Order).await, "answered");
    let refused = asked(Service::Catalog).await;
    assert!(refused.contains("Unavailable") && refused.contains("invalid peer certificate"), "{refused}");
}

#[tokio::test]
async fn a_service_that_others_can_reach_starts_only_if_it_asks_something_of_them() {
    let programs = Programs::new(&[], &[("SERVICE_TOKEN", "")]).await;
    let port = free_port().unwrap();
    for (name, variable) in crate::programs::SERVICES {
        let said = programs.refused(name, variable, &format!("0.0.0.0:{port}")).await;
        let first = format!("{name}: {variable} cannot be used: 0.0.0.0:{port} can be reached by anybody");
        assert!(said.starts_with(&first) && said.contains("set SERVICE_TOKEN, or TLS_CA_FILE"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_and_redis_are_spoken_to_in_tls_and_their_certificates_checked() {
    let (certificates, others) = (Certificates::make(), Certificates::make());
    let (authority, certificate, key) =
        (certificates.authority(), certificates.certificate(), certificates.key());
    let redis = RedisServer::start().await.unwrap();
    let Some(redis_url) = redis.speak_tls(&authority, &certificate, &key).unwrap() else {
        return eprintln!("skipped: this Redis was built without TLS");
    };
    let Some(postgres) = PostgresServer::start(&certificate, &key, "password-of-a-test").await.unwrap()
    else {
        return eprintln!("skipped: this PostgreSQL was built without TLS");
    };
    let full = |by: &Certificates| format!("sslmode=verify-full&sslrootcert={}", by.authority().display());
    let believed = postgres.url(&full(&certificates));
    p2p_migrations::up(&believed).await.unwrap();
    system::seed(&believed).await;
    let refused = p2p_migrations::up(&postgres.url(&full(&others))).await.unwrap_err();
    assert!(format!("{refused:#}").contains("certificate"), "{refused:#}");
    assert!(p2p_migrations::up(&postgres.url("sslmode=disable")).await.is_err());
    let wrong = believed.replace("password-of-a-test", "another-password");
    let refused = format!("{:#}", p2p_migrations::up(&wrong).await.unwrap_err());
    assert!(
        refused.contains("password authentication failed") && !refused.contains("another-password"),
        "{refused}"
    );

    let place = Place::new("gateway-1");
    let authority = authority.to_str().unwrap();
    let more = [("REDIS_URL", &*redis_url), ("REDIS_CA_FILE", authority), ("CALLBACK_DELAY", "10")];
    let programs = Programs::over(believed, 1, &[&place], &more).await;
    let _services = programs.services();
    let gateway = programs.gateway(&place).await;
    let trade = place.client().discover().await;
    trade.ordered(ALPHA, 2).await;
    trade.bought().await;
    assert_eq!(place.client().get("/health").await.json["redis"], "connected");
    gateway.terminate().await;

    // Another authority's word for Redis is not taken: it is away, and trades go on.
    let mut programs = programs;
    programs.told("REDIS_CA_FILE", others.authority().to_str().unwrap());
    let _gateway = programs.doomed_gateway(&place, "");
    system::ready(&place.client(), "degraded").await;
}
