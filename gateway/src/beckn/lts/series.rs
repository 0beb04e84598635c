//! `TimeSeries`: prices and quantities of energy by delivery interval (BecknTimeSeries v1.0). Interval i covers
//! `start + i x duration` and `duration` from there.

use std::{borrow::Cow, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use p2p_domain::{Currency, Energy, Money, TimeWindow};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::schema;
use crate::beckn::{Number, duration, instant};

/// A payload's kind, as far as we know it.
pub mod payload {
    /// Price of one kWh.
    pub const PRICE: &str = "PRICE_PER_KWH";
    /// What can still be bought.
    pub const AVAILABLE: &str = "AVAILABLE_QTY";
    /// What the buyer wants.
    pub const REQUESTED: &str = "REQUESTED_QTY";
}

/// Most intervals of a series: a day of quarter hours.
pub const MOST_INTERVALS: usize = 96;
const KWH: &str = "KWH";

/// A series as it came in.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Series<'a> {
    #[serde(default)]
    interval_period: Option<Period>,
    #[serde(default)]
    payload_descriptors: Vec<Descriptor>,
    #[serde(borrow, default)]
    intervals: Vec<Interval<'a>>,
}

#[derive(Debug, Clone, Deserialize)]
struct Period {
    start: DateTime<Utc>,
    duration: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    payload_type: String,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    units: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Interval<'a> {
    #[serde(default)]
    id: Option<i64>,
    #[serde(borrow, default)]
    payloads: Vec<Payload<'a>>,
}

#[derive(Debug, Clone, Deserialize)]
struct Payload<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    values: Vec<&'a RawValue>,
}

/// What a series says of one delivery interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Counts from the series' start.
    pub id: i64,
    /// When it is delivered, where the series says so.
    pub window: Option<TimeWindow>,
    /// Price of one kWh.
    pub price: Option<Money>,
    /// What can still be bought.
    pub available: Option<Energy>,
    /// What is wanted.
    pub requested: Option<Energy>,
}

impl Series<'_> {
    /// Its intervals, as they are meant.
    ///
    /// # Errors
    /// A sentence that says what of it cannot be.
    pub fn slots(&self) -> Result<Vec<Slot>, String> {
        if self.intervals.len() > MOST_INTERVALS {
            return Err(format!("a series has at most {MOST_INTERVALS} intervals"));
        }
        let currency = self.currency()?;
        for kind in [payload::AVAILABLE, payload::REQUESTED] {
            let units = self.descriptor(kind).and_then(|descriptor| descriptor.units.as_deref());
            if units.is_some_and(|units| !units.eq_ignore_ascii_case(KWH)) {
                return Err(format!("the units of {kind} must be {KWH}"));
            }
        }
        let slots = self.intervals.iter().enumerate().map(|(at, interval)| {
            let id = interval.id.unwrap_or(i64::try_from(at).unwrap_or(i64::MAX));
            Ok(Slot {
                id,
                window: self.window(id)?,
                price: interval.price(currency)?,
                available: interval.energy(payload::AVAILABLE)?,
                requested: interval.energy(payload::REQUESTED)?,
            })
        });
        let slots: Vec<Slot> = slots.collect::<Result<_, String>>()?;
        let mut ids: Vec<i64> = slots.iter().map(|slot| slot.id).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|two| two[0] == two[1]) {
            return Err("two intervals have the same id".into());
        }
        Ok(slots)
    }

    fn descriptor(&self, kind: &str) -> Option<&Descriptor> {
        self.payload_descriptors.iter().find(|descriptor| descriptor.payload_type == kind)
    }

    fn currency(&self) -> Result<Option<Currency>, String> {
        let named = self.descriptor(payload::PRICE).and_then(|descriptor| descriptor.currency.as_deref());
        named.map(|text| text.parse::<Currency>().map_err(|e| e.to_string())).transpose()
    }

    fn window(&self, id: i64) -> Result<Option<TimeWindow>, String> {
        let Some(period) = &self.interval_period else { return Ok(None) };
        let length = duration(&period.duration).filter(|length| !length.is_zero());
        let length = length.ok_or("intervalPeriod.duration must be an ISO 8601 duration such as PT1H")?;
        let bad = || format!("interval {id} cannot be placed in time");
        let length = TimeDelta::from_std(length).map_err(|_e| bad())?;
        let offset = i32::try_from(id).ok().filter(|id| *id >= 0).and_then(|id| length.checked_mul(id));
        let start = offset.and_then(|offset| period.start.checked_add_signed(offset)).ok_or_else(bad)?;
        let end = start.checked_add_signed(length).ok_or_else(bad)?;
        TimeWindow::new(start, end).map(Some).map_err(|e| e.to_string())
    }
}

impl Interval<'_> {
    fn number(&self, kind: &str) -> Result<Option<Number>, String> {
        let Some(payload) = self.payloads.iter().find(|payload| payload.kind == kind) else {
            return Ok(None);
        };
        match payload.values.as_slice() {
            [value] => serde_json::from_str(value.get())
                .map(Some)
                .map_err(|_e| format!("{kind} must be one number within reach")),
            _ => Err(format!("{kind} must have one value")),
        }
    }

    fn energy(&self, kind: &str) -> Result<Option<Energy>, String> {
        let told = self.number(kind)?;
        told.map(|kwh| Energy::from_kwh(kwh.0).map_err(|e| format!("{kind}: {e}"))).transpose()
    }

    fn price(&self, currency: Option<Currency>) -> Result<Option<Money>, String> {
        let Some(amount) = self.number(payload::PRICE)? else { return Ok(None) };
        let currency = currency.ok_or("the payload descriptor of PRICE_PER_KWH must name a currency")?;
        Money::new(amount.0, currency).map(Some).map_err(|e| format!("{}: {e}", payload::PRICE))
    }
}

/// A series that is sent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Written {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@type")]
    kind: &'static str,
    interval_period: WrittenPeriod,
    payload_descriptors: Vec<WrittenDescriptor>,
    intervals: Vec<WrittenInterval>,
}

#[derive(Debug, Serialize)]
struct WrittenPeriod {
    start: String,
    duration: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenDescriptor {
    object_type: &'static str,
    payload_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    units: Option<&'static str>,
    inserted_by: &'static str,
}

#[derive(Debug, Serialize)]
struct WrittenInterval {
    id: i64,
    payloads: Vec<WrittenPayload>,
}

#[derive(Debug, Serialize)]
struct WrittenPayload {
    #[serde(rename = "type")]
    kind: &'static str,
    values: [Number; 1],
}

impl Written {
    /// Of intervals; at least one of them has a window, from which the others' are counted. None otherwise.
    pub fn of(slots: &[Slot]) -> Option<Self> {
        let (first, window) = slots.iter().find_map(|slot| Some((slot, slot.window?)))?;
        let before = i32::try_from(first.id).ok().and_then(|id| window.duration().checked_mul(id))?;
        let start = window.start().checked_sub_signed(before)?;
        let currency = slots.iter().find_map(|slot| slot.price).map(|price| price.currency().to_string());
        let has = |told: fn(&Slot) -> bool| slots.iter().any(told);
        let quantity = |payload_type, inserted_by| WrittenDescriptor {
            object_type: "EVENT_PAYLOAD_DESCRIPTOR",
            payload_type,
            currency: None,
            units: Some(KWH),
            inserted_by,
        };
        let mut payload_descriptors = Vec::with_capacity(3);
        if currency.is_some() {
            payload_descriptors.push(WrittenDescriptor {
                currency,
                units: None,
                ..quantity(payload::PRICE, "sellerPlatform")
            });
        }
        if has(|slot| slot.available.is_some()) {
            payload_descriptors.push(quantity(payload::AVAILABLE, "sellerPlatform"));
        }
        if has(|slot| slot.requested.is_some()) {
            payload_descriptors.push(quantity(payload::REQUESTED, "buyerPlatform"));
        }
        Some(Self {
            context: schema::TIME_SERIES,
            kind: "TimeSeries",
            interval_period: WrittenPeriod {
                start: instant(start),
                duration: iso(window.duration().to_std().unwrap_or_default()),
            },
            payload_descriptors,
            intervals: slots.iter().map(WrittenInterval::of).collect(),
        })
    }
}

impl WrittenInterval {
    fn of(slot: &Slot) -> Self {
        let told = [
            (payload::PRICE, slot.price.map(|price| Number(price.amount()))),
            (payload::AVAILABLE, slot.available.map(Number::from)),
            (payload::REQUESTED, slot.requested.map(Number::from)),
        ];
        let payloads =
            told.into_iter().filter_map(|(kind, value)| Some(WrittenPayload { kind, values: [value?] }));
        Self { id: slot.id, payloads: payloads.collect() }
    }
}

/// A duration in ISO 8601, in the largest unit that divides it.
fn iso(duration: Duration) -> String {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    match seconds {
        _ if nanos > 0 => format!("PT{seconds}.{nanos:09}S"),
        whole if whole > 0 && whole % 3_600 == 0 => format!("PT{}H", whole / 3_600),
        whole if whole > 0 && whole % 60 == 0 => format!("PT{}M", whole / 60),
        seconds => format!("PT{seconds}S"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERIES: &str = r#"{"@type":"TimeSeries","intervalPeriod":{"start":"2026-11-23T04:30:00Z","duration":"PT1H"},
        "payloadDescriptors":[{"objectType":"EVENT_PAYLOAD_DESCRIPTOR","payloadType":"PRICE_PER_KWH","currency":"INR"},
        {"payloadType":"REQUESTED_QTY","units":"KWH"}],
        "intervals":[{"id":0,"payloads":[{"type":"PRICE_PER_KWH","values":[12.5]},{"type":"REQUESTED_QTY","values":[20.5]}]},
        {"id":1,"payloads":[{"type":"PRICE_PER_KWH","values":[14.5]},{"type":"REQUESTED_QTY","values":[15.5]}]}]}"#;

    fn slots(text: &str) -> Result<Vec<Slot>, String> {
        serde_json::from_str::<Series<'_>>(text).unwrap().slots()
    }

    #[test]
    fn an_interval_has_its_place_in_time_and_its_numbers_to_the_digit() {
        let slots = slots(SERIES).unwrap();
        assert_eq!(
            slots[1].window.unwrap().start(),
            "2026-11-23T05:30:00Z".parse::<DateTime<Utc>>().unwrap()
        );
        assert_eq!(slots[1].requested.unwrap().wh(), 15_500);
        assert_eq!(slots[0].price.unwrap().to_string(), "12.5 INR");
        let written = serde_json::to_value(Written::of(&slots).unwrap()).unwrap();
        assert_eq!(written["intervalPeriod"]["start"], "2026-11-23T04:30:00.000Z");
        assert_eq!(written["intervalPeriod"]["duration"], "PT1H");
        assert_eq!(written["intervals"][1]["payloads"][1]["values"][0], 15.5);
        // The second interval alone has the same start.
        let second = serde_json::to_value(Written::of(&slots[1..]).unwrap()).unwrap();
        assert_eq!(second["intervalPeriod"], written["intervalPeriod"]);
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_reason() {
        for (find, replace, why) in [
            ("PT1H", "PT0S", "intervalPeriod.duration"),
            ("PT1H", "soon", "intervalPeriod.duration"),
            ("\"KWH\"", "\"MWH\"", "units of REQUESTED_QTY must be KWH"),
            ("\"INR\"", "\"RUPEES\"", "currency"),
            ("20.5", "\"20.5\"", "REQUESTED_QTY must be one number"),
            ("[20.5]", "[]", "REQUESTED_QTY must have one value"),
            ("20.5", "-1", "REQUESTED_QTY"),
            ("\"id\":1", "\"id\":0", "same id"),
            ("\"id\":1", "\"id\":-1", "cannot be placed"),
        ] {
            let said = slots(&SERIES.replace(find, replace)).unwrap_err();
            assert!(said.contains(why), "{replace}: {said}");
        }
    }

    #[test]
    fn a_duration_is_written_in_its_largest_unit() {
        for (seconds, text) in [(3_600, "PT1H"), (900, "PT15M"), (90, "PT90S"), (0, "PT0S"), (14_400, "PT4H")]
        {
            assert_eq!(iso(Duration::from_secs(seconds)), text);
            assert_eq!(duration(text), Some(Duration::from_secs(seconds)));
        }
    }
}
