//! Who strikes, and sees to it that what was struck recovers.

use std::{sync::Arc, time::Duration};

use p2p_testkit::{PostgresServer, RedisServer};
use tokio::time::sleep;

use super::{
    history::{History, Kind},
    plan::{Fault, Link, Strike, Who},
    proxy::Proxy,
};
use crate::{
    client::until_within,
    programs::{Place, Program, Programs, SERVICES},
    system::ready,
};

/// So many actions are accepted after each fault.
const PROGRESS: usize = 5;
/// Within this time.
const PATIENCE: Duration = Duration::from_secs(60);

/// Connections that can be made bad.
#[derive(Debug)]
pub struct Links {
    pub postgres: Proxy,
    pub redis: Proxy,
    pub bap: Proxy,
    pub cds: Proxy,
    pub services: Vec<Proxy>,
    pub buyer: Proxy,
}

impl Links {
    fn of(&self, link: Link) -> Vec<&Proxy> {
        match link {
            Link::Postgres => vec![&self.postgres],
            Link::Redis => vec![&self.redis],
            Link::Gateways => vec![&self.bap, &self.cds],
            Link::Services => self.services.iter().collect(),
            Link::Buyer => vec![&self.buyer],
        }
    }
}

/// The system that is struck.
pub struct Nemesis {
    pub programs: Programs,
    pub places: Vec<Place>,
    /// None while it is dead.
    pub gateways: Vec<Option<Program>>,
    pub services: Vec<Option<Program>>,
    pub postgres: PostgresServer,
    pub redis: RedisServer,
    pub links: Links,
    /// What Redis had at the fault before.
    pub yesterday: Vec<u8>,
    pub history: Arc<History>,
}

impl Nemesis {
    /// All of it, one after the other.
    pub async fn strikes(&mut self, strikes: &[Strike]) {
        for strike in strikes {
            let what = strike.fault.to_string();
            self.history.note("nemesis", "strike", &what, Kind::Invoke, &format!("{:?}", strike.lasts));
            self.strike(strike).await;
            self.recovers(&what).await;
            self.history.note("nemesis", "strike", &what, Kind::Info, "recovered");
            sleep(strike.then).await;
        }
    }

    async fn strike(&mut self, strike: &Strike) {
        match strike.fault {
            Fault::Killed(who) => {
                self.program(who).take().expect("it runs").kill().await;
                sleep(strike.lasts).await;
                *self.program(who) = Some(self.starts(who));
            }
            Fault::Frozen(who) => {
                self.program(who).as_ref().expect("it runs").freeze();
                sleep(strike.lasts).await;
                self.program(who).as_ref().expect("it runs").thaw();
            }
            Fault::Postgres => {
                self.postgres.crash().unwrap();
                sleep(strike.lasts).await;
                self.postgres.restart().await.unwrap();
            }
            Fault::Redis(fault) => {
                let today = self.redis.saved().unwrap();
                let yesterday = std::mem::replace(&mut self.yesterday, today);
                fault.strike(&mut self.redis, &yesterday).await;
                sleep(strike.lasts).await;
                fault.end(&self.redis);
            }
            Fault::Network(link, trouble) => {
                self.links.of(link).iter().for_each(|proxy| proxy.becomes(Some(trouble)));
                sleep(strike.lasts).await;
                self.links.of(link).iter().for_each(|proxy| proxy.becomes(None));
            }
        }
    }

    fn program(&mut self, who: Who) -> &mut Option<Program> {
        match who {
            Who::Gateway(n) => &mut self.gateways[n],
            Who::Service(n) => &mut self.services[n],
        }
    }

    fn starts(&self, who: Who) -> Program {
        match who {
            Who::Gateway(n) => self.programs.doomed_gateway(&self.places[n], ""),
            Who::Service(n) => self.programs.service(SERVICES[n].0),
        }
    }

    /// Everything runs, says that it is well, and is used.
    async fn recovers(&self, from: &str) {
        for place in &self.places {
            ready(&place.client(), "ok").await;
        }
        for program in self.gateways.iter().chain(&self.services) {
            program.as_ref().expect("it was started again").pid();
        }
        let before = self.history.accepted();
        until_within(PATIENCE, &format!("buyers to go on after: {from}"), async || {
            let accepted = self.history.accepted() - before;
            if accepted >= PROGRESS { Ok(()) } else { Err(format!("{accepted} accepted")) }
        })
        .await;
    }
}
