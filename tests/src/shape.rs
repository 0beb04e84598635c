//! Compares JSON documents as a client sees them: nothing missing, no type changed, additions allowed.

use serde_json::Value;

/// What a client that was written for `wanted` would miss in `found`: a line for each place. Objects keep all their
/// fields, values their JSON types, instants their precision; every element of a list looks like the first one
/// wanted, and there is one.
pub fn missing(wanted: &Value, found: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    compare(wanted, found, "$", Depth::Shape, &mut lines);
    lines
}

/// As [`missing`], but values are equal and lists have the same length.
pub fn differing(wanted: &Value, found: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    compare(wanted, found, "$", Depth::Value, &mut lines);
    lines
}

#[derive(Clone, Copy)]
enum Depth {
    Shape,
    Value,
}

fn compare(wanted: &Value, found: &Value, place: &str, depth: Depth, lines: &mut Vec<String>) {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            for (name, wanted) in wanted {
                let place = format!("{place}.{name}");
                match found.get(name) {
                    Some(found) => compare(wanted, found, &place, depth, lines),
                    None => lines.push(format!("{place} is missing; wanted {wanted}")),
                }
            }
        }
        (Value::Array(wanted), Value::Array(found)) => compare_lists(wanted, found, place, depth, lines),
        (wanted, found) => {
            let same = match depth {
                Depth::Shape => form(wanted) == form(found),
                Depth::Value => wanted == found,
            };
            if !same {
                lines.push(format!("{place} is {found}; wanted {} such as {wanted}", form(wanted)));
            }
        }
    }
}

fn compare_lists(wanted: &[Value], found: &[Value], place: &str, depth: Depth, lines: &mut Vec<String>) {
    let (fits, pattern): (bool, &dyn Fn(usize) -> Option<usize>) = match depth {
        Depth::Shape => (wanted.is_empty() || !found.is_empty(), &|_| Some(0)),
        Depth::Value => (wanted.len() == found.len(), &Some),
    };
    if !fits {
        lines.push(format!("{place} has {} elements; wanted {}", found.len(), wanted.len()));
    }
    for (n, found) in found.iter().enumerate() {
        if let Some(wanted) = pattern(n).and_then(|n| wanted.get(n)) {
            compare(wanted, found, &format!("{place}[{n}]"), depth, lines);
        }
    }
}

/// The type of a value; an instant is a type of its own, with or without milliseconds.
fn form(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
        Value::String(text) => {
            let mask: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
            match mask.as_str() {
                "0000-00-00T00:00:00Z" => "an instant in seconds",
                "0000-00-00T00:00:00.000Z" => "an instant in milliseconds",
                _ => "a text",
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn additions_are_allowed() {
        assert!(missing(&json!({"a": [{"b": 1}]}), &json!({"a": [{"b": 2, "c": 3}], "d": null})).is_empty());
        assert!(missing(&json!({"a": []}), &json!({"a": [1]})).is_empty());
    }

    #[test]
    fn what_is_missing_or_of_another_type_is_told_with_its_place() {
        let wanted = json!({"a": [{"b": 1, "at": "2026-11-22T00:00:00.000Z"}], "n": null});
        let found = json!({"a": [{"b": "1", "at": "2026-11-22T00:00:00Z"}, {"b": 1}]});
        let lines = missing(&wanted, &found);
        assert_eq!(lines.len(), 4, "{lines:#?}");
        assert_eq!(
            lines[0],
            r#"$.a[0].at is "2026-11-22T00:00:00Z"; wanted an instant in milliseconds such as "2026-11-22T00:00:00.000Z""#
        );
        assert_eq!(lines[1], r#"$.a[0].b is "1"; wanted a number such as 1"#);
        assert_eq!(lines[2], r#"$.a[1].at is missing; wanted "2026-11-22T00:00:00.000Z""#);
        assert_eq!(lines[3], "$.n is missing; wanted null");
        assert_eq!(missing(&json!([1]), &json!([])), ["$ has 0 elements; wanted 1"]);
    }

    #[test]
    fn values_differ_where_shapes_do_not() {
        assert!(differing(&json!({"a": 1}), &json!({"a": 1, "b": 2})).is_empty());
        assert_eq!(differing(&json!({"a": 1}), &json!({"a": 2})).len(), 1);
        assert_eq!(differing(&json!([1, 2]), &json!([1])), ["$ has 1 elements; wanted 2"]);
    }
}
