//! The messages between a worker and the state of the stage.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use super::slot::Slot;
use crate::item::{Item, ItemBatch};
use crate::source::Source;

pub(super) type WorkerId = u64;

/// The mode of a worker, as the registry counts workers. `README.md` has the transitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// The worker has not been polled.
    New,
    /// The worker looks for work, or runs jobs.
    Active,
    /// The worker has no batch. Unless the worker was woken, the registry has its waker: the waker of the listener or of an
    /// idle worker.
    Parked,
    /// The worker is not needed any more.
    Leaving,
}

/// The progress of a worker since its last look at the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// Completed items, and items that the worker gives up.
    pub(super) completed: usize,
    /// The batch of the worker has ended. Jobs of the batch may wait.
    pub(super) ended_batch: bool,
}

/// The work that comes first at a look: jobs and items are in turns, so that jobs that wake themselves do not keep items from
/// their start, and vice versa.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Woken jobs.
    Jobs,
    /// Items.
    Items,
}

/// The request of a worker for the next step.
pub(super) struct Request<'a> {
    pub(super) id: WorkerId,
    /// The waker of the worker, cloned before the lock. The state takes the waker if the worker parks.
    pub(super) waker: &'a mut Option<Waker>,
    /// How many items the worker asks for.
    pub(super) batch: usize,
    /// The last batch of the worker was light: another worker would cost more than the batch.
    pub(super) light: bool,
    /// The work that comes first.
    pub(super) turn: Turn,
}

/// The next step of a worker.
pub(super) enum Next<In, Out> {
    /// Run the jobs of the items in the batch.
    Run,
    /// Resume a woken job; the number is the length of the run queue behind the job. If the run is stopped, drop the job.
    Resume(Arc<Slot<Out>>, usize),
    /// Cancel jobs of a stopped run that wait.
    Sweep(Vec<Arc<Slot<Out>>>),
    /// Poll the source, and return the lease with the result.
    Poll(Lease<In>),
    /// End the quiescent source, and return the source with the result.
    Seal(Source<In>),
    /// Stop the source of a halted input or of a stopped run, release the permits of the items, and return both.
    Halt(Source<In>, VecDeque<Item<In>>),
    /// End the sources next to an upstream stage, and return the source.
    EndPlain(Source<In>),
    /// Ask again, after other tasks of the thread have run.
    Retry,
    /// Wait until woken. The registry has the waker of the worker.
    Park,
    Leave,
}

/// The source, held by the only worker that polls the source.
pub(super) struct Lease<In> {
    pub(super) source: Source<In>,
    /// The largest number of items to poll for.
    pub(super) max: usize,
    /// The number of the first polled item.
    pub(super) seq: u64,
    /// No worker held an item when the lease began, so no worker can have taken an item since.
    pub(super) alone: bool,
}

/// Another worker, for the remaining items.
#[must_use = "a worker that is counted must be spawned"]
pub(super) enum Another<In> {
    None,
    Woken,
    New(NewWorker<In>),
}

/// A worker that is in the registry and has yet to be spawned.
#[must_use = "a worker that is counted must be spawned"]
pub(super) struct NewWorker<In> {
    pub(super) id: WorkerId,
    /// The items of the worker at the beginning.
    pub(super) batch: ItemBatch<In>,
}
