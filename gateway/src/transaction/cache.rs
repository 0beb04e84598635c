//! The buyer's state in Redis. Keys are named here and nowhere else (seed.md, "Redis Keys").
//!
//! Redis never holds a promise: every failure here only means that the mailbox is asked instead.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use fred::types::config::{Options, UnresponsiveConfig};
use fred::{
    clients::Pool,
    interfaces::{ClientLike, HashesInterface, KeysInterface, SetsInterface},
    prelude::{Builder, Error, ErrorKind, ReconnectPolicy},
    types::{Value, scripts::Script},
};
use p2p_domain::TransactionId;
use p2p_runtime::metrics;

use crate::redis::Redis;

use super::{
    cached::{Cached, pending},
    note::Note,
    state::{Edit, Head, Text},
};

const TRANSACTION_SECONDS: i64 = 24 * 60 * 60;
const MESSAGE_SECONDS: i64 = 7 * 24 * 60 * 60;
const ALL: &str = "txn:all";
const HEAD: &str = "head";
const BUYER_SEQ: &str = "buyer_seq";
/// Commands of all trades share them, and are written together when they come together.
const POOL: usize = 2;
const COMMAND_TIMEOUT: Duration = Duration::from_millis(200);
/// How many members of `txn:all` are looked at when it is trimmed.
const TRIM_SAMPLE: usize = 200;

/// One key, one script: a step is written only over the state that it follows.
/// ARGV: the buyer_seq that must be there (empty: any, the state is replaced), the new one, seconds to live, the
/// head, then edits of three words each.
const APPLY: &str = r"
local stored = tonumber(redis.call('HGET', KEYS[1], 'buyer_seq') or '0')
if ARGV[1] == '' then
  redis.call('DEL', KEYS[1])
elseif stored ~= tonumber(ARGV[1]) then
  if stored >= tonumber(ARGV[2]) then return 'before' else return 'gap' end
end
for i = 5, #ARGV, 3 do
  local op, field, value = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if op == 'set' then
    redis.call('HSET', KEYS[1], field, value)
  elseif op == 'promote' then
    local pending = redis.call('HGET', KEYS[1], value)
    if pending then
      redis.call('HSET', KEYS[1], field, pending)
      redis.call('HDEL', KEYS[1], value)
    end
  else
    redis.call('HDEL', KEYS[1], field)
  end
end
redis.call('HSET', KEYS[1], 'buyer_seq', ARGV[2])
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'head', ARGV[4]) end
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 'done'
";

/// What writing a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Applied {
    /// Written now.
    Done,
    /// The state was past it already.
    Before,
    /// The state has not come so far.
    Gap,
}

/// Redis.
#[derive(Clone)]
pub(super) struct Cache {
    pool: Pool,
    apply: Script,
}

fn key(transaction: &TransactionId) -> String {
    format!("txn:{transaction}")
}

/// A command, or a pipeline of one kind, in its span and with its duration (semantic conventions, "Redis").
/// The driver's futures are large, and would be a part of all that wait for them.
fn command<T>(
    name: &'static str,
    work: impl Future<Output = Result<T, Error>>,
) -> impl Future<Output = Result<T, Error>> {
    metrics::operation("redis", name, Box::pin(work))
}

impl Cache {
    /// Starts connecting; never waits for Redis.
    pub fn connect(redis: &Redis) -> anyhow::Result<Self> {
        let mut config = redis.driver()?;
        config.fail_fast = false;
        let pool = Builder::from_config(config)
            .set_policy(ReconnectPolicy::new_exponential(0, 50, 1_000, 2))
            .with_connection_config(|connection| {
                connection.connection_timeout = Duration::from_secs(1);
                connection.internal_command_timeout = Duration::from_secs(1);
                connection.max_command_attempts = 1;
                connection.tcp.nodelay = Some(true);
                connection.unresponsive = UnresponsiveConfig {
                    max_timeout: Some(Duration::from_secs(1)),
                    interval: Duration::from_millis(250),
                };
            })
            .with_performance_config(|performance| {
                performance.default_command_timeout = Duration::from_millis(500)
            })
            .build_pool(POOL)?;
        pool.connect();
        Ok(Self { pool, apply: Script::from_lua(APPLY) })
    }

    /// A connection that is there. Without one nothing is waited for: the mailbox has the answer.
    fn client(&self) -> Result<fred::clients::WithOptions<fred::clients::Client>, Error> {
        let client = self.pool.next_connected();
        if !client.is_connected() {
            return Err(Error::new(ErrorKind::IO, "no connection to Redis"));
        }
        let options = Options { fail_fast: true, timeout: Some(COMMAND_TIMEOUT), ..Options::default() };
        Ok(client.with_options(&options))
    }

    /// Whether Redis answers.
    pub async fn is_connected(&self) -> bool {
        match self.client() {
            Ok(client) => client.ping::<Value>(None).await.is_ok(),
            Err(_away) => false,
        }
    }

    /// A state; none when there is none.
    pub async fn read(&self, transaction: &TransactionId) -> Result<Option<Cached>, Error> {
        let client = self.client()?;
        let fields: HashMap<String, String> = command("HGETALL", client.hgetall(key(transaction))).await?;
        Ok(Cached::of(fields))
    }

    /// Whole states, in the order asked for, in one round trip.
    pub async fn read_all(&self, transactions: &[&TransactionId]) -> Result<Vec<Option<Cached>>, Error> {
        if transactions.is_empty() {
            return Ok(Vec::new());
        }
        let pipeline = self.client()?.pipeline();
        for transaction in transactions {
            pipeline.hgetall::<(), _>(key(transaction)).await?;
        }
        let found: Vec<HashMap<String, String>> = command("HGETALL", pipeline.all()).await?;
        Ok(found.into_iter().map(Cached::of).collect())
    }

    /// How far a state has come; none when there is none.
    pub async fn buyer_seq(&self, transaction: &TransactionId) -> Result<Option<i64>, Error> {
        command("HGET", self.client()?.hget(key(transaction), BUYER_SEQ)).await
    }

    /// Writes a step over the state that it follows. Without a head, only its place is noted.
    pub async fn apply(
        &self,
        transaction: &TransactionId,
        buyer_seq: i64,
        head: Option<&Head>,
        edits: &[Edit],
    ) -> Result<Applied, Error> {
        let edits = edits.iter().map(|edit| match edit {
            Edit::Set(part, json) => ("set", part.name().to_owned(), json.to_string()),
            Edit::SetPending(part, json) => ("set", pending(*part), json.to_string()),
            Edit::Promote(part) => ("promote", part.name().to_owned(), pending(*part)),
            Edit::DropPending(part) => ("clear", pending(*part), String::new()),
            Edit::Clear(part) => ("clear", part.name().to_owned(), String::new()),
        });
        self.write(transaction, Some(buyer_seq - 1), buyer_seq, head, edits).await
    }

    /// Replaces a state.
    pub async fn replace(&self, transaction: &TransactionId, state: &Cached) -> Result<(), Error> {
        let fields = state.parts.iter().map(|(field, json)| ("set", field.clone(), json.to_string()));
        self.write(transaction, None, state.buyer_seq, state.head.as_ref(), fields).await?;
        Ok(())
    }

    async fn write(
        &self,
        transaction: &TransactionId,
        expected: Option<i64>,
        buyer_seq: i64,
        head: Option<&Head>,
        edits: impl Iterator<Item = (&'static str, String, String)>,
    ) -> Result<Applied, Error> {
        let mut arguments = vec![
            expected.map(|seq| seq.to_string()).unwrap_or_default(),
            buyer_seq.to_string(),
            TRANSACTION_SECONDS.to_string(),
            head.and_then(|head| serde_json::to_string(head).ok()).unwrap_or_default(),
        ];
        for (op, field, value) in edits {
            arguments.extend([op.to_owned(), field, value]);
        }
        let keys = vec![key(transaction)];
        let client = self.client()?;
        let written = self.apply.evalsha_with_reload(&client, keys, arguments);
        let answer: String = command("EVALSHA", written).await?;
        Ok(match answer.as_str() {
            "done" => Applied::Done,
            "before" => Applied::Before,
            _ => Applied::Gap,
        })
    }

    /// Forgets all states.
    pub async fn clear(&self) -> Result<(), Error> {
        let client = self.client()?;
        let members: Vec<String> = command("SMEMBERS", client.smembers(ALL)).await?;
        for some in members.chunks(TRIM_SAMPLE) {
            let keys: Vec<String> = some.iter().map(|member| format!("txn:{member}")).collect();
            let pipeline = client.pipeline();
            for key in keys {
                pipeline.del::<(), _>(key).await?;
            }
            let _: Vec<Value> = command("DEL", pipeline.all()).await?;
        }
        command("DEL", client.del(ALL)).await
    }

    /// Takes a sample of `txn:all` and removes those whose state has lapsed.
    pub async fn trim(&self) -> Result<(), Error> {
        let client = self.client()?;
        let members: Vec<String> = command("SRANDMEMBER", client.srandmember(ALL, Some(TRIM_SAMPLE))).await?;
        if members.is_empty() {
            return Ok(());
        }
        let pipeline = client.pipeline();
        for member in &members {
            pipeline.exists::<(), _>(format!("txn:{member}")).await?;
        }
        let there: Vec<i64> = command("EXISTS", pipeline.all()).await?;
        let lapsed: Vec<String> = members
            .into_iter()
            .zip(there)
            .filter(|(_, there)| *there == 0)
            .map(|(member, _)| member)
            .collect();
        if lapsed.is_empty() { Ok(()) } else { command("SREM", client.srem(ALL, lapsed)).await }
    }

    /// Whether a message is noted.
    #[cfg(feature = "planted-bugs")]
    pub async fn has_note(&self, way: super::Way, message_id: &str, action: &str) -> Result<bool, Error> {
        self.client()?.hexists(format!("msg:{}:{message_id}", way.as_str()), action).await
    }

    /// Notes for observers: a message at `msg:{direction}:{message_id}`, a field per action; a transaction in
    /// `txn:all`.
    pub async fn note(&self, notes: &[Note]) -> Result<(), Error> {
        let mut messages: BTreeMap<String, Vec<(&str, &str)>> = BTreeMap::new();
        let mut transactions = Vec::new();
        for note in notes {
            match note {
                Note::Message { way, message_id, action, at } => {
                    let key = format!("msg:{}:{message_id}", way.as_str());
                    messages.entry(key).or_default().push((action, at));
                }
                Note::Transaction(id) => transactions.push(id.as_str()),
            }
        }
        let pipeline = self.client()?.pipeline();
        for (key, fields) in messages {
            pipeline.hset::<(), _, _>(&key, fields).await?;
            pipeline.expire::<(), _>(&key, MESSAGE_SECONDS, None).await?;
        }
        if !transactions.is_empty() {
            pipeline.sadd::<(), _, _>(ALL, transactions).await?;
        }
        let _: Vec<Value> = command("HSET", pipeline.all()).await?;
        Ok(())
    }
}

impl Cached {
    /// From the fields of a hash; none when it is no state of ours.
    fn of(mut fields: HashMap<String, String>) -> Option<Self> {
        let buyer_seq = fields.remove(BUYER_SEQ)?.parse().ok()?;
        let head = match fields.remove(HEAD) {
            Some(text) => Some(serde_json::from_str(&text).ok()?),
            None => None,
        };
        let parts = fields.into_iter().map(|(field, json)| (field, Text::from(json))).collect();
        Some(Self { buyer_seq, head, parts })
    }
}
