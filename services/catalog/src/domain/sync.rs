//! What another BPP says of the blocks of an offer that it synced.

use std::collections::BTreeSet;

use p2p_domain::{Energy, OrderId};

use super::{Counters, Invalid, Move, Run, Taker, Use, run::merged};

const MOST_BLOCKS: usize = 10_000;

/// Consecutive blocks: numbers from the first to before the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Number of the first block.
    pub first: i64,
    /// Number of the block behind the last.
    pub end: i64,
}

/// Numbers of 1 to 10,000 blocks of one offer, as spans that do not meet, in ascending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocks(Vec<Span>);

/// What blocks are said to be now, all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Nobody has them.
    Free,
    /// Held for a customer of the other BPP.
    Held,
    /// Sold to one.
    Sold,
}

/// What becomes of runs that were told something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What stands in their place.
    pub runs: Vec<Run>,
    /// What the blocks were used for, and how many of them.
    was: Vec<(Use, i64)>,
    now: Use,
}

/// A block that an order of ours has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Number of the block.
    pub block: i64,
    /// Whose it is.
    pub order: OrderId,
}

impl Blocks {
    /// From numbers in any order; those that are named twice count once.
    ///
    /// # Errors
    /// When there are none, or more than 10,000.
    pub fn new(numbers: Vec<i64>) -> Result<Self, Invalid> {
        if numbers.is_empty() || numbers.len() > MOST_BLOCKS {
            return Err(Invalid::BlockNumbers);
        }
        let mut spans: Vec<Span> = Vec::new();
        for first in BTreeSet::from_iter(numbers) {
            let end = first.saturating_add(1);
            match spans.last_mut() {
                Some(last) if last.end == first => last.end = end,
                _ => spans.push(Span { first, end }),
            }
        }
        Ok(Self(spans))
    }

    /// The spans.
    pub fn spans(&self) -> &[Span] {
        &self.0
    }

    /// How many there are.
    pub fn count(&self) -> i64 {
        self.0.iter().map(|span| span.end.saturating_sub(span.first)).sum()
    }

    /// A number that an offer of so many blocks does not have.
    pub fn beyond(&self, blocks: i64) -> Option<i64> {
        let first = self.0.first().map(|span| span.first).filter(|first| *first < 0);
        let last = self.0.last().map(|span| span.end.saturating_sub(1)).filter(|last| *last >= blocks);
        first.or(last)
    }
}

impl Word {
    /// What the blocks are used for then.
    pub fn used(self) -> Use {
        match self {
            Self::Free => Use::Free,
            Self::Held => Use::Held(Taker::Elsewhere),
            Self::Sold => Use::Sold(Taker::Elsewhere),
        }
    }
}

/// Tells the blocks. The runs, in ascending order, are those that have one of them and the neighbours of these.
///
/// # Errors
/// The first block that an order of ours has.
pub fn tell(runs: &[Run], blocks: &Blocks, word: Word) -> Result<Told, Taken> {
    let now = word.used();
    let (mut pieces, mut was) = (Vec::with_capacity(runs.len()), Vec::new());
    let mut spans = blocks.spans().iter().peekable();
    for &run in runs {
        let mut from = run.first;
        while let Some(span) = spans.peek().filter(|span| span.first < run.end()) {
            let (first, end) = (span.first.max(from), span.end.min(run.end()));
            if let Some(order) = run.used.order() {
                return Err(Taken { block: first, order });
            }
            pieces.extend(run.part(from, first));
            pieces.extend(run.part(first, end).map(|told| Run { used: now, ..told }));
            was.push((run.used, end - first));
            from = end;
            if span.end > run.end() {
                break;
            }
            spans.next();
        }
        pieces.extend(run.part(from, run.end()));
    }
    Ok(Told { runs: merged(pieces.into_iter()), was, now })
}

impl Told {
    /// How many blocks were found and told.
    pub fn count(&self) -> i64 {
        self.was.iter().map(|(_, blocks)| blocks).sum()
    }

    /// The counters after it, of the item or of the offer whose blocks have such a size; none when they have not
    /// enough to move.
    pub fn counted(&self, stock: Counters, block: Energy) -> Option<Counters> {
        self.was.iter().try_fold(stock, |stock, (was, blocks)| {
            let quantity = blocks.checked_mul(block.wh()).and_then(|wh| Energy::from_wh(wh).ok())?;
            moves(*was, self.now).iter().try_fold(stock, |stock, to| stock.moved(*to, quantity))
        })
    }
}

/// The ways of stock whose use changes.
fn moves(was: Use, now: Use) -> &'static [Move] {
    match (was, now) {
        (Use::Free, Use::Held(_)) => &[Move::Reserve],
        (Use::Free, Use::Sold(_)) => &[Move::Reserve, Move::Sell],
        (Use::Held(_), Use::Sold(_)) => &[Move::Sell],
        (Use::Held(_), Use::Free) => &[Move::Release],
        (Use::Sold(_), Use::Free) => &[Move::Return],
        (Use::Sold(_), Use::Held(_)) => &[Move::Return, Move::Reserve],
        (Use::Free, Use::Free) | (Use::Held(_), Use::Held(_)) | (Use::Sold(_), Use::Sold(_)) => &[],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    const ORDER: OrderId = OrderId(Uuid::nil());
    const HELD: Use = Use::Held(Taker::Elsewhere);
    const SOLD: Use = Use::Sold(Taker::Elsewhere);

    fn run(first: i64, blocks: i64, used: Use) -> Run {
        Run { first, blocks, used }
    }

    fn blocks(numbers: impl IntoIterator<Item = i64>) -> Blocks {
        Blocks::new(numbers.into_iter().collect()).unwrap()
    }

    fn kwh(n: i64) -> Energy {
        Energy::from_wh(n * 1_000).unwrap()
    }

    fn counters(available: i64, reserved: i64, sold: i64) -> Counters {
        Counters { available: kwh(available), reserved: kwh(reserved), sold: kwh(sold) }
    }

    #[test]
    fn numbers_become_spans() {
        let spans = |numbers: &[i64]| blocks(numbers.iter().copied()).0;
        assert_eq!(spans(&[7, 3, 5, 4, 3]), [Span { first: 3, end: 6 }, Span { first: 7, end: 8 }]);
        assert_eq!(blocks([7, 3, 5, 4, 3]).count(), 4);
        assert_eq!(Blocks::new(vec![]), Err(Invalid::BlockNumbers));
        assert_eq!(Blocks::new((0..10_001).collect()), Err(Invalid::BlockNumbers));
        let beyond = |numbers: &[i64]| blocks(numbers.iter().copied()).beyond(8);
        assert_eq!((beyond(&[0, 7]), beyond(&[0, 8]), beyond(&[-1, 7])), (None, Some(8), Some(-1)));
        assert_eq!((beyond(&[i64::MAX]), beyond(&[i64::MIN])), (Some(i64::MAX - 1), Some(i64::MIN)));
    }

    #[test]
    fn a_run_is_cut_and_what_meets_merges() {
        let told = tell(&[run(0, 10, Use::Free)], &blocks([3, 4, 7]), Word::Sold).unwrap();
        let cut = [
            run(0, 3, Use::Free),
            run(3, 2, SOLD),
            run(5, 2, Use::Free),
            run(7, 1, SOLD),
            run(8, 2, Use::Free),
        ];
        assert_eq!(told.runs, cut);
        assert_eq!(tell(&cut, &blocks([5, 6]), Word::Sold).unwrap().runs[1], run(3, 5, SOLD));
        assert_eq!(tell(&cut, &blocks(0..10), Word::Free).unwrap().runs, [run(0, 10, Use::Free)]);
        let held = tell(&cut, &blocks([3, 4]), Word::Held).unwrap();
        assert_eq!(held.runs[1], run(3, 2, HELD));
    }

    #[test]
    fn a_block_of_an_order_is_named_and_nothing_becomes_of_the_others() {
        let runs = [run(0, 4, Use::Free), run(4, 3, Use::Sold(ORDER.into())), run(7, 1, SOLD)];
        assert_eq!(tell(&runs, &blocks([3, 6, 7]), Word::Sold), Err(Taken { block: 6, order: ORDER }));
        assert_eq!(tell(&runs, &blocks([3, 7]), Word::Free).unwrap().runs[2..], [run(7, 1, Use::Free)]);
    }

    #[test]
    fn counters_follow_the_blocks() {
        let runs = [run(0, 4, Use::Free), run(4, 3, HELD), run(7, 2, SOLD)];
        let counted = |word, stock| tell(&runs, &blocks(0..9), word).unwrap().counted(stock, kwh(2));
        let stock = counters(8, 6, 4);
        assert_eq!(counted(Word::Free, stock), Some(counters(18, 0, 0)));
        assert_eq!(counted(Word::Held, stock), Some(counters(0, 18, 0)));
        assert_eq!(counted(Word::Sold, stock), Some(counters(0, 0, 18)));
        assert_eq!(counted(Word::Sold, counters(7, 6, 4)), None);
    }

    proptest! {
        #[test]
        fn telling_does_to_each_block_what_was_said(
            lengths in prop::collection::vec((1..9_i64, 0..4_usize), 1..12),
            numbers in prop::collection::vec(0..40_i64, 1..12),
            word in prop::sample::select(vec![Word::Free, Word::Held, Word::Sold]),
        ) {
            let uses = [Use::Free, HELD, SOLD, Use::Held(ORDER.into())];
            let mut cells: Vec<Use> = lengths.iter().flat_map(|(n, used)| vec![uses[*used]; *n as usize]).collect();
            let numbers: Vec<i64> = numbers.into_iter().map(|n| n % cells.len() as i64).collect();
            let runs = merged(cells.iter().enumerate().map(|(n, used)| run(n as i64, 1, *used)));
            let told = tell(&runs, &blocks(numbers.clone()), word);
            let taken = numbers.iter().any(|n| cells[*n as usize].order().is_some());
            prop_assert_eq!(told.is_err(), taken);
            if let Ok(told) = told {
                numbers.iter().for_each(|n| cells[*n as usize] = word.used());
                let expected = merged(cells.iter().enumerate().map(|(n, used)| run(n as i64, 1, *used)));
                prop_assert_eq!(&told.runs, &expected);
                prop_assert_eq!(told.count(), blocks(numbers).count());
            }
        }
    }
}
