//! DeDi: one record by `GET {base}/lookup/{subscriber}/subscribers.beckn.one/{key}`.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{Question, Said, beneath};
use crate::registry::{record::Record, subscriber::KeyName};

/// All registries of the Beckn network at once. Fixed in its protocol.
const ALL_REGISTRIES: &str = "subscribers.beckn.one";

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    details: Record,
    #[serde(default)]
    network_memberships: Option<Vec<String>>,
    /// Seconds.
    #[serde(default)]
    ttl: Value,
}

pub fn question(base: &Url, key: &KeyName) -> Question {
    let url = beneath(base, &["lookup", &key.subscriber, ALL_REGISTRIES, &key.key_id]);
    Question { url, body: None }
}

pub fn read(key: &KeyName, body: &[u8]) -> Result<Said, String> {
    let Answer { data } = serde_json::from_slice(body).map_err(|e| e.to_string())?;
    let mut subscriber = data.details.subscriber(key)?;
    // Who is of no network has none listed; DeDi always tells.
    subscriber.network_memberships = Some(data.network_memberships.unwrap_or_default());
    let ttl = data.ttl.as_u64().filter(|seconds| *seconds > 0).map(Duration::from_secs);
    Ok(Said::Found(Box::new(subscriber), ttl))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_part_of_the_path_whatever_is_in_it() {
        let asked = |base: &str, subscriber: &str| {
            let key = KeyName::parse(subscriber, "k 1").unwrap();
            question(&base.parse().unwrap(), &key).url.to_string()
        };
        let all = "subscribers.beckn.one/k%201";
        assert_eq!(
            asked("https://r.example/dedi", "a.example"),
            format!("https://r.example/dedi/lookup/a.example/{all}")
        );
        assert_eq!(
            asked("https://r.example/", "../a/b?c#d%2f"),
            format!("https://r.example/lookup/..%2Fa%2Fb%3Fc%23d%252f/{all}")
        );
    }

    #[test]
    fn how_long_an_answer_holds_is_a_number_of_seconds() {
        let key = KeyName::parse("a.example", "k1").unwrap();
        for (ttl, seconds) in [("60", Some(60)), ("0", None), ("-1", None), ("null", None), ("\"60\"", None)]
        {
            let body = format!(r#"{{"data":{{"details":{{"signing_public_key":"k"}},"ttl":{ttl}}}}}"#);
            let Ok(Said::Found(subscriber, told)) = read(&key, body.as_bytes()) else { panic!("{body}") };
            assert_eq!(told, seconds.map(Duration::from_secs), "{ttl}");
            assert_eq!(subscriber.network_memberships, Some(Vec::new()));
        }
    }
}
