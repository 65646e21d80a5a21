//! The failures of a scope, until a wait, a handle or the parent takes them.

use std::collections::VecDeque;

use crate::failure::Failure;
use crate::report::Report;

/// The failures of a scope, the first cause first.
///
/// The list keeps [`Report::KEPT_FAILURES`] failures and counts all. A failure is dropped by the caller, after the unlock:
/// the drop is user code.
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// The failures with their numbers, in ascending order.
    kept: VecDeque<(usize, Failure)>,
    /// The number of failures recorded so far, and the number of the next failure.
    recorded: usize,
    /// The number of failures recorded beyond the bound.
    excess: usize,
}

impl Failures {
    /// Keeps a failure and returns its number.
    ///
    /// # Errors
    ///
    /// Returns the failure if the list is full.
    pub(super) fn record(&mut self, failure: Failure) -> Result<usize, Failure> {
        let number = self.recorded;
        self.recorded += 1;
        if self.kept.len() < Report::KEPT_FAILURES {
            self.kept.push_back((number, failure));
            Ok(number)
        } else {
            self.excess += 1;
            Err(failure)
        }
    }

    /// Counts failures that no list has kept.
    pub(super) fn count(&mut self, excess: usize) {
        self.recorded += excess;
        self.excess += excess;
    }

    /// Takes the failure with that number, unless the failure was taken before.
    pub(super) fn take(&mut self, number: usize) -> Option<Failure> {
        let position = self.kept.binary_search_by_key(&number, |kept| kept.0).ok()?;
        self.kept.remove(position).map(|kept| kept.1)
    }

    pub(super) fn take_first(&mut self) -> Option<Failure> {
        self.kept.pop_front().map(|kept| kept.1)
    }

    pub(super) fn take_all(&mut self) -> Vec<Failure> {
        self.kept.drain(..).map(|kept| kept.1).collect()
    }

    pub(super) fn recorded(&self) -> usize {
        self.recorded
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.excess == 0
    }

    /// Records the failures of a child, and returns the failures beyond the bound.
    pub(super) fn adopt(&mut self, child: Self) -> Vec<Failure> {
        self.count(child.excess);
        child.kept.into_iter().filter_map(|kept| self.record(kept.1).err()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::failure::Cause;

    fn failure(stage: usize) -> Failure {
        Failure::new(None, &Arc::from(stage.to_string()), Cause::from_panic(Box::new("on purpose")))
    }

    fn full() -> Failures {
        let mut failures = Failures::default();
        for stage in 0..Report::KEPT_FAILURES + 2 {
            assert_eq!(failures.record(failure(stage)).is_ok(), stage < Report::KEPT_FAILURES);
        }
        failures
    }

    #[test]
    fn failures_beyond_the_bound_are_counted() {
        let mut failures = full();
        assert_eq!(failures.recorded(), Report::KEPT_FAILURES + 2);
        assert_eq!(failures.take_all().len(), Report::KEPT_FAILURES);
        assert!(!failures.is_empty(), "the parent counts the rest");
    }

    /// The failures that a run of a child could not keep are in the counts of the child and of the parent.
    #[test]
    fn unkept_failures_are_counted_by_child_and_parent() {
        let (mut child, mut parent) = (Failures::default(), Failures::default());
        child.count(2);
        child.count(3);
        assert_eq!(child.recorded(), 5);
        assert!(!child.is_empty(), "the parent counts them");
        assert!(parent.adopt(child).is_empty());
        assert_eq!(parent.recorded(), 5);
    }

    #[test]
    fn failure_is_taken_by_its_number_once() {
        let mut failures = Failures::default();
        let numbers: Vec<_> = (0..3).map(|stage| failures.record(failure(stage)).expect("space")).collect();
        assert_eq!(failures.take(numbers[1]).expect("it is kept").stage(), "1");
        assert!(failures.take(numbers[1]).is_none());
        assert_eq!(failures.take_first().expect("it is kept").stage(), "0");
        assert!(failures.take(numbers[0]).is_none());
        assert_eq!(failures.take(numbers[2]).expect("it is kept").stage(), "2");
    }

    #[test]
    fn failures_of_a_child_follow_those_of_the_parent() {
        let mut parent = Failures::default();
        parent.record(failure(7)).expect("space");
        assert_eq!(parent.adopt(full()).len(), 1);
        assert_eq!(parent.recorded(), Report::KEPT_FAILURES + 3);
        let stages: Vec<_> = parent.take_all().iter().map(|failure| failure.stage().to_owned()).collect();
        assert_eq!((stages.len(), &stages[0][..], &stages[1][..]), (Report::KEPT_FAILURES, "7", "0"));
    }
}
