//! What the catalog measures of its stock.

use std::sync::LazyLock;

use p2p_runtime::metrics::{Counter, KeyValue, meter};

use crate::domain::Movement;

static RESERVATIONS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    let help =
        "Reservations that a committed stock command moved, by what became of them; repetitions move none.";
    meter().u64_counter("catalog.reservations").with_description(help).build()
});
static ENERGY: LazyLock<Counter<u64>> = LazyLock::new(|| {
    let help = "Energy of the reservations that were moved, watt-hours.";
    meter().u64_counter("catalog.stock.energy.wh").with_description(help).build()
});

/// A reservation was moved, and that is committed.
pub fn moved(movement: Movement) {
    let labels = [KeyValue::new("catalog.movement", movement.kind.as_str())];
    RESERVATIONS.add(1, &labels);
    // What was refused is no energy.
    if let Some(wh) = u64::try_from(movement.wh).ok().filter(|wh| *wh > 0) {
        ENERGY.add(wh, &labels);
    }
}
