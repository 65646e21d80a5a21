//! The work of a stage, as the workers and the supervisor share the work.

use std::sync::{Arc, Weak};

use tokio::runtime::Handle;

use super::super::shared::{SpawnWorker, StageShared};
use super::super::work::Work;
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
    pub(super) runtime: Handle,
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
    Self: SpawnWorker<In>,
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
}
