//! Counters, gauges and histograms of the jobs.

use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Unit};
use towpath_pattern::{Ended, ItemInfo, Observer, Outcome, RunInfo, RunObserver};

const IN_FLIGHT: &str = "towpath.jobs.in_flight";
const WAITING: &str = "towpath.jobs.waiting";
const COMPLETED: &str = "towpath.jobs.completed";
const DURATION: &str = "towpath.job.duration";
const WAIT: &str = "towpath.job.wait";

/// Records the jobs with the recorder of the crate [`metrics`], for any exporter.
///
/// The names follow the conventions of OpenTelemetry. Every metric has the label `stage`. An exporter for Prometheus writes `_`
/// for the dots.
///
/// | metric | kind | meaning |
/// |---|---|---|
/// | `towpath.jobs.in_flight` | gauge | jobs started and not ended |
/// | `towpath.jobs.waiting` | gauge | items taken up by a worker and not started: items that wait in a slot, for a permit, a rate or a resource |
/// | `towpath.jobs.completed` | counter | ended items by `outcome`: `succeeded`, `errored`, `timed_out`, `panicked`, `cancelled`, `given_back` |
/// | `towpath.job.duration` | histogram, s | the time of a job; a job with retries is one job |
/// | `towpath.job.wait` | histogram, s | the wait of an item in its slot, before the start of the job |
///
/// An item that waits without a slot, for a key or a weight, is in neither `waiting` nor `wait`: see
/// [`RunObserver::started`]. [`Counts::waiting`](towpath_pattern::Counts::waiting) includes the item, and so a gauge of
/// all waiting items reads the counts of [`Run::watch`](towpath_pattern::Run::watch).
///
/// The handles of the metrics are created at the start of a run, with the recorder of the caller. Runs of stages with the same
/// name share their metrics.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_fanout::{Fanout, PatternExt};
/// use towpath_observe::Metrics;
///
/// let double = Fanout::new(4, |x: u64| async move { Ok(x * 2) }).named("double");
/// assert_eq!(double.observed(Metrics::new()).run([1]).collect().await?, [2]);
/// # Ok(()) }
/// ```
///
/// [`metrics`]: https://docs.rs/metrics
#[derive(Clone, Debug, Default)]
pub struct Metrics(());

impl Metrics {
    /// Creates an observer, and describes the metrics to the recorder.
    #[must_use]
    pub fn new() -> Self {
        metrics::describe_gauge!(IN_FLIGHT, Unit::Count, "Jobs started and not ended");
        metrics::describe_gauge!(WAITING, Unit::Count, "Items taken up by a worker and not started");
        metrics::describe_counter!(COMPLETED, Unit::Count, "Ended items by outcome");
        metrics::describe_histogram!(DURATION, Unit::Seconds, "The time of a job");
        metrics::describe_histogram!(WAIT, Unit::Seconds, "The wait before the start of a job");
        Self(())
    }
}

impl Observer for Metrics {
    type Run = RunMetrics;

    fn observe(&self, run: &RunInfo) -> Option<RunMetrics> {
        let stage = || Arc::clone(&run.stage);
        let completed = |outcome: Outcome| metrics::counter!(COMPLETED, "stage" => stage(), "outcome" => outcome.as_str());
        Some(RunMetrics {
            in_flight: metrics::gauge!(IN_FLIGHT, "stage" => stage()),
            waiting: metrics::gauge!(WAITING, "stage" => stage()),
            completed: OUTCOMES.map(|outcome| (outcome, completed(outcome))),
            duration: metrics::histogram!(DURATION, "stage" => stage()),
            wait: metrics::histogram!(WAIT, "stage" => stage()),
        })
    }
}

const OUTCOMES: [Outcome; 6] = [
    Outcome::Succeeded,
    Outcome::Errored,
    Outcome::TimedOut,
    Outcome::Panicked,
    Outcome::Cancelled,
    Outcome::GivenBack,
];

/// The metrics of a stage of a run.
pub struct RunMetrics {
    in_flight: Gauge,
    waiting: Gauge,
    completed: [(Outcome, Counter); OUTCOMES.len()],
    duration: Histogram,
    wait: Histogram,
}

impl RunObserver for RunMetrics {
    type Item = ();

    fn taken(&self, _: ItemInfo) {
        self.waiting.increment(1.0);
    }

    fn started(&self, (): &mut (), waited: Duration) {
        self.waiting.decrement(1.0);
        self.in_flight.increment(1.0);
        self.wait.record(waited);
    }

    fn completed(&self, (): (), ended: Ended) {
        if let Some(ran) = ended.ran {
            self.in_flight.decrement(1.0);
            self.duration.record(ran);
        } else {
            self.waiting.decrement(1.0);
        }
        for (outcome, counter) in &self.completed {
            if *outcome == ended.outcome {
                counter.increment(1);
            }
        }
    }
}
