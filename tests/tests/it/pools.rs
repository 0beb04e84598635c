//! What pools of connections live through: PostgreSQL has none left, or is one that takes no writes. Nobody gives up.

use p2p_testkit::PostgresServer;
use serde_json::json;

use crate::{
    client::{Client, until, window},
    programs::{Place, Program, Programs},
    sql::Tables,
    system::{ready, seed},
};

/// A system on a PostgreSQL of its own, and who may change that.
struct Pooled {
    postgres: PostgresServer,
    tables: Tables,
    place: Place,
    running: Vec<Program>,
}

impl Pooled {
    async fn start() -> Self {
        let postgres = PostgresServer::durable("password-of-a-test").await.unwrap();
        let admin = postgres.url("sslmode=disable");
        p2p_migrations::up(&admin).await.unwrap();
        seed(&admin).await;
        let place = Place::new("gateway-1");
        let mut programs = Programs::over(admin.clone(), 1, &[&place], &[]).await;
        // Of the superuser there are always some left.
        let tables = Tables::of(&admin).await;
        tables.change("CREATE ROLE usual LOGIN PASSWORD 'usual'; GRANT pg_read_all_data, pg_write_all_data TO usual").await;
        programs.told("DATABASE_URL", &admin.replace("postgres:password-of-a-test@", "usual:usual@"));
        let mut running: Vec<Program> = programs.services().into();
        running.push(programs.gateway(&place).await);
        Self { postgres, tables, place, running }
    }

    fn client(&self) -> Client {
        self.place.client()
    }

    /// All connections end, as when a server dies or hands over.
    async fn cut_off(&self) {
        self.tables
            .change("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'usual'")
            .await;
    }

    /// Clients are told, and the services say so; until it is over, and then all is as before.
    async fn is_out_of_order_until(&self, over: &str) {
        until("clients to be told", async || match self.discover().await {
            (503, _) => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
        until("the gateway not to be ready", async || {
            let answer = self.client().get("/health/ready").await;
            if answer.status == 503 { Ok(()) } else { Err(answer.text) }
        })
        .await;
        self.tables.change(over).await;
        self.cut_off().await;
        ready(&self.client(), "ok").await;
        let (status, said) = self.discover().await;
        assert_eq!(status, 200, "{said}");
        let _all_run: Vec<u32> = self.running.iter().map(Program::pid).collect();
    }

    async fn discover(&self) -> (u16, String) {
        let criteria = json!({"sourceType": "SOLAR", "timeWindow": window()});
        let answer = self.client().post("/api/discover", &criteria).await;
        (answer.status, answer.text)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_connection_left_and_on_a_standby_services_wait_and_then_go_on() {
    let system = Pooled::start().await;
    assert_eq!(system.discover().await.0, 200);

    system.tables.change("ALTER ROLE usual CONNECTION LIMIT 0").await;
    system.cut_off().await;
    system.is_out_of_order_until("ALTER ROLE usual CONNECTION LIMIT -1").await;

    system.tables.change("ALTER ROLE usual SET default_transaction_read_only = on").await;
    system.cut_off().await;
    system.is_out_of_order_until("ALTER ROLE usual RESET default_transaction_read_only").await;
    drop(system.postgres);
}
