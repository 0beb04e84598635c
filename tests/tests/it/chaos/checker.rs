//! The promises, compared with what was heard, when everything is quiet.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    buyer::Buyer,
    history::{Kind, Operation},
    market::Market,
    shop::{End, Purchase, Shop},
};
use crate::sql::Tables;

/// What the mailbox has sent of one callback.
struct Sent {
    status: String,
    body: String,
}

/// Rows that tell of a callback, by action and message_id.
type Outbox = HashMap<(String, String), Vec<Sent>>;

/// Between columns.
const COLUMN: char = '\u{1f}';

async fn rows<const N: usize>(tables: &Tables, sql: &str) -> Vec<[String; N]> {
    let split = |row: String| -> [String; N] {
        row.splitn(N, COLUMN).map(str::to_owned).collect::<Vec<_>>().try_into().unwrap()
    };
    tables.texts(sql).await.into_iter().map(split).collect()
}

/// What does not hold.
pub async fn broken(shop: &Shop, tables: &Tables) -> Vec<String> {
    let operations = shop.history.operations();
    let mut broken = two_verdicts(&operations);
    let outbox = outbox(tables).await;
    let accepted = accepted(shop, &operations);
    broken.extend(unanswered(&accepted, &outbox, [&shop.honest, &shop.misbehaving]));
    for buyer in [&shop.honest, &shop.misbehaving] {
        broken.extend(buyer.differing());
        broken.extend(unsent(buyer, &outbox));
    }
    broken.extend(unrecorded(shop, &operations, tables).await);
    broken.extend(unheard(shop, tables).await);
    let purchases = shop.purchases.lock().unwrap().clone();
    broken.extend(unlike_orders(&purchases, tables).await);
    broken.extend(unlike_stock(&purchases, &shop.market, tables).await);
    broken
}

/// The same message reads the same bytes, whoever answers and whatever died meanwhile.
pub fn two_verdicts(operations: &[Operation]) -> Vec<String> {
    let mut read: HashMap<(&str, &str), HashSet<&str>> = HashMap::new();
    for operation in operations.iter().filter(|operation| matches!(operation.kind, Kind::Ok | Kind::Fail)) {
        let of = read.entry((&operation.action, &operation.value)).or_default();
        of.insert(&operation.said);
    }
    let twice = read.into_iter().filter(|(_, said)| said.len() > 1);
    twice.map(|((action, id), said)| format!("{action} {id} reads {said:?}")).collect()
}

/// Action and message_id of what was said to the seller's side and accepted.
fn accepted(shop: &Shop, operations: &[Operation]) -> HashSet<(String, String)> {
    let said = shop.said.lock().unwrap();
    let said: HashSet<(&str, &str)> = said.iter().map(|(action, id, _)| (&**action, &**id)).collect();
    let accepted = operations.iter().filter(|operation| operation.kind == Kind::Ok);
    let accepted = accepted.filter(|operation| said.contains(&(&*operation.action, &*operation.value)));
    accepted.map(|operation| (operation.action.clone(), operation.value.clone())).collect()
}

async fn outbox(tables: &Tables) -> Outbox {
    let sql = "SELECT concat_ws(chr(31), o.action, o.message_id, o.status, e.raw_json)
               FROM orders.outbox o JOIN orders.events e ON e.id = o.event_id WHERE o.action LIKE 'on\\_%'";
    let mut outbox = Outbox::new();
    for [action, id, status, body] in rows(tables, sql).await {
        outbox.entry((action, id)).or_default().push(Sent { status, body });
    }
    outbox
}

/// An accepted action has one callback, which was taken, and its bytes are those that are stored.
fn unanswered(accepted: &HashSet<(String, String)>, outbox: &Outbox, buyers: [&Buyer; 2]) -> Vec<String> {
    let mut broken = Vec::new();
    let heard = buyers.map(Buyer::callbacks);
    for (action, id) in accepted {
        let key = (format!("on_{action}"), id.clone());
        let sent = outbox.get(&key).map_or(&[][..], Vec::as_slice);
        let heard = heard.iter().find_map(|heard| heard.get(&key));
        match (sent, heard) {
            ([sent], Some(heard))
                if sent.status == "DELIVERED" && sent.body == heard.body && heard.taken > 0 => {}
            _ => {
                let sent: Vec<&str> = sent.iter().map(|sent| &*sent.status).collect();
                broken.push(format!("{action} {id} was accepted; sent {sent:?}, heard {heard:?}"));
            }
        }
    }
    broken
}

/// What a buyer hears was stored before.
fn unsent(buyer: &Buyer, outbox: &Outbox) -> Vec<String> {
    let stored = |key| outbox.get(key).map_or(&[][..], Vec::as_slice);
    let callbacks = buyer.callbacks();
    let unsent =
        callbacks.iter().filter(|(key, heard)| !stored(key).iter().any(|sent| sent.body == heard.body));
    unsent.map(|(key, heard)| format!("{key:?} was heard and is not stored so: {}", heard.body)).collect()
}

/// Every answered message is stored once, with its verdict.
async fn unrecorded(shop: &Shop, operations: &[Operation], tables: &Tables) -> Vec<String> {
    let sql = "SELECT concat_ws(chr(31), action, message_id, coalesce(error_code, '')) FROM orders.inbox
               WHERE action NOT LIKE 'on\\_%'";
    let mut inbox: HashMap<(String, String), Vec<String>> = HashMap::new();
    for [action, id, code] in rows(tables, sql).await {
        inbox.entry((action, id)).or_default().push(code);
    }
    let said: HashSet<(String, String)> =
        shop.said.lock().unwrap().iter().map(|(action, id, _)| (action.clone(), id.clone())).collect();
    let mut broken = Vec::new();
    for operation in operations.iter().filter(|operation| matches!(operation.kind, Kind::Ok | Kind::Fail)) {
        let key = (operation.action.clone(), operation.value.clone());
        let stored = inbox.get(&key).map_or(&[][..], Vec::as_slice);
        let as_told = stored.len() == 1 && stored[0].is_empty() == (operation.kind == Kind::Ok);
        if said.contains(&key) && !as_told {
            broken.push(format!("{key:?} was answered {:?}, stored is {stored:?}", operation.kind));
        }
    }
    broken
}

/// What our own buyer's side accepted is answered once.
async fn unheard(shop: &Shop, tables: &Tables) -> Vec<String> {
    let sql = "SELECT concat_ws(chr(31), action, message_id) FROM orders.events
               WHERE action LIKE 'on\\_%' AND direction = 'INBOUND'";
    let mut heard: HashMap<(String, String), usize> = HashMap::new();
    for [action, id] in rows(tables, sql).await {
        *heard.entry((action, id)).or_default() += 1;
    }
    let asked = shop.asked.lock().unwrap().clone();
    let times = |(action, id): &(String, String)| {
        heard.get(&(format!("on_{action}"), id.clone())).copied().unwrap_or(0)
    };
    let unheard = asked.iter().filter(|asked| times(asked) != 1);
    unheard.map(|asked| format!("{asked:?} was accepted and answered {} times", times(asked))).collect()
}

/// An order is what its buyer was told, and nobody has another one.
async fn unlike_orders(purchases: &[Purchase], tables: &Tables) -> Vec<String> {
    let sql = "SELECT concat_ws(chr(31), transaction_id, id, status, selected_offer_id, total_qty::bigint)
               FROM orders.orders";
    let mut orders: HashMap<String, Vec<[String; 4]>> = HashMap::new();
    for [transaction, id, status, offer, kwh] in rows(tables, sql).await {
        orders.entry(transaction).or_default().push([id, status, offer, kwh]);
    }
    let mut broken = Vec::new();
    for purchase in purchases {
        let found = orders.remove(&purchase.transaction).unwrap_or_default();
        let kwh = purchase.kwh.to_string();
        let is = |order: &[String; 4], words: &[&str]| {
            let [id, status, offer, of] = order;
            words.contains(&&**status)
                && *offer == purchase.offer
                && *of == kwh
                && purchase.order.as_ref().is_none_or(|known| known == id)
        };
        let given_up = ["CANCELLED", "EXPIRED"];
        let as_told = match (purchase.end, &found[..]) {
            (End::Bought, [order]) => is(order, &["ACTIVE"]),
            (End::Cancelled | End::Abandoned | End::Refused, [order]) => is(order, &given_up),
            (End::Refused, []) => true,
            _ => false,
        };
        if !as_told {
            broken.push(format!("{purchase:?} has the orders {found:?}"));
        }
    }
    broken.extend(
        orders.into_iter().map(|(transaction, found)| format!("nobody's {transaction} has {found:?}")),
    );
    broken
}

/// What was sold of an offer is what its buyers have bought, and the drained ones have nothing left.
async fn unlike_stock(purchases: &[Purchase], market: &Market, tables: &Tables) -> Vec<String> {
    let mut bought: BTreeMap<&str, i64> = BTreeMap::new();
    for purchase in purchases.iter().filter(|purchase| purchase.end == End::Bought) {
        *bought.entry(&purchase.offer).or_default() += purchase.kwh;
    }
    let sql = "SELECT concat_ws(chr(31), id, sold_qty::bigint, reserved_qty::bigint, max_qty::bigint)
               FROM catalog.catalog_offers";
    let mut broken = Vec::new();
    for [id, sold, held, most] in rows(tables, sql).await {
        let known = bought.get(&*id).copied().unwrap_or(0);
        let is_sold_out = id == market.endless.id || sold == most || known == 0;
        if sold != known.to_string() || held != "0" || !is_sold_out {
            broken.push(format!("of offer {id} {known} kWh were bought: {sold} sold, {held} held of {most}"));
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn answered(id: &str, kind: Kind, said: &str) -> Operation {
        let (process, action) = ("buyer".into(), "init".into());
        Operation { process, action, value: id.into(), kind, at: Duration::ZERO, said: said.into() }
    }

    #[test]
    fn two_verdicts_on_one_message_are_found() {
        let one = [
            answered("1", Kind::Ok, "ACK at 1"),
            answered("1", Kind::Info, ""),
            answered("1", Kind::Ok, "ACK at 1"),
        ];
        assert_eq!(two_verdicts(&one), [""; 0]);
        assert_eq!(two_verdicts(&[one[0].clone(), answered("1", Kind::Ok, "ACK at 2")]).len(), 1);
        assert_eq!(two_verdicts(&[one[0].clone(), answered("1", Kind::Fail, "NACK")]).len(), 1);
    }
}
