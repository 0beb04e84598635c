//! The numbers for people.

use super::{Answers, Measured};
use crate::table::ms;

/// What stands in the columns.
pub fn heading() -> String {
    let columns = "offers      p50      p99      max";
    format!("{:<18}{:>33}   {:>33}\n{:<18}{columns}   {columns}  ms", "", "first page", "deep page", "")
}

/// One search.
pub fn of(measured: &Measured) -> String {
    let deep = measured.deep.as_ref().map(answers).unwrap_or_default();
    format!("{:<18}{}   {deep}", measured.wish, answers(&measured.first))
}

fn answers(Answers { spread, found }: &Answers) -> String {
    let [p50, p99, max] = [spread.p50_us, spread.p99_us, spread.max_us].map(ms);
    format!("{found:>6} {p50:>8.2} {p99:>8.2} {max:>8.2}")
}
