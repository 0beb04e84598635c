//! Keys are made, changed and revoked, and seen by their owners and by the operator alone.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Holder, Locked, ask, done, text, with_key};
use crate::client::{Answer, Client, until};

fn id_of(key: &str) -> &str {
    key.split('_').nth(2).unwrap()
}

/// The secrets of keys do not stand in this answer.
fn without(answer: &Answer, keys: &[&str]) {
    for key in keys {
        let secret = key.rsplit('_').next().unwrap();
        assert!(!answer.text.contains(secret), "{}", answer.text);
    }
    assert!(!answer.text.contains("digest"), "{}", answer.text);
}

fn ids(answer: &Answer) -> Vec<&str> {
    answer.json["keys"].as_array().unwrap().iter().map(|key| key["id"].as_str().unwrap()).collect()
}

/// Waits until a gateway takes a key no more; it has taken it before.
async fn shut(gateway: &Client, key: &str, path: &str) {
    until("a key that is revoked everywhere", async || match with_key(gateway, key).get(path).await {
        answer if answer.status == 401 => Ok(()),
        answer => Err(answer.text),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seller_changes_its_key_without_a_gap_and_the_old_one_opens_nothing_anywhere() {
    let system = Locked::start().await;
    let _second = system.programs.gateway(&system.places[1]).await;
    let elsewhere = system.places[1].client();
    let Holder { client, id, key } = system.seller("Gamma Wind").await;
    let made = ask(&client, Method::POST, "/seller/keys", Some(&json!({"label": "after the summer"}))).await;
    assert_eq!(done(made.clone()).header("cache-control"), "no-store");
    let (new, new_id) = (text(&made, "/api_key"), text(&made, "/key_id"));
    assert_eq!(id_of(&new), new_id);
    for key in [&key, &new] {
        for gateway in [&system.anyone(), &elsewhere] {
            assert_eq!(with_key(gateway, key).get("/seller/items").await.status, 200);
        }
    }
    let listed = client.get("/seller/keys").await;
    without(&listed, &[&key, &new]);
    assert_eq!(ids(&listed), [new_id.as_str(), id_of(&key)]);
    assert_eq!(listed.json["keys"][0]["label"], "after the summer");
    assert_eq!(listed.json["keys"][1]["owner_id"], json!(id));

    let own = with_key(&system.anyone(), &new);
    let path = format!("/seller/keys/{}", id_of(&key));
    assert_eq!(done(ask(&own, Method::DELETE, &path, None).await).json["revoked"], id_of(&key));
    // At once where it was revoked, and soon elsewhere.
    assert_eq!(client.get("/seller/items").await.status, 401);
    shut(&elsewhere, &key, "/seller/items").await;
    for gateway in [&system.anyone(), &elsewhere] {
        assert_eq!(with_key(gateway, &new).get("/seller/items").await.status, 200);
    }
    let listed = own.get("/seller/keys").await;
    assert_eq!(listed.json["keys"][1]["revoked_at"].is_string(), true, "{}", listed.text);
    assert_eq!(listed.json["keys"][0].get("revoked_at"), None);
    // Revoking it again answers the same.
    assert_eq!(done(ask(&own, Method::DELETE, &path, None).await).json["revoked"], id_of(&key));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operator_makes_and_revokes_everybodys_keys() {
    let system = Locked::start().await;
    let operator = system.operator();
    let (buyer, seller) = (system.buyer("Mill").await, system.seller("Gamma Wind").await);
    for (holder, kind, path) in
        [(&buyer, "client", "/api/transactions"), (&seller, "provider", "/seller/items")]
    {
        let keys = format!("/operator/{kind}s/{}/keys", holder.id);
        let made = done(ask(&operator, Method::POST, &keys, Some(&json!({"label": "second"}))).await);
        assert_eq!(made.header("cache-control"), "no-store");
        let second = text(&made, "/key");
        assert_eq!(with_key(&system.anyone(), &second).get(path).await.status, 200);
        let listed = operator.get(&format!("/operator/keys?kind={kind}&owner_id={}", holder.id)).await;
        without(&listed, &[&holder.key, &second]);
        assert_eq!(ids(&listed), [id_of(&second), id_of(&holder.key)]);
        let revoke = format!("/operator/keys/{}", id_of(&holder.key));
        done(ask(&operator, Method::DELETE, &revoke, None).await);
        assert_eq!(holder.client.get(path).await.status, 401);
        assert_eq!(with_key(&system.anyone(), &second).get(path).await.status, 200);
    }
    // In pages, newest first, of both kinds.
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = operator.get(&format!("/operator/keys?limit=3&cursor={cursor}")).await;
        all.extend(ids(&page).into_iter().map(str::to_owned));
        match page.json.get("next_cursor").and_then(Value::as_str) {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(all.len(), 4, "{all:?}");
    refused(&operator).await;
    // An owner has so many keys and no more.
    let keys = format!("/operator/clients/{}/keys", buyer.id);
    for _ in 1..20 {
        done(ask(&operator, Method::POST, &keys, None).await);
    }
    let full = ask(&operator, Method::POST, &keys, None).await;
    assert_eq!(full.status, 409, "{}", full.text);
}

/// What the operator cannot do either.
async fn refused(operator: &Client) {
    for (method, path, body, status, says) in [
        (Method::POST, "/operator/clients", "{}", 400, "Client name is required"),
        (Method::POST, "/operator/clients", r#"{"name":7}"#, 400, "name must"),
        (Method::POST, "/operator/clients/nobody/keys", "{}", 404, "Client not found"),
        (Method::POST, "/operator/clients/%00/keys", "{}", 404, "Client not found"),
        (Method::POST, "/operator/clients/%ff/keys", "{}", 404, "Client not found"),
        (Method::POST, "/operator/providers/nobody/keys", "{}", 404, "Provider not found"),
        (Method::DELETE, "/operator/keys/0123456789abcdef", "", 404, "Key not found"),
        (Method::DELETE, "/operator/keys/none", "", 404, "Key not found"),
        (Method::GET, "/operator/keys?kind=king", "", 400, "kind must be provider or client"),
        (Method::GET, "/operator/keys?cursor=x", "", 400, "cursor"),
        (Method::GET, "/operator/keys?limit=0", "", 400, "limit must"),
        (Method::GET, "/operator/keys?owner_id=%00", "", 400, "NUL"),
        (Method::GET, "/operator/dead-letters?cursor=x", "", 400, "cursor"),
        (Method::GET, "/operator/dead-letters?action=%00", "", 400, "NUL"),
        (Method::POST, "/operator/dead-letters/none/redrive", "", 404, "not found"),
        (Method::POST, "/operator/dead-letters/%ff/redrive", "", 404, "not found"),
        (
            Method::POST,
            "/operator/dead-letters/00000000-0000-4000-8000-000000000000/redrive",
            "",
            404,
            "not found",
        ),
    ] {
        let body = Some(body.as_bytes().to_vec()).filter(|body| !body.is_empty());
        let answer = operator.send(method.clone(), &format!("{}{path}", operator.bap), body).await;
        let right = answer.status == status && answer.error().contains(says);
        assert!(right, "{method} {path}: {} {}", answer.status, answer.text);
    }
    let none = operator.get("/operator/dead-letters").await;
    assert_eq!(none.json, json!({"letters": []}));
}
