//! A span for each job.

use std::sync::Arc;
use std::time::Duration;

use towpath_pattern::{Ended, ItemInfo, Observer, RunInfo, RunObserver};
use tracing::Span;
use tracing::field::Empty;

/// Creates a `tracing` span for each job: the name is `job`, the level is info, the target is `towpath`, and the fields are
/// `stage`, `index` and `outcome`.
///
/// The span begins at the start of the job, after a wait for a permit, and closes at the end of the job. Every poll of the job,
/// and the drop of a cancelled job, is inside the span. A span inside the job is a child.
///
/// If the subscriber has no interest in these spans at the start of a run, the run is not observed and pays nothing.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_fanout::{Fanout, PatternExt};
/// use towpath_observe::Spans;
///
/// let double = Fanout::new(4, |x: u64| async move {
///     tracing::info!("inside the span of the job");
///     Ok(x * 2)
/// });
/// assert_eq!(double.observed(Spans::new()).run([1]).collect().await?, [2]);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Spans {
    inherit: bool,
}

impl Spans {
    /// Creates an observer whose spans have no parent.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates an observer whose spans have the caller's span as their parent: the span around the start of the run.
    ///
    /// The parent stays open until the end of the run. A long run under a short span, such as a service that a request starts,
    /// keeps the span of the request open; [`Spans::new`] avoids this.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_fanout::{Fanout, PatternExt};
    /// use towpath_observe::Spans;
    ///
    /// let double = Fanout::new(4, |x: u64| async move { Ok(x * 2) }).observed(Spans::inheriting());
    /// let run = tracing::info_span!("request").in_scope(|| double.run([1]));
    /// assert_eq!(run.collect().await?, [2]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn inheriting() -> Self {
        Self { inherit: true }
    }
}

impl Observer for Spans {
    type Run = RunSpans;

    fn observe(&self, run: &RunInfo) -> Option<RunSpans> {
        if !tracing::span_enabled!(target: "towpath", tracing::Level::INFO) {
            return None;
        }
        let parent = self.inherit.then(Span::current);
        Some(RunSpans { stage: Arc::clone(&run.stage), parent })
    }
}

/// The spans of a stage of a run.
#[derive(Debug)]
pub struct RunSpans {
    stage: Arc<str>,
    parent: Option<Span>,
}

impl RunObserver for RunSpans {
    /// The index of the item, and the span of the job from the start on.
    type Item = (usize, Span);

    fn taken(&self, item: ItemInfo) -> (usize, Span) {
        (item.index, Span::none())
    }

    fn started(&self, (index, span): &mut (usize, Span), _: Duration) {
        let parent = self.parent.as_ref().and_then(Span::id);
        *span = tracing::info_span!(
            target: "towpath", parent: parent, "job", stage = &*self.stage, index = *index, outcome = Empty,
        );
    }

    fn around_poll(&self, (_, span): &mut (usize, Span), poll: &mut dyn FnMut()) {
        span.in_scope(poll);
    }

    fn completed(&self, (_, span): (usize, Span), ended: Ended) {
        span.record("outcome", ended.outcome.as_str());
    }
}
