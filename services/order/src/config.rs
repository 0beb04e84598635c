//! Every variable of the order service, with unit and default.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    time::Duration,
};

use p2p_domain::Energy;
use p2p_runtime::{
    Env, EnvError,
    grpc::{Between, Targets},
    postgres, quota,
};

/// The order service's configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// `ORDER_ADDR`: where it listens; 127.0.0.1:50053.
    pub address: SocketAddr,
    /// Who may call it, and what it shows of itself when it calls others: `SERVICE_TOKEN`, `TLS_CA_FILE`,
    /// `TLS_CERT_FILE`, `TLS_KEY_FILE`.
    pub between: Between,
    /// `CATALOG_ADDR`: where the catalog service is, host:port, or several separated by commas;
    /// 127.0.0.1:50051.
    pub catalog: Targets,
    /// `MATCHING_ADDR`: where the matching service is, host:port, or several separated by commas;
    /// 127.0.0.1:50052.
    pub matching: Targets,
    /// How long a call to either may take.
    pub call_deadline: Duration,
    /// `SWEEP_INTERVAL_SECONDS`: how often orders are looked for that are over; 5.
    pub sweep_interval: Duration,
    /// `RECONCILE_INTERVAL_SECONDS`: how often orders, messages and stock are compared; 60.
    pub reconcile_interval: Duration,
    /// How long the catalog may take to check its stock.
    pub check_deadline: Duration,
    /// `ORDER_DATABASE_URL`, else `DATABASE_URL`.
    pub database: postgres::Config,
    /// How long things last.
    pub periods: Periods,
    /// How much one may have.
    pub quotas: Quotas,
}

/// How long things last.
#[derive(Debug, Clone, Copy)]
pub struct Periods {
    /// `LEASE_SECONDS`: work without a sign of life goes to another gateway; 10.
    pub lease: Duration,
    /// `QUOTE_SECONDS`: a quoted price is honoured; 900.
    pub quote: Duration,
    /// `ORDER_HOLD_SECONDS`: blocks are held for an order that is not confirmed; 900.
    pub hold: Duration,
}

/// How much one may have; none: as much as one likes.
///
/// One service decides under its only writer, so that it is never passed there. Services beside one another do not see
/// what another is about to commit: then it may be passed by as much as one batch of each of the others adds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quotas {
    /// `BAP_HOLD_KWH`: what the orders of one BAP may hold before they are confirmed; 100,000 kWh.
    pub held: Option<Energy>,
    /// `TRANSACTIONS_PER_DAY`: new trades of one client, or of one BAP without a client, in 24 hours; 10,000.
    pub trades: Option<NonZeroU32>,
}

impl Quotas {
    /// Of a service that listens on this address.
    fn from_env(env: &Env, listens: IpAddr) -> Result<Self, EnvError> {
        const HELD: &str = "BAP_HOLD_KWH";
        let held = quota(env, HELD, listens, 100_000)?.map(|kwh| {
            let held = Energy::from_kwh(kwh.get().into());
            held.map_err(|rule| EnvError::Invalid {
                name: HELD,
                text: kwh.to_string(),
                why: rule.to_string(),
            })
        });
        Ok(Self { held: held.transpose()?, trades: quota(env, "TRANSACTIONS_PER_DAY", listens, 10_000)? })
    }
}

impl Config {
    /// From the environment.
    ///
    /// # Errors
    /// Names the variable that cannot be used.
    pub fn from_env(env: &Env) -> Result<Self, EnvError> {
        let local = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let address = env.value("ORDER_ADDR", local(50053))?;
        Ok(Self {
            address,
            between: Between::of_server(env, "ORDER_ADDR", address)?,
            catalog: env.value("CATALOG_ADDR", local(50051).into())?,
            matching: env.value("MATCHING_ADDR", local(50052).into())?,
            call_deadline: Duration::from_secs(3),
            sweep_interval: env.seconds("SWEEP_INTERVAL_SECONDS", 5)?,
            reconcile_interval: env.seconds("RECONCILE_INTERVAL_SECONDS", 60)?,
            check_deadline: Duration::from_secs(5 * 60),
            database: postgres::Config::from_env(env, "ORDER_DATABASE_URL", "orders")?,
            periods: Periods {
                lease: env.seconds("LEASE_SECONDS", 10)?,
                quote: env.seconds("QUOTE_SECONDS", 900)?,
                hold: env.seconds("ORDER_HOLD_SECONDS", 900)?,
            },
            quotas: Quotas::from_env(env, address.ip())?,
        })
    }
}
