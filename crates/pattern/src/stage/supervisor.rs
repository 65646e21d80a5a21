//! The one task of a run that watches for its cancellation, waits for its workers to leave, and clears up after them.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use super::closing::Closing;
use super::handoff::HandOff;
use super::worker::{Crew, Work};
use crate::failure::Cause;
use crate::scope::ScopeGuard;
use crate::settings::OnFailure;

pub(super) async fn supervise<In, Out, W>(mut ending: Ending<In, Out, W>)
where
    In: Send + 'static,
    Out: Send + 'static,
    W: Work<In, Out>,
{
    let stage = &*ending.stage;
    let guard = ending.guard.as_ref();
    let mut cancelled = pin!(guard.expect("there until dropped").stopped());
    let mut is_cancelled = false;
    poll_fn(|cx| {
        if !is_cancelled && let Poll::Ready(by) = cancelled.as_mut().poll(cx) {
            is_cancelled = true;
            stage.cancel(by);
        }
        if stage.settings.on_failure == OnFailure::Stop
            && let Some(upstream) = &stage.upstream
            && upstream.poll_stopped(cx).is_ready()
        {
            stage.stop_for_upstream();
        }
        stage.poll_left(cx)
    })
    .await;
    // It may hold what is to be closed.
    stage.discard_untakeable();
    let mut closing = Closing::new(stage);
    poll_fn(|cx| closing.poll(cx)).await;
    drop(closing);
    if let Some(crew) = &ending.crew {
        close(stage, &crew.work).await;
    }
    ending.cleared_up = true;
}

/// Has the work give up what its jobs shared.
async fn close<In: Send + 'static, Out: Send + 'static>(stage: &HandOff<In, Out>, work: &impl Work<In, Out>) {
    let mut closing = pin!(None);
    let causes = poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| {
            if closing.is_none() {
                closing.set(Some(work.close()));
            }
            closing.as_mut().as_pin_mut().map_or(Poll::Ready(Vec::new()), |closing| closing.poll(cx))
        }));
        polled.unwrap_or_else(|payload| {
            stage.fail(Cause::of_panic(payload));
            Poll::Ready(Vec::new())
        })
    })
    .await;
    for cause in causes {
        stage.fail(cause);
    }
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| closing.set(None))) {
        stage.fail(Cause::of_panic(payload));
    }
}

/// Tells the taker that the run is over, however that came about: a runtime that is shut down drops the
/// supervisor in mid-run, or before it was ever polled.
pub(super) struct Ending<In: Send + 'static, Out: Send + 'static, W: Work<In, Out>> {
    stage: Arc<HandOff<In, Out>>,
    /// The two are there until it is dropped.
    crew: Option<Arc<Crew<In, Out, W>>>,
    guard: Option<ScopeGuard>,
    /// Nothing is left to do.
    cleared_up: bool,
}

impl<In: Send + 'static, Out: Send + 'static, W: Work<In, Out>> Ending<In, Out, W> {
    pub(super) fn new(crew: Arc<Crew<In, Out, W>>, guard: ScopeGuard) -> Self {
        let stage = Arc::clone(&crew.handoff);
        Self { stage, crew: Some(crew), guard: Some(guard), cleared_up: false }
    }
}

impl<In: Send + 'static, Out: Send + 'static, W: Work<In, Out>> Drop for Ending<In, Out, W> {
    fn drop(&mut self) {
        // What the work has captured is gone when the run is over.
        self.stage.dispose(self.crew.take());
        if let Some(guard) = self.guard.take() {
            self.stage.end(guard, self.cleared_up);
        }
    }
}
