//! The classic Beckn registry: subscriptions by `POST {base}/lookup`.

use serde_json::{Value, json};
use url::Url;

use super::{Question, Said, beneath};
use crate::registry::{record::Record, subscriber::KeyName};

pub fn question(base: &Url, key: &KeyName) -> Question {
    let body = json!({"subscriber_id": key.subscriber, "key_id": key.key_id});
    Question { url: beneath(base, &["lookup"]), body: Some(body.to_string()) }
}

/// Registries may answer with more than was asked for, and do not always repeat what was asked. A subscription that
/// cannot be read is only in the way when it is the one.
pub fn read(key: &KeyName, body: &[u8]) -> Result<Said, String> {
    let listed: Vec<Value> = serde_json::from_slice(body).map_err(|e| e.to_string())?;
    let is = |record: &Value, field: &str, asked: &str| match &record[field] {
        Value::Null => true,
        told => told == asked,
    };
    let of_subscriber: Vec<Value> =
        listed.into_iter().filter(|record| is(record, "subscriber_id", &key.subscriber)).collect();
    if of_subscriber.is_empty() {
        return Ok(Said::NoSubscriber);
    }
    // Of those that could be meant, the one that says so, and of these one that is in force.
    let rank = |record: &Value| {
        let over = ["EXPIRED", "UNSUBSCRIBED", "INVALID_SSL"].iter().any(|over| record["status"] == **over);
        (record["key_id"].is_null(), over)
    };
    let of_key = of_subscriber.into_iter().filter(|record| is(record, "key_id", &key.key_id));
    let Some(record) = of_key.min_by_key(rank) else { return Ok(Said::NoKey) };
    let record: Record = serde_json::from_value(record).map_err(|e| e.to_string())?;
    Ok(Said::Found(Box::new(record.subscriber(key)?), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(body: Value) -> Result<Said, String> {
        read(&KeyName::parse("a.example", "k2").unwrap(), body.to_string().as_bytes())
    }

    #[test]
    fn of_many_subscriptions_the_one_with_the_key_is_taken() {
        let of = |subscriber: &str, key: &str| json!({"subscriber_id": subscriber, "key_id": key, "signing_public_key": key});
        let found =
            said(json!([of("b.example", "k2"), of("a.example", "k1"), of("a.example", "k2")])).unwrap();
        let Said::Found(subscriber, None) = found else { panic!("{found:?}") };
        assert_eq!((subscriber.key_id.as_str(), subscriber.signing_public_key.as_str()), ("k2", "k2"));
        assert_eq!(subscriber.network_memberships, None);
        let in_force = |record: Value| {
            let Ok(Said::Found(subscriber, None)) = said(record) else { panic!("nobody is found") };
            subscriber.signing_public_key
        };
        let mut expired = of("a.example", "k2");
        expired["status"] = "EXPIRED".into();
        expired["signing_public_key"] = "old".into();
        let any_key = json!({"subscriber_id": "a.example", "signing_public_key": "any"});
        assert_eq!(in_force(json!([any_key, expired, of("a.example", "k2")])), "k2");
        assert_eq!(said(json!([of("a.example", "k1")])), Ok(Said::NoKey));
        assert_eq!(said(json!([of("b.example", "k2")])), Ok(Said::NoSubscriber));
        assert_eq!(said(json!([])), Ok(Said::NoSubscriber));
        assert!(said(json!({"error": "?"})).is_err() && said(json!([7])).is_err());
    }
}
