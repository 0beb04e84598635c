//! A service that stands on a PostgreSQL which may forget what it has committed does not start.

use crate::programs::{Place, Programs};

#[tokio::test]
async fn no_service_starts_on_a_database_that_may_forget_unless_each_setting_is_named() {
    let place = Place::new("gateway-1");
    let programs = Programs::new(&[&place], &[]).await;
    for service in ["catalog", "matching", "order"] {
        let said = programs.refused(service, "DATABASE_ALLOW_OFF", "fsync").await;
        let wanted = "PostgreSQL runs with full_page_writes,synchronous_commit off";
        assert!(said.contains(wanted), "{said}");
        assert!(said.contains("DATABASE_ALLOW_OFF=full_page_writes,synchronous_commit"), "{said}");
    }
    let said = programs.refused("order", "DATABASE_ALLOW_OFF", "fsync,").await;
    assert!(said.contains("cannot be used: \"\" is not one of fsync,"), "{said}");
}
