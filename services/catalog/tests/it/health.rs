//! How the service shows that it is there, and how it fails when its database is not.

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

use crate::service::{Catalog, offer, order};

#[tokio::test]
async fn health_of_each_name_follows_the_database() {
    let catalog = Catalog::start().await;
    for service in ["", "p2p.catalog.v1.CatalogService"] {
        let request = HealthCheckRequest { service: service.into() };
        let mut health = HealthClient::new(catalog.channel.clone());
        let mut watched = health.watch(request).await.unwrap().into_inner();
        for status in [ServingStatus::Serving, ServingStatus::NotServing, ServingStatus::Serving] {
            let door = if status == ServingStatus::Serving { Door::Open } else { Door::Shut };
            p2p_testkit::set_door(catalog.config.database.url.expose(), door).await.unwrap();
            while watched.next().await.unwrap().unwrap().status() != status {}
        }
    }
}

#[tokio::test]
async fn reflection_names_the_service() {
    let catalog = Catalog::start().await;
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(catalog.channel.clone());
    let mut answers =
        client.server_reflection_info(tokio_stream::iter([request])).await.unwrap().into_inner();
    let answer = answers.next().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = answer else { panic!("{answer:?}") };
    assert!(list.service.iter().any(|service| service.name == "p2p.catalog.v1.CatalogService"));
}

#[tokio::test]
async fn without_a_database_calls_are_unavailable_and_say_no_more() {
    let catalog = Catalog::over("postgresql://nobody:secret@127.0.0.1:1/nowhere".to_owned()).await;
    let lines = [("o", 1_000)];
    let (made, reserved) = tokio::join!(catalog.offer(offer("o", 1)), catalog.reserve(order(), &lines));
    for status in [made.unwrap_err(), reserved.unwrap_err()] {
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(status.message(), "the catalog's database does not answer");
        assert_eq!(p2p_proto::reason(&status).as_deref(), Some("DATABASE_UNAVAILABLE"));
    }
}
