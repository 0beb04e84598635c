//! Runs of consecutive blocks. The runs of an offer tile its blocks, numbered from 0.
//!
//! Each function is given runs of one offer in ascending order and returns what becomes of them.

use p2p_domain::OrderId;

/// Who has a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Nobody.
    Free,
    /// Held for somebody.
    Held(Taker),
    /// Sold to somebody.
    Sold(Taker),
}

/// Who takes blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taker {
    /// An order of ours.
    Order(OrderId),
    /// A customer of the BPP that synced the offer, which says no more of it.
    Elsewhere,
}

impl From<OrderId> for Taker {
    fn from(order: OrderId) -> Self {
        Self::Order(order)
    }
}

impl Use {
    /// The order of ours that has it.
    pub fn order(self) -> Option<OrderId> {
        match self {
            Self::Held(Taker::Order(order)) | Self::Sold(Taker::Order(order)) => Some(order),
            Self::Free | Self::Held(Taker::Elsewhere) | Self::Sold(Taker::Elsewhere) => None,
        }
    }
}

/// Consecutive blocks with one use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Number of the first block, from 0.
    pub first: i64,
    /// How many, at least 1.
    pub blocks: i64,
    /// Who has them.
    pub used: Use,
}

impl Run {
    /// Number of the block behind the last.
    pub(super) fn end(self) -> i64 {
        self.first + self.blocks
    }

    /// Its blocks from one number to before another; none when there are none.
    pub(super) fn part(self, first: i64, end: i64) -> Option<Self> {
        (first < end).then_some(Self { first, blocks: end - first, ..self })
    }

    fn continues(self, before: Self) -> bool {
        self.used == before.used && self.first == before.end()
    }
}

/// Gives blocks to each that wants some, from free runs: from the first runs, each at its tail, so that a run that is
/// merely shortened keeps its first block. None when the runs have too few.
pub fn take(free: &[Run], wanted: &[(Use, i64)]) -> Option<Vec<Run>> {
    let mut wanted = wanted.iter().copied().filter(|(_, blocks)| *blocks > 0).peekable();
    let mut runs = Vec::with_capacity(free.len());
    for &run in free {
        let (mut kept, tail) = (run.blocks, runs.len());
        while let Some((used, missing)) = wanted.peek_mut().filter(|_| kept > 0) {
            let taken = kept.min(*missing);
            kept -= taken;
            *missing -= taken;
            runs.push(Run { first: run.first + kept, blocks: taken, used: *used });
            if *missing == 0 {
                wanted.next();
            }
        }
        if kept > 0 {
            runs.push(Run { blocks: kept, ..run });
        }
        runs[tail..].reverse();
    }
    wanted.peek().is_none().then_some(runs)
}

/// Frees all of the given runs, which are an order's and their free neighbours, and merges those that meet.
pub fn free(runs: &[Run]) -> Vec<Run> {
    merged(runs.iter().map(|run| Run { used: Use::Free, ..*run }))
}

/// Makes an offer longer or shorter. Given are all its runs, or at least the last when it grows. New blocks are
/// added behind the last one; free blocks go from behind, and what stood behind them moves up, which gives blocks that
/// were taken elsewhere other numbers than their BPP knows: it has said that the old ones are gone. None when more
/// blocks than the new length are taken.
pub fn resize(runs: &[Run], blocks: i64) -> Option<Vec<Run>> {
    let end = runs.last().map_or(0, |last| last.end());
    if blocks >= end {
        let added = Run { first: end, blocks: blocks - end, used: Use::Free };
        return Some(merged(runs.iter().copied().chain((added.blocks > 0).then_some(added))));
    }
    let mut excess = end - blocks;
    let mut kept: Vec<Run> = Vec::with_capacity(runs.len());
    for &run in runs.iter().rev() {
        let dropped = if run.used == Use::Free { excess.min(run.blocks) } else { 0 };
        excess -= dropped;
        if dropped < run.blocks {
            kept.push(Run { blocks: run.blocks - dropped, ..run });
        }
    }
    (excess == 0).then(|| closed_up(kept.into_iter().rev()))
}

fn closed_up(runs: impl Iterator<Item = Run>) -> Vec<Run> {
    let mut end = 0;
    merged(runs.map(move |run| {
        let moved = Run { first: end, ..run };
        end = moved.end();
        moved
    }))
}

/// Joins runs of one use that meet. Runs of orders stay as they are.
pub(super) fn merged(runs: impl Iterator<Item = Run>) -> Vec<Run> {
    let mut joined: Vec<Run> = Vec::new();
    for run in runs {
        match joined.last_mut() {
            Some(last) if run.used.order().is_none() && run.continues(*last) => last.blocks += run.blocks,
            _ => joined.push(run),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    const ORDER: OrderId = OrderId(Uuid::nil());
    const HELD: Use = Use::Held(Taker::Order(ORDER));

    fn free_run(first: i64, blocks: i64) -> Run {
        Run { first, blocks, used: Use::Free }
    }

    fn held(first: i64, blocks: i64) -> Run {
        Run { first, blocks, used: HELD }
    }

    #[test]
    fn taking_shortens_the_tail_of_a_free_run() {
        let taken = take(&[free_run(0, 100)], &[(HELD, 30)]);
        assert_eq!(taken, Some(vec![free_run(0, 70), held(70, 30)]));
    }

    #[test]
    fn a_run_taken_whole_only_changes_its_use() {
        let taken = take(&[free_run(0, 3), free_run(10, 5), free_run(20, 5)], &[(HELD, 5)]);
        assert_eq!(taken, Some(vec![held(0, 3), free_run(10, 3), held(13, 2), free_run(20, 5)]));
    }

    #[test]
    fn many_take_in_turn_what_the_ones_before_have_left() {
        let sold = Run { first: 6, blocks: 3, used: Use::Sold(ORDER.into()) };
        let wanted = [(sold.used, 3), (HELD, 5)];
        let taken = take(&[free_run(2, 7), free_run(10, 5)], &wanted);
        assert_eq!(taken, Some(vec![held(2, 4), sold, free_run(10, 4), held(14, 1)]));
    }

    #[test]
    fn runs_that_are_too_few_give_nothing() {
        assert_eq!(take(&[free_run(0, 3)], &[(HELD, 2), (HELD, 2)]), None);
        assert_eq!(take(&[], &[]), Some(vec![]));
    }

    #[test]
    fn freed_blocks_merge_with_both_neighbours() {
        assert_eq!(free(&[free_run(0, 5), held(5, 5), free_run(10, 5)]), [free_run(0, 15)]);
        assert_eq!(free(&[held(0, 5), held(7, 5)]), [free_run(0, 5), free_run(7, 5)]);
    }

    #[test]
    fn growing_extends_a_free_end_or_adds_one() {
        assert_eq!(resize(&[], 5), Some(vec![free_run(0, 5)]));
        assert_eq!(resize(&[free_run(10, 5)], 20), Some(vec![free_run(10, 10)]));
        assert_eq!(resize(&[held(10, 5)], 20), Some(vec![held(10, 5), free_run(15, 5)]));
    }

    #[test]
    fn shrinking_drops_free_blocks_from_behind_and_closes_the_gap() {
        let runs = [free_run(0, 70), held(70, 20), free_run(90, 10)];
        assert_eq!(resize(&runs, 95), Some(vec![free_run(0, 70), held(70, 20), free_run(90, 5)]));
        assert_eq!(resize(&runs, 50), Some(vec![free_run(0, 30), held(30, 20)]));
        assert_eq!(resize(&runs, 20), Some(vec![held(0, 20)]));
        assert_eq!(resize(&runs, 19), None);
        assert_eq!(resize(&[free_run(0, 5)], 0), Some(vec![]));
    }

    #[test]
    fn what_is_taken_elsewhere_merges_when_a_gap_closes_and_what_orders_have_does_not() {
        let sold = |first, blocks| Run { first, blocks, used: Use::Sold(Taker::Elsewhere) };
        let runs = [sold(0, 2), free_run(2, 3), sold(5, 2)];
        assert_eq!(resize(&runs, 4), Some(vec![sold(0, 4)]));
        assert_eq!(resize(&[held(0, 2), free_run(2, 3), held(5, 2)], 4), Some(vec![held(0, 2), held(2, 2)]));
        assert_eq!(resize(&runs, 9), Some(vec![sold(0, 2), free_run(2, 3), sold(5, 2), free_run(7, 2)]));
    }

    proptest! {
        #[test]
        fn taking_and_freeing_again_leaves_the_runs_as_they_were(
            lengths in prop::collection::vec((1..50_i64, 1..5_i64), 1..8),
            wanted in prop::collection::vec(1..20_i64, 1..10),
        ) {
            let mut end = 0;
            let before: Vec<Run> = lengths
                .into_iter()
                .map(|(blocks, gap)| {
                    let run = free_run(end, blocks);
                    end += blocks + gap;
                    run
                })
                .collect();
            let there: i64 = before.iter().map(|run| run.blocks).sum();
            let blocks: i64 = wanted.iter().sum();
            let wanted: Vec<_> = wanted.into_iter().map(|blocks| (HELD, blocks)).collect();
            let taken = take(&before, &wanted);
            prop_assert_eq!(taken.is_some(), blocks <= there);
            if let Some(taken) = taken {
                prop_assert!(taken.is_sorted_by_key(|run| run.first));
                let held: i64 = taken.iter().filter(|run| run.used != Use::Free).map(|run| run.blocks).sum();
                prop_assert_eq!(held, blocks);
                prop_assert_eq!(free(&taken), before);
            }
        }
    }
}
