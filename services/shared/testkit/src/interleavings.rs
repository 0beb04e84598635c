//! Many random sequences of steps against one rule.

use std::fmt;

use proptest::{
    collection::vec,
    strategy::Strategy,
    test_runner::{Config, TestCaseError, TestError, TestRunner},
};

/// A sequence of steps: shown one a line, to be copied into a test.
#[derive(Clone)]
struct Steps<S>(Vec<S>);

impl<S: fmt::Debug> fmt::Debug for Steps<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|step| write!(f, "\n    {step:?},"))
    }
}

/// Tries the rule on so many sequences of at most so many steps; on more where `PROPTEST_CASES` says so.
///
/// # Panics
/// With the shortest sequence found that breaks the rule, and how.
#[track_caller]
pub fn interleavings<S: fmt::Debug + Clone>(
    cases: u32,
    longest: usize,
    step: impl Strategy<Value = S>,
    rule: impl Fn(&[S]) -> Result<(), TestCaseError>,
) {
    let usual = Config::default();
    let config = Config { cases: usual.cases.max(cases), failure_persistence: None, ..usual };
    let steps = vec(step, 1..=longest).prop_map(Steps);
    match TestRunner::new(config).run(&steps, |Steps(steps)| rule(&steps)) {
        Ok(()) => {}
        Err(TestError::Fail(why, steps)) => panic!("{why}\nbroken by the steps{steps:?}"),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}
