//! The spawn of workers, by a worker, by the supervisor, and by the waker of a job.

use std::sync::Arc;

use super::super::shared::{SpawnWorker, StageShared};
use super::super::slot::{RunQueue, Slot};
use super::super::step::{Another, NewWorker};
use super::super::work::Work;
use super::context::WorkerContext;
use super::lifecycle::Worker;
use super::seat::WorkerTask;

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
        self.start(another);
    }
}
