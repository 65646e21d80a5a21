//! The work of an observed stage. A stage without an observer has the plain work.

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::time::Instant;

use crate::failure::Cause;
use crate::observer::{Ended, ErasedRun, ItemData, ItemInfo, Outcome, Start};
use crate::scope::Scope;
use crate::stage::{Completed, Taken, Work};
use crate::util::panic::{catch, resume};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A work without its type. The code of an observed stage is the same for all works with equal items and outputs: a program has
/// the code of a stage once for each work, and not twice.
trait ErasedWork<In, Out>: Send + Sync {
    fn work_erased<'a>(
        &'a self,
        taken: Taken<In, Out>,
        scope: &'a Scope,
        start: Start,
    ) -> BoxFuture<'a, Completed<In, Out>>;

    fn shutdown_erased(&self) -> BoxFuture<'_, Vec<Cause>>;

    fn unreported_erased(&self) -> Vec<Cause>;
}

impl<In, Out, W> ErasedWork<In, Out> for W
where
    In: Send + 'static,
    Out: Send + 'static,
    W: Work<In, Out>,
{
    fn work_erased<'a>(
        &'a self,
        taken: Taken<In, Out>,
        scope: &'a Scope,
        start: Start,
    ) -> BoxFuture<'a, Completed<In, Out>> {
        Box::pin(self.work_observed(taken, scope, start))
    }

    fn shutdown_erased(&self) -> BoxFuture<'_, Vec<Cause>> {
        Box::pin(self.shutdown())
    }

    fn unreported_erased(&self) -> Vec<Cause> {
        self.unreported()
    }
}

/// A work whose items are observed. All calls of the observer are in the poll or in the drop of the work on an item, where the
/// worker holds no lock.
pub(super) struct Observed<In, Out> {
    work: Box<dyn ErasedWork<In, Out>>,
    observer: Arc<dyn ErasedRun>,
}

impl<In: Send + 'static, Out: Send + 'static> Observed<In, Out> {
    pub(super) fn new(work: impl Work<In, Out>, observer: Arc<dyn ErasedRun>) -> Self {
        Self { work: Box::new(work), observer }
    }
}

impl<In, Out> Work<In, Out> for Observed<In, Out>
where
    In: Send + 'static,
    Out: Send + 'static,
{
    // The erased future has one lifetime, and the `async fn` has the lifetimes of both arguments.
    async fn work(&self, taken: Taken<In, Out>, scope: &Scope) -> Completed<In, Out> {
        let (start, flag) = Start::new();
        let data = self.observer.taken(ItemInfo { index: taken.index() });
        let item = Item { observer: &*self.observer, data, since: Instant::now(), stage: Stage::Taken };
        ObservedWork { work: Some(self.work.work_erased(taken, scope, start)), item, flag }.await
    }

    fn shutdown(&self) -> impl Future<Output = Vec<Cause>> + Send {
        self.work.shutdown_erased()
    }

    fn unreported(&self) -> Vec<Cause> {
        // After the last job of the run, also if the runtime shuts down.
        self.observer.ended();
        self.work.unreported_erased()
    }
}

/// An item, as the observer sees the item.
struct Item<'a> {
    observer: &'a dyn ErasedRun,
    data: ItemData,
    /// The time of the last step.
    since: Instant,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Taken,
    Started,
    Completed,
}

impl Item<'_> {
    fn start(&mut self) {
        if self.stage == Stage::Taken {
            self.stage = Stage::Started;
            let now = Instant::now();
            self.observer.started(&mut self.data, now.duration_since(self.since));
            self.since = now;
        }
    }

    fn complete(&mut self, outcome: Outcome) {
        let ran = (self.stage == Stage::Started).then(|| self.since.elapsed());
        self.stage = Stage::Completed;
        self.observer.completed(self.data.take(), Ended { outcome, ran });
    }

    /// Calls `step` once, inside the observer's `around_poll` if the observer calls. `step` does not panic.
    fn around<T>(&mut self, step: impl FnOnce() -> T) -> T {
        let (mut step, mut value) = (Some(step), None);
        let mut once = || {
            if let Some(step) = step.take() {
                value = Some(step());
            }
        };
        self.observer.around_poll(&mut self.data, &mut once);
        once();
        value.expect("called once")
    }
}

pin_project! {
    struct ObservedWork<'a, F> {
        // `None` during the drop alone.
        #[pin]
        work: Option<F>,
        item: Item<'a>,
        flag: Arc<AtomicBool>,
    }

    impl<F> PinnedDrop for ObservedWork<'_, F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            cancel(this.work, this.item);
        }
    }
}

/// Drops the work of an item that is not complete.
fn cancel<F>(mut work: Pin<&mut Option<F>>, item: &mut Item<'_>) {
    if item.stage == Stage::Completed {
        return;
    }
    let dropped = item.around(|| catch(|| work.set(None)));
    let outcome = match (&dropped, item.stage) {
        (Err(_), _) => Outcome::Panicked,
        (Ok(()), Stage::Started) => Outcome::Cancelled,
        (Ok(()), _) => Outcome::GivenBack,
    };
    item.complete(outcome);
    resume(dropped.err());
}

impl<In, Out, F: Future<Output = Completed<In, Out>>> Future for ObservedWork<'_, F> {
    type Output = Completed<In, Out>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let work = this.work.as_mut().as_pin_mut().expect("there until the drop");
            match this.item.around(|| catch(|| work.poll(cx))) {
                Ok(Poll::Pending) => {
                    if this.item.stage == Stage::Started || !this.flag.load(Relaxed) {
                        return Poll::Pending;
                    }
                    // The work awaits its `Start`. The next poll is the first poll of the job.
                    this.item.start();
                }
                Ok(Poll::Ready(completed)) => {
                    this.item.start();
                    this.item.complete(completed.outcome());
                    return Poll::Ready(completed);
                }
                Err(payload) => {
                    this.item.complete(Outcome::Panicked);
                    resume_unwind(payload)
                }
            }
        }
    }
}
