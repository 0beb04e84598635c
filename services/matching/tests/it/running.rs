//! Health, reflection, stopping, and a database that is away.

use p2p_proto::{matching::GetTrustRequest, reason};
use p2p_testkit::Door;
use tokio_stream::StreamExt;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::server::Server;

#[tokio::test]
async fn health_of_each_name_follows_the_database_and_ends_with_the_drain() {
    let server = Server::start().await;
    let mut health = HealthClient::new(server.channel.clone());
    let names = ["", "p2p.matching.v1.MatchingService"];
    let mut watched = Vec::new();
    for service in names {
        let request = HealthCheckRequest { service: service.into() };
        watched.push(health.watch(request).await.unwrap().into_inner());
    }
    for status in [ServingStatus::Serving, ServingStatus::NotServing, ServingStatus::Serving] {
        let door = if status == ServingStatus::Serving { Door::Open } else { Door::Shut };
        p2p_testkit::set_door(&server.database, door).await.unwrap();
        for changes in &mut watched {
            while changes.next().await.unwrap().unwrap().status() != status {}
        }
        for service in names {
            let request = HealthCheckRequest { service: service.into() };
            assert_eq!(health.check(request).await.unwrap().into_inner().status(), status, "{service:?}");
        }
    }
    let unknown = HealthCheckRequest { service: "p2p.order.v1.OrderService".into() };
    assert_eq!(health.check(unknown).await.unwrap_err().code(), Code::NotFound);
    server.stop().await;
    for changes in &mut watched {
        assert_eq!(changes.next().await.unwrap().unwrap().status(), ServingStatus::NotServing);
        assert!(changes.next().await.is_none(), "an open stream would hold up the drain");
    }
}

#[tokio::test]
async fn reflection_lists_the_service() {
    let server = Server::start().await;
    let mut reflection = ServerReflectionClient::new(server.channel.clone());
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers =
        reflection.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    let answer = answers.next().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(list) = answer else { panic!("{answer:?}") };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    assert!(names.contains(&"p2p.matching.v1.MatchingService".to_owned()), "{names:?}");
    assert!(names.contains(&"grpc.health.v1.Health".to_owned()), "{names:?}");
}

#[tokio::test]
async fn without_a_database_it_starts_and_answers_unavailable() {
    // Port 9 (discard) has no PostgreSQL.
    let server = Server::start_on("postgresql://nobody@127.0.0.1:9/nothing".into()).await;
    let request = GetTrustRequest { provider_ids: vec!["p".into()] };
    let status = server.client().get_trust(request).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(reason(&status).as_deref(), Some("DATABASE_UNAVAILABLE"));
    assert_eq!(status.message(), "cannot read trust", "and nothing of where the database is");
}

#[tokio::test]
async fn a_stopped_service_drains_and_ends() {
    let server = Server::start().await;
    server.client().get_trust(GetTrustRequest::default()).await.unwrap();
    server.stop().await;
}
