//! The report of a run: the counts of the items and the failures.

use std::fmt;
use std::sync::Arc;

use crate::failure::{Cause, Failure};
use crate::settings::Settings;

/// The report of a run: the counts of the items at every stage, and the failures that were not yielded.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::sync::Arc;
/// use towpath_pattern::{OnFailure, Run, Scope, Settings, Source};
///
/// let parse = Arc::new(|text: &'static str| async move { Ok(text.parse::<u64>()?) });
/// let settings = Settings::new("parse", 2).on_failure(OnFailure::Continue);
/// let run = Run::spawn(Scope::default(), Source::new(["1", "2", "three"]), settings, parse);
/// let report = run.finish().await;
/// assert_eq!((report.last().succeeded, report.last().errored), (2, 1));
/// assert_eq!(report.failures[0].index(), Some(2));
/// # }
/// ```
///
/// A test builds a report from the default, by assigning fields:
///
/// ```
/// use towpath_pattern::{Counts, Report, StageReport};
///
/// let mut counts = Counts::default();
/// (counts.taken, counts.succeeded, counts.delivered) = (2, 2, 2);
/// let mut report = Report::default();
/// report.stages.push(StageReport::new("fetch", counts));
/// assert_eq!(report.to_string(), "fetch: 2 taken, 2 succeeded");
/// ```
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// The stages, in the order in which items pass through.
    pub stages: Vec<StageReport>,
    /// The first [`Report::KEPT_FAILURES`] of the failures that were not yielded. The counts include all failures.
    pub failures: Vec<Failure>,
    /// Whether a [drain](crate::Run::drain) was forced to its end: the budget was spent, or a second signal came, before
    /// all started jobs were complete, with the runs and tasks of these jobs.
    ///
    /// The end of the run after the last job does not count: the [shutdown](crate::Work::shutdown) of the work, for example the
    /// release of a resource, and a [take](crate::Storage::take) of a storage. The drain waits for both beyond its budget, and
    /// each has a time limit of its own: `release_within` of a pattern with resources, and
    /// [`Storage::stop_within`](crate::Storage::stop_within). A passed time limit is a failure with a
    /// [`TimedOut`](crate::TimedOut) in `failures`.
    pub forced: bool,
}

impl Report {
    /// The number of failures that a report keeps.
    pub const KEPT_FAILURES: usize = 1_000;

    /// Returns the number of the items with a job that was dropped before its end, at all stages.
    ///
    /// # Examples
    ///
    /// ```
    /// use towpath_pattern::{Counts, Report, StageReport};
    ///
    /// let mut counts = Counts::default();
    /// (counts.taken, counts.succeeded, counts.cancelled) = (3, 1, 2);
    /// let mut report = Report::default();
    /// report.stages.push(StageReport::new("fetch", counts));
    /// report.stages.push(StageReport::new("store", counts));
    /// assert_eq!(report.cancelled(), 4);
    /// ```
    #[must_use]
    pub fn cancelled(&self) -> usize {
        self.stages.iter().map(|stage| stage.counts.cancelled).sum()
    }

    /// Returns the counts of the last stage, whose outputs the run yields.
    ///
    /// # Panics
    ///
    /// Panics if the report has no stage. The report of a run has at least one stage.
    #[must_use]
    pub fn last(&self) -> &Counts {
        &self.stages.last().expect("a run has a stage").counts
    }
}

/// The report of a stage.
///
/// # Examples
///
/// A test builds the report of a stage, and assigns the further fields:
///
/// ```
/// use towpath_pattern::{Counts, StageReport};
///
/// let mut counts = Counts::default();
/// (counts.taken, counts.succeeded) = (2, 2);
/// let mut report = StageReport::new("fetch", counts);
/// report.waits_for_receiver = true;
/// assert_eq!(
///     report.to_string(),
///     "fetch: 2 taken, 2 succeeded, 2 not yielded (at the bound: waits for a receiver)"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageReport {
    /// The name of the stage.
    pub stage: Arc<str>,
    /// The counts of the items.
    pub counts: Counts,
    /// Whether the stage waits for a receiver: the stage is at its bound, with outputs that are not yielded. No job starts
    /// before a receiver takes an output.
    pub waits_for_receiver: bool,
}

impl StageReport {
    /// Creates the report of a stage called `stage`.
    #[must_use]
    pub fn new(stage: impl Into<Arc<str>>, counts: Counts) -> Self {
        Self { stage: stage.into(), counts, waits_for_receiver: false }
    }

    /// Creates the report of a stage with `settings`. A setting enters the report here and nowhere else.
    pub(crate) fn from_settings(settings: &Settings, counts: Counts, waits_for_receiver: bool) -> Self {
        Self { waits_for_receiver, ..Self::new(Arc::clone(&settings.name), counts) }
    }
}

/// The counts of the items of a stage, by group.
///
/// Every item taken is in exactly one of the groups from `succeeded` to `never_started`, or on the way to a group. When
/// the run is over, `taken` equals [`Counts::settled`]. While the run goes on, the difference is `running` plus
/// [`Counts::waiting`].
///
/// # Examples
///
/// ```
/// use towpath_pattern::Counts;
///
/// let mut counts = Counts::default();
/// (counts.taken, counts.succeeded, counts.errored, counts.running) = (8, 3, 1, 2);
/// counts.delivered = 3;
/// assert_eq!(counts.settled(), 4);
/// assert_eq!(counts.waiting(), 2);
/// assert_eq!(counts.not_yielded(), 1);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Items taken from the source.
    pub taken: usize,
    /// Items with a job that returned an output.
    pub succeeded: usize,
    /// Items with a job that returned an error.
    pub errored: usize,
    /// Items with a job that panicked, or that returned an error with a [`Panic`](crate::Panic) in it.
    pub panicked: usize,
    /// Items with a job that returned an error with a [`TimedOut`](crate::TimedOut) in it.
    pub timed_out: usize,
    /// Items with a job that was dropped before its end, and items that were between the upstream stage and this stage
    /// when the run ended.
    pub cancelled: usize,
    /// Items taken and never started.
    pub never_started: usize,
    /// Items with a slot of the limit: the job of the item runs, or the item waits in its slot for a permit, a rate or a
    /// resource. Zero when the run is over.
    pub running: usize,
    /// Outputs and failures of the stage, either yielded by the run or taken by the next stage.
    pub delivered: usize,
}

impl Counts {
    /// Returns the number of items in all the groups.
    #[must_use]
    pub fn settled(&self) -> usize {
        self.succeeded + self.errored + self.panicked + self.timed_out + self.cancelled + self.never_started
    }

    /// Returns the number of taken items that are neither running nor counted in a group: the job has not started, or has
    /// completed and is not yet counted. An item that a limiter holds without a slot is taken, and so counts as waiting. When
    /// the run is over, the number is zero.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.taken.saturating_sub(self.settled() + self.running)
    }

    /// Returns the number of outputs and failures of the stage that are ready and not delivered. When the run is over,
    /// the number is final.
    #[must_use]
    pub fn not_yielded(&self) -> usize {
        let finished = self.succeeded + self.errored + self.panicked + self.timed_out;
        finished.saturating_sub(self.delivered)
    }

    /// Counts the error of a job.
    pub(crate) fn count(&mut self, cause: &Cause) {
        match cause {
            Cause::TimedOut(_) => self.timed_out += 1,
            Cause::Panicked(_) => self.panicked += 1,
            Cause::Errored(_) | Cause::Cancelled(_) => self.errored += 1,
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
            (self.never_started, "never started"),
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

impl fmt::Display for StageReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.stage, self.counts)?;
        if self.waits_for_receiver {
            f.write_str(" (at the bound: waits for a receiver)")?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, stage) in self.stages.iter().enumerate() {
            let separator = if position == 0 { "" } else { "; " };
            write!(f, "{separator}{stage}")?;
        }
        if self.forced {
            f.write_str("; the drain was forced")?;
        }
        match self.failures.first() {
            Some(first) => write!(f, "; first failure not taken: {first:#}"),
            None => Ok(()),
        }
    }
}
