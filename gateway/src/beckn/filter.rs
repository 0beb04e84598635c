//! What a filter says: in the language of the seed, `sourceType='SOLAR' && availableQuantity>=20` or `*` for
//! everything, or as a JSONPath (RFC 9535), which begins with `$`.

mod functions;
pub mod jsonpath;

use p2p_domain::Energy;
use p2p_proto::catalog::Filter;
use rust_decimal::Decimal;

pub use self::jsonpath::Document;
use self::jsonpath::Path;

/// Longest expression.
const MOST_BYTES: usize = 1_000;
const WATT_HOUR: i64 = 1;

/// An expression that was understood.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// The seed's language: decided by columns.
    Columns(Filter),
    /// Decided by what the catalog would show.
    Path(Path),
}

/// An expression that is none of these languages, with the place (characters, from 1) where it stops being one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("filter expression, character {at}: {why}")]
pub struct FilterError {
    at: usize,
    why: String,
}

/// Reads an expression.
///
/// # Errors
/// Says where and why it cannot be read.
pub fn parse(expression: &str, document: Document) -> Result<Expression, FilterError> {
    if expression.len() > MOST_BYTES {
        return Err(FilterError { at: MOST_BYTES, why: format!("longer than {MOST_BYTES} bytes") });
    }
    if expression.trim_start().starts_with('$') {
        return jsonpath::parse(expression, document).map(Expression::Path);
    }
    columns(expression).map(Expression::Columns)
}

fn columns(expression: &str) -> Result<Filter, FilterError> {
    let mut parser = Parser { text: expression, at: 0 };
    parser.skip_space();
    if parser.rest().is_empty() || parser.rest().trim_end() == "*" {
        return Ok(Filter::default());
    }
    let mut filter = Filter::default();
    loop {
        parser.comparison(&mut filter)?;
        parser.skip_space();
        if parser.rest().is_empty() {
            return Ok(filter);
        }
        if !parser.take("&&") {
            return Err(parser.error("expected && or the end"));
        }
    }
}

impl FilterError {
    /// At the character behind what was understood.
    fn behind(understood: &str, why: impl Into<String>) -> Self {
        Self { at: understood.chars().count() + 1, why: why.into() }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn error(&self, why: impl Into<String>) -> FilterError {
        FilterError::behind(&self.text[..self.at], why)
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn word(&mut self) -> &'a str {
        self.skip_space();
        let rest = self.rest();
        let end =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_.+-".contains(c))).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn comparison(&mut self, filter: &mut Filter) -> Result<(), FilterError> {
        self.skip_space();
        let start = self.at;
        match self.word() {
            "sourceType" => {
                self.equals()?;
                filter.source_type = Some(self.text_value()?.to_uppercase());
            }
            // Carried, never filtered on.
            "deliveryMode" => {
                self.equals()?;
                self.text_value()?;
            }
            "availableQuantity" => {
                let strictly = self.at_least()?;
                let least = self.energy()?.wh() + if strictly { WATT_HOUR } else { 0 };
                filter.min_available_wh =
                    Some(filter.min_available_wh.map_or(least, |before| before.max(least)));
            }
            _ => {
                self.at = start;
                return Err(self.error("expected sourceType, deliveryMode or availableQuantity"));
            }
        }
        Ok(())
    }

    fn equals(&mut self) -> Result<(), FilterError> {
        if self.take("==") || self.take("=") { Ok(()) } else { Err(self.error("expected =")) }
    }

    /// Whether the bound itself is left out.
    fn at_least(&mut self) -> Result<bool, FilterError> {
        if self.take(">=") {
            return Ok(false);
        }
        if self.take(">") { Ok(true) } else { Err(self.error("expected >= or >")) }
    }

    fn text_value(&mut self) -> Result<&'a str, FilterError> {
        self.skip_space();
        let quote = self.rest().chars().next().filter(|c| matches!(c, '\'' | '"'));
        let quote = quote.ok_or_else(|| self.error("expected a text in quotes"))?;
        let inside = &self.rest()[1..];
        let end = inside.find(quote).ok_or_else(|| self.error("the text has no end"))?;
        self.at += end + 2;
        Ok(&inside[..end])
    }

    fn energy(&mut self) -> Result<Energy, FilterError> {
        self.skip_space();
        let start = self.at;
        let number = self.word().parse::<Decimal>().ok();
        number.and_then(|kwh| Energy::from_kwh(kwh).ok()).ok_or_else(|| {
            self.at = start;
            self.error("expected a number of kWh from 0 to 1000000000")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_s_expressions_are_understood() {
        let filter = columns("sourceType='SOLAR' && availableQuantity>=20").unwrap();
        assert_eq!((filter.source_type.as_deref(), filter.min_available_wh), (Some("SOLAR"), Some(20_000)));
        let filter =
            columns(r#" availableQuantity > 1.5&&sourceType == "wind" && deliveryMode='INSTANT' "#).unwrap();
        assert_eq!((filter.source_type.as_deref(), filter.min_available_wh), (Some("WIND"), Some(1_501)));
        assert_eq!(parse("*", Document::Seed), Ok(Expression::Columns(Filter::default())));
        assert_eq!(parse("", Document::Seed), Ok(Expression::Columns(Filter::default())));
    }

    #[test]
    fn what_cannot_be_parsed_is_refused_with_its_place() {
        for (expression, at) in [
            ("sourceType", 11),
            ("sourceType=SOLAR", 12),
            ("sourceType='SOLAR", 12),
            ("price<=3", 1),
            ("sourceType='SOLAR' || availableQuantity>=1", 20),
            ("availableQuantity>=-1", 20),
            ("availableQuantity>=lots", 20),
            ("availableQuantity<=5", 18),
            ("sourceType='é' && nonsense", 19),
            ("sourceType='SOLAR' &&", 22),
        ] {
            assert_eq!(parse(expression, Document::Seed).map_err(|e| e.at), Err(at), "{expression}");
        }
        assert!(parse(&"x".repeat(2_000), Document::Seed).is_err());
    }
}
