//! The reason of a stop, the first cause and the other failures. Invariant I7.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::failure::{Cancelled, Cause, Failure};
use crate::report::Report;

/// The reason why a run stops before the end of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A failure of this stage or its source, or a cancellation. The first cause is known.
    Here,
    /// The upstream stage has stopped. The first cause comes from there.
    Upstream,
}

/// The stop of a stage, and the failures.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    stop: Option<Stop>,
    /// The downstream stage has stopped. Failures recorded later are never the first cause.
    unwanted: bool,
    /// The first cause, until the delivery.
    first: Option<Failure>,
    /// Other failures, until a report takes the failures.
    others: VecDeque<Failure>,
    /// Failures beyond the space of a report. The failures are dropped after the unlock, since a drop is user code.
    excess: Vec<Failure>,
}

impl Outcome {
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.is_some()
    }

    /// Stops the run; returns whether the run went on until now. The first failure is the first cause. A later
    /// failure is recorded; a later cancellation has no effect.
    pub(super) fn stop(&mut self, stop: Stop, failure: Option<Failure>) -> bool {
        if self.stop.is_some() || self.unwanted {
            if let Some(failure) = failure
                && !failure.is_cancelled()
            {
                self.record(failure);
            }
            return false;
        }
        self.stop = Some(stop);
        self.first = failure;
        true
    }

    /// Records that no later failure of this stage is a first cause.
    pub(super) fn set_unwanted(&mut self) {
        self.unwanted = true;
    }

    /// Takes a failure that the source yielded as the first cause, if the run had already stopped for the failure;
    /// otherwise returns the failure.
    pub(super) fn forward(&mut self, failure: Failure) -> Option<Failure> {
        if self.stop == Some(Stop::Upstream) && self.first.is_none() {
            self.first = Some(failure);
            return None;
        }
        Some(failure)
    }

    /// Takes the first cause found during the close of the source.
    pub(super) fn adopt(&mut self, cause: Option<Failure>) {
        // An upstream failure came before a cancellation that stopped this stage: the cancellation does not mask the
        // failure.
        let unknown = self.stop == Some(Stop::Upstream) && self.first.is_none();
        let cancelled = self.first.as_ref().is_some_and(Failure::is_cancelled);
        match cause {
            cause if unknown => self.first = cause,
            Some(cause) if cause.is_cancelled() => {}
            Some(cause) if cancelled => self.first = Some(cause),
            Some(cause) => self.record(cause),
            None => {}
        }
    }

    /// Sets the first cause of a run that stopped for an upstream stage, if the upstream failure was taken elsewhere.
    pub(super) fn ensure_cause(&mut self, stage: &Arc<str>, by: Cancelled) {
        if self.stop == Some(Stop::Upstream) && self.first.is_none() {
            self.first = Some(Failure::new(None, stage, Cause::Cancelled(by)));
        }
    }

    /// Records a failure for the report.
    pub(super) fn record(&mut self, failure: Failure) {
        if self.others.len() < Report::KEPT_FAILURES {
            self.others.push_back(failure);
        } else {
            self.excess.push(failure);
        }
    }

    pub(super) fn take_first(&mut self) -> Option<Failure> {
        self.first.take()
    }

    /// Takes the first cause and the other failures.
    pub(super) fn take_failures(&mut self) -> (Option<Failure>, Vec<Failure>) {
        (self.first.take(), self.others.drain(..).collect())
    }

    #[inline]
    pub(super) fn has_excess(&self) -> bool {
        !self.excess.is_empty()
    }

    pub(super) fn take_excess(&mut self) -> Vec<Failure> {
        std::mem::take(&mut self.excess)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(text: &'static str) -> Failure {
        Failure::new(Some(0), &Arc::from("stage"), Cause::Errored(anyhow::anyhow!(text)))
    }

    fn cancelled() -> Failure {
        Failure::new(None, &Arc::from("stage"), Cause::Cancelled(Cancelled::Scope))
    }

    fn text(failure: Option<Failure>) -> Option<String> {
        failure.map(|failure| failure.cause().to_string())
    }

    #[test]
    fn first_cause_is_kept_and_later_failures_are_recorded() {
        let mut outcome = Outcome::default();
        assert!(outcome.stop(Stop::Here, Some(failure("first"))));
        assert!(!outcome.stop(Stop::Here, Some(failure("second"))));
        assert!(!outcome.stop(Stop::Here, Some(cancelled())));
        let (first, others) = outcome.take_failures();
        assert_eq!(text(first).as_deref(), Some("first"));
        assert_eq!(others.len(), 1, "a later cancellation is not recorded");
    }

    #[test]
    fn stage_that_is_unwanted_has_no_first_cause() {
        let mut outcome = Outcome::default();
        outcome.set_unwanted();
        assert!(!outcome.stop(Stop::Here, Some(failure("late"))));
        assert!(!outcome.is_stopped());
        let (first, others) = outcome.take_failures();
        assert!(first.is_none() && others.len() == 1);
    }

    #[test]
    fn upstream_failure_is_first_cause_of_a_stage_stopped_for_it() {
        let mut outcome = Outcome::default();
        outcome.stop(Stop::Upstream, None);
        assert!(outcome.forward(failure("upstream")).is_none());
        assert!(outcome.forward(failure("another")).is_some());
        assert_eq!(text(outcome.take_first()).as_deref(), Some("upstream"));
    }

    #[test]
    fn cancellation_does_not_mask_a_failure_found_upstream() {
        let mut outcome = Outcome::default();
        outcome.stop(Stop::Here, Some(cancelled()));
        outcome.adopt(Some(failure("upstream")));
        assert_eq!(text(outcome.take_first()).as_deref(), Some("upstream"));
    }

    #[test]
    fn failure_is_not_masked_by_one_found_upstream_later() {
        let mut outcome = Outcome::default();
        outcome.stop(Stop::Here, Some(failure("here")));
        outcome.adopt(Some(failure("upstream")));
        outcome.adopt(Some(cancelled()));
        let (first, others) = outcome.take_failures();
        assert_eq!(text(first).as_deref(), Some("here"));
        assert_eq!(others.len(), 1);
    }

    #[test]
    fn stop_for_an_upstream_stage_has_a_cause_in_any_case() {
        let mut outcome = Outcome::default();
        outcome.ensure_cause(&Arc::from("stage"), Cancelled::Upstream);
        assert!(outcome.take_first().is_none(), "it was not stopped");
        outcome.stop(Stop::Upstream, None);
        outcome.ensure_cause(&Arc::from("stage"), Cancelled::Upstream);
        assert!(outcome.take_first().is_some_and(|failure| failure.is_cancelled()));
    }

    #[test]
    fn failures_beyond_a_report_are_dropped_later() {
        let mut outcome = Outcome::default();
        for _ in 0..=Report::KEPT_FAILURES {
            outcome.record(failure("one of many"));
        }
        assert!(outcome.has_excess());
        assert_eq!(outcome.take_excess().len(), 1);
        assert_eq!(outcome.take_failures().1.len(), Report::KEPT_FAILURES);
    }
}
