//! A view of the counts of a run from another task.

use std::fmt;
use std::sync::Arc;

use crate::report::Report;
use crate::upstream::{Upstream, Watch};

/// A view of the counts of a run, for any task and any thread. Created by [`Run::monitor`](crate::Run::monitor) and
/// [`Indexed::monitor`](crate::Indexed::monitor).
///
/// Clones are cheap, and are views of the same run. A monitor stays valid after the run is moved into a stream or into the
/// source of another run, and after the end of the run. A monitor keeps no part of the run alive: no source, item, job,
/// output or scope.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use std::sync::Arc;
/// use towpath_pattern::{Run, Scope, Settings, Source};
///
/// let job = |x: u64| async move { Ok(x + 1) };
/// let start = |source, name| Run::spawn(Scope::default(), source, Settings::new(name, 2), Arc::new(job));
/// let first = start(Source::new([1, 2, 3]), "first");
/// let second = start(Source::new(first), "second");
/// let monitor = second.monitor();
/// let metrics = tokio::spawn(async move { monitor.report().stages.len() });
/// assert_eq!(metrics.await?, 2);
/// assert_eq!(second.collect().await?.len(), 3);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Monitor {
    /// The stages, in the order in which items pass through.
    stages: Arc<[Arc<Watch>]>,
}

impl Monitor {
    /// Creates a monitor of the run of `stage` and of all upstream stages.
    pub(super) fn of(stage: &Arc<dyn Upstream>) -> Self {
        let mut stages = Vec::new();
        let mut next = Some(stage);
        while let Some(stage) = next {
            stages.push(Watch::of(stage));
            next = stage.upstream();
        }
        stages.reverse();
        Self { stages: stages.into() }
    }

    /// Returns the counts of the items at every stage at this moment; after the end of the run, the final counts.
    ///
    /// The report has no failures: the run or the scope returns each failure once. The counts of two stages may be of
    /// slightly different moments. Outputs that a quick receiver has taken are counted as delivered in portions.
    #[must_use]
    pub fn report(&self) -> Report {
        let stages = self.stages.iter().map(|stage| stage.report()).collect();
        Report { stages, ..Report::default() }
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Monitor").field(&self.report().stages).finish()
    }
}
