//! A pattern at work: a stream of its outputs, and all that can be asked of it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_core::stream::FusedStream;
use tokio::task::coop;
use tokio::time::Instant;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::failure::{Cancelled, Failure};
use crate::item::Output;
use crate::report::{Report, StageReport};
use crate::scope::Scope;
use crate::settings::{Order, Settings};
use crate::source::Source;
use crate::stage::{self, Delivered, Delivery, OutputPort, Took, Work};
use crate::util::batch_size::BatchSize;
use crate::util::panic::drop_quietly;

/// A running pattern: a stream of its outputs.
///
/// Its jobs make progress whether or not anybody takes outputs, up to limit plus capacity items. It is
/// fused: after the end it yields `None` for ever. When the end was yielded, nothing of the run is left.
///
/// Dropping it cancels it: every job stops at its current await, and the scope it ran in is
/// [`closed`](Scope::closed) once they are gone.
#[must_use = "a run that is dropped is cancelled; take its outputs, or `finish` it"]
pub struct Run<Out> {
    pub(super) port: Arc<dyn OutputPort<Out>>,
    scope: Scope,
    /// Taken from the outlet and not yet yielded; they still count as in the stage.
    pub(super) held: VecDeque<Output<Out>>,
    /// The outlet is told once so many were yielded: more of a taker that is quick, whose outputs block no room
    /// for long, and each of a taker that is slow.
    portion: BatchSize,
    /// When it was told last.
    told: Option<Instant>,
    /// Of those held, the ones yielded since.
    pub(super) yielded: Delivered,
    /// A portion was yielded, and the task's budget has yet to pay for it.
    owing: bool,
    ended: bool,
    /// Failures that were yielded to nobody but the run itself, ahead of those that the stage keeps.
    pub(super) met: Vec<Failure>,
    /// Taken as it is dropped, and the last to go: its scope, and those around it, are closed only when they have heard
    /// what it had to tell, and not as soon as its workers are gone.
    marks: Vec<TaskTrackerToken>,
}

impl Run<()> {
    /// As [`Run::spawn`], for work that yields nothing but its failures, as they come: an item is delivered as its
    /// job ends, and nobody has to take anything for the next to begin.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, at the caller's location; where the scope has a deadline, without timers, too.
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
    /// Starts a run: the author's side of a pattern.
    ///
    /// Items are taken from `input` by as many workers as have something to do, up to the limit, and
    /// `work` is done with each; it begins the item, runs the job and ends it. The laws of
    /// [`Pattern`](crate::Pattern) hold whatever `work` does: what it drops is accounted for, what panics
    /// in it is a failure of its item, and what waits in it holds up nothing else.
    ///
    /// A pattern that awaits a permit before each job:
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::sync::Arc;
    /// use tokio::sync::Semaphore;
    /// use towpath_pattern::{Run, Scope, Settings, Taken};
    ///
    /// let permits = Arc::new(Semaphore::new(2));
    /// let double = move |taken: Taken<u64, u64>| {
    ///     let permits = Arc::clone(&permits);
    ///     async move {
    ///         let permit = permits.acquire_owned().await; // still not begun
    ///         let (item, begun) = taken.begin();
    ///         let result = permit.map(|_permit| item * 2).map_err(anyhow::Error::from);
    ///         begun.end(result)
    ///     }
    /// };
    /// let run = Run::spawn(Scope::default(), vec![1, 2, 3].into(), Settings::new("double", 2), double);
    /// assert_eq!(run.collect().await?.iter().sum::<u64>(), 12);
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, at the caller's location; where the scope has a deadline, without timers, too.
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
        let port = stage::start(&scope, input, settings, delivery, work);
        Self {
            port,
            scope,
            held: VecDeque::new(),
            portion: BatchSize::default(),
            told: None,
            yielded: Delivered::default(),
            owing: false,
            ended: false,
            met: Vec::new(),
            marks: Vec::new(),
        }
    }

    /// The next output or failure; `None` at the end. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<Out, Failure>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// What has become of the items so far, at every stage.
    #[must_use]
    pub fn stats(&self) -> Vec<StageReport> {
        let mut stages = vec![self.port.report()];
        let mut upstream = self.port.upstream();
        while let Some(stage) = upstream {
            stages.push(stage.report());
            upstream = stage.upstream();
        }
        stages.reverse();
        stages
    }

    /// Stops every job at its current await. What had finished is still yielded, then a failure that says
    /// it was cancelled, unless the run had come to its end by itself or failed before.
    pub fn cancel(&self) {
        self.port.cancel(Cancelled::Run);
    }

    /// Goes to the end, discarding outputs, and reports what became of every item.
    ///
    /// The failures that were yielded to nobody are in the report: first those met on the way, as they came, then
    /// those that the run would not have yielded.
    ///
    /// # Cancel-safety
    ///
    /// Dropping the future cancels the run.
    pub async fn finish(mut self) -> Report {
        while let Some(finished) = poll_fn(|cx| self.poll_finished(cx)).await {
            match finished.result {
                Ok(_) => self.port.discard(VecDeque::from([finished])),
                Err(failure) => self.meet(failure),
            }
        }
        let (cause, others) = self.port.take_failures();
        for failure in cause.into_iter().chain(others) {
            self.meet(failure);
        }
        Report { stages: self.stats(), failures: std::mem::take(&mut self.met) }
    }

    #[inline]
    pub(super) fn poll_finished(&mut self, cx: &mut Context<'_>) -> Poll<Option<Output<Out>>> {
        if self.owing {
            // Once a portion: to take what is held costs no more than a move.
            ready!(coop::poll_proceed(cx)).made_progress();
            self.owing = false;
        }
        if self.held.is_empty() && !self.ended {
            return self.poll_refill(cx);
        }
        Poll::Ready(self.pop_held())
    }

    /// Takes all there is, and yields the first.
    #[inline(never)]
    fn poll_refill(&mut self, cx: &mut Context<'_>) -> Poll<Option<Output<Out>>> {
        self.owing = true;
        let yielded = std::mem::take(&mut self.yielded);
        let took = ready!(self.port.poll_take(cx, usize::MAX, yielded, &mut self.held));
        self.ended = took == Took::End;
        self.told = None;
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
            self.tell();
        }
        Some(finished)
    }

    /// Makes room for what was yielded, and sets the size of the next portion by the time this one took.
    #[inline(never)]
    fn tell(&mut self) {
        let now = Instant::now();
        if let Some(told) = self.told.replace(now) {
            self.portion.adapt(now.duration_since(told), self.port.largest_portion());
        }
        self.owing = true;
        self.port.deliver(std::mem::take(&mut self.yielded));
    }
}

impl<Out> Run<Out> {
    /// Keeps a failure that it has yielded to nobody, as long as a report has room for it.
    pub(super) fn meet(&mut self, failure: Failure) {
        if self.met.len() < Report::KEPT_FAILURES {
            self.met.push(failure);
        } else {
            drop_quietly(failure);
        }
    }

    /// Itself as a source: the stage has all failures that nobody took.
    pub(super) fn into_source(mut self) -> Self {
        self.met.drain(..).for_each(|failure| self.port.record(failure));
        self
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
                Err(failure) => self.meet(failure),
            }
        }
        // Before anything is dropped that may panic, and before the run is over, which tells the scope of the rest.
        let untold = self.port.take_unreported();
        for failure in self.met.drain(..).chain(untold).filter(|failure| !failure.is_cancelled()) {
            self.scope.record(failure);
        }
        self.port.discard(succeeded);
        if let Some(failure) = self.port.abandon() {
            self.scope.record(failure);
        }
    }
}

impl<Out> std::fmt::Debug for Run<Out> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("stage", self.port.name()).finish_non_exhaustive()
    }
}
