//! The upstream stage behind a source, as its downstream stage sees the upstream stage.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::report::StageReport;

/// A stage whose outputs are the items of another stage.
///
/// A chain of stages is a list with one link for every stage. Functions of the whole chain walk along the list with a
/// loop, so that a chain may be longer than a stack is deep.
pub(crate) trait Upstream: Send + Sync {
    /// Returns the counts of this stage.
    fn report(&self) -> StageReport;

    /// Returns the stage behind the source of this stage.
    fn upstream(&self) -> Option<&Arc<dyn Upstream>>;

    /// Takes the link to the upstream stage out of a stage, during the drop of the stage.
    fn take_upstream(&mut self) -> Option<Arc<dyn Upstream>>;

    /// Stops this stage and no other: the downstream stage takes no more outputs. Returns `false` if this stage and the
    /// upstream stages have stopped or finished before, or are being stopped.
    fn stop(&self) -> bool;

    /// Ready when only outputs and failures of this stage are left; with `true` if all upstream stages have finished,
    /// too.
    fn poll_finished(&self, cx: &mut Context<'_>) -> Poll<bool>;

    /// Ready once a failure or a cancellation stops this stage. The downstream stage is the only watcher.
    fn poll_stopped(&self, cx: &mut Context<'_>) -> Poll<()>;
}

/// Stops `stage` and all upstream stages, beginning with the nearest stage.
pub(crate) fn stop_chain(stage: &dyn Upstream) {
    let mut next = Some(stage);
    while let Some(stage) = next
        && stage.stop()
    {
        next = stage.upstream().map(|stage| &**stage);
    }
}

/// Ready when only outputs and failures are left of `stage` and all upstream stages.
pub(crate) fn poll_chain_finished(stage: &dyn Upstream, cx: &mut Context<'_>) -> Poll<()> {
    let mut next = Some(stage);
    while let Some(stage) = next {
        if ready!(stage.poll_finished(cx)) {
            break;
        }
        next = stage.upstream().map(|stage| &**stage);
    }
    Poll::Ready(())
}
