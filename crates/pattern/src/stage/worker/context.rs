//! The work of a stage, and the tasks of the workers.

use std::sync::{Arc, Weak};

use tokio::runtime::Handle;

use super::super::shared::{SpawnWorker, StageShared};
use super::super::shutdown;
use super::super::slot::{RunQueue, Slot};
use super::super::step::{Another, NewWorker};
use super::super::work::Work;
use super::lifecycle::Worker;
use super::seat::WorkerTask;
use crate::failure::Cause;
use crate::scope::Scope;
use crate::util::panic::catch;

/// The work of a stage and the stage, shared by the workers and the supervisor.
pub(in super::super) struct WorkerContext<In, Out, W: Work<In, Out>> {
    pub(in super::super) shared: Arc<StageShared<In, Out>>,
    pub(in super::super) work: W,
    /// The scope of the jobs, with the scope of the run as the parent.
    pub(in super::super) jobs: Scope,
    /// The runtime of the run. The waker of a job may run on any thread.
    runtime: Handle,
}

impl<In, Out, W: Work<In, Out>> Drop for WorkerContext<In, Out, W> {
    /// Runs during the drop of the last of supervisor and workers, so before the run is over.
    fn drop(&mut self) {
        let causes = catch(|| self.work.unreported());
        for cause in causes.unwrap_or_else(|payload| vec![Cause::from_panic(payload)]) {
            self.shared.fail(cause);
        }
    }
}

impl<In, Out, W> WorkerContext<In, Out, W>
where
    In: Send + 'static,
    Out: Send + 'static,
    W: Work<In, Out>,
{
    pub(in super::super) fn new(
        shared: Arc<StageShared<In, Out>>,
        work: W,
        jobs: Scope,
        runtime: Handle,
    ) -> Arc<Self> {
        Arc::new_cyclic(|context: &Weak<Self>| {
            shared.set_spawner(Weak::clone(context) as _);
            Self { shared, work, jobs, runtime }
        })
    }

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
        let Another::New(new) = self.with(|state| state.wake_job(slot)) else { return };
        match self.spawner() {
            Some(spawner) => spawner.spawn_worker(new),
            // The runtime has dropped the supervisor and all workers, and this job is about to be dropped.
            None => shutdown::refuse(self, new),
        }
    }
}
