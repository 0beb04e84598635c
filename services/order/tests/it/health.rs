//! How the service shows that it can do its work.

use p2p_testkit::Door;
use tokio_stream::StreamExt;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{catalog::Mood, system::System};

const NAMES: [&str; 4] =
    ["", "p2p.order.v1.OrderService", "p2p.order.v1.MailboxService", "p2p.order.v1.KeyService"];

#[tokio::test]
async fn health_of_each_name_follows_the_database_and_not_the_other_services() {
    let system = System::start().await;
    system.catalog.set(Mood::Away);
    *system.matching.away_for.lock().unwrap() = u32::MAX;
    let mut health = HealthClient::new(system.channel.clone());
    let mut watched = Vec::new();
    for service in NAMES {
        let request = HealthCheckRequest { service: service.into() };
        watched.push(health.watch(request).await.unwrap().into_inner());
    }
    for status in [ServingStatus::Serving, ServingStatus::NotServing, ServingStatus::Serving] {
        let door = if status == ServingStatus::Serving { Door::Open } else { Door::Shut };
        p2p_testkit::set_door(&system.database, door).await.unwrap();
        for changes in &mut watched {
            while changes.next().await.unwrap().unwrap().status() != status {}
        }
    }
    system.stop();
    for changes in &mut watched {
        assert_eq!(changes.next().await.unwrap().unwrap().status(), ServingStatus::NotServing);
        assert!(changes.next().await.is_none());
    }
}
