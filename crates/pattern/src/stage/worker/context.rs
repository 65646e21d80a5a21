//! The work of a stage, and the tasks of the workers.

use std::future::poll_fn;
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;

use super::super::shared::StageShared;
use super::super::step::{Another, NewWorker};
use super::super::work::Work;
use super::lifecycle::Worker;
use crate::failure::Cause;
use crate::scope::Scope;
use crate::util::panic::{catch, drop_caught};

/// The work of a stage and the stage, shared by the workers and the supervisor.
pub(in super::super) struct WorkerContext<In, Out, W: Work<In, Out>> {
    pub(in super::super) shared: Arc<StageShared<In, Out>>,
    pub(in super::super) work: W,
    /// The scope of the jobs, with the scope of the run as the parent.
    pub(in super::super) jobs: Scope,
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
    pub(in super::super) fn new(shared: Arc<StageShared<In, Out>>, work: W, jobs: Scope) -> Self {
        Self { shared, work, jobs }
    }

    /// Spawns a worker that is in the registry. No task joins the worker. The drop of a worker, for any reason,
    /// removes the worker from the registry, and the supervisor waits for the removal.
    pub(in super::super) fn spawn(self: &Arc<Self>, new: NewWorker<In>) {
        let worker = Worker::new(Arc::clone(&self.shared), new);
        let mut task = WorkerTask { context: UntilDropped(Some(Arc::clone(self))), worker };
        // A block and not an `async fn`, since an `async fn` reserves memory for its arguments twice. No borrow
        // crosses an await, since a waiting job keeps the borrow: sixteen more bytes would round the task up to the
        // next multiple of 128.
        tokio::spawn(async move {
            while poll_fn(|cx| task.worker.poll_fetch(cx, &task.context)).await {
                let mut job = pin!(None);
                poll_fn(|cx| {
                    let context: &Arc<Self> = &task.context;
                    task.worker.poll_batch(cx, context, job.as_mut(), |taken| {
                        context.work.work(taken, &context.jobs)
                    })
                })
                .await;
            }
        });
    }

    /// Spawns another worker, if the worker is a new one.
    pub(super) fn start(self: &Arc<Self>, another: Another<In>) {
        if let Another::New(new) = another {
            self.spawn(new);
        }
    }
}

/// The task of a worker. A runtime that shuts down drops the task at any await.
struct WorkerTask<In: Send + 'static, Out: Send + 'static, W: Work<In, Out>> {
    context: UntilDropped<Arc<WorkerContext<In, Out, W>>>,
    worker: Worker<In, Out>,
}

/// A value that is present until the drop of its owner.
struct UntilDropped<T>(Option<T>);

impl<T> Deref for UntilDropped<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("there until dropped")
    }
}

impl<In: Send + 'static, Out: Send + 'static, W: Work<In, Out>> Drop for WorkerTask<In, Out, W> {
    /// Drops the values captured by the work before the worker: a run that is over holds no such values, and this
    /// reference may be the last.
    fn drop(&mut self) {
        if let Some(payload) = drop_caught(self.context.0.take()) {
            self.worker.shared.fail(Cause::from_panic(payload));
        }
    }
}
