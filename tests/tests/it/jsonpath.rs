//! Discover with a JSONPath (RFC 9535): what it keeps of the catalog, page by page, and what is refused.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    beckn::Message,
    client::{ALPHA, Answer, BETA, tomorrow, window},
    receiver::Receiver,
    system::System,
};

/// Somebody else who discovers at our CDS.
struct Buyer {
    system: System,
    receiver: Receiver,
}

impl Buyer {
    async fn start() -> Self {
        Self { system: System::start().await, receiver: Receiver::start().await }
    }

    /// Offers of Alpha's item, from `first` on so many: each a tenth of a cent dearer than the one before.
    async fn with_offers(first: usize, count: usize) -> Self {
        let buyer = Self::start().await;
        let offers = format!(
            "INSERT INTO catalog.catalog_offers
                 (id, item_id, provider_id, source_type, price_value, currency, block_qty, max_qty, available_qty,
                  time_window_start, time_window_end, pricing_model, settlement_type)
             SELECT 'o' || n, 'item-solar-001', 'provider-solar-alpha', 'SOLAR', 0.2 + n * 0.001, 'USD', 1, 10, 10,
                    '{}', '{}', 'PER_KWH', 'DAILY'
             FROM generate_series({first}, {}) n",
            tomorrow(20),
            tomorrow(22),
            first + count - 1,
        );
        buyer.system.tables.change(&offers).await;
        buyer
    }

    async fn asks(&self, message: Value) -> Answer {
        let discover = Message::new(&self.system, "discover", "t-1", message).elsewhere(&self.receiver.uri);
        let url = format!("{}/discover", self.system.cds);
        self.system.send(Method::POST, &url, Some(discover.text().into())).await
    }

    /// The catalog that on_discover brings.
    async fn finds(&self, message: Value) -> Value {
        let before = self.receiver.arrived().len();
        self.asks(message).await.acknowledged();
        let arrived = self.receiver.has(before + 1).await;
        let mut callback: Value = serde_json::from_str(&arrived[before].body).unwrap();
        assert_eq!(callback["context"]["action"], "on_discover");
        callback["message"]["catalog"].take()
    }
}

fn by_path(expression: &str) -> Value {
    json!({"filters": {"type": "jsonpath", "expression": expression}})
}

/// The offers' ids, in the order of the catalog.
fn ids(catalog: &Value) -> Vec<&str> {
    let providers = catalog["providers"].as_array().unwrap().iter();
    let items = providers.flat_map(|provider| provider["items"].as_array().unwrap());
    let offers = items.flat_map(|item| item["offers"].as_array().unwrap());
    offers.map(|offer| offer["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_path_keeps_what_it_selects_and_writes_it_as_ever() {
    let buyer = Buyer::start().await;
    let all = buyer.finds(json!({})).await;
    assert_eq!(ids(&all), [BETA, ALPHA]);
    for (expression, kept) in [
        ("$", &[BETA, ALPHA][..]),
        ("$.providers[*].items[*].offers[?@.price.value < 0.1]", &[BETA]),
        ("$..offers[?@.price.value == 0.1 && @.maxQuantity == 50]", &[ALPHA]),
        ("$.providers[?search(@.descriptor.name, 'Solar')]", &[ALPHA]),
        ("$..items[?@.itemAttributes.sourceType == 'SOLAR']", &[BETA, ALPHA]),
        ("$..offers[?@.price.value > 1]", &[]),
    ] {
        let catalog = buyer.finds(by_path(expression)).await;
        assert_eq!(ids(&catalog), kept, "{expression}");
        assert_eq!(catalog.get("next_cursor"), None);
    }
    let beta = buyer.finds(by_path("$..offers[0]")).await;
    assert_eq!(beta["providers"][0], all["providers"][0], "to the last digit");
}

#[tokio::test]
async fn the_window_of_the_intent_narrows_what_a_path_looks_at() {
    let buyer = Buyer::with_offers(1, 1).await;
    let during = |window: Value| {
        let mut message = by_path("$..offers[?@.price.value >= 0.1]");
        message["intent"] = json!({"fulfillment": {"time": window}});
        message
    };
    assert_eq!(ids(&buyer.finds(during(window())).await), [ALPHA]);
    let evening = json!({"startTime": tomorrow(20), "endTime": tomorrow(21)});
    assert_eq!(ids(&buyer.finds(during(evening)).await), ["o1"]);
}

#[tokio::test]
async fn an_answer_that_is_full_goes_on_behind_its_last_offer() {
    // 1,500 offers: two pages of what is looked at; every tenth is kept, so 150.
    let buyer = Buyer::with_offers(1, 1_500).await;
    let mut message = by_path("$..offers[?match(@.id, 'o.*0')]");
    let expected: Vec<String> = (1..=150).map(|n| format!("o{}", n * 10)).collect();
    let first = buyer.finds(message.clone()).await;
    assert_eq!(ids(&first), expected[..100]);
    message["cursor"] = first["next_cursor"].clone();
    let second = buyer.finds(message).await;
    assert_eq!(ids(&second), expected[100..]);
    assert_eq!(second.get("next_cursor"), None);
}

#[tokio::test]
async fn no_more_than_ten_thousand_offers_are_looked_at() {
    let buyer = Buyer::with_offers(1, 10_050).await;
    let message = by_path("$..offers[?@.id == 'nobody']");
    let answer = buyer.asks(message.clone()).await;
    let sentence = "the expression keeps too few of the first 10000 offers to fill an answer, and no more are looked \
                    at: say when the energy is wanted (intent.fulfillment.time), or use sourceType='...' && \
                    availableQuantity>=...";
    assert_eq!(answer.refused(), ("40001", sentence));
    // From further on there are fewer.
    let mut further = message;
    further["cursor"] = buyer.finds(json!({})).await["next_cursor"].take();
    assert_eq!(ids(&buyer.finds(further).await), [""; 0]);
}

#[tokio::test]
async fn a_path_that_cannot_be_followed_is_refused_with_its_place() {
    let buyer = Buyer::start().await;
    for (expression, sentence) in [
        (
            "$.providers[?@.id = 1]",
            "filter expression, character 19: no JSONPath (RFC 9535): in long-hand segment, expected closing ']'",
        ),
        ("$..*..*..*", "filter expression, character 9: at most 2 segments with .."),
        (
            "$..[?match(@.id, '((a{100}){100}){100}')]",
            "match() and search() take a pattern in quotes that is a small regular expression (RFC 9485): \
             Compiled regex exceeds size limit of 65536 bytes.",
        ),
    ] {
        assert_eq!(buyer.asks(by_path(expression)).await.refused(), ("40001", sentence));
    }
    assert_eq!(buyer.receiver.bodies(), [""; 0], "a NACK has no callback");
}
