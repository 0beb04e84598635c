//! What is written validates against Beckn's specification, and what the network writes is understood.

use std::{collections::BTreeMap, fs};

use p2p_domain::{Energy, ProviderId};
use p2p_proto::{
    catalog::{Item, Listing, Offer, Provider, SearchCatalogResponse},
    common::{Money, TimeWindow},
    order::{self as proto, OrderStatus},
};
use p2p_testkit::Specification;
use serde_json::{Value, json, value::RawValue};

use super::published::Outcome;
use crate::beckn::{
    Action, Asked, Envelope, ErrorBody, Ordered, Said, Selection, Told, Wanted, callback, read, request, told,
};

/// None, and says so, where the specification is not at hand.
fn specification() -> Option<Specification> {
    let found = Specification::open();
    if found.is_none() {
        println!("skipped: SPEC_DIR is not set");
    }
    found
}

fn body(specification: &Specification, name: &str) -> String {
    fs::read_to_string(specification.folder().join("lts").join(name)).unwrap()
}

fn at(text: &str) -> prost_types::Timestamp {
    p2p_proto::timestamp(text.parse().unwrap())
}

fn window(start: &str, end: &str) -> Option<TimeWindow> {
    Some(TimeWindow { start: Some(at(start)), end: Some(at(end)) })
}

fn money(units: i64, nanos: i32) -> Option<Money> {
    Some(Money { currency_code: "INR".into(), units, nanos })
}

fn line(offer: &str, wh: i64, price: Option<Money>, cost: Option<Money>, hour: u32) -> proto::OrderLine {
    proto::OrderLine {
        item_id: "res-solar-1".into(),
        offer_id: offer.into(),
        provider_id: "sellerapp.example.com".into(),
        quantity_wh: wh,
        price_per_kwh: price,
        price: cost,
        window: window(
            &format!("2026-11-23T{hour:02}:30:00Z"),
            &format!("2026-11-23T{:02}:30:00Z", hour + 1),
        ),
    }
}

/// 20.5 kWh of the first interval and 15.5 kWh of the second.
fn quote() -> proto::Quote {
    proto::Quote {
        provider_id: "sellerapp.example.com".into(),
        provider_name: "Seller".into(),
        lines: vec![
            line("offer-1#0", 20_500, money(12, 500_000_000), money(256, 250_000_000), 4),
            line("offer-1#1", 15_500, money(14, 500_000_000), money(224, 750_000_000), 5),
        ],
        total_wh: 36_000,
        total: money(481, 0),
    }
}

fn order(status: OrderStatus) -> Box<proto::Order> {
    Box::new(proto::Order {
        id: "0b8f6a52-6c1d-5e0a-8f0e-6f5a1c2d3e4f".into(),
        status: status.into(),
        quote: Some(quote()),
        created_at: Some(at("2026-11-22T06:00:00Z")),
        updated_at: Some(at("2026-11-22T06:00:00Z")),
        ..proto::Order::default()
    })
}

fn found() -> SearchCatalogResponse {
    let offer = Offer {
        id: "offer-2".into(),
        item_id: "item-2".into(),
        provider_id: "provider-2".into(),
        price_per_kwh: money(3, 0),
        sellable_wh: 7_000,
        window: window("2026-11-23T10:00:00Z", "2026-11-23T14:00:00Z"),
        ..Offer::default()
    };
    SearchCatalogResponse {
        listings: vec![Listing { offer: Some(offer), cursor: String::new() }],
        items: vec![Item { id: "item-2".into(), source_type: "SOLAR".into(), ..Item::default() }],
        providers: vec![Provider { id: "provider-2".into(), name: "Two".into(), ..Provider::default() }],
        next_cursor: String::new(),
    }
}

#[test]
fn every_callback_to_what_the_network_sends_is_valid() {
    let Some(specification) = specification() else { return };
    let available = BTreeMap::from([("offer-1#0".to_owned(), Energy::from_wh(30_500).unwrap())]);
    let failed = || Said::Failed(ErrorBody::new("40901", "less is left"));
    let statuses =
        [OrderStatus::Pending, OrderStatus::Active, OrderStatus::Completed, OrderStatus::Cancelled]
            .map(order);
    let [pending, active, completed, cancelled] = statuses;
    let outcome = |faults: &[&str]| Outcome {
        catalog_id: "catalog-1".into(),
        accepted: 2,
        faults: faults.iter().copied().collect(),
    };
    for (name, action, said) in [
        ("discover.json", Action::Discover, Said::Found(Box::new(found()))),
        ("discover.json", Action::Discover, failed()),
        ("select.json", Action::Select, Said::Quoted(Box::new(quote()), available)),
        ("select.json", Action::Select, failed()),
        ("init.json", Action::Init, Said::Order(pending)),
        ("init.json", Action::Init, failed()),
        ("confirm.json", Action::Confirm, Said::Order(active.clone())),
        ("confirm.json", Action::Confirm, failed()),
        ("status.json", Action::Status, Said::Status(completed)),
        ("status.json", Action::Status, Said::Status(active)),
        ("cancel.json", Action::Cancel, Said::Order(cancelled)),
        ("cancel.json", Action::Cancel, failed()),
        ("catalog_publish.json", Action::Publish, Said::Published(vec![outcome(&[]), outcome(&["no"])])),
    ] {
        let text = body(&specification, name);
        let envelope = Envelope::read(&text, action.as_str()).unwrap();
        let context = envelope.context.callback(action, envelope.context.timestamp, None);
        let written = callback(&context, &text, &said).unwrap();
        let path = format!("/{}", action.callback());
        specification.check_request(&path, &written).unwrap_or_else(|why| panic!("{why}\n{written}"));
        let json: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(json["error"].is_null(), !matches!(said, Said::Failed(_)), "{written}");
        if let Some(contract) = json["message"].get("contract") {
            let commitment = &contract["commitments"][0];
            assert_eq!(commitment["id"], "commitment-1");
            let quantity = &commitment["resources"][0]["quantity"];
            assert_eq!(quantity["unitQuantity"].as_f64(), Some(36.0), "{written}");
            assert_eq!(contract["participants"].as_array().unwrap().len(), 4, "{written}");
            let second = &commitment["commitmentAttributes"]["intervals"][1]["payloads"];
            let requested = second.as_array().unwrap().iter().find(|p| p["type"] == "REQUESTED_QTY").unwrap();
            assert_eq!(requested["values"], json!([15.5]), "{written}");
        }
    }
}

/// What a callback tells the buyer's state.
fn heard(action: Action, text: &str, criteria: Option<&str>) -> Value {
    let envelope = Envelope::read(text, action.callback()).unwrap();
    match told(action, &envelope, criteria).unwrap() {
        Told::Catalog(text) => serde_json::from_str(&text).unwrap(),
        Told::Quote(Some(order)) | Told::Order(order) => serde_json::from_str(&order.text).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_catalog_of_the_network_is_one_of_the_seed_with_an_offer_for_each_interval() {
    let Some(specification) = specification() else { return };
    let text = body(&specification, "on_discover.json");
    let catalog = heard(Action::Discover, &text, None);
    let item = &catalog["providers"][0]["items"][0];
    assert_eq!(item["itemAttributes"]["meterId"], "TEST_METER_SELLER_001");
    let [first, second] = item["offers"].as_array().unwrap().as_slice() else { panic!("{item}") };
    assert_eq!((&first["id"], &second["id"]), (&json!("offer-1#0"), &json!("offer-1#1")));
    assert_eq!(second["price"], json!({"value": 14.5, "currency": "INR"}));
    assert_eq!(second["maxQuantity"], 25.5);
    assert_eq!(second["timeWindow"]["startTime"], "2026-11-23T05:30:00.000Z");
    assert_eq!(second["bpp_uri"], "https://sellerapp.example.com/bpp/receiver");
    assert_eq!(second["profile"], "lts");
    let of = |criteria: &str| {
        heard(Action::Discover, &text, Some(criteria))["providers"].as_array().unwrap().len()
    };
    assert_eq!(of(r#"{"sourceType":"solar","minQuantity":30}"#), 1);
    for none in [
        r#"{"sourceType":"WIND"}"#,
        r#"{"minQuantity":31}"#,
        r#"{"timeWindow":{"startTime":"2026-11-24T00:00:00Z","endTime":"2026-11-25T00:00:00Z"}}"#,
    ] {
        assert_eq!(of(none), 0, "{none}");
    }
}

#[test]
fn every_request_of_our_buyers_side_is_valid() {
    let Some(specification) = specification() else { return };
    let catalog = heard(Action::Discover, &body(&specification, "on_discover.json"), None);
    let raw = |value: &Value| RawValue::from_string(value.to_string()).unwrap();
    let offer = &catalog["providers"][0]["items"][0]["offers"][1];
    let selection = || Selection {
        offer: raw(offer),
        offer_id: "offer-1#1".into(),
        item_id: "res-solar-1".into(),
        provider_id: ProviderId::parse("sellerapp.example.com").unwrap(),
        quantity: Energy::from_wh(12_000).unwrap(),
    };
    let order = heard(Action::Init, &body(&specification, "on_init.json"), None);
    assert_eq!(order["quote"], json!({"price": {"value": 481, "currency": "INR"}, "totalQuantity": 36}));
    assert_eq!(order["items"][1]["offer_id"], "offer-1#1");
    let ordered = || Ordered { order_id: order["id"].as_str().unwrap().into(), order: Some(raw(&order)) };
    let like = body(&specification, "select.json");
    let envelope = Envelope::read(&like, "select").unwrap();
    for (action, wanted) in [
        (Action::Select, Wanted::Select(selection())),
        (Action::Init, Wanted::Init(selection())),
        (Action::Confirm, Wanted::Confirm(ordered())),
        (Action::Status, Wanted::Status(ordered())),
        (Action::Cancel, Wanted::Cancel(ordered(), None)),
    ] {
        let mut context = envelope.context.clone();
        context.action = action.as_str().into();
        let written = request(&context, &wanted).unwrap();
        let path = format!("/{action}");
        specification.check_request(&path, &written).unwrap_or_else(|why| panic!("{why}\n{written}"));
        let json: Value = serde_json::from_str(&written).unwrap();
        let contract = &json["message"]["contract"];
        if action == Action::Init {
            let series = &contract["commitments"][0]["commitmentAttributes"];
            assert_eq!(series["intervals"][0]["id"], 1, "{written}");
            assert_eq!(series["intervalPeriod"]["start"], "2026-11-23T04:30:00.000Z", "{written}");
            assert_eq!(contract["commitments"][0]["offer"]["id"], "offer-1");
            let roles = contract["contractAttributes"]["roles"].as_array().unwrap();
            assert_eq!((roles.len(), &roles[0]["participantId"]), (4, &json!("buyerapp.example.com")));
        }
        // The seller's side understands it.
        let envelope = Envelope::read(&written, action.as_str()).unwrap();
        read(action, &envelope).unwrap().unwrap();
    }
    // An order that was made elsewhere has no contract here.
    let unknown = Wanted::Confirm(Ordered { order_id: "x".into(), order: None });
    assert!(request(&envelope.context, &unknown).is_err());
}

fn asked(text: &str) -> Result<Asked, String> {
    let envelope = Envelope::read(text, "select").map_err(|invalid| invalid.why().to_owned())?;
    let asked = read(Action::Select, &envelope).map_err(|invalid| invalid.why().to_owned())?;
    asked.map_err(|refused| refused.message)
}

#[test]
fn a_select_is_read_leniently_and_never_otherwise_than_it_is_meant() {
    let Some(specification) = specification() else { return };
    let select: Value = serde_json::from_str(&body(&specification, "select.json")).unwrap();
    let changed = |change: fn(&mut Value)| {
        let mut select = select.clone();
        change(&mut select["message"]["contract"]);
        asked(&select.to_string())
    };
    for lenient in [
        |contract: &mut Value| contract["id"] = "contract-1".into(),
        |contract: &mut Value| contract["@type"] = "P2PTrade".into(),
        |contract: &mut Value| contract["consideration"] = json!([{"id": "c"}]),
        |contract: &mut Value| drop(contract.as_object_mut().unwrap().remove("status")),
        |contract: &mut Value| contract["participants"] = json!([7, {"id": "p"}]),
    ] {
        let Ok(Asked::Select(lines)) = changed(lenient) else { panic!("{select}") };
        assert_eq!((lines.len(), lines[0].quantity.wh(), lines[0].parts.len()), (1, 36_000, 2));
        assert_eq!(lines[0].parts[1].offer_id, "offer-1#1");
    }
    let commitment = |contract: &mut Value| contract["commitments"][0].take();
    assert!(changed(|contract| contract["commitments"] = json!([])).unwrap_err().contains("at least one"));
    for (change, why) in [
        (
            (|c| c["resources"][0]["quantity"]["unitQuantity"] = 30.into()) as fn(&mut Value),
            "unitQuantity says 30 kWh, but REQUESTED_QTY is 36 kWh",
        ),
        (|c| c["resources"][0]["quantity"]["unitCode"] = "MWH".into(), "unitCode must be KWH"),
        (|c| drop(c.as_object_mut().unwrap().remove("offer")), "offer.id is required"),
        (|c| c["resources"] = json!([]), "resources must be one"),
        (
            |c| {
                c["commitmentAttributes"]["intervals"] = json!([]);
                c["resources"][0].as_object_mut().unwrap().remove("quantity");
            },
            "REQUESTED_QTY of an interval, or quantity.unitQuantity, is required",
        ),
    ] {
        let mut select = select.clone();
        let mut changed = commitment(&mut select["message"]["contract"]);
        change(&mut changed);
        select["message"]["contract"]["commitments"] = json!([changed]);
        let said = asked(&select.to_string()).unwrap_err();
        assert!(said.contains(why), "{said}");
    }
}
