//! Random commands, some of them at once, against a plain model of what they should do in turn.

use std::collections::HashMap;

use futures::future::join_all;
use p2p_catalog::{
    app::{
        release_blocks::release_blocks, reserve_blocks::reserve_blocks, return_blocks::return_blocks,
        sell_blocks::sell_blocks,
    },
    domain::{Label, Line, State, Wish, add_up},
    store::Store,
};
use p2p_domain::OrderId;
use p2p_runtime::{Stop, Tasks};
use proptest::prelude::*;

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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Held,
    Sold,
    Returned,
    Released,
    Refused,
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

async fn ask(store: &Store, ids: &[OrderId], offers: &[String; 2], command: &Command) -> Option<Status> {
    let answer = match command {
        Command::Reserve(order, lines) => {
            let line = |(offer, kwh): &(usize, i64)| Line {
                offer: offers[*offer].parse().unwrap(),
                quantity_wh: kwh * 1_000,
            };
            let lines = add_up(lines.iter().map(line).collect()).unwrap();
            let wish = Wish { order: ids[*order], transaction: "t".parse().unwrap(), lines };
            reserve_blocks(store, wish).await
        }
        Command::Sell(order) => sell_blocks(store, ids[*order]).await,
        Command::Release(order) => release_blocks(store, ids[*order], Label::default()).await,
        Command::Return(order) => return_blocks(store, ids[*order]).await,
    };
    answer.ok().map(|reservation| match reservation.state {
        State::Held(_) => Status::Held,
        State::Sold(_) => Status::Sold,
        State::Returned(_) => Status::Returned,
        State::Released { .. } => Status::Released,
        State::Refused { .. } => Status::Refused,
    })
}

#[test]
fn any_commands_do_what_a_plain_model_does() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let catalog = runtime.block_on(Catalog::with_item(1));
    let tasks = Tasks::new();
    let store = runtime.block_on(Store::start(&catalog.config, &tasks, Stop::new())).unwrap();
    let config = ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
    // Each group is asked at once, in its order.
    let groups = prop::collection::vec(prop::collection::vec(command(), 1..12), 1..6);
    proptest!(config, |(groups in groups)| {
        runtime.block_on(async {
            let case = order().simple().to_string();
            catalog.item(item(&case, "p", ITEM_KWH)).await.unwrap();
            let offers = OFFERS.map(|(name, _)| format!("{name}-{case}"));
            for (id, (_, kwh)) in offers.iter().zip(OFFERS) {
                let offer = p2p_proto::catalog::Offer { item_id: case.clone(), ..offer(id, kwh) };
                catalog.offer(offer).await.unwrap();
            }
            let (mut model, ids) = (Model::new(), [(); ORDERS].map(|()| OrderId(order())));
            for commands in &groups {
                let expected: Vec<_> = commands.iter().map(|command| model.apply(command)).collect();
                let answered = join_all(commands.iter().map(|command| ask(&store, &ids, &offers, command))).await;
                prop_assert_eq!(answered, expected, "{:?}", commands);
            }
            for (id, left) in offers.iter().zip(model.left) {
                prop_assert_eq!(catalog.get(id).await.available_wh, left * 1_000);
            }
            catalog.assert_sound().await;
            Ok(())
        })?;
    });
}
