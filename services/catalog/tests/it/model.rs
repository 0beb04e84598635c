//! Random commands against a plain model of what they should do.

use std::collections::HashMap;

use p2p_proto::catalog::ReservationStatus as Status;
use proptest::prelude::*;
use uuid::Uuid;

use crate::service::{Catalog, item, offer, order};

const ORDERS: usize = 6;
const ITEM_KWH: i64 = 25;
const OFFERS: [(&str, i64); 2] = [("a", 20), ("b", 15)];

#[derive(Debug, Clone)]
enum Command {
    Reserve(usize, Vec<(usize, i64)>),
    Sell(usize),
    Release(usize),
    Return(usize),
}

fn command() -> impl Strategy<Value = Command> {
    let orders = 0..ORDERS;
    let lines = prop::collection::vec((0..OFFERS.len(), -1..12_i64), 1..3);
    prop_oneof![
        3 => (orders.clone(), lines).prop_map(|(order, lines)| Command::Reserve(order, lines)),
        1 => orders.clone().prop_map(Command::Sell),
        1 => orders.clone().prop_map(Command::Release),
        1 => orders.prop_map(Command::Return),
    ]
}

/// What is left of each offer, and what each order covers.
struct Model {
    left: [i64; 2],
    orders: HashMap<usize, (Status, [i64; 2])>,
}

impl Model {
    fn new() -> Self {
        Self { left: OFFERS.map(|(_, kwh)| kwh), orders: HashMap::new() }
    }

    fn taken(&self) -> i64 {
        OFFERS.iter().zip(self.left).map(|((_, kwh), left)| kwh - left).sum()
    }

    /// The status that the command should answer with; none for an unknown order.
    fn apply(&mut self, command: &Command) -> Option<Status> {
        let (order, from, to) = match command {
            Command::Reserve(order, lines) => return Some(self.reserve(*order, lines)),
            Command::Sell(order) => (order, Status::Held, Status::Sold),
            Command::Release(order) => (order, Status::Held, Status::Released),
            Command::Return(order) => (order, Status::Sold, Status::Returned),
        };
        if !self.orders.contains_key(order) && to == Status::Released {
            self.orders.insert(*order, (to, [0, 0]));
        }
        let (status, lots) = self.orders.get_mut(order)?;
        if *status == from {
            *status = to;
            if to != Status::Sold {
                self.left = [self.left[0] + lots[0], self.left[1] + lots[1]];
            }
        }
        Some(*status)
    }

    fn reserve(&mut self, order: usize, lines: &[(usize, i64)]) -> Status {
        if let Some((status, _)) = self.orders.get(&order) {
            return *status;
        }
        let mut lots = [0, 0];
        lines.iter().for_each(|(offer, kwh)| lots[*offer] += kwh);
        let enough = lines.iter().all(|(_, kwh)| *kwh > 0)
            && lots[0] <= self.left[0]
            && lots[1] <= self.left[1]
            && self.taken() + lots[0] + lots[1] <= ITEM_KWH;
        let status = if enough { Status::Held } else { Status::Refused };
        if enough {
            self.left = [self.left[0] - lots[0], self.left[1] - lots[1]];
        }
        self.orders.insert(order, (status, lots));
        status
    }
}

async fn ask(catalog: &Catalog, ids: &[Uuid], offers: &[String; 2], command: &Command) -> Option<Status> {
    let answer = match command {
        Command::Reserve(order, lines) => {
            let lines: Vec<_> = lines.iter().map(|(o, kwh)| (offers[*o].as_str(), kwh * 1_000)).collect();
            catalog.reserve(ids[*order], &lines).await
        }
        Command::Sell(order) => catalog.sell(ids[*order]).await,
        Command::Release(order) => catalog.release(ids[*order], "r").await,
        Command::Return(order) => catalog.give_back(ids[*order]).await,
    };
    answer.ok().map(|reservation| reservation.status())
}

#[test]
fn any_commands_do_what_a_plain_model_does() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let catalog = runtime.block_on(Catalog::with_item(1));
    let config = ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(commands in prop::collection::vec(command(), 1..30))| {
        runtime.block_on(async {
            let case = order().simple().to_string();
            catalog.item(item(&case, "p", ITEM_KWH)).await.unwrap();
            let offers = OFFERS.map(|(name, _)| format!("{name}-{case}"));
            for (id, (_, kwh)) in offers.iter().zip(OFFERS) {
                let offer = p2p_proto::catalog::Offer { item_id: case.clone(), ..offer(id, kwh) };
                catalog.offer(offer).await.unwrap();
            }
            let (mut model, ids) = (Model::new(), [(); ORDERS].map(|()| order()));
            for command in &commands {
                let expected = model.apply(command);
                let answered = ask(&catalog, &ids, &offers, command).await;
                prop_assert_eq!(answered, expected, "{:?}", command);
            }
            for (id, left) in offers.iter().zip(model.left) {
                prop_assert_eq!(catalog.get(id).await.available_wh, left * 1_000);
            }
            catalog.assert_sound().await;
            Ok(())
        })?;
    });
}
