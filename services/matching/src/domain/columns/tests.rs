use proptest::prelude::*;

use super::*;

const NOON: Wanted = Wanted { quantity: 1, max_price: i64::MAX, start: 0, end: 4 };

fn columns(rows: &[Row]) -> Columns {
    let mut columns = Columns::with_capacity(rows.len());
    rows.iter().for_each(|row| columns.push(*row));
    columns
}

fn rows_of(best: &Best) -> Vec<usize> {
    best.placed.iter().map(|placed| placed.row).collect()
}

fn any_rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (0..50_i64, 0..3_i64, -3..5_i64, 1..5_i64, 0..6_u32).prop_map(
        |(price, available, start, length, provider)| Row {
            price,
            available,
            start,
            end: start + length,
            provider,
        },
    );
    proptest::collection::vec(row, 0..1_500)
}

proptest! {
    /// Whatever the order in which they come, and however often the worst are dropped.
    #[test]
    fn the_best_few_are_the_first_of_all(rows in any_rows(), most in 0..40_usize) {
        let (policy, trust) = (Policy::default(), [0.1, 0.2, 0.5, 0.9, 1.0]);
        let columns = columns(&rows);
        let all = columns.best(&policy, &NOON, &trust, usize::MAX, |a, b| a.cmp(&b));
        let few = columns.best(&policy, &NOON, &trust, most, |a, b| a.cmp(&b));
        prop_assert_eq!(all.placed.len(), all.eligible);
        prop_assert_eq!(few.eligible, all.eligible);
        prop_assert_eq!(&few.placed[..], &all.placed[..most.min(all.eligible)]);
    }
}

#[test]
fn numbers_at_the_ends_of_what_can_be_counted_rank() {
    let ever = Row { price: i64::MAX, available: i64::MAX, start: i64::MIN, end: i64::MAX, provider: 0 };
    let rows = [
        Row { price: Columns::MOST, ..ever },
        Row { price: i64::MIN, ..ever },
        Row { price: 0, ..ever },
        ever,
    ];
    let wanted = Wanted { start: -Columns::MOST, end: Columns::MOST, ..NOON };
    let best = columns(&rows).best(&Policy::default(), &wanted, &[1.0], 10, |a, b| a.cmp(&b));
    assert_eq!(rows_of(&best), [1, 2, 0]);
    let parts =
        best.placed.iter().map(|placed| (placed.scores.price.value(), placed.scores.time_fit.value()));
    assert_eq!(Vec::from_iter(parts), [(1.0, 1.0), (0.5, 1.0), (0.0, 1.0)]);
}

#[test]
fn a_provider_without_trust_cannot_serve() {
    let row = Row { price: 1, available: 1, start: 0, end: 4, provider: 0 };
    let best =
        columns(&[Row { provider: 1, ..row }, row])
            .best(&Policy::default(), &NOON, &[1.0], 10, |_, _| Ordering::Equal);
    assert_eq!((best.eligible, rows_of(&best)), (1, vec![1]));
}
