//! Health, reflection, stopping, and a database that is away.

use p2p_proto::{matching::GetTrustRequest, reason};
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
async fn health_answers_serving_while_the_database_answers() {
    let server = Server::start().await;
    let mut health = HealthClient::new(server.channel.clone());
    let mut changes = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    while let Some(change) = changes.next().await {
        if change.unwrap().status == i32::from(ServingStatus::Serving) {
            return;
        }
    }
    panic!("never serving");
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
