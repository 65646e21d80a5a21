//! The spawn of workers, by a worker, by the supervisor, and by the waker of a job.

use std::sync::{Arc, Weak};

use super::super::shared::{SpawnWorker, StageShared};
use super::super::shutdown;
use super::super::slot::{RunQueue, Slot};
use super::super::step::{Another, NewWorker};
use super::super::work::Work;
use super::context::WorkerContext;
use super::lifecycle::Worker;
use super::seat::WorkerTask;
use crate::limit::{JobLimit, WatchLimit};

impl<In, Out, W> WorkerContext<In, Out, W>
where
    In: Send + 'static,
    Out: Send + 'static,
    W: Work<In, Out>,
{
    /// Spawns a worker that is in the registry. No task joins the worker. The drop of a worker, for any reason,
    /// removes the worker from the registry, and the supervisor waits for the removal.
    pub(in super::super) fn spawn(self: &Arc<Self>, new: NewWorker<In>) {
        let worker = Worker::new(Arc::clone(&self.shared), new);
        self.runtime.spawn(WorkerTask::new(self, worker));
    }

    /// Spawns another worker, if the worker is a new one.
    pub(super) fn start(self: &Arc<Self>, another: Another<In>) {
        if let Another::New(new) = another {
            self.spawn(new);
        }
    }
}

impl<In, Out, W> SpawnWorker<In> for WorkerContext<In, Out, W>
where
    In: Send + 'static,
    Out: Send + 'static,
    W: Work<In, Out>,
{
    fn spawn_worker(self: Arc<Self>, new: NewWorker<In>) {
        self.spawn(new);
    }
}

impl<In: Send, Out: Send> RunQueue<Out> for StageShared<In, Out> {
    fn push(&self, slot: Arc<Slot<Out>>) {
        let another = self.with(|state| state.wake_job(slot));
        start(self, another);
    }
}

impl<In: Send, Out: Send> WatchLimit for StageShared<In, Out> {
    fn limit_changed(&self) {
        start(self, self.change_limit());
    }
}

/// Watches the limit of a stage without a worker, if the limit may change.
pub(in super::super) fn watch_limit<In, Out>(stage: &Arc<StageShared<In, Out>>)
where
    In: Send + 'static,
    Out: Send + 'static,
{
    if let JobLimit::Live(limit) = &stage.settings.limit {
        let watcher: Weak<StageShared<In, Out>> = Arc::downgrade(stage);
        limit.watch(watcher);
        // The limit may have changed between the creation of the state and the watch.
        stage.adopt_limit();
    }
}

/// Spawns another worker for a task that does not know the work, if the worker is a new one.
fn start<In, Out>(stage: &StageShared<In, Out>, another: Another<In>) {
    let Another::New(new) = another else { return };
    match stage.spawner() {
        Some(spawner) => spawner.spawn_worker(new),
        // The runtime has dropped the supervisor and all workers.
        None => shutdown::refuse(stage, new),
    }
}
