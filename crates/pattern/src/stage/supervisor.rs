//! The supervisor: the task of a stage that watches for the cancellation of the scope, waits until no worker is left,
//! and shuts the stage down.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio_util::sync::WaitForCancellationFutureOwned;

use super::shared::StageShared;
use super::shutdown::{Closing, discard_undeliverable, dispose, finish, settle};
use super::state::Stop;
use super::work::Work;
use super::worker::WorkerContext;
use crate::failure::Cause;
use crate::scope::{Scope, ScopeGuard};
use crate::settings::OnFailure;
use crate::upstream::stop_taking_chain;
use crate::util::panic::catch;

/// Runs the supervisor of a stage.
pub(super) async fn supervise<In, Out, W>(mut supervision: Supervision<In, Out, W>)
where
    In: Send + 'static,
    Out: Send + 'static,
    W: Work<In, Out>,
{
    let stage = &*supervision.stage;
    let guard = supervision.guard.as_ref().expect("there until dropped");
    let mut stopped = pin!(guard.stopped());
    let mut is_stopped = false;
    let mut draining = pin!(guard.draining());
    let mut is_draining = false;
    let mut requested = pin!(stage.signal().requested());
    let mut is_requested = false;
    let mut watch = |cx: &mut Context<'_>| {
        if !is_stopped && let Poll::Ready(by) = stopped.as_mut().poll(cx) {
            is_stopped = true;
            stage.stop_for_scope(by);
        }
        if !is_draining && draining.as_mut().poll(cx).is_ready() {
            is_draining = true;
            stop_taking_chain(stage);
        }
        if !is_requested && requested.as_mut().poll(cx).is_ready() {
            is_requested = true;
            stage.confirm_stop();
        }
        if stage.settings.on_failure == OnFailure::Stop && stage.upstream().poll_stopped(cx).is_ready() {
            stage.stop_for_upstream();
        }
    };
    poll_fn(|cx| {
        watch(cx);
        let mut waker = Some(cx.waker().clone());
        if stage.with(|state| state.await_workers(&mut waker)) { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    // An undeliverable output may hold a value for which the shutdown of the work waits.
    discard_undeliverable(stage);
    let jobs = supervision.jobs();
    if jobs.is_used() {
        // Runs and tasks of the jobs are left. A stop of the run still cancels these runs and tasks.
        let mut closed = pin!(jobs.wait());
        let closed = poll_fn(|cx| {
            watch(cx);
            closed.as_mut().poll(cx)
        });
        let first = closed.await.err();
        for failure in first.into_iter().chain(jobs.take_failures()) {
            stage.with(|state| state.stop(Stop::Here, Some(failure)));
        }
    }
    // A clone of the scope that outlives the run starts no more runs or tasks.
    jobs.cancel();
    drop(jobs);
    let mut closing = Closing::new(stage);
    poll_fn(|cx| closing.poll(cx)).await;
    drop(closing);
    if let Some(context) = &supervision.context {
        shut_down(stage, &context.work).await;
    }
    supervision.shut_down = true;
}

/// Shuts down the work, which gives up the values shared by the jobs.
async fn shut_down<In, Out>(stage: &StageShared<In, Out>, work: &impl Work<In, Out>)
where
    In: Send + 'static,
    Out: Send + 'static,
{
    let mut closing = pin!(None);
    let causes = poll_fn(|cx| {
        let polled = catch(|| {
            if closing.is_none() {
                closing.set(Some(work.shutdown()));
            }
            closing.as_mut().as_pin_mut().map_or(Poll::Ready(Vec::new()), |closing| closing.poll(cx))
        });
        polled.unwrap_or_else(|payload| {
            stage.fail(Cause::from_panic(payload));
            Poll::Ready(Vec::new())
        })
    })
    .await;
    for cause in causes {
        stage.fail(cause);
    }
    if let Err(payload) = catch(|| closing.set(None)) {
        stage.fail(Cause::from_panic(payload));
    }
}

/// The values of a supervisor. The drop ends the supervision, whether the stage was shut down or not.
pub(super) struct Supervision<In: Send + 'static, Out: Send + 'static, W: Work<In, Out>> {
    stage: Arc<StageShared<In, Out>>,
    /// Present until the drop, as is the guard.
    context: Option<Arc<WorkerContext<In, Out, W>>>,
    guard: Option<ScopeGuard>,
    shut_down: bool,
    /// Sets the signal of the stage when the scope is cancelled.
    _signalled: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<In: Send + 'static, Out: Send + 'static, W: Work<In, Out>> Supervision<In, Out, W> {
    /// Creates the supervision of a stage before its workers run. An already cancelled scope stops the run.
    pub(super) fn new(context: Arc<WorkerContext<In, Out, W>>, guard: ScopeGuard) -> Self {
        let stage = Arc::clone(&context.shared);
        let mut signalled = Box::pin(guard.cancelled_owned());
        let waker = Waker::from(Arc::clone(stage.signal()));
        // `stopped_by_now` sees a cancelled token, too.
        let _ = signalled.as_mut().poll(&mut Context::from_waker(&waker));
        if let Some(by) = guard.refused_by_now() {
            stage.cancel(by);
        }
        Self { stage, context: Some(context), guard: Some(guard), shut_down: false, _signalled: signalled }
    }

    /// Returns the scope of the jobs.
    fn jobs(&self) -> Scope {
        self.context.as_ref().expect("present until the drop").jobs.clone()
    }
}

impl<In: Send + 'static, Out: Send + 'static, W: Work<In, Out>> Drop for Supervision<In, Out, W> {
    fn drop(&mut self) {
        for failure in self.jobs().take_failures() {
            self.stage.with(|state| state.stop(Stop::Here, Some(failure)));
        }
        // The values captured by the work are dropped before the run is over.
        dispose(&self.stage, self.context.take());
        let Some(guard) = self.guard.take() else { return };
        if !self.stage.with(|state| state.end_supervision(guard, self.shut_down)) {
            settle(&self.stage);
            finish(&self.stage, |_| ());
        }
    }
}
