//! The one task of a run that watches for its cancellation, waits for its workers to leave, and clears up after them.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use super::handoff::HandOff;
use crate::failure::Cause;
use crate::scope::Presence;
use crate::settings::OnFailure;
use crate::source::Closed;

pub(super) async fn supervise<In, Out>(ending: Ending<In, Out>)
where
    In: Send + 'static,
    Out: Send + 'static,
{
    let stage = &*ending.stage;
    let mut cancelled = pin!(ending.presence.stopped());
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
    clear_up(stage).await;
}

/// Closes the source and gives back what was never begun. Values are dropped here, so this may panic at
/// any step, and goes on.
async fn clear_up<In: Send + 'static, Out: Send + 'static>(stage: &HandOff<In, Out>) {
    let (source, unbegun) = stage.remains();
    let Some(mut source) = source else { return };
    let mut closed = poll_fn(|cx| {
        catch_unwind(AssertUnwindSafe(|| source.poll_close(cx))).unwrap_or_else(|payload| {
            stage.fail(Cause::of_panic(payload));
            Poll::Ready(Closed::default())
        })
    })
    .await;
    stage.upstream_closed(&mut closed);
    let unkept = source.give_back(unbegun).into_iter().chain(source.give_back(closed.between));
    unkept.for_each(|item| stage.dispose(item));
    stage.dispose(source);
}

/// Tells the taker that the run is over, however that came about: a runtime that is shut down drops the
/// supervisor in mid-run, or before it was ever polled.
pub(super) struct Ending<In, Out> {
    stage: Arc<HandOff<In, Out>>,
    presence: Presence,
}

impl<In, Out> Ending<In, Out> {
    pub(super) fn new(stage: Arc<HandOff<In, Out>>, presence: Presence) -> Self {
        Self { stage, presence }
    }
}

impl<In, Out> Drop for Ending<In, Out> {
    fn drop(&mut self) {
        self.stage.end(&self.presence);
    }
}
