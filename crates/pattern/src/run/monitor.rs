//! A view of the counts of a run from another task.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use tokio::sync::futures::OwnedNotified;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::report::{Report, StageReport};
use crate::upstream::{Upstream, Watch};

/// A view of the counts of a run, for any task and any thread. Created by [`Run::monitor`](crate::Run::monitor) and
/// [`Indexed::monitor`](crate::Indexed::monitor).
///
/// Clones are cheap, and are views of the same run. A monitor stays valid after the run is moved into a stream or into the
/// source of another run, and after the end of the run. A monitor keeps no part of the run alive: no source, item, job,
/// output or scope.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use std::sync::Arc;
/// use towpath_pattern::{Run, Scope, Settings, Source};
///
/// let job = |x: u64| async move { Ok(x + 1) };
/// let start = |source, name| Run::spawn(Scope::default(), source, Settings::new(name, 2), Arc::new(job));
/// let first = start(Source::new([1, 2, 3]), "first");
/// let second = start(Source::new(first), "second");
/// let monitor = second.monitor();
/// let metrics = tokio::spawn(async move { monitor.report().stages.len() });
/// assert_eq!(metrics.await?, 2);
/// assert_eq!(second.collect().await?.len(), 3);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Monitor {
    /// The stages, in the order in which items pass through.
    stages: Arc<[Arc<Watch>]>,
}

impl Monitor {
    /// Creates a monitor of the run of `stage` and of all upstream stages.
    pub(super) fn of(stage: &Arc<dyn Upstream>) -> Self {
        let stages = stage.upstream().stages().into_iter().chain([stage]);
        Self { stages: stages.map(Watch::of).collect() }
    }

    /// Returns the counts of the items at every stage at this moment; after the end of the run, the final counts.
    ///
    /// The report has no failures: the run or the scope returns each failure once. The counts of two stages may be of
    /// slightly different moments. Outputs that a quick receiver has taken are counted as delivered in portions.
    #[must_use]
    pub fn report(&self) -> Report {
        let stages = self.stages.iter().map(|stage| stage.report()).collect();
        Report { stages, ..Report::default() }
    }
}

impl Monitor {
    /// Returns a stream of the counts of every stage: one value at once, one value every `every`, and a last value at the end
    /// of the run. See [`Run::watch`](crate::Run::watch).
    ///
    /// # Panics
    ///
    /// Panics if `every` is zero, or if the runtime has no timers.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> anyhow::Result<()> {
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use tokio_stream::StreamExt;
    /// use towpath_pattern::{Run, Scope, Settings, Source};
    ///
    /// let nap = Arc::new(|x: u64| async move {
    ///     tokio::time::sleep(Duration::from_secs(x)).await;
    ///     Ok(x)
    /// });
    /// let run = Run::spawn(Scope::default(), Source::new([1, 2]), Settings::new("nap", 1), nap);
    /// let mut watch = run.monitor().watch(Duration::from_secs(1));
    /// let progress = tokio::spawn(async move {
    ///     let mut last = 0;
    ///     while let Some(stages) = watch.next().await {
    ///         last = stages[0].counts.succeeded;
    ///     }
    ///     last
    /// });
    /// run.collect().await?;
    /// assert_eq!(progress.await?, 2);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn watch(&self, every: Duration) -> impl Stream<Item = Vec<StageReport>> + Send + Unpin + use<> {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let last = self.stages.last().expect("a run has a stage");
        let ended = Box::pin(Arc::clone(last.ended()).notified_owned());
        Watching { monitor: self.clone(), ticks, ended, over: false }
    }
}

/// The stream of [`Monitor::watch`].
struct Watching {
    monitor: Monitor,
    ticks: Interval,
    /// Ready when the run is dropped. A run that is over and not dropped is found at the next tick.
    ended: Pin<Box<OwnedNotified>>,
    over: bool,
}

impl Stream for Watching {
    type Item = Vec<StageReport>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.over {
            return Poll::Ready(None);
        }
        if self.ended.as_mut().poll(cx).is_pending() && self.ticks.poll_tick(cx).is_pending() {
            return Poll::Pending;
        }
        // The counts are read after the question: the last value has the final counts.
        self.over = self.monitor.stages.iter().all(|stage| stage.is_finished());
        Poll::Ready(Some(self.monitor.report().stages))
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Monitor").field(&self.report().stages).finish()
    }
}
