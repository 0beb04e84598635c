//! `seed` on Redis.

use fred::prelude::*;
use p2p_migrations::reset::{self, Loopback};
use p2p_runtime::Env;

#[tokio::test]
async fn only_our_keys_are_removed() {
    let url = p2p_testkit::redis().unwrap();
    let client = Builder::from_config(Config::from_url(&url).unwrap()).build().unwrap();
    client.init().await.unwrap();
    for n in 0..1_500 {
        client.set::<(), _, _>(format!("txn:{n}"), "x", None, None, false).await.unwrap();
    }
    client.sadd::<(), _, _>("txn:all", "1").await.unwrap();
    client.hset::<(), _, _>("msg:in:1", ("select", "x")).await.unwrap();
    client.set::<(), _, _>("someone:else", "x", None, None, false).await.unwrap();

    let place = Loopback::of(&Env::of([("REDIS_URL", &url)])).unwrap();
    assert_eq!(reset::cache(&place).await.unwrap(), 1_502);
    assert_eq!(client.dbsize::<u64>().await.unwrap(), 1);
    assert_eq!(reset::cache(&place).await.unwrap(), 0);
}

#[tokio::test]
async fn a_redis_that_is_away_is_an_error_soon() {
    // Port 9 (discard) has no Redis.
    let place = Loopback::of(&Env::of([("REDIS_URL", "redis://127.0.0.1:9")])).unwrap();
    let error = reset::cache(&place).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot connect to Redis");
}
