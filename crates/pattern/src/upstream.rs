//! The upstream stage behind a source, as its downstream stage sees the upstream stage.

use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll, ready};

use tokio::sync::Notify;

use crate::report::StageReport;
use crate::util::mutex::Mutex;

/// A stage whose outputs are the items of another stage.
///
/// A chain of stages is a list with one link for every stage. Functions of the whole chain walk along the list with a
/// loop, so that a chain may be longer than a stack is deep.
pub(crate) trait Upstream: Send + Sync {
    /// Returns the counts of this stage.
    fn report(&self) -> StageReport;

    /// Returns the place for the counts of this stage, empty without a monitor.
    fn watch(&self) -> &OnceLock<Arc<Watch>>;

    /// Returns the stage behind the source of this stage.
    fn upstream(&self) -> Option<&Arc<dyn Upstream>>;

    /// Takes the link to the upstream stage out of a stage, during the drop of the stage.
    fn take_upstream(&mut self) -> Option<Arc<dyn Upstream>>;

    /// Stops this stage and no other: the downstream stage takes no more outputs. Returns `false` if this stage and the
    /// upstream stages have stopped or finished before, or are being stopped.
    fn stop(&self) -> bool;

    /// Takes no more items from the source, and completes the jobs that have started.
    fn stop_taking(&self);

    /// Ready when only outputs and failures of this stage are left; with `true` if all upstream stages have finished,
    /// too.
    fn poll_finished(&self, cx: &mut Context<'_>) -> Poll<bool>;

    /// Returns whether only outputs and failures of this stage are left.
    fn is_finished(&self) -> bool;

    /// Ready once a failure or a cancellation stops this stage. The downstream stage is the only watcher.
    fn poll_stopped(&self, cx: &mut Context<'_>) -> Poll<()>;
}

/// The counts of a stage for monitors, during the life of the stage and afterwards. A watch keeps no value of the stage.
#[derive(Debug)]
pub(crate) struct Watch {
    /// Present during the life of the stage.
    stage: Mutex<Option<Weak<dyn Upstream>>>,
    /// The final counts. The drop of the stage writes the counts before any field of the stage is dropped.
    closed: OnceLock<StageReport>,
    /// Notifies the waiters for the final counts.
    ended: Arc<Notify>,
}

impl Watch {
    /// Returns the watch of a stage, the same for all monitors.
    pub(crate) fn of(stage: &Arc<dyn Upstream>) -> Arc<Self> {
        let new = || {
            let stage = Mutex::new(Some(Arc::downgrade(stage)));
            Arc::new(Self { stage, closed: OnceLock::new(), ended: Arc::default() })
        };
        Arc::clone(stage.watch().get_or_init(new))
    }

    /// Returns the counts at this moment, or the final counts.
    pub(crate) fn report(&self) -> StageReport {
        let stage = self.stage.lock().as_ref().and_then(Weak::upgrade);
        match stage {
            Some(stage) => stage.report(),
            // Between the end of the last reference and the first statement of the drop, the counts come at once.
            None => self.closed.wait().clone(),
        }
    }

    /// Writes the final counts.
    pub(crate) fn close(&self, report: StageReport) {
        self.closed.get_or_init(|| report);
        let stage = self.stage.lock().take();
        drop(stage);
        self.ended.notify_waiters();
    }

    /// Returns whether no job of the stage is left.
    pub(crate) fn is_finished(&self) -> bool {
        let stage = self.stage.lock().as_ref().and_then(Weak::upgrade);
        stage.is_none_or(|stage| stage.is_finished())
    }

    /// Returns the place where the drop of the stage is notified.
    pub(crate) fn ended(&self) -> &Arc<Notify> {
        &self.ended
    }
}

/// Closes the watch of a stage with no other reference than `stage`: a weak reference would keep the chain from a drop in a
/// loop.
pub(crate) fn close_watch(stage: &Arc<dyn Upstream>) {
    if let Some(watch) = stage.watch().get()
        && Arc::strong_count(stage) == 1
    {
        watch.close(stage.report());
    }
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

/// Ends the taking of the first stage upstream of `stage`, or of `stage`. The later stages complete the items in the chain.
pub(crate) fn stop_taking_chain(stage: &dyn Upstream) {
    let mut first = stage;
    while let Some(upstream) = first.upstream() {
        first = &**upstream;
    }
    first.stop_taking();
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
