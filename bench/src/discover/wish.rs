//! What is looked for.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use p2p_domain::TimeWindow;
use p2p_proto::catalog::Filter;

/// The searches by name; none when there is no such time. Days count from now on, as those of the offers do.
pub fn all(now: DateTime<Utc>) -> Option<[(&'static str, Filter); 8]> {
    let hour = now.duration_trunc(TimeDelta::hours(1)).ok()?;
    let window = |day, hours| {
        let start = hour + TimeDelta::days(day);
        TimeWindow::new(start, start + TimeDelta::hours(hours)).ok().map(Into::into)
    };
    let wind = || Filter { source_type: Some("WIND".to_owned()), ..Filter::default() };
    let least = |kwh: i64| Some(kwh * 1_000);
    Some([
        ("no filter", Filter::default()),
        ("source", wind()),
        ("source + 4 hours", Filter { window: window(20, 4), ..wind() }),
        ("source + 200 kWh", Filter { min_available_wh: least(200), ..wind() }),
        ("rare window", Filter { window: window(80, 480), ..Filter::default() }),
        ("rare quantity", Filter { min_available_wh: least(5_000), ..Filter::default() }),
        ("no such source", Filter { source_type: Some("TIDAL".to_owned()), ..Filter::default() }),
        (
            "nothing matches",
            Filter { min_available_wh: least(6_000), window: window(20, 24), source_type: None },
        ),
    ])
}
