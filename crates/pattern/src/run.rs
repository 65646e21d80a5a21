//! A pattern at work: a stream of its outputs, and all that can be asked of it.

mod feed;
mod indexed;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_core::stream::FusedStream;
use tokio::task::coop;
use tokio::time::Instant;

use crate::failure::{Cancelled, Failure};
use crate::report::{Report, StageReport};
use crate::scope::Scope;
use crate::settings::{Order, Settings};
use crate::source::{Place, Source};
use crate::stage::{self, Delivered, Finished, LONG_BATCH, Outcome, Outlet, Stage, Took, Work};

pub use self::indexed::Indexed;

/// A running pattern: a stream of its outputs.
///
/// Its jobs make progress whether or not anybody takes outputs, up to limit plus capacity items. It is
/// fused: after the end it yields `None` for ever. When the end was yielded, nothing of the run is left.
///
/// Dropping it cancels it: every job stops at its current await, and the scope it ran in is
/// [`closed`](Scope::closed) once they are gone.
#[must_use = "a run that is dropped is cancelled; take its outputs, or `finish` it"]
pub struct Run<Out> {
    outlet: Arc<dyn Outlet<Out>>,
    stages: Vec<Arc<dyn Stage>>,
    scope: Scope,
    /// Taken from the outlet and not yet yielded; they still count as in the stage.
    held: VecDeque<Finished<Out>>,
    /// The outlet is told once so many were yielded: more of a taker that is quick, whose outputs block no room
    /// for long, and each of a taker that is slow.
    portion: usize,
    /// When it was told last.
    told: Option<Instant>,
    /// Of those held, the ones yielded since.
    yielded: Delivered,
    /// A portion was yielded, and the task's budget has yet to pay for it.
    owing: bool,
    ended: bool,
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
        Self::start(scope, input, settings, Outcome::Discarded, work)
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
        Self::start(scope, input, settings, Outcome::Yielded, work)
    }

    #[track_caller]
    fn start<In: Send + 'static>(
        scope: Scope,
        input: Source<In>,
        settings: Settings,
        outcome: Outcome,
        work: impl Work<In, Out>,
    ) -> Self {
        let mut stages = input.stages();
        let outlet = stage::start(&scope, input, settings, outcome, work);
        stages.push(Arc::clone(&outlet) as Arc<dyn Stage>);
        Self {
            outlet,
            stages,
            scope,
            held: VecDeque::new(),
            portion: 1,
            told: None,
            yielded: Delivered::default(),
            owing: false,
            ended: false,
        }
    }

    /// The next output or failure; `None` at the end. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<Out, Failure>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// All outputs, to the end of the run. For the report as well, take [`Run::outcomes`] and then
    /// [`Run::finish`].
    ///
    /// # Errors
    ///
    /// The first failure that the run yields; the outputs before it are dropped. Where failures do not
    /// stop the run, it still goes to its end, and the scope hears of the next one.
    ///
    /// # Cancel-safety
    ///
    /// Dropping the future cancels the run and drops the outputs taken so far. The scope hears of a failure.
    pub async fn collect(mut self) -> Result<Vec<Out>, Failure> {
        let mut outputs = Vec::new();
        let mut first = Gathered::of(&self);
        while let Some(result) = self.next().await {
            match result {
                Ok(output) => outputs.push(output),
                Err(failure) if first.results.is_empty() => first.results.push(Err(failure)),
                Err(failure) => self.outlet.remember(failure),
            }
        }
        match first.results.pop() {
            Some(Err(failure)) => Err(failure),
            _ => Ok(outputs),
        }
    }

    /// Every outcome, outputs and failures in the order they are yielded: asyncio's
    /// `gather(…, return_exceptions=True)`, where failures do not stop the run.
    ///
    /// # Cancel-safety
    ///
    /// Not cancel-safe: outputs taken so far are dropped with the future. The failures among them are in the report.
    pub async fn outcomes(&mut self) -> Vec<Result<Out, Failure>> {
        let mut outcomes = Gathered::of(self);
        while let Some(result) = self.next().await {
            outcomes.results.push(result);
        }
        std::mem::take(&mut outcomes.results)
    }

    /// The run as a stream that tells which input each output came from.
    pub fn indexed(self) -> Indexed<Out> {
        Indexed { run: self }
    }

    /// What has become of the items so far, at every stage.
    #[must_use]
    pub fn stats(&self) -> Vec<StageReport> {
        self.stages.iter().map(|stage| stage.report()).collect()
    }

    /// Stops every job at its current await. What had finished is still yielded, then a failure that says
    /// it was cancelled, unless the run had come to its end by itself or failed before.
    pub fn cancel(&self) {
        self.outlet.cancel(Cancelled::Run);
    }

    /// Goes to the end, discarding outputs, and reports what became of every item.
    ///
    /// The failures that were yielded to nobody are in the report, those met on the way among them.
    ///
    /// # Cancel-safety
    ///
    /// Dropping the future cancels the run.
    pub async fn finish(mut self) -> Report {
        while let Some(finished) = poll_fn(|cx| self.poll_finished(cx)).await {
            self.outlet.discard(VecDeque::from([finished]));
        }
        let (cause, others) = self.outlet.take_failures();
        Report { stages: self.stats(), failures: cause.into_iter().chain(others).collect() }
    }

    #[inline]
    fn poll_finished(&mut self, cx: &mut Context<'_>) -> Poll<Option<Finished<Out>>> {
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
    fn poll_refill(&mut self, cx: &mut Context<'_>) -> Poll<Option<Finished<Out>>> {
        self.owing = true;
        let yielded = std::mem::take(&mut self.yielded);
        let took = ready!(self.outlet.poll_take(cx, usize::MAX, yielded, &mut self.held));
        self.ended = took == Took::End;
        self.told = None;
        Poll::Ready(self.held.pop_front())
    }

    #[inline]
    fn pop_held(&mut self) -> Option<Finished<Out>> {
        let finished = self.held.pop_front()?;
        match &finished.result {
            Ok(_) => self.yielded.own += 1,
            Err(failure) => self.yielded.count(Some(failure), self.outlet.name()),
        }
        if self.yielded.own + self.yielded.passed >= self.portion {
            self.tell();
        }
        Some(finished)
    }

    /// Makes room for what was yielded, and sets the size of the next portion by the time this one took.
    #[inline(never)]
    fn tell(&mut self) {
        let now = Instant::now();
        match self.told.replace(now) {
            Some(told) if now.duration_since(told) > LONG_BATCH => self.portion = (self.portion / 2).max(1),
            Some(_) => self.portion = (self.portion * 2).min(self.outlet.largest_portion()),
            None => {}
        }
        self.owing = true;
        self.outlet.deliver(std::mem::take(&mut self.yielded));
    }
}

/// What was taken for a future that may be dropped before it returns it: the failures are told all the same.
struct Gathered<Out> {
    outlet: Arc<dyn Outlet<Out>>,
    results: Vec<Result<Out, Failure>>,
}

impl<Out> Gathered<Out> {
    fn of(run: &Run<Out>) -> Self {
        Self { outlet: Arc::clone(&run.outlet), results: Vec::new() }
    }
}

impl<Out> Drop for Gathered<Out> {
    fn drop(&mut self) {
        if !self.results.is_empty() {
            let nowhere = Place { index: usize::MAX, seq: u64::MAX };
            let results = self.results.drain(..);
            self.outlet.discard(results.map(|result| Finished { place: nowhere, result }).collect());
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
        self.outlet.discard(std::mem::take(&mut self.held));
        if let Some(failure) = self.outlet.abandon() {
            self.scope.hear(failure);
        }
    }
}

impl<Out> std::fmt::Debug for Run<Out> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("stage", self.outlet.name()).finish_non_exhaustive()
    }
}
