//! The fields of a client's JSON object. Each is read by one rule, and refused in a sentence that names both.

use std::{collections::BTreeMap, fmt, str::FromStr};

use chrono::{DateTime, Datelike, Utc};
use p2p_domain::{Currency, Energy, IdError, Money, TimeWindow};
use rust_decimal::Decimal;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    beckn::{Number, is_address, seed::catalog::Window},
    reply::ApiError,
};

/// Longest text for people.
const MOST_CHARS: usize = 255;
/// Longest word.
const MOST_LETTERS: usize = 64;
/// Most windows of one list.
const MOST_WINDOWS: usize = 100;
/// Decimals that a price may have.
const PRICE_DECIMALS: u32 = 6;
/// What a price is below.
const PRICE_BELOW: i64 = 1_000_000_000_000;

/// A JSON object whose fields are read one by one; what is `null` counts as absent, and so does an empty text.
#[derive(Debug)]
pub struct Fields(BTreeMap<String, Box<RawValue>>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Once)
    }
}

/// Takes each field once.
struct Once;

impl<'de> Visitor<'de> for Once {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
            if fields.contains_key(&name) {
                return Err(A::Error::custom(format_args!("{name:.64} is given twice")));
            }
            fields.insert(name, value);
        }
        Ok(Fields(fields))
    }
}

fn broken(name: &str, rule: &str) -> ApiError {
    ApiError::bad_request(format!("{name} must be {rule}"))
}

impl Fields {
    /// A field as it came.
    fn raw(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.get()).filter(|text| *text != "null")
    }

    /// A field that is read by serde and has a rule.
    fn read<'a, T: Deserialize<'a>>(&'a self, name: &str, rule: &str) -> Result<Option<T>, ApiError> {
        let read = |text| serde_json::from_str(text).map_err(|_of_another_type| broken(name, rule));
        self.raw(name).map(read).transpose()
    }

    /// A text that is not empty.
    fn filled(&self, name: &str, rule: &str) -> Result<Option<String>, ApiError> {
        Ok(self.read::<String>(name, rule)?.filter(|text| !text.trim().is_empty()))
    }

    /// An object within this one.
    ///
    /// # Errors
    /// When it is none.
    pub fn object(&self, name: &str) -> Result<Option<Self>, ApiError> {
        self.read(name, "a JSON object")
    }

    /// A text for people.
    ///
    /// # Errors
    /// When it is none, longer than 255 characters, or has control characters.
    pub fn text(&self, name: &str) -> Result<Option<String>, ApiError> {
        let rule = "a text of at most 255 characters without control characters";
        match self.filled(name, rule)? {
            Some(text) if text.chars().count() > MOST_CHARS || text.chars().any(char::is_control) => {
                Err(broken(name, rule))
            }
            text => Ok(text),
        }
    }

    /// A word such as SOLAR.
    ///
    /// # Errors
    /// When it is none.
    pub fn word(&self, name: &str) -> Result<Option<String>, ApiError> {
        let rule = "a word of at most 64 letters, digits, _ or -";
        let is_word = |text: &String| {
            text.len() <= MOST_LETTERS
                && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        };
        match self.filled(name, rule)? {
            Some(text) if !is_word(&text) => Err(broken(name, rule)),
            text => Ok(text),
        }
    }

    /// An id.
    ///
    /// # Errors
    /// When it is none.
    pub fn id<T: FromStr<Err = IdError>>(&self, name: &str) -> Result<Option<T>, ApiError> {
        let rule = "1 to 255 printable ASCII characters without spaces around them";
        let parse = |text: String| text.parse().map_err(|_no_id| broken(name, rule));
        self.filled(name, rule)?.map(parse).transpose()
    }

    /// Texts.
    ///
    /// # Errors
    /// When it is no list of 1 to so many texts.
    pub fn texts(&self, name: &str, most: usize) -> Result<Option<Vec<String>>, ApiError> {
        let rule = format!("a list of 1 to {most} texts");
        match self.read::<Vec<String>>(name, &rule)? {
            Some(texts) if !(1..=most).contains(&texts.len()) => Err(broken(name, &rule)),
            texts => Ok(texts),
        }
    }

    fn energy_that(
        &self,
        name: &str,
        rule: &str,
        holds: impl Fn(Energy) -> bool,
    ) -> Result<Option<Energy>, ApiError> {
        let Some(Number(kwh)) = self.read(name, rule)? else { return Ok(None) };
        let energy = Energy::from_kwh(kwh).ok().filter(|energy| holds(*energy));
        energy.map(Some).ok_or_else(|| broken(name, rule))
    }

    /// A number, if it is one.
    pub fn number(&self, name: &str) -> Option<Number> {
        serde_json::from_str(self.raw(name)?).ok()
    }

    /// Energy, in kWh; may be none.
    ///
    /// # Errors
    /// When it is no number from 0 to 10^9 with at most 3 decimals.
    pub fn energy(&self, name: &str) -> Result<Option<Energy>, ApiError> {
        let rule = "a number of kWh from 0 to 1000000000 with at most 3 decimals";
        self.energy_that(name, rule, |_any| true)
    }

    /// Some energy, in kWh.
    ///
    /// # Errors
    /// When it is no number above 0, at most 10^9, with at most 3 decimals.
    pub fn some_energy(&self, name: &str) -> Result<Option<Energy>, ApiError> {
        let rule = "a number of kWh above 0, at most 1000000000, with at most 3 decimals";
        self.energy_that(name, rule, |energy| !energy.is_zero())
    }

    /// Energy in blocks of one kWh.
    ///
    /// # Errors
    /// When it is no positive whole number of kWh, at most 10^9.
    pub fn whole_kwh(&self, name: &str) -> Result<Option<Energy>, ApiError> {
        let rule = "a positive whole number of kWh, at most 1000000000";
        self.energy_that(name, rule, |energy| energy.is_lot_of(Energy::KWH))
    }

    /// The price of one kWh, without its currency.
    ///
    /// # Errors
    /// When it is no number above 0, below 10^12, with at most 6 decimals.
    pub fn price(&self, name: &str) -> Result<Option<Decimal>, ApiError> {
        let rule = "a number above 0, below 1000000000000, with at most 6 decimals";
        match self.read::<Number>(name, rule)?.map(|Number(price)| price.normalize()) {
            Some(price)
                if price <= Decimal::ZERO
                    || price >= PRICE_BELOW.into()
                    || price.scale() > PRICE_DECIMALS =>
            {
                Err(broken(name, rule))
            }
            price => Ok(price),
        }
    }

    /// A currency.
    ///
    /// # Errors
    /// When it is none of ISO 4217.
    pub fn currency(&self, name: &str) -> Result<Option<Currency>, ApiError> {
        let rule = "the code of a currency (ISO 4217) such as USD";
        let parse = |code: String| code.parse().map_err(|_not_listed| broken(name, rule));
        self.filled(name, rule)?.map(parse).transpose()
    }

    /// A window in which something may happen yet.
    ///
    /// # Errors
    /// When it is none, or over.
    pub fn window_to_come(&self, name: &str, now: DateTime<Utc>) -> Result<Option<TimeWindow>, ApiError> {
        let rule = r#"{"startTime", "endTime"}, two RFC 3339 instants"#;
        let window = self.read::<Window>(name, rule)?.map(|window| span(name, &window)).transpose()?;
        match window {
            Some(window) if window.end() <= now => {
                Err(ApiError::bad_request(format!("{name} must not lie in the past")))
            }
            window => Ok(window),
        }
    }

    /// Windows, past or to come.
    ///
    /// # Errors
    /// When it is no list of at most 100 of them.
    pub fn windows(&self, name: &str) -> Result<Option<Vec<TimeWindow>>, ApiError> {
        let rule = r#"a list of at most 100 {"startTime", "endTime"}, each two RFC 3339 instants"#;
        match self.read::<Vec<Window>>(name, rule)? {
            Some(windows) if windows.len() > MOST_WINDOWS => Err(broken(name, rule)),
            Some(windows) => {
                windows.iter().map(|window| span(name, window)).collect::<Result<_, _>>().map(Some)
            }
            None => Ok(None),
        }
    }

    /// A score: the only numbers that are floats.
    ///
    /// # Errors
    /// When it is no number from 0 to 1.
    pub fn score(&self, name: &str) -> Result<Option<f64>, ApiError> {
        let rule = "a number from 0 to 1";
        match self.read::<f64>(name, rule)? {
            Some(score) if !(0.0..=1.0).contains(&score) => Err(broken(name, rule)),
            score => Ok(score),
        }
    }

    /// How many there are of something.
    ///
    /// # Errors
    /// When it is no whole number from 0.
    pub fn count(&self, name: &str) -> Result<Option<u32>, ApiError> {
        self.read(name, "a whole number from 0 to 4294967295")
    }

    /// Where a participant is reached.
    ///
    /// # Errors
    /// When it is no http or https URL, or one with user, query or fragment.
    pub fn address(&self, name: &str) -> Result<Option<String>, ApiError> {
        let rule = "an http or https URL of at most 2048 characters, without user, query and fragment";
        match self.filled(name, rule)? {
            Some(uri) if !is_address(&uri) => Err(broken(name, rule)),
            uri => Ok(uri),
        }
    }
}

/// The span of a window that a client gave, to the millisecond, as it is shown. A leap second is the first one of the next minute: few
/// clients can read it as it is written.
fn span(name: &str, window: &Window) -> Result<TimeWindow, ApiError> {
    let refused = |why| ApiError::bad_request(format!("{name}: {why}"));
    let span = TimeWindow::try_from(window).map_err(|e| refused(e.to_string()))?;
    let ranged = [span.start(), span.end()].map(|at| {
        let at = DateTime::from_timestamp_millis(at.timestamp_millis());
        at.filter(|at| (1970..=9999).contains(&at.year()))
    });
    match ranged {
        [Some(start), Some(end)] => TimeWindow::new(start, end).map_err(|e| refused(e.to_string())),
        _ => Err(refused("a time window must lie between the years 1970 and 9999".into())),
    }
}

/// The price of one kWh in its currency.
///
/// # Errors
/// When no money is like that.
pub fn money(price: Decimal, currency: Currency) -> Result<Money, ApiError> {
    Money::new(price, currency).map_err(|e| ApiError::bad_request(e.to_string()))
}

#[cfg(test)]
mod tests {
    use p2p_domain::ProviderId;

    use super::*;

    fn fields(text: &str) -> Fields {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_field_is_given_once() {
        assert!(serde_json::from_str::<Fields>(r#"{"a":1,"a":1}"#).is_err());
        assert!(serde_json::from_str::<Fields>("[]").is_err());
    }

    #[test]
    fn what_is_null_or_an_empty_text_is_absent() {
        let given = fields(r#"{"a":null,"b":"","c":" "}"#);
        assert!(given.energy("a").unwrap().is_none());
        for name in ["a", "b", "c", "d"] {
            assert!(given.text(name).unwrap().is_none(), "{name}");
            assert!(given.id::<ProviderId>(name).unwrap().is_none(), "{name}");
        }
    }

    #[test]
    fn a_leap_second_is_written_as_the_next_one() {
        let given =
            fields(r#"{"w":[{"startTime":"2026-12-31T23:59:60Z","endTime":"2027-01-01T00:00:01Z"}]}"#);
        let windows = given.windows("w").unwrap().unwrap();
        assert_eq!(windows[0].start().to_rfc3339(), "2027-01-01T00:00:00+00:00");
        let blink =
            fields(r#"{"w":[{"startTime":"2027-01-01T00:00:00Z","endTime":"2027-01-01T00:00:00.0009Z"}]}"#);
        assert!(blink.windows("w").is_err());
    }

    #[test]
    fn energy_is_read_digit_by_digit() {
        let given = fields(r#"{"a":0.001,"b":1e3,"c":0,"d":2.5}"#);
        assert_eq!(given.some_energy("a").unwrap().map(Energy::wh), Some(1));
        assert_eq!(given.whole_kwh("b").unwrap().map(Energy::wh), Some(1_000_000));
        assert_eq!(given.energy("c").unwrap(), Some(Energy::ZERO));
        assert!(given.some_energy("c").is_err() && given.whole_kwh("c").is_err());
        assert!(given.whole_kwh("d").is_err());
    }
}
