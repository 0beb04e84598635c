//! `migrate up`.

use p2p_migrations::{Service, up, up_one};

#[tokio::test]
async fn a_schema_that_is_up_to_date_takes_nothing() {
    let url = p2p_testkit::database().await.unwrap();
    for service in Service::ALL {
        assert_eq!(up_one(&url, service).await.unwrap(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn many_migrators_at_once_all_succeed() {
    let url = p2p_testkit::empty_database().await.unwrap();
    let (a, b, c, d) = tokio::join!(up(&url), up(&url), up(&url), up(&url));
    for result in [a, b, c, d] {
        result.unwrap();
    }
}
