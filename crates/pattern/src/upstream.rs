//! The stage behind a source, as the stage in front of it sees it.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::report::StageReport;

/// A stage whose outputs are the items of another stage.
///
/// A chain of stages is a list of links, one for each stage. Functions that concern the whole chain walk along the list
/// with a loop, so that a chain may be longer than a stack is deep.
pub(crate) trait Upstream: Send + Sync {
    /// Returns the counts of this stage.
    fn report(&self) -> StageReport;

    /// Returns the stage behind the source of this one.
    fn upstream(&self) -> Option<&Arc<dyn Upstream>>;

    /// Takes the link to the upstream stage out, of a stage that is being dropped.
    fn take_upstream(&mut self) -> Option<Arc<dyn Upstream>>;

    /// Stops this stage and no other: the downstream stage takes nothing any more. Returns `false` if this stage and its
    /// upstream stages have stopped or finished before, or are being stopped.
    fn stop(&self) -> bool;

    /// Ready when nothing of this stage is left but outputs and failures; with `true` if all its upstream stages have
    /// finished, too.
    fn poll_finished(&self, cx: &mut Context<'_>) -> Poll<bool>;

    /// Ready once a failure or a cancellation stops this stage. The downstream stage is the only watcher.
    fn poll_stopped(&self, cx: &mut Context<'_>) -> Poll<()>;
}

/// Stops `stage` and all its upstream stages, the nearest one first.
pub(crate) fn stop_chain(stage: &dyn Upstream) {
    let mut next = Some(stage);
    while let Some(stage) = next
        && stage.stop()
    {
        next = stage.upstream().map(|stage| &**stage);
    }
}

/// Ready when nothing is left of `stage` and its upstream stages but outputs and failures.
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
