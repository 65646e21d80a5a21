//! A run: a stream of outputs, with methods to stop the run and to report the counts.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use futures_core::stream::FusedStream;
use tokio::task::coop;
use tokio::time::Instant;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::monitor::Monitor;
use super::observed::Observed;
use crate::failure::{Cancelled, Failure};
use crate::item::Output;
use crate::observer::RunInfo;
use crate::report::{Report, StageReport};
use crate::scope::Scope;
use crate::settings::{Order, Settings};
use crate::source::Source;
use crate::stage::{self, Delivered, Delivery, OutputPort, Took, Work};
use crate::upstream::{Upstream, stop_taking_chain};
use crate::util::batch_size::BatchSize;
use crate::util::panic::drop_quietly;

/// One execution of a pattern: a stream of outputs.
///
/// Jobs make progress while no outputs are taken, until limit plus capacity items are in the stage. The stream is
/// fused: after the end, every poll yields `None`. Once [`next`](Run::next) has returned `None`, nothing of the run is
/// left.
///
/// Dropping a run cancels the run: every job is dropped at the next await. [`Scope::wait`] waits until the jobs are
/// dropped, as for all runs and tasks of the scope.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use std::sync::Arc;
/// use towpath_pattern::{Run, Scope, Settings, Source};
///
/// let double = Arc::new(|x: u64| async move { Ok(x * 2) });
/// let start = || {
///     let settings = Settings::new("double", 2).ordered();
///     Run::spawn(Scope::default(), Source::new([1, 2, 3]), settings, Arc::clone(&double))
/// };
///
/// // All outputs.
/// assert_eq!(start().collect().await?, [2, 4, 6]);
///
/// // One output at a time, and the counts so far.
/// let mut run = start();
/// while let Some(output) = run.next().await {
///     println!("{}: {}", output?, run.report());
/// }
///
/// // The counts alone.
/// let report = start().finish().await;
/// assert_eq!(report.to_string(), "double: 3 taken, 3 succeeded");
/// # Ok(()) }
/// ```
#[must_use = "a run that is dropped is cancelled; `collect().await` takes all outputs, `next().await` one, and `finish().await` the report"]
pub struct Run<Out> {
    pub(super) port: Arc<dyn OutputPort<Out>>,
    pub(super) scope: Scope,
    /// Outputs taken from the stage and not yet yielded. The stage counts the outputs until their delivery.
    pub(super) held: VecDeque<Output<Out>>,
    /// The number of yielded outputs after which the stage is notified: a larger number for a quick receiver, whose
    /// outputs do not occupy the stage for long, and one for a slow receiver.
    portion: BatchSize,
    /// The time of the last notification of the stage.
    delivered_at: Option<Instant>,
    /// The outputs of `held` yielded since the last notification.
    pub(super) yielded: Delivered,
    /// The run has yielded a portion, and has yet to pay with the budget of the task.
    owing: bool,
    ended: bool,
    /// Failures that the run has taken and not yielded, ahead of the failures of the stage.
    pub(super) kept: Vec<Failure>,
    /// The number of further such failures.
    unkept: usize,
    /// Tracker tokens, acquired in `Drop` and released last. The tokens keep the scope and its ancestors open until
    /// the unreported failures of this run have been recorded.
    marks: Vec<TaskTrackerToken>,
}

impl Run<()> {
    /// Starts a run as [`Run::spawn`] does, for work without outputs: the run yields only failures. An item whose job
    /// succeeds counts as delivered when the job completes, so later items start without a receiver. A failure counts
    /// against the bound until the run yields the failure.
    ///
    /// # Panics
    ///
    /// Panics if there is no tokio runtime, or if the scope has a deadline and the runtime has no timers. The location
    /// of the panic is the caller.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use towpath_pattern::{Run, Scope, Settings, Source, with_state};
    ///
    /// let total = Arc::new(AtomicU64::new(0));
    /// let add = with_state(Arc::clone(&total), async |total: &Arc<AtomicU64>, x: u64| {
    ///     total.fetch_add(x, Ordering::Relaxed);
    ///     Ok(())
    /// });
    /// let scope = Scope::new("sum");
    /// let settings = Settings::new("add", 2);
    /// let run = Run::spawn_discarding(scope.clone(), Source::new(1..=100), settings, Arc::new(add));
    /// scope.wait().await?; // the run ends without a receiver
    /// assert_eq!(run.finish().await.last().succeeded, 100);
    /// assert_eq!(total.load(Ordering::Relaxed), 5050);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn spawn_discarding<In: Send + 'static>(
        scope: Scope,
        input: Source<In>,
        settings: Settings,
        work: impl Work<In, ()>,
    ) -> Self {
        let settings = Settings { order: Order::AsCompleted, ..settings };
        Self::start(scope, input, settings, Delivery::Discarded, work)
    }
}

impl<Out: Send + 'static> Run<Out> {
    /// Starts a run. This function is the base of every pattern.
    ///
    /// Workers take the items from `input`. The run adds workers while items wait, up to the limit, and retires idle
    /// workers. For every item, `work` starts the item, runs the job and completes the item.
    ///
    /// The run counts a dropped item, reports a panic as the failure of the item, and delays no item because of the
    /// await of another item. All laws of [`Pattern`](crate::Pattern) hold under two conditions. First, `work` adds no
    /// wait of an item for another item, and no sleep. Second, `work` runs the job in one of two ways, with the scope
    /// from [`Taken::scope`](crate::Taken::scope):
    ///
    /// - [`taken.run(&job, &scope)`](crate::Taken::run);
    /// - `drive_job(job.call_in(item, &scope), |cause| running.report(cause))`, for work that continues after the job:
    ///   see [`drive_job`](crate::drive_job).
    ///
    /// A plain `job.call(item).await` breaks three laws, and fails a check of the conformance suite for each:
    ///
    /// - Structure: runs and tasks that the job starts may outlive the run, because the job does not get the scope
    ///   (`nothing_that_a_job_starts_is_left_at_the_end`).
    /// - Cancellation: a job cannot stop the run by cancelling the scope of the jobs
    ///   (`no_job_starts_after_a_cancel_within_a_job`).
    /// - First cause: a panic in the drop of the job replaces the error of the job
    ///   (`a_panic_in_the_drop_of_a_job_masks_nothing`).
    ///
    /// The following work has no job, and awaits a permit before the start of every item:
    ///
    /// # Examples
    ///
    /// The work awaits a permit before every job:
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::sync::Arc;
    /// use tokio::sync::Semaphore;
    /// use towpath_pattern::{Run, Scope, Settings, Source, Taken};
    ///
    /// let permits = Arc::new(Semaphore::new(2));
    /// let double = move |taken: Taken<u64, u64>| {
    ///     let permits = Arc::clone(&permits);
    ///     async move {
    ///         let permit = permits.acquire_owned().await; // not yet started
    ///         let (item, running) = taken.start();
    ///         let result = permit.map(|_permit| item * 2).map_err(anyhow::Error::from);
    ///         running.complete(result)
    ///     }
    /// };
    /// let run = Run::spawn(Scope::default(), Source::new([1, 2, 3]), Settings::new("double", 2), double);
    /// assert_eq!(run.collect().await?.iter().sum::<u64>(), 12);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn spawn<In: Send + 'static>(
        scope: Scope,
        input: Source<In>,
        settings: Settings,
        work: impl Work<In, Out>,
    ) -> Self {
        Self::start(scope, input, settings, Delivery::Taken, work)
    }

    #[track_caller]
    fn start<In: Send + 'static>(
        scope: Scope,
        input: Source<In>,
        settings: Settings,
        delivery: Delivery,
        work: impl Work<In, Out>,
    ) -> Self {
        let observer = settings.observers.observe(|| RunInfo {
            stage: Arc::clone(&settings.name),
            limit: settings.limit.get(),
            bound: settings.bound(),
            job_limit: settings.limit.clone(),
        });
        let port = match observer {
            None => stage::start(&scope, input, settings, delivery, work),
            Some(observer) => stage::start(&scope, input, settings, delivery, Observed::new(work, observer)),
        };
        Self {
            port,
            scope,
            held: VecDeque::new(),
            portion: BatchSize::default(),
            delivered_at: None,
            yielded: Delivered::default(),
            owing: false,
            ended: false,
            kept: Vec::new(),
            unkept: 0,
            marks: Vec::new(),
        }
    }

    /// Returns the next output or failure; `None` at the end.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    pub async fn next(&mut self) -> Option<Result<Out, Failure>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Returns the report so far: the counts of the items at every stage. The failures stay in the run:
    /// [`finish`](Self::finish) and [`outcomes`](Self::outcomes) return the failures.
    #[must_use]
    pub fn report(&self) -> Report {
        let mut stages: Vec<_> =
            self.port.upstream().stages().into_iter().map(|stage| stage.report()).collect();
        stages.push(self.port.report());
        Report { stages, ..Report::default() }
    }

    /// Returns a handle that reports the counts of the run from another task, for example for a page of metrics.
    ///
    /// A task that has the run calls [`Run::report`] and needs no monitor. The monitor keeps neither the run nor the
    /// items alive, and stays valid after the run is moved into a stream, a source or [`Run::indexed`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::sync::Arc;
    /// use towpath_pattern::{Run, Scope, Settings, Source};
    ///
    /// let job = Arc::new(|x: u64| async move { Ok(x * 2) });
    /// let run = Run::spawn(Scope::default(), Source::new([1, 2]), Settings::new("double", 2), job);
    /// let monitor = run.monitor();
    /// run.collect().await?;
    /// assert_eq!(monitor.report().to_string(), "double: 2 taken, 2 succeeded");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn monitor(&self) -> Monitor {
        Monitor::of(&(Arc::clone(&self.port) as Arc<dyn Upstream>))
    }

    /// Returns a stream of the counts of every stage, for a progress bar: one value at once, one value every `every`, and a
    /// last value at the end of the run. Then the stream ends.
    ///
    /// The time is the time of tokio's clock. A receiver that is late misses values, and gets no backlog. The stream keeps no
    /// part of the run alive, as a [`Monitor`] does. The run has ended when no job of any stage is left: outputs that no
    /// receiver has taken do not delay the last value. If the run is not dropped at its end, the last value comes with the
    /// next tick.
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
    /// use futures_util::StreamExt;
    /// use towpath_pattern::{Run, Scope, Settings, Source};
    ///
    /// let nap = Arc::new(|_: u64| async { Ok(tokio::time::sleep(Duration::from_secs(1)).await) });
    /// let run = Run::spawn(Scope::default(), Source::new(0..4), Settings::new("nap", 1), nap);
    /// let mut counts = run.watch(Duration::from_millis(1500));
    /// let bar = tokio::spawn(async move {
    ///     let mut succeeded = Vec::new();
    ///     while let Some(stages) = counts.next().await {
    ///         succeeded.push(stages[0].counts.succeeded);
    ///     }
    ///     succeeded
    /// });
    /// run.collect().await?;
    /// assert_eq!(bar.await?, [0, 1, 2, 4]); // at 0 s, 1.5 s, 3 s and at the end
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn watch(&self, every: Duration) -> impl Stream<Item = Vec<StageReport>> + Send + Unpin + use<Out> {
        self.monitor().watch(every)
    }

    /// Cancels the run: every job is dropped at the next await. The run still yields the completed outputs (in order: up
    /// to the first gap), then a failure with the cause [`Cancelled::Run`], then the end.
    ///
    /// If the run has already failed, the first failure stays the first cause. If all jobs have completed and the source
    /// has ended, this method has no effect.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::sync::Arc;
    /// use towpath_pattern::{Run, Scope, Settings, Source};
    ///
    /// let answer = Arc::new(|question: u64| async move {
    ///     if question > 1 {
    ///         std::future::pending::<()>().await;
    ///     }
    ///     Ok(question * 10)
    /// });
    /// let mut run = Run::spawn(Scope::default(), Source::new([1, 2]), Settings::new("answer", 2), answer);
    /// assert_eq!(run.next().await.transpose()?, Some(10));
    /// run.cancel();
    /// let last = run.next().await.expect("the cancellation");
    /// assert!(last.expect_err("a failure").is_cancelled());
    /// assert!(run.next().await.is_none());
    /// # Ok(()) }
    /// ```
    pub fn cancel(&self) {
        self.port.cancel(Cancelled::Run);
    }

    /// Takes no more items. The run still yields the outputs of the jobs that have started, and then ends without a failure.
    ///
    /// In a chain of stages, the *first* stage takes no more items, also if this method is called after the run was moved
    /// into the source of a second run and on the second run. The later stages complete all items that are in the chain.
    /// A [merge](Source::merge) of runs has a branch for every run, and the first stage of every branch takes no more items.
    /// For producers and consumers, no further producer starts, the producers that have started complete, and the consumers
    /// receive the whole queue.
    ///
    /// Items that were taken and never started count as [never started](crate::Counts::never_started). With
    /// [`Source::kept`], the items come back in the order of the takes, followed by the rest of the source. An item that
    /// waits in [`Taken::before_start`](crate::Taken::before_start), for a permit for instance, was never started, and neither was an item
    /// that a limiter holds.
    ///
    /// A source that is not kept is dropped soon after the call, before the end of the run. So a task or a job that sends
    /// to a full channel of the source gets an error, and does not wait for a place.
    ///
    /// A second call has no effect, and neither has a call after the end of the source. [`Run::drain`] sets a limit to
    /// the time of the remaining jobs.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::sync::Arc;
    /// use towpath_pattern::{Run, Scope, Settings, Source};
    ///
    /// let double = Arc::new(|x: u64| async move { Ok(x * 2) });
    /// let (numbers, kept) = Source::new(0_u64..).kept();
    /// let mut run = Run::spawn(Scope::default(), numbers, Settings::new("double", 2).ordered(), double);
    /// let mut outputs = Vec::new();
    /// while let Some(output) = run.next().await {
    ///     outputs.push(output?);
    ///     if outputs.len() == 10 {
    ///         run.stop_taking();
    ///     }
    /// }
    /// let mut rest = kept.take().expect("the run is over");
    /// assert_eq!(rest.next().await.transpose()?, Some(outputs.len() as u64));
    /// # Ok(()) }
    /// ```
    pub fn stop_taking(&self) {
        stop_taking_chain(&*self.port);
    }

    /// Waits until the run has ended, discards the outputs, and returns the report: the counts of all items, and the
    /// failures that the run did not yield.
    ///
    /// The report has first the failures that [`next`](Run::next) would have returned, in the order of delivery. Then
    /// come the failures that `next` never returns, for example the failure of a second job after the stop.
    ///
    /// # Cancel safety
    ///
    /// This method is not cancel safe: dropping the future cancels the run.
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
    /// let run = Run::spawn(Scope::default(), Source::new(["1", "two", "3"]), settings, parse);
    /// let report = run.finish().await;
    /// assert_eq!((report.last().succeeded, report.last().errored), (2, 1));
    /// assert_eq!(report.failures[0].index(), Some(1));
    /// # }
    /// ```
    pub async fn finish(mut self) -> Report {
        while let Some(finished) = poll_fn(|cx| self.poll_finished(cx)).await {
            self.discard(finished);
        }
        let (cause, others) = self.port.take_failures();
        for failure in cause.into_iter().chain(others) {
            self.keep(failure);
        }
        // The counts of the report include the failures that are not kept.
        self.unkept = 0;
        Report { failures: std::mem::take(&mut self.kept), ..self.report() }
    }

    /// Drops an output, and keeps a failure for the report.
    pub(super) fn discard(&mut self, finished: Output<Out>) {
        match finished.result {
            Ok(_) => self.port.discard(VecDeque::from([finished])),
            Err(failure) => self.keep(failure),
        }
    }

    #[inline]
    pub(super) fn poll_finished(&mut self, cx: &mut Context<'_>) -> Poll<Option<Output<Out>>> {
        if self.owing {
            // The budget is spent once a portion: taking a held output costs no more than a move.
            ready!(coop::poll_proceed(cx)).made_progress();
            self.owing = false;
        }
        if self.held.is_empty() && !self.ended {
            return self.poll_refill(cx);
        }
        Poll::Ready(self.pop_held())
    }

    /// Takes all deliverable outputs, and yields the first.
    #[inline(never)]
    fn poll_refill(&mut self, cx: &mut Context<'_>) -> Poll<Option<Output<Out>>> {
        self.owing = true;
        let yielded = std::mem::take(&mut self.yielded);
        let took = ready!(self.port.poll_take(cx, usize::MAX, yielded, &mut self.held));
        self.ended = took == Took::End;
        self.delivered_at = None;
        Poll::Ready(self.held.pop_front())
    }

    #[inline]
    pub(super) fn pop_held(&mut self) -> Option<Output<Out>> {
        let finished = self.held.pop_front()?;
        match &finished.result {
            Ok(_) => self.yielded.own += 1,
            Err(failure) => self.yielded.count(Some(failure), self.port.name()),
        }
        if self.yielded.own + self.yielded.passed >= self.portion.get() {
            self.deliver();
        }
        Some(finished)
    }

    /// Counts the yielded outputs as delivered, and adapts the size of the next portion to the duration of the last
    /// portion.
    #[inline(never)]
    fn deliver(&mut self) {
        let now = Instant::now();
        if let Some(before) = self.delivered_at.replace(now) {
            self.portion.adapt(now.duration_since(before), self.port.largest_portion());
        }
        self.owing = true;
        self.port.deliver(std::mem::take(&mut self.yielded));
    }
}

impl<Out> Run<Out> {
    /// Keeps a failure that the run has not yielded, if a report has space for the failure.
    pub(super) fn keep(&mut self, failure: Failure) {
        if self.kept.len() < Report::KEPT_FAILURES {
            self.kept.push(failure);
        } else {
            self.unkept += usize::from(!failure.is_cancelled());
            drop_quietly(failure);
        }
    }
}

// Outputs are held by value and never pinned.
impl<Out> Unpin for Run<Out> {}

impl<Out: Send + 'static> Stream for Run<Out> {
    type Item = Result<Out, Failure>;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_finished(cx).map(|finished| finished.map(|finished| finished.result))
    }
}

impl<Out: Send + 'static> FusedStream for Run<Out> {
    fn is_terminated(&self) -> bool {
        self.ended && self.held.is_empty()
    }
}

impl<Out> Drop for Run<Out> {
    fn drop(&mut self) {
        self.marks = self.scope.tracker_tokens();
        let mut succeeded = VecDeque::new();
        for finished in std::mem::take(&mut self.held) {
            match finished.result {
                Ok(_) => succeeded.push_back(finished),
                Err(failure) => self.keep(failure),
            }
        }
        // The failures are taken before any drop that may panic, and before the run is over: the end of the run
        // records the remaining failures in the scope.
        let unreported = self.port.take_unreported();
        for failure in self.kept.drain(..).chain(unreported).filter(|failure| !failure.is_cancelled()) {
            self.scope.record(failure);
        }
        self.port.discard(succeeded);
        for failure in self.port.abandon() {
            self.scope.record(failure);
        }
        self.scope.count_unkept(self.unkept);
        if self.yielded.total() > 0 {
            // For the final counts.
            self.port.deliver(self.yielded);
        }
    }
}

impl<Out> std::fmt::Debug for Run<Out> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("stage", self.port.name()).finish_non_exhaustive()
    }
}
