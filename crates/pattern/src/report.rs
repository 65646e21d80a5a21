//! What became of all the items of a run.

use std::fmt;
use std::sync::Arc;

use crate::failure::{Cause, Failure};

/// What became of every item of a run, at every stage, and the failures nobody took.
#[derive(Debug, Default)]
pub struct Report {
    /// One entry a stage, in the order the items pass them.
    pub stages: Vec<StageReport>,
    /// The failures that were not yielded to anybody: the first [`Report::KEPT_FAILURES`] of them; the
    /// counts tell of all.
    pub failures: Vec<Failure>,
}

impl Report {
    /// How many failures a report keeps.
    pub const KEPT_FAILURES: usize = 1_000;

    /// The last stage, whose outputs the run yields.
    ///
    /// # Panics
    ///
    /// Never for a report that a run made: every run has a stage.
    #[must_use]
    pub fn last(&self) -> &Counts {
        &self.stages.last().expect("a run has a stage").counts
    }
}

/// The counts of one stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageReport {
    /// The stage's name.
    pub stage: Arc<str>,
    /// What became of its items.
    pub counts: Counts,
}

/// What became of the items of one stage.
///
/// Every item taken is in exactly one of the other groups: when the run is over, `taken` equals
/// [`Counts::settled`], and while it is going on the difference is `running` plus [`Counts::waiting`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Items taken from the source.
    pub taken: usize,
    /// Items whose job returned an output.
    pub succeeded: usize,
    /// Items whose job returned an error.
    pub errored: usize,
    /// Items whose job panicked.
    pub panicked: usize,
    /// Items whose job returned [`TimedOut`](crate::TimedOut).
    pub timed_out: usize,
    /// Items whose job was begun and stopped from outside, and those on their way here when the run ended.
    pub cancelled: usize,
    /// Items given up by an overflow policy.
    pub dropped: usize,
    /// Items taken whose job was never begun.
    pub never_begun: usize,
    /// Jobs begun and not at their end; zero when the run is over.
    pub running: usize,
    /// Outputs and failures of this stage that were yielded, or taken by the next stage.
    pub delivered: usize,
}

impl Counts {
    /// The items whose fate is known.
    #[must_use]
    pub fn settled(&self) -> usize {
        self.succeeded
            + self.errored
            + self.panicked
            + self.timed_out
            + self.cancelled
            + self.dropped
            + self.never_begun
    }

    /// The items taken whose job has not begun and may yet begin, finished ones on their way to the
    /// queue of outputs included; zero when the run is over.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.taken.saturating_sub(self.settled() + self.running)
    }

    /// The outputs and failures of this stage that are finished and have not been yielded; when the run is
    /// over, nobody will get them.
    #[must_use]
    pub fn not_yielded(&self) -> usize {
        let finished = self.succeeded + self.errored + self.panicked + self.timed_out;
        finished.saturating_sub(self.delivered)
    }

    /// Counts what a job returned instead of an output.
    pub(crate) fn count(&mut self, cause: &Cause) {
        if let Cause::TimedOut(_) = cause {
            self.timed_out += 1;
        } else {
            self.errored += 1;
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} taken", self.taken)?;
        for (count, word) in [
            (self.succeeded, "succeeded"),
            (self.errored, "errored"),
            (self.panicked, "panicked"),
            (self.timed_out, "timed out"),
            (self.cancelled, "cancelled"),
            (self.dropped, "dropped"),
            (self.never_begun, "never begun"),
            (self.running, "running"),
            (self.waiting(), "waiting"),
            (self.not_yielded(), "not yielded"),
        ] {
            if count > 0 {
                write!(f, ", {count} {word}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, StageReport { stage, counts }) in self.stages.iter().enumerate() {
            let separator = if position == 0 { "" } else { "; " };
            write!(f, "{separator}{stage}: {counts}")?;
        }
        match self.failures.first() {
            Some(first) => write!(f, "; first failure nobody took: {first}"),
            None => Ok(()),
        }
    }
}
