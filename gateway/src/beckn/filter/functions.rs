//! `match()` and `search()` of RFC 9535, in place of the library's own, which compile their pattern anew for each
//! node, whatever it costs. Here the pattern stands in the expression, is small, and is compiled once.

use std::cell::RefCell;

use regex::{Regex, RegexBuilder};
use serde_json::Value;
use serde_json_path::functions::{LogicalType, ValueType};

/// Largest compiled pattern, bytes: some hundred characters, or a short one that repeats a little.
const MOST_BYTES: usize = 64 * 1024;
/// How many patterns an expression can have that are worth keeping.
const MOST_PATTERNS: usize = 8;

/// A pattern that was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("match() and search() take a pattern in quotes that is a small regular expression (RFC 9485): {0}")]
pub struct PatternError(String);

thread_local! {
    static KNOWN: RefCell<Known> = const { RefCell::new(Known { patterns: Vec::new(), refused: None }) };
}

/// What this thread has compiled while it evaluated one expression.
struct Known {
    patterns: Vec<(String, Option<Regex>)>,
    refused: Option<PatternError>,
}

/// Evaluates something and says whether it met a pattern that cannot be used. (By RFC 9535 such a pattern matches
/// nothing, which would look like an answer.)
///
/// # Errors
/// Says which pattern and why.
pub fn with_patterns<T>(evaluate: impl FnOnce() -> T) -> Result<T, PatternError> {
    KNOWN.with_borrow_mut(|known| *known = Known { patterns: Vec::new(), refused: None });
    let evaluated = evaluate();
    KNOWN.with_borrow_mut(|known| {
        known.patterns.clear();
        known.refused.take().map_or(Ok(evaluated), Err)
    })
}

#[serde_json_path::function(name = "match")]
fn whole(text: ValueType<'_>, pattern: ValueType<'_>) -> LogicalType {
    is_match(&text, &pattern, |pattern| format!("(?R)^(?:{pattern})$"))
}

#[serde_json_path::function(name = "search")]
fn part(text: ValueType<'_>, pattern: ValueType<'_>) -> LogicalType {
    is_match(&text, &pattern, |pattern| format!("(?R)(?:{pattern})"))
}

fn is_match(text: &ValueType<'_>, pattern: &ValueType<'_>, complete: fn(&str) -> String) -> LogicalType {
    // A node's text is the seller's, not the one's who asks.
    let ValueType::Value(Value::String(pattern)) = pattern else {
        KNOWN.with_borrow_mut(|known| known.refuse("it is not in quotes"));
        return LogicalType::False;
    };
    let Some(Value::String(text)) = text.as_value() else { return LogicalType::False };
    KNOWN.with_borrow_mut(|known| known.is_match(text, complete(pattern))).into()
}

impl Known {
    fn is_match(&mut self, text: &str, pattern: String) -> bool {
        if let Some((_, compiled)) = self.patterns.iter().find(|(known, _)| *known == pattern) {
            return compiled.as_ref().is_some_and(|compiled| compiled.is_match(text));
        }
        if self.patterns.len() == MOST_PATTERNS {
            self.refuse("there are too many of them");
            return false;
        }
        let compiled = RegexBuilder::new(&pattern).size_limit(MOST_BYTES).build();
        let compiled = compiled.map_err(|error| self.refuse(&last_line(&error))).ok();
        let matches = compiled.as_ref().is_some_and(|compiled| compiled.is_match(text));
        self.patterns.push((pattern, compiled));
        matches
    }

    fn refuse(&mut self, why: &str) {
        self.refused.get_or_insert_with(|| PatternError(why.to_owned()));
    }
}

/// The others show the pattern.
fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}
