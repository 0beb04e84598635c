//! What must hold of every parser that faces the network, whatever it is given: for cargo-fuzz (`tests/fuzz`) and for
//! the tests of this crate, which make their texts by the same generators.
//!
//! Each function takes bytes, reads them as they are and as a recipe for a text that is nearly right, and panics when
//! something does not hold.

mod write;

use arbitrary::Unstructured;
use chrono::DateTime;
use p2p_proto::catalog::{Item, Listing, Offer, Provider, SearchCatalogResponse};

use crate::{
    bap::callback::{BuyerParts, heard},
    beckn::{
        self, Action, Envelope, ErrorBody, PeerAnswer, Profile, Said, acknowledgement,
        filter::{self, Document, Expression, jsonpath},
        is_address,
        seed::received::{ReceivedCatalog, ReceivedOffer},
    },
    fields::Fields,
    signature::{Dialect, Header},
};

/// Both readings of the bytes.
fn texts(bytes: &[u8], write: impl FnOnce(&mut Unstructured<'_>) -> String) -> Vec<String> {
    let plain = std::str::from_utf8(bytes).ok().map(str::to_owned);
    plain.into_iter().chain([write(&mut Unstructured::new(bytes))]).collect()
}

/// Bodies of actions and callbacks, and answers of peers.
pub fn beckn(bytes: &[u8]) {
    let lts = write::lts(&mut Unstructured::new(bytes));
    for text in texts(bytes, write::message).into_iter().chain([lts]) {
        for action in Action::ALL {
            if let Ok(envelope) = Envelope::read(&text, action.as_str()) {
                accepted(&text, &envelope);
                // Whether it can be read does not matter, only that reading ends.
                let _ = beckn::read(action, &envelope);
                fails(action, &text, &envelope);
            }
            if let Ok(envelope) = Envelope::read(&text, action.callback()) {
                accepted(&text, &envelope);
                callback(action, &envelope);
            }
        }
    }
    PeerAnswer::read(bytes);
}

/// What is taken can be stored, echoed, and read by others.
fn accepted(text: &str, envelope: &Envelope<'_>) {
    assert!(!text.contains('\0'), "PostgreSQL keeps no NUL");
    let whole: serde_json::Value = match serde_json::from_str(text) {
        Ok(whole) => whole,
        // Of a quantity, which is stored as text and refused by a verdict of its own.
        Err(error) if error.to_string().starts_with("number out of range") => return,
        Err(error) => panic!("{error}: {text}"),
    };
    let context = &envelope.context;
    let ack = acknowledgement(context, envelope.raw_context, DateTime::UNIX_EPOCH, None).text;
    let ack: serde_json::Value = serde_json::from_str(&ack).unwrap_or_else(|e| panic!("{e}: {ack}"));
    match context.profile {
        Profile::Seed => {
            assert_eq!(ack["context"], whole["context"]);
            assert_eq!(ack["context"]["message_id"], context.message_id.as_str());
        }
        Profile::Lts => assert_eq!(ack["message"]["messageId"], context.message_id.as_str()),
    }
    assert!(is_address(&envelope.context.bap_uri));
}

/// Whatever was asked, that it failed can be said, in JSON.
fn fails(action: Action, text: &str, envelope: &Envelope<'_>) {
    let context = envelope.context.callback(action, DateTime::UNIX_EPOCH, None);
    let failed = Said::Failed(ErrorBody::new("50001", "it failed"));
    let said = beckn::callback(&context, text, &failed).unwrap_or_else(|e| panic!("{e}: {text}"));
    let said: serde_json::Value = serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}"));
    assert_eq!(said["error"]["message"], "it failed");
}

/// Headers of signatures.
pub fn signature(bytes: &[u8]) {
    for text in texts(bytes, write::signature) {
        if let Ok(header) = Header::parse(&text, Dialect::default()) {
            let written = header.to_string();
            let again =
                Header::parse(&written, Dialect::default()).unwrap_or_else(|e| panic!("{e}: {written}"));
            assert_eq!(again.to_string(), written);
        }
    }
}

fn callback(action: Action, envelope: &Envelope<'_>) {
    let _ = heard(action, envelope, &BuyerParts::default());
    let Some(message) = envelope.message else { return };
    if let Ok(catalog) = serde_json::from_str::<ReceivedCatalog<'_>>(message.get()) {
        let items = catalog.providers.iter().flat_map(|provider| &provider.items);
        for offer in items.flat_map(|item| &item.offers) {
            let _ = serde_json::from_str::<ReceivedOffer>(offer.get());
        }
    }
}

/// Bodies of the seller's API and of the sync.
pub fn fields(bytes: &[u8]) {
    for text in texts(bytes, |u| write::json(u, 0)) {
        let Ok(fields) = serde_json::from_str::<Fields>(&text) else { continue };
        for name in write::NAMES {
            let energy = fields.energy(name).ok().flatten();
            assert!(energy.is_none_or(|energy| energy.wh() >= 0), "{name}: {text}");
            let price = fields.price(name).ok().flatten();
            assert!(price.is_none_or(|price| price.is_sign_positive() && !price.is_zero()), "{name}: {text}");
            let score = fields.score(name).ok().flatten();
            assert!(score.is_none_or(|score| (0.0..=1.0).contains(&score)), "{name}: {text}");
            let address = fields.address(name).ok().flatten();
            assert!(address.is_none_or(|uri| is_address(&uri)), "{name}: {text}");
            let _ = (fields.windows(name), fields.window_to_come(name, DateTime::UNIX_EPOCH));
            let _ = (fields.text(name), fields.word(name), fields.currency(name), fields.count(name));
        }
    }
}

/// The seed's filter language.
pub fn filter(bytes: &[u8]) {
    for text in texts(bytes, write::filter) {
        match filter::parse(&text, Document::Seed) {
            Ok(Expression::Columns(filter)) => {
                assert!(filter.min_available_wh.is_none_or(|least| least >= 0), "{text}");
            }
            Ok(Expression::Path(_)) => assert!(text.trim_start().starts_with('$'), "{text}"),
            Err(error) => placed(&text, &error.to_string()),
        }
    }
}

/// A refusal names a character of the expression, or the one behind its end.
fn placed(text: &str, error: &str) {
    let at = error.strip_prefix("filter expression, character ").and_then(|rest| rest.split(':').next());
    let at: usize = at.and_then(|at| at.parse().ok()).unwrap_or_else(|| panic!("{error}: {text}"));
    assert!((1..=text.chars().count().max(1_000) + 1).contains(&at), "{error}: {text}");
}

/// JSONPath, on a catalog of four offers.
pub fn jsonpath(bytes: &[u8]) {
    let catalog = catalog();
    for text in texts(bytes, write::jsonpath) {
        match jsonpath::parse(&text, Document::Seed) {
            Ok(path) => {
                let kept = path.kept(&catalog).unwrap_or_default();
                let mut all = ["a", "b", "c", "d"].into_iter();
                assert!(kept.iter().all(|id| all.any(|one| one == id)), "{kept:?}: {text}");
            }
            Err(error) => placed(&text, &error.to_string()),
        }
    }
}

/// Where participants say that they are reached.
pub fn address(bytes: &[u8]) {
    for text in texts(bytes, write::address) {
        if is_address(&text) {
            let url = url::Url::parse(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
            assert!(matches!(url.scheme(), "http" | "https") && url.has_host(), "{text}");
            assert!(url.username().is_empty() && url.password().is_none(), "{text}");
        }
    }
}

/// Two providers, three items, and the offers a to d.
fn catalog() -> SearchCatalogResponse {
    let offer = |id: &str, item: &str, cents: i32| Listing {
        offer: Some(Offer {
            id: id.into(),
            item_id: item.into(),
            provider_id: item[..1].into(),
            price_per_kwh: Some(p2p_proto::common::Money {
                currency_code: "USD".into(),
                units: 0,
                nanos: cents * 10_000_000,
            }),
            sellable_wh: 2_500,
            window: Some(p2p_proto::common::TimeWindow {
                start: Some(prost_types::Timestamp { seconds: 1_768_730_400, nanos: 0 }),
                end: Some(prost_types::Timestamp { seconds: 1_768_744_800, nanos: 0 }),
            }),
            ..Offer::default()
        }),
        cursor: String::new(),
    };
    let item = |id: &str| Item {
        id: id.into(),
        provider_id: id[..1].into(),
        source_type: "SOLAR".into(),
        ..Item::default()
    };
    let provider = |id: &str| Provider { id: id.into(), name: id.into(), ..Provider::default() };
    SearchCatalogResponse {
        listings: vec![offer("a", "p1", 8), offer("b", "p1", 10), offer("c", "p2", 12), offer("d", "q1", 9)],
        items: ["p1", "p2", "q1"].map(item).into(),
        providers: ["p", "q"].map(provider).into(),
        next_cursor: String::new(),
    }
}

#[cfg(test)]
mod tests;
