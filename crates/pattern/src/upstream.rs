//! The stage behind a source, as the stage in front of it sees it.

use std::sync::Arc;
use std::task::{Context, Poll};

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

    /// Stops this stage alone: the downstream stage takes nothing any more.
    fn stop(&self);

    /// Ready when nothing of this stage alone is left but outputs and failures.
    fn poll_finished(&self, cx: &mut Context<'_>) -> Poll<()>;

    /// Ready once a failure or a cancellation stops this stage. The downstream stage is the only watcher.
    fn poll_stopped(&self, cx: &mut Context<'_>) -> Poll<()>;
}
