//! The upstream stages behind a source, as their downstream stage sees them.

use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll, ready};

use tokio::sync::Notify;

use crate::report::StageReport;
use crate::util::mutex::Mutex;

/// A stage whose outputs are the items of another stage.
///
/// The stages behind a stage are a tree with a link for every stage: a merge has a branch for every run. Functions of the
/// whole tree walk along the links with a loop, so that a chain may be longer than a stack is deep.
pub(crate) trait Upstream: Send + Sync {
    /// Returns the counts of this stage.
    fn report(&self) -> StageReport;

    /// Returns the place for the counts of this stage, empty without a monitor.
    fn watch(&self) -> &OnceLock<Arc<Watch>>;

    /// Returns the links to the stages behind the source of this stage.
    fn upstream(&self) -> &Links;

    /// Takes the links to the upstream stages out of a stage, during the drop of the stage.
    fn take_upstream(&mut self) -> Links;

    /// Stops this stage and no other: the downstream stage takes no more outputs. Returns `false` if this stage and the
    /// upstream stages have stopped or finished before, or are being stopped.
    fn stop(&self) -> bool;

    /// Takes no more items from the source, and completes the jobs that have started.
    fn stop_taking(&self);

    /// Takes no more items from the sources that stand next to a run in a merge. The stage completes the items that it has
    /// taken, and the items of the upstream stages.
    fn end_plain_sources(&self);

    /// Ready when only outputs and failures of this stage are left; with `true` if all upstream stages have finished,
    /// too.
    fn poll_finished(&self, cx: &mut Context<'_>) -> Poll<bool>;

    /// Returns whether only outputs and failures of this stage are left.
    fn is_finished(&self) -> bool;

    /// Ready once a failure or a cancellation stops this stage. The downstream stage is the only watcher.
    fn poll_stopped(&self, cx: &mut Context<'_>) -> Poll<()>;
}

/// The links of a stage to the stages behind its source: none without a run, one for a run, and several for a merge.
#[derive(Default)]
pub(crate) struct Links {
    stages: Vec<Arc<dyn Upstream>>,
}

impl Links {
    /// Creates the link to one stage.
    pub(crate) fn to(stage: Arc<dyn Upstream>) -> Self {
        Self { stages: vec![stage] }
    }

    /// Adds the links of a further branch.
    pub(crate) fn append(&mut self, mut branch: Self) {
        self.stages.append(&mut branch.stages);
    }

    /// Returns whether no stage is behind the source.
    pub(crate) fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// Returns the stages behind the source, in the order in which items pass through: branch by branch, and in each
    /// branch the first stage first.
    pub(crate) fn stages(&self) -> Vec<&Arc<dyn Upstream>> {
        let mut stages = Vec::new();
        let mut pending: Vec<_> = self.stages.iter().collect();
        while let Some(stage) = pending.pop() {
            stages.push(stage);
            pending.extend(&stage.upstream().stages);
        }
        stages.reverse();
        stages
    }

    /// Stops all upstream stages, beginning with the nearest stages.
    pub(crate) fn stop(&self) {
        let mut pending: Vec<_> = self.stages.iter().rev().collect();
        while let Some(stage) = pending.pop() {
            if stage.stop() {
                pending.extend(stage.upstream().stages.iter().rev());
            }
        }
    }

    /// Ready once a failure or a cancellation stops the nearest stage of a branch.
    pub(crate) fn poll_stopped(&self, cx: &mut Context<'_>) -> Poll<()> {
        let stopped = self.stages.iter().any(|stage| stage.poll_stopped(cx).is_ready());
        if stopped { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Drops the upstream stages with a loop: a chain may be longer than a stack is deep.
    pub(crate) fn unlink(self) {
        let mut pending = self.stages;
        while let Some(mut stage) = pending.pop() {
            close_watch(&stage);
            if let Some(stage) = Arc::get_mut(&mut stage) {
                pending.append(&mut stage.take_upstream().stages);
            }
        }
    }
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
fn close_watch(stage: &Arc<dyn Upstream>) {
    if let Some(watch) = stage.watch().get()
        && Arc::strong_count(stage) == 1
    {
        watch.close(stage.report());
    }
}

/// Stops `stage` and all upstream stages, beginning with `stage`.
pub(crate) fn stop_chain(stage: &dyn Upstream) {
    if stage.stop() {
        stage.upstream().stop();
    }
}

/// Ends the taking of the first stage of every branch upstream of `stage`, or of `stage`. The later stages complete the
/// items in the chain. A source next to the runs of a merge ends, too.
pub(crate) fn stop_taking_chain(stage: &dyn Upstream) {
    let mut pending = Vec::new();
    let mut next = Some(stage);
    while let Some(stage) = next {
        let Links { stages } = stage.upstream();
        if stages.is_empty() {
            stage.stop_taking();
        } else {
            stage.end_plain_sources();
        }
        pending.extend(stages);
        next = pending.pop().map(|stage| &**stage);
    }
}

/// Ready when only outputs and failures are left of `stage` and all upstream stages.
pub(crate) fn poll_chain_finished(stage: &dyn Upstream, cx: &mut Context<'_>) -> Poll<()> {
    let mut pending = Vec::new();
    let mut next = Some(stage);
    while let Some(stage) = next {
        if !ready!(stage.poll_finished(cx)) {
            pending.extend(&stage.upstream().stages);
        }
        next = pending.pop().map(|stage| &**stage);
    }
    Poll::Ready(())
}
