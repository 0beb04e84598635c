use p2p_domain::TimeWindow;
use p2p_proto::{
    catalog::{Item, Listing, Offer, Provider, SearchCatalogResponse},
    common::Money,
};

use super::*;

fn offer(id: &str, item: &str, cents: i32) -> Listing {
    let at = |hour: u32| format!("2026-01-18T{hour:02}:00:00Z").parse().unwrap();
    Listing {
        offer: Some(Offer {
            id: id.into(),
            item_id: item.into(),
            provider_id: item[..1].into(),
            price_per_kwh: Some(Money { currency_code: "USD".into(), units: 0, nanos: cents * 10_000_000 }),
            sellable_wh: 2_500,
            window: Some(TimeWindow::new(at(10), at(14)).unwrap().into()),
            ..Offer::default()
        }),
        cursor: String::new(),
    }
}

fn item(id: &str, source_type: &str) -> Item {
    Item { id: id.into(), provider_id: id[..1].into(), source_type: source_type.into(), ..Item::default() }
}

fn provider(id: &str) -> Provider {
    Provider { id: id.into(), name: format!("Provider {id}"), ..Provider::default() }
}

/// Provider p with the items p1 (offers a at 0.08, b at 0.10) and p2 (c at 0.12), provider q with q1 (d at 0.09).
fn catalog() -> SearchCatalogResponse {
    SearchCatalogResponse {
        listings: vec![offer("a", "p1", 8), offer("d", "q1", 9), offer("b", "p1", 10), offer("c", "p2", 12)],
        items: vec![item("p1", "SOLAR"), item("p2", "WIND"), item("q1", "SOLAR")],
        providers: vec![provider("p"), provider("q")],
        next_cursor: String::new(),
    }
}

fn kept(expression: &str) -> String {
    parse(expression, Document::Seed).unwrap().kept(&catalog()).unwrap().join(" ")
}

#[test]
fn an_offer_is_kept_when_it_or_what_is_above_or_within_it_is_selected() {
    for (expression, expected) in [
        // The root and the lists stand for all below them.
        ("$", "a b c d"),
        ("$.providers", "a b c d"),
        ("$.providers[0].items", "a b c"),
        ("$.providers[0].items[0].offers", "a b"),
        // Providers and items.
        ("$.providers[*]", "a b c d"),
        ("$.providers[?@.id == 'q']", "d"),
        ("$.providers[?@.descriptor.name == 'Provider p']", "a b c"),
        ("$.providers[*].items[?@.itemAttributes.sourceType == 'SOLAR']", "a b d"),
        ("$..items[?@.itemAttributes.sourceType == \"WIND\"]", "c"),
        ("$.providers[?@.items[?@.itemAttributes.sourceType == 'WIND']]", "a b c"),
        // Offers, and what is within them.
        ("$.providers[*].items[*].offers[?@.price.value < 0.1]", "a d"),
        ("$..offers[?@.price.value <= 0.1 && @.maxQuantity >= 2.5]", "a b d"),
        ("$..offers[-1]", "b c d"),
        ("$..price[?@ == 0.12]", "c"),
        ("$..offers[*].price.value", "a b c d"),
        ("$..timeWindow.startTime", "a b c d"),
        ("$..offers[?match(@.id, '[ab]')]", "a b"),
        ("$..offers[?search(@.timeWindow.startTime, 'T10:')]", "a b c d"),
        ("$..offers[?!search(@.id, '^[b-d]$')]", "a"),
        ("$..[?@.id == 'q1', ?@.id == 'a']", "a d"),
        // What is beside them keeps none.
        ("$..descriptor", ""),
        ("$..itemAttributes", ""),
        ("$..offers[?@.price.value < 0.08]", ""),
        ("$.nothing", ""),
        ("  $..offers[0]  ", "a c d"),
    ] {
        assert_eq!(kept(expression), expected, "{expression}");
    }
}

#[test]
fn what_is_no_jsonpath_is_refused_with_its_place() {
    for (expression, sentence) in [
        ("$.providers[", "filter expression, character 12: no JSONPath (RFC 9535): this is not understood"),
        ("$.providers[*", "filter expression, character 14: no JSONPath (RFC 9535): "),
        ("$providers", "filter expression, character 2: no JSONPath (RFC 9535): "),
        ("$.é[?@.x = 1]", "filter expression, character 10: no JSONPath (RFC 9535): "),
        ("$..offers[?length(@.id)]", "filter expression, character 12: no JSONPath (RFC 9535): "),
        ("$..offers[?nonsense(@.id)]", "filter expression, character 12: no JSONPath (RFC 9535): "),
        (" $.providers ]", "filter expression, character 13: no JSONPath (RFC 9535): "),
    ] {
        let said = parse(expression, Document::Seed).unwrap_err().to_string();
        assert!(said.starts_with(sentence), "{expression}: {said}");
    }
}

#[test]
fn what_would_take_long_is_refused_with_its_place() {
    let deep = format!("$[?{}@.x{}]", "(".repeat(16), ")".repeat(16));
    let many = format!("$[?@{}]", "&&@".repeat(20));
    for (expression, sentence) in [
        ("$..*..*..*", "filter expression, character 9: at most 2 segments with .."),
        (
            "$..[?$..x]",
            "filter expression, character 6: a filter looks at @ and below; $ only begins the expression",
        ),
        ("$[*,*,*,*,*][*,*,*,*]", "filter expression, character 21: at most 16 combinations of selectors"),
        ("$[?@[?@[?@.x]]]", "filter expression, character 9: at most 2 filters within one another"),
        (&deep, "filter expression, character 19: at most 16 brackets and parentheses within one another"),
        (&many, "filter expression, character 64: at most 20 paths in filters"),
    ] {
        assert_eq!(parse(expression, Document::Seed).unwrap_err().to_string(), sentence, "{expression}");
    }
    // What stands in quotes asks for nothing.
    assert_eq!(kept(r#"$..offers[?@.id == '$..*..*..*' || @["\"..[$.."] || @.id == 'a']"#), "a");
}

#[test]
fn a_pattern_that_cannot_be_used_is_refused_and_does_not_just_match_nothing() {
    let refused = |expression: &str| {
        parse(expression, Document::Seed).unwrap().kept(&catalog()).unwrap_err().to_string()
    };
    let said =
        "match() and search() take a pattern in quotes that is a small regular expression (RFC 9485): ";
    for (expression, why) in [
        ("$..[?match(@.id, '(a')]", "unclosed group"),
        ("$..[?search(@.id, '((a{100}){100}){100}')]", "Compiled regex exceeds size limit of 65536 bytes."),
        ("$..[?match(@.id, @.item_id)]", "it is not in quotes"),
    ] {
        assert_eq!(refused(expression), format!("{said}{why}"), "{expression}");
    }
    assert_eq!(kept("$..offers[?match(@.id, 'a|b')]"), "a b", "the one before leaves nothing behind");
}

#[test]
fn the_costliest_expressions_end_soon_on_a_full_page() {
    let listings = (0..1_000).map(|n| offer(&format!("o{n}"), &format!("p{n}"), 8)).collect();
    let items = (0..1_000).map(|n| item(&format!("p{n}"), "SOLAR")).collect();
    let providers = vec![provider("p")];
    let page = SearchCatalogResponse { listings, items, providers, ..SearchCatalogResponse::default() };
    let conditions = ["match(@,'(a+)+b')"; 19].join("||");
    for expression in [
        "$..*..*",
        "$[*,*,*,*]..[*,*]..[*,*]",
        "$..[?@..[?@.x]]",
        &format!("$..[?{conditions}]"),
        &format!("$..[?{}]", ["@==@"; 10].join("&&")),
    ] {
        // Ends within the time that a test has; what it keeps does not matter.
        parse(expression, Document::Seed).unwrap().kept(&page).unwrap();
    }
}
