//! The services' roles.

use p2p_migrations::{
    Service,
    roles::{Outcome, Role, make},
    up,
};
use p2p_runtime::{Env, postgres::sql_state};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection};
use url::Url;
use uuid::Uuid;

/// A database with the roles of catalog and matching, under names of their own: roles belong to the whole server.
struct Roles {
    url: Url,
    catalog: String,
    matching: String,
}

impl Roles {
    async fn make() -> Self {
        let url = Url::parse(&p2p_testkit::database().await.unwrap()).unwrap();
        let unique = Uuid::new_v4().simple().to_string();
        let (catalog, matching) = (format!("cat \"{unique}"), format!("mat'{unique}"));
        let roles = Self { url, catalog, matching };
        for (service, name) in [(Service::Catalog, &roles.catalog), (Service::Matching, &roles.matching)] {
            assert_eq!(roles.of(service, name).await, Outcome::Made);
        }
        roles
    }

    /// Makes one, as the service's URL names it.
    async fn of(&self, service: Service, name: &str) -> Outcome {
        let url = self.url_of(name);
        let role = Role::of(service, &Env::of([(service.url_variable(), url.as_str())])).unwrap();
        make(self.url.as_str(), &role).await.unwrap()
    }

    fn url_of(&self, name: &str) -> Url {
        let mut url = self.url.clone();
        url.set_username(name).unwrap();
        url.set_password(Some("it's a \\ secret+%")).unwrap();
        url
    }

    async fn connect(&self, name: &str) -> DatabaseConnection {
        Database::connect(self.url_of(name).as_str()).await.unwrap()
    }
}

async fn refusal(db: &DatabaseConnection, sql: &str) -> Option<String> {
    db.execute_unprepared(sql).await.err().and_then(|error| sql_state(&error))
}

#[tokio::test]
async fn a_service_cannot_read_the_schema_of_another() {
    let roles = Roles::make().await;
    let catalog = roles.connect(&roles.catalog).await;
    let sql = "SELECT * FROM matching.provider_trust";
    assert_eq!(refusal(&catalog, sql).await.as_deref(), Some("42501"));
    let matching = roles.connect(&roles.matching).await;
    let sql = "SELECT * FROM catalog.seaql_migrations";
    assert_eq!(refusal(&matching, sql).await.as_deref(), Some("42501"));
}

#[tokio::test]
async fn a_service_reads_and_writes_its_own_tables_and_only_reads_the_migrators() {
    let roles = Roles::make().await;
    let matching = roles.connect(&roles.matching).await;
    for sql in [
        "INSERT INTO matching.provider_trust VALUES ('p', 0.5, 0, 0)",
        "UPDATE matching.provider_trust SET trust_score = 0.6",
        "SELECT * FROM matching.provider_trust",
        "DELETE FROM matching.provider_trust",
        "SELECT * FROM matching.seaql_migrations",
    ] {
        assert_eq!(refusal(&matching, sql).await, None, "{sql}");
    }
    for sql in [
        "DELETE FROM matching.seaql_migrations",
        "UPDATE matching.migration_lock SET id = 2",
        "CREATE TABLE matching.mine (id integer)",
        "DROP TABLE matching.provider_trust",
    ] {
        assert_eq!(refusal(&matching, sql).await.as_deref(), Some("42501"), "{sql}");
    }
}

#[tokio::test]
async fn tables_of_later_migrations_are_the_services_too() {
    let roles = Roles::make().await;
    let migrator = Database::connect(roles.url.as_str()).await.unwrap();
    migrator.execute_unprepared("CREATE TABLE matching.later (id integer)").await.unwrap();
    let matching = roles.connect(&roles.matching).await;
    assert_eq!(refusal(&matching, "INSERT INTO matching.later VALUES (1)").await, None);
}

#[tokio::test]
async fn making_a_role_again_keeps_it() {
    let roles = Roles::make().await;
    assert_eq!(roles.of(Service::Matching, &roles.matching).await, Outcome::Kept);
    let matching = roles.connect(&roles.matching).await;
    assert_eq!(refusal(&matching, "SELECT * FROM matching.provider_trust").await, None);
}

#[tokio::test]
async fn a_migrator_that_may_not_make_roles_migrates_and_goes_on() {
    let mut url = Url::parse(&p2p_testkit::empty_database().await.unwrap()).unwrap();
    let owner = format!("owner_{}", Uuid::new_v4().simple());
    let admin = Database::connect(url.as_str()).await.unwrap();
    let database = url.path().trim_start_matches('/');
    let sql = format!("CREATE ROLE {owner} LOGIN; ALTER DATABASE {database} OWNER TO {owner}");
    admin.execute_unprepared(&sql).await.unwrap();
    url.set_username(&owner).unwrap();

    up(url.as_str()).await.unwrap();

    let env = Env::of([("MATCHING_DATABASE_URL", &format!("postgresql://{owner}_x@h/d"))]);
    let role = Role::of(Service::Matching, &env).unwrap();
    assert_eq!(make(url.as_str(), &role).await.unwrap(), Outcome::NotAllowed);
}

#[tokio::test]
async fn the_migrating_user_itself_is_left_alone() {
    let roles = Roles::make().await;
    let outcome = roles.of(Service::Matching, roles.url.username()).await;
    assert_eq!(outcome, Outcome::Oneself);
}
