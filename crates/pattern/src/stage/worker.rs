//! A worker: takes items a batch at a time, runs their jobs one after another, hands their outputs on.
//!
//! A batch is only ever what is ready now. When a job waits, its worker first hands on what it has
//! finished and gives back what it has not begun, and sees that somebody else goes on; so that no item
//! waits for another's await.

use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;

use super::HandOff;
use super::handoff::{Hire, Released, State};
use super::hands::Hands;
use super::taken::{Ended, Taken};
use crate::failure::Cause;
use crate::util::mutex::MutexGuard;

/// What is done with an item that was taken from the source: to begin it, and to end it.
///
/// Every `Fn(Taken<In, Out>) -> impl Future<Output = Ended<In, Out>>` is one, and so is an `Arc` of a
/// [`Job`](crate::Job).
pub trait Work<In, Out>: Send + Sync + 'static {
    /// Does it for one item.
    fn work(&self, taken: Taken<In, Out>) -> impl Future<Output = Ended<In, Out>> + Send;

    /// Gives up what the jobs shared, with an await where that needs one. Called once for each run, when the last of
    /// its jobs is gone, however that came about, and before it is over; nothing cancels it, so give it a time limit
    /// of its own. By default there is nothing to do.
    ///
    /// What went wrong is returned; each is a failure of the run, and the first of them its first cause, unless it has
    /// one already. So is a panic.
    ///
    /// # Cancel-safety
    ///
    /// A runtime that is shut down may drop it at any await, or before it is called.
    fn close(&self) -> impl Future<Output = Vec<Cause>> + Send {
        std::future::ready(Vec::new())
    }

    /// What has gone wrong with what the jobs shared and [`close`](Work::close) has not returned: a runtime that is shut
    /// down leaves no time for that. Called once for each run, when the last that works on it is gone; each is a failure
    /// of the run, and so is a panic. By default there is none.
    fn untold(&self) -> Vec<Cause> {
        Vec::new()
    }
}

impl<In, Out, F, Fut> Work<In, Out> for F
where
    F: Fn(Taken<In, Out>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Ended<In, Out>> + Send,
{
    fn work(&self, taken: Taken<In, Out>) -> impl Future<Output = Ended<In, Out>> + Send {
        self(taken)
    }
}

impl<In, J> Work<In, J::Out> for Arc<J>
where
    In: Send + 'static,
    J: crate::Job<In>,
{
    fn work(&self, taken: Taken<In, J::Out>) -> impl Future<Output = Ended<In, J::Out>> + Send {
        taken.run(&**self)
    }
}

/// A worker's task, which a runtime that is shut down drops at any moment.
struct Worker<In: Send + 'static, Out: Send + 'static, W: Work<In, Out>> {
    crew: UntilDropped<Arc<Crew<In, Out, W>>>,
    hands: Hands<In, Out>,
}

/// What is there until its owner is dropped, which takes it.
struct UntilDropped<T>(Option<T>);

impl<T> Deref for UntilDropped<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("there until dropped")
    }
}

impl<In: Send + 'static, Out: Send + 'static, W: Work<In, Out>> Drop for Worker<In, Out, W> {
    /// What the work has captured goes before the worker does: a run that is over holds nothing, and this may be the
    /// last that does.
    fn drop(&mut self) {
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(self.crew.0.take())));
        if let Err(payload) = dropped {
            self.hands.fail(Cause::of_panic(payload));
        }
    }
}

/// The work of a stage, and the heart that its workers share.
pub(super) struct Crew<In, Out, W: Work<In, Out>> {
    pub(super) handoff: Arc<HandOff<In, Out>>,
    pub(super) work: W,
}

impl<In, Out, W: Work<In, Out>> Drop for Crew<In, Out, W> {
    /// The last of supervisor and workers is about to go, so the run is not over yet.
    fn drop(&mut self) {
        let untold = catch_unwind(AssertUnwindSafe(|| self.work.untold()));
        for cause in untold.unwrap_or_else(|payload| vec![Cause::of_panic(payload)]) {
            self.handoff.fail(cause);
        }
    }
}

impl<In, Out, W> Crew<In, Out, W>
where
    In: Send + 'static,
    Out: Send + 'static,
    W: Work<In, Out>,
{
    pub(super) fn new(handoff: Arc<HandOff<In, Out>>, work: W) -> Self {
        Self { handoff, work }
    }

    /// Spawns a worker that is on the roster. Nobody joins it: it takes itself off, whatever becomes of it,
    /// and the supervisor waits for that.
    pub(super) fn spawn(self: &Arc<Self>, hire: Hire<In>) {
        let hands = Hands::new(Arc::clone(&self.handoff), hire);
        let mut worker = Worker { crew: UntilDropped(Some(Arc::clone(self))), hands };
        // A block and not an `async fn`, which would keep room for its arguments twice; and no borrow but for a poll,
        // which would be kept while a job waits: sixteen bytes more, and a task takes the next 128.
        tokio::spawn(async move {
            while poll_fn(|cx| worker.hands.poll_fill(cx, &worker.crew)).await {
                let mut job = pin!(None);
                poll_fn(|cx| {
                    let crew: &Arc<Self> = &worker.crew;
                    worker.hands.poll_batch(cx, crew, job.as_mut(), |taken| crew.work.work(taken))
                })
                .await;
            }
        });
    }

    /// Releases the lock, and then wakes and hires; says whether anybody was.
    pub(super) fn release(self: &Arc<Self>, state: MutexGuard<'_, State<In, Out>>) -> bool {
        let Released { woke, hire } = self.handoff.release(state);
        let hired = hire.map(|hire| self.spawn(hire)).is_some();
        woke || hired
    }
}
