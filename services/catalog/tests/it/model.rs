//! Random commands, some of them at once, against a plain model of what they should do in turn.

use std::{collections::HashMap, iter::repeat_n};

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
use p2p_proto::catalog::{BlockStatus, Item, Offer, Origin, WithdrawOfferRequest};
use p2p_runtime::{Stop, Tasks};
use proptest::prelude::*;
use tonic::Status as Refused;

use crate::service::{Catalog, item, offer, order, reason};

const SYNC: i32 = Origin::Sync as i32;

/// Of an item with some offers, by their numbers; of orders by theirs; in kWh.
#[derive(Debug, Clone)]
enum Command {
    Reserve(usize, Vec<(usize, i64)>),
    Sell(usize),
    Release(usize),
    Return(usize),
    /// Of blocks, counted from the last one.
    Tell(usize, Vec<usize>, BlockStatus),
    Resize(usize, i64),
    Withdraw(usize),
}

/// What there is at first, and how much is done with it at once.
#[derive(Debug, Clone, Copy)]
struct Shape {
    item: i64,
    offers: &'static [i64],
    orders: usize,
    most_reserved: i64,
    most_told: usize,
}

const SMALL: Shape = Shape { item: 25, offers: &[20, 15], orders: 6, most_reserved: 12, most_told: 20 };

const MILLION: Shape =
    Shape { item: 1_100_000, offers: &[1_000_000], orders: 300, most_reserved: 500, most_told: 40_000 };

impl Shape {
    fn command(self) -> impl Strategy<Value = Command> {
        let (orders, offers) = (0..self.orders, 0..self.offers.len());
        let lines = prop::collection::vec((offers.clone(), -1..self.most_reserved), 1..3);
        let blocks = prop::collection::vec(0..self.most_told, 1..6);
        let words =
            prop::sample::select(vec![BlockStatus::Available, BlockStatus::Reserved, BlockStatus::Sold]);
        let size = self.offers[0];
        prop_oneof![
            16 => (orders.clone(), lines).prop_map(|(order, lines)| Command::Reserve(order, lines)),
            6 => orders.clone().prop_map(Command::Sell),
            3 => orders.clone().prop_map(Command::Release),
            3 => orders.prop_map(Command::Return),
            4 => (offers.clone(), blocks, words).prop_map(|(o, blocks, word)| Command::Tell(o, blocks, word)),
            2 => (offers.clone(), 1..size / 5 * 6).prop_map(|(o, kwh)| Command::Resize(o, kwh)),
            1 => offers.prop_map(Command::Withdraw),
        ]
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Held,
    Sold,
    Returned,
    Released,
    Refused,
}

/// What one block is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Free,
    Elsewhere(BlockStatus),
    Order(usize, BlockStatus),
}

/// What is left of each offer, which are withdrawn, and what each order covers.
struct Model {
    item: i64,
    left: Vec<i64>,
    withdrawn: Vec<bool>,
    orders: HashMap<usize, (Status, Vec<i64>)>,
}

impl Model {
    fn new(shape: Shape) -> Self {
        Self {
            item: shape.item,
            left: shape.offers.to_vec(),
            withdrawn: vec![false; shape.offers.len()],
            orders: HashMap::new(),
        }
    }

    /// The status that a stock command should answer with; none for an unknown order.
    fn apply(&mut self, command: &Command) -> Option<Status> {
        let (order, from, to) = match command {
            Command::Reserve(order, lines) => return Some(self.reserve(*order, lines)),
            Command::Sell(order) => (order, Status::Held, Status::Sold),
            Command::Release(order) => (order, Status::Held, Status::Released),
            Command::Return(order) => (order, Status::Sold, Status::Returned),
            Command::Tell(..) | Command::Resize(..) | Command::Withdraw(_) => unreachable!("done alone"),
        };
        if !self.orders.contains_key(order) && to == Status::Released {
            self.orders.insert(*order, (to, vec![0; self.left.len()]));
        }
        let (status, lots) = self.orders.get_mut(order)?;
        if *status == from {
            *status = to;
            if to != Status::Sold {
                self.left.iter_mut().zip(&*lots).for_each(|(left, lot)| *left += lot);
                self.item += lots.iter().sum::<i64>();
            }
        }
        Some(*status)
    }

    fn reserve(&mut self, order: usize, lines: &[(usize, i64)]) -> Status {
        if let Some((status, _)) = self.orders.get(&order) {
            return *status;
        }
        let mut lots = vec![0; self.left.len()];
        lines.iter().for_each(|(offer, kwh)| lots[*offer] += kwh);
        let sum: i64 = lots.iter().sum();
        let enough = lines.iter().all(|(offer, kwh)| *kwh > 0 && !self.withdrawn[*offer])
            && lots.iter().zip(&self.left).all(|(lot, left)| lot <= left)
            && sum <= self.item;
        let status = if enough { Status::Held } else { Status::Refused };
        if enough {
            self.left.iter_mut().zip(&lots).for_each(|(left, lot)| *left -= lot);
            self.item -= sum;
        }
        self.orders.insert(order, (status, lots));
        status
    }

    /// Does to an offer's cells what another BPP says, or says why not.
    fn tell(
        &mut self,
        offer: usize,
        cells: &mut [Cell],
        blocks: &[usize],
        word: BlockStatus,
    ) -> Result<(), &str> {
        if blocks.iter().any(|block| matches!(cells[*block], Cell::Order(..))) {
            return Err("BLOCK_TAKEN");
        }
        let now = if word == BlockStatus::Available { Cell::Free } else { Cell::Elsewhere(word) };
        let free = |cells: &[Cell]| blocks.iter().filter(|block| cells[**block] == Cell::Free).count();
        let before = free(cells);
        let after = if now == Cell::Free { blocks.len() } else { 0 };
        let freed = i64::try_from(after).unwrap() - i64::try_from(before).unwrap();
        if self.item + freed < 0 {
            return Err("STOCK_SHORT");
        }
        blocks.iter().for_each(|block| cells[*block] = now);
        self.item += freed;
        self.left[offer] += freed;
        Ok(())
    }

    /// Gives an offer another length, or says why not.
    fn resize(&mut self, offer: usize, cells: &mut Vec<Cell>, kwh: i64) -> Result<(), &str> {
        let mut more = kwh - i64::try_from(cells.len()).unwrap();
        if self.left[offer] + more < 0 {
            return Err("STOCK_BELOW_COMMITTED");
        }
        self.left[offer] += more;
        self.withdrawn[offer] = false;
        cells.extend(repeat_n(Cell::Free, usize::try_from(more).unwrap_or(0)));
        cells.reverse();
        cells.retain(|cell| {
            let dropped = *cell == Cell::Free && more < 0;
            more += i64::from(dropped);
            !dropped
        });
        cells.reverse();
        Ok(())
    }

    fn withdraw(&mut self, offer: usize) -> Result<(), &str> {
        if std::mem::replace(&mut self.withdrawn[offer], true) { Err("OFFER_NOT_FOUND") } else { Ok(()) }
    }
}

/// A catalog with an item and offers of its own, by sync.
struct Case<'a> {
    catalog: &'a Catalog,
    store: &'a Store,
    item: String,
    offers: Vec<String>,
    orders: Vec<OrderId>,
}

impl<'a> Case<'a> {
    async fn new(catalog: &'a Catalog, store: &'a Store, shape: Shape) -> Self {
        let id = order().simple().to_string();
        catalog.item(Item { origin: SYNC, ..item(&id, "s", shape.item) }).await.unwrap();
        let offers = (0..shape.offers.len()).map(|n| format!("{n}-{id}")).collect();
        let orders = (0..shape.orders).map(|_| OrderId(order())).collect();
        let case = Self { catalog, store, item: id, offers, orders };
        for (n, kwh) in shape.offers.iter().enumerate() {
            case.size(n, *kwh).await.unwrap();
            assert_eq!(case.catalog.runs(&case.offers[n]).await, [format!("(0,{kwh},AVAILABLE)")]);
        }
        case
    }

    async fn size(&self, n: usize, kwh: i64) -> Result<Offer, Refused> {
        let (item_id, provider_id) = (self.item.clone(), "s".into());
        self.catalog.offer(Offer { origin: SYNC, item_id, provider_id, ..offer(&self.offers[n], kwh) }).await
    }

    async fn ask(&self, command: &Command) -> Option<Status> {
        let store = self.store;
        let answer = match command {
            Command::Reserve(order, lines) => {
                let line = |(offer, kwh): &(usize, i64)| Line {
                    offer: self.offers[*offer].parse().unwrap(),
                    quantity_wh: kwh * 1_000,
                };
                let lines = add_up(lines.iter().map(line).collect()).unwrap();
                let wish = Wish { order: self.orders[*order], transaction: "t".parse().unwrap(), lines };
                reserve_blocks(store, wish).await
            }
            Command::Sell(order) => sell_blocks(store, self.orders[*order]).await,
            Command::Release(order) => release_blocks(store, self.orders[*order], Label::default()).await,
            Command::Return(order) => return_blocks(store, self.orders[*order]).await,
            Command::Tell(..) | Command::Resize(..) | Command::Withdraw(_) => unreachable!("done alone"),
        };
        answer.ok().map(|reservation| match reservation.state {
            State::Held(_) => Status::Held,
            State::Sold(_) => Status::Sold,
            State::Returned(_) => Status::Returned,
            State::Released { .. } => Status::Released,
            State::Refused { .. } => Status::Refused,
        })
    }

    /// What each block of an offer is used for.
    async fn cells(&self, n: usize) -> Vec<Cell> {
        let runs = self
            .catalog
            .texts(&format!(
                "SELECT concat_ws(' ', blocks, status, order_id) FROM block_runs WHERE offer_id = '{}'
                 ORDER BY first_block",
                self.offers[n]
            ))
            .await;
        let mut cells = Vec::new();
        for run in runs {
            let mut words = run.split(' ');
            let blocks: usize = words.next().unwrap().parse().unwrap();
            let status = BlockStatus::from_str_name(&format!("BLOCK_STATUS_{}", words.next().unwrap()));
            let order = words.next().map(|id| id.parse().unwrap());
            let number = order.map(|id| self.orders.iter().position(|order| *order == id).unwrap());
            let cell = match (status.unwrap(), number) {
                (BlockStatus::Available, _) => Cell::Free,
                (status, Some(order)) => Cell::Order(order, status),
                (status, None) => Cell::Elsewhere(status),
            };
            cells.extend(repeat_n(cell, blocks));
        }
        cells
    }

    /// Commands of which only one is done at a time. Which blocks an order got is the catalog's to choose: the model
    /// looks at them before, and knows which they have to be after.
    async fn alone(&self, model: &mut Model, command: &Command) -> Result<(), TestCaseError> {
        let (offer, expected, answer) = match command {
            Command::Tell(offer, from_behind, word) => {
                let mut cells = self.cells(*offer).await;
                let mut blocks: Vec<usize> =
                    from_behind.iter().map(|n| cells.len() - 1 - n % cells.len()).collect();
                blocks.sort_unstable();
                blocks.dedup();
                let expected = model.tell(*offer, &mut cells, &blocks, *word).map_err(str::to_owned);
                let blocks: Vec<i64> =
                    blocks.into_iter().map(|block| i64::try_from(block).unwrap()).collect();
                let answer = self.catalog.tell(&self.offers[*offer], &blocks, *word).await.map(drop);
                (*offer, expected.map(|()| cells), answer)
            }
            Command::Resize(offer, kwh) => {
                let mut cells = self.cells(*offer).await;
                let expected = model.resize(*offer, &mut cells, *kwh).map_err(str::to_owned);
                (*offer, expected.map(|()| cells), self.size(*offer, *kwh).await.map(drop))
            }
            Command::Withdraw(offer) => {
                let cells = self.cells(*offer).await;
                let expected = model.withdraw(*offer).map_err(str::to_owned);
                let request = WithdrawOfferRequest {
                    offer_id: self.offers[*offer].clone(),
                    origin: SYNC,
                    provider_id: String::new(),
                };
                let answer = self.catalog.client.clone().withdraw_offer(request).await.map(drop);
                (*offer, expected.map(|()| cells), answer)
            }
            Command::Reserve(..) | Command::Sell(_) | Command::Release(_) | Command::Return(_) => {
                unreachable!("done with others")
            }
        };
        match expected {
            Ok(cells) => {
                prop_assert!(answer.is_ok(), "{:?}: {:?}", command, answer);
                prop_assert!(self.cells(offer).await == cells, "{:?}: other blocks", command);
            }
            Err(expected) => prop_assert_eq!(reason(answer), expected, "{:?}", command),
        }
        Ok(())
    }

    /// The stock commands of a group at once in their order, the others in between.
    async fn group(&self, model: &mut Model, commands: &[Command]) -> Result<(), TestCaseError> {
        let by_stock = |a: &Command, b: &Command| is_stock(a) && is_stock(b);
        for commands in commands.chunk_by(by_stock) {
            if !is_stock(&commands[0]) {
                self.alone(model, &commands[0]).await?;
                continue;
            }
            let expected: Vec<_> = commands.iter().map(|command| model.apply(command)).collect();
            let answered = join_all(commands.iter().map(|command| self.ask(command))).await;
            prop_assert_eq!(answered, expected, "{:?}", commands);
        }
        Ok(())
    }

    async fn agrees_with(&self, model: &Model) -> Result<(), TestCaseError> {
        for (n, id) in self.offers.iter().enumerate() {
            let (left, stored) = (model.left[n], self.catalog.get(id).await);
            prop_assert_eq!((stored.available_wh, stored.withdrawn), (left * 1_000, model.withdrawn[n]));
            let sellable = if model.withdrawn[n] { 0 } else { left.min(model.item) };
            prop_assert_eq!(stored.sellable_wh, sellable * 1_000);
        }
        prop_assert_eq!(self.catalog.violations().await, Vec::<String>::new());
        Ok(())
    }
}

fn is_stock(command: &Command) -> bool {
    match command {
        Command::Reserve(..) | Command::Sell(_) | Command::Release(_) | Command::Return(_) => true,
        Command::Tell(..) | Command::Resize(..) | Command::Withdraw(_) => false,
    }
}

fn agree(shape: Shape, config: ProptestConfig, groups: impl Strategy<Value = Vec<Vec<Command>>>) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let catalog = runtime.block_on(Catalog::start());
    runtime.block_on(catalog.sync(1));
    let store = runtime.block_on(Store::start(&catalog.config, &Tasks::new(), Stop::new())).unwrap();
    proptest!(config, |(groups in groups)| {
        runtime.block_on(async {
            let (case, mut model) = (Case::new(&catalog, &store, shape).await, Model::new(shape));
            for commands in &groups {
                case.group(&mut model, commands).await?;
            }
            case.agrees_with(&model).await
        })?;
    });
}

#[test]
fn any_commands_do_what_a_plain_model_does() {
    let config = ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
    let groups = prop::collection::vec(prop::collection::vec(SMALL.command(), 1..12), 1..6);
    agree(SMALL, config, groups);
}

#[test]
fn a_million_kwh_and_a_thousand_commands_do_what_a_plain_model_does() {
    let config = ProptestConfig {
        cases: 1,
        max_shrink_iters: 16,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let groups = prop::collection::vec(prop::collection::vec(MILLION.command(), 10), 100);
    agree(MILLION, config, groups);
}
