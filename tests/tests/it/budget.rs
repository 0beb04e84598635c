//! What a whole trade costs, against the budget of design.md section 5.
//!
//! It is counted from outside. RPCs: those that gateway and order service make, by method. Commits: transactions that
//! changed a row of any table; what only reads has nothing to be made durable. Redis: the gateway's round trips.
//!
//! Each budget is allotted to the last unit, by name: what is not allotted fails, and is named. Some things are done
//! by the clock, however many trades there are: these have an allowance per second beside it, so that a slow machine
//! does not make a trade dearer. A buyer's look at the state is not part of the trade; it costs one HGET.

use std::{cell::Cell, time::Duration};

use serde_json::json;
use tokio::time::Instant;

use crate::{
    calls::{Calls, Counts},
    client::{Client, Trade, until, window, without_catalog},
    sql::Tables,
    system::{Redis, Setup, System},
    trips::{NOTES, Trips},
};

const TRADES: u64 = 5;

struct Budget {
    of: &'static str,
    per_trade: u64,
    shares: &'static [Share],
}

struct Share {
    name: &'static str,
    per_trade: u64,
    per_second: u64,
}

const fn share(name: &'static str, per_trade: u64) -> Share {
    Share { name, per_trade, per_second: 0 }
}

const fn by_the_clock(per_second: u64, share: Share) -> Share {
    Share { per_second, ..share }
}

const RPCS: Budget = Budget {
    of: "RPCs",
    per_trade: 30,
    shares: &[
        share("SearchCatalog", 1),
        // For the quote of select, and for that of init.
        share("GetOffers", 2),
        share("ReserveBlocks", 1),
        share("SellBlocks", 1),
        // When the catalog has come, and to select.
        share("RankOffers", 2),
        share("QuoteOrder", 1),
        share("GetOrder", 1),
        // What the buyer's side sends.
        share("Send", 5),
        // Five callbacks; discover, select and status with the callbacks to them.
        share("Record", 8),
        share("BeginInit", 1),
        share("BeginConfirm", 1),
        share("Finish", 2),
        // Reports of deliveries are gathered for a fifth of a second.
        by_the_clock(5, share("Mark", 1)),
        // A state that is older than a second is compared before it is shown.
        by_the_clock(1, share("GetTransaction", 3)),
        // One that Redis did not give in time is rebuilt.
        by_the_clock(1, share("ListEvents", 0)),
        by_the_clock(5, share("Claim", 0)),
        by_the_clock(1, share("Renew", 0)),
    ],
};

const COMMITS: Budget = Budget {
    of: "commits",
    per_trade: 20,
    // Messages: Send, Record, Begin and Finish, as above.
    shares: &[
        share("messages", 17),
        share("stock", 2),
        by_the_clock(5, share("reports", 1)),
        // Why trades got their offers is gathered for a fifth of a second, and nobody waits for it.
        by_the_clock(5, share("decisions", 0)),
    ],
};

const TRIPS: Budget = Budget {
    of: "Redis round trips",
    per_trade: 15,
    shares: &[
        // Each step of the state: five requests, five callbacks. What Redis did not answer in time is written again.
        by_the_clock(1, share("EVALSHA", 10)),
        // Gathered for a fifth of a second.
        by_the_clock(5, share(NOTES, 1)),
        by_the_clock(1, share(READS, 4)),
    ],
};

const READS: &str = "reads";

impl Budget {
    /// What was used of it, share by share, and whether that is too much.
    fn account(&self, used: &Counts, lasted: Duration) -> (String, bool) {
        let total: u64 = used.values().sum();
        let (trades, seconds) = (TRADES, lasted.as_secs() + 1);
        let Self { of, per_trade, .. } = self;
        let mut text =
            format!("{of}: {total} in {trades} trades; {per_trade} for each, and more by the clock\n");
        let mut overdrawn = false;
        for (name, used) in used {
            let share = self.shares.iter().find(|share| share.name == name);
            let (own, clock) =
                share.map_or((0, 0), |share| (share.per_trade * trades, share.per_second * seconds));
            let verdict = if *used > own + clock { "  TOO MANY" } else { "" };
            overdrawn |= *used > own + clock;
            text += &format!("  {used:4} of {own:3} + {clock:3}  {name}{verdict}\n");
        }
        (text, overdrawn)
    }
}

/// Writes down every change of a row, with its transaction.
const WRITE_DOWN: &str = "
    CREATE TABLE public.written (transaction bigint NOT NULL, change text NOT NULL);
    CREATE FUNCTION public.write_down() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO public.written
        VALUES (txid_current(), TG_OP || ' ' || TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME);
        RETURN NULL;
    END $$;
    DO $$
    DECLARE one record;
    BEGIN
        FOR one IN SELECT * FROM pg_tables WHERE schemaname IN ('catalog', 'matching', 'orders') LOOP
            EXECUTE format(
                'CREATE TRIGGER write_down AFTER INSERT OR UPDATE OR DELETE ON %I.%I
                 FOR EACH ROW EXECUTE FUNCTION public.write_down()', one.schemaname, one.tablename);
        END LOOP;
    END $$";

/// What each transaction was for. One with a message may report deliveries as well; what only touches their rows is a
/// report, or a lease that is prolonged.
const WRITTEN: &str = "
    SELECT CASE
        WHEN bool_or(change = 'INSERT orders.events') THEN 'messages'
        WHEN bool_or(change LIKE '% catalog.reservations') THEN 'stock'
        WHEN bool_and(change IN ('UPDATE orders.outbox', 'UPDATE orders.inbox'))
            THEN 'reports'
        WHEN bool_and(change = 'INSERT matching.match_decisions') THEN 'decisions'
        ELSE string_agg(DISTINCT change, ', ')
    END
    FROM public.written GROUP BY transaction";

async fn commits(tables: &Tables) -> Counts {
    let mut counts = Counts::new();
    for kind in tables.texts(WRITTEN).await {
        *counts.entry(kind).or_default() += 1;
    }
    counts
}

/// A buyer who counts its looks.
struct Buyer<'a> {
    client: &'a Client,
    looks: Cell<u64>,
}

impl Buyer<'_> {
    async fn sees(&self, trade: &Trade, status: &str) {
        until(status, async || {
            self.looks.set(self.looks.get() + 1);
            let state = trade.state().await;
            if state["status"] == status { Ok(()) } else { Err(without_catalog(state).to_string()) }
        })
        .await;
    }

    /// From discover to status.
    async fn trades(&self) {
        let wish = json!({"sourceType": "SOLAR", "minQuantity": 20, "timeWindow": window()});
        let answer = self.client.post("/api/discover", &wish).await.acknowledged();
        let trade = self.client.trade(answer.json["transaction_id"].as_str().unwrap());
        self.sees(&trade, "SELECTING").await;
        trade.match_best(1).await.acknowledged();
        self.sees(&trade, "INITIALIZING").await;
        for (action, status) in [("init", "CONFIRMING"), ("confirm", "ACTIVE"), ("status", "ACTIVE")] {
            trade.ask(action, json!({})).await.acknowledged();
            self.sees(&trade, status).await;
        }
    }
}

#[tokio::test]
async fn a_trade_keeps_within_its_budget() {
    for Budget { of, per_trade, shares } in [RPCS, COMMITS, TRIPS] {
        assert_eq!(shares.iter().map(|share| share.per_trade).sum::<u64>(), per_trade, "{of}");
    }
    let (calls, trips) = (Calls::default(), Trips::default());
    let redis = trips.on_the_way_to(&p2p_testkit::redis().unwrap()).await;
    let setup = Setup {
        callback_delay: "0",
        redis: Redis::At(redis),
        calls: Some(calls.clone()),
        ..Setup::default()
    };
    let system = System::with(setup).await;
    let buyer = Buyer { client: &system.client, looks: Cell::new(0) };
    // What is only done once: connections, the script.
    buyer.trades().await;
    system.tables.quiet().await;
    system.tables.change(WRITE_DOWN).await;
    calls.0.take();
    trips.0.take();
    buyer.looks.take();

    let began = Instant::now();
    for _ in 0..TRADES {
        buyer.trades().await;
        system.tables.quiet().await;
    }
    let lasted = began.elapsed();
    let mut trips = trips.0.take();
    let reads: u64 = ["HGET", "HGETALL"].into_iter().filter_map(|read| trips.remove(read)).sum();
    trips.insert(READS.into(), reads.saturating_sub(buyer.looks.take()));
    let accounts = [
        RPCS.account(&calls.0.take(), lasted),
        COMMITS.account(&commits(&system.tables).await, lasted),
        TRIPS.account(&trips, lasted),
    ];

    let text: String = accounts.iter().map(|(text, _)| text.as_str()).collect();
    println!("{text}");
    assert!(accounts.iter().all(|(_, overdrawn)| !overdrawn), "{text}");
}
