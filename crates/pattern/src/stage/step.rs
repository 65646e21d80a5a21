//! The messages between a worker and the state of its stage.

use std::task::Waker;

use crate::item::ItemBatch;
use crate::source::Source;

pub(super) type WorkerId = u64;

/// The state of a worker, as the stage counts it. `README.md` has the transitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// The worker looks for items, or runs jobs that have not waited.
    Active,
    /// Its job waits. The registry has the waker of the worker in that slot.
    Waiting(usize),
    /// It holds no items. The registry has its waker, as that of the listener or of an idle worker, unless it was woken.
    Parked,
    /// It is not needed any more.
    Leaving,
}

/// A worker that asks for its next step.
pub(super) struct Request<'a> {
    pub(super) id: WorkerId,
    /// The waker of the worker, which the state takes if the worker parks. It was cloned before the lock.
    pub(super) waker: &'a mut Option<Waker>,
    /// How many items the worker asks for.
    pub(super) batch: usize,
}

/// The next step of a worker.
pub(super) enum Next<In> {
    /// Run the jobs of the items in the batch.
    Run,
    /// Poll the source, and return the lease with the result.
    Poll(Lease<In>),
    /// End the quiescent source, and return it with the result.
    Seal(Source<In>),
    /// Ask again, after other tasks of the thread had their turn.
    Retry,
    /// Wait until woken. The registry has the waker of the worker.
    Park,
    Leave,
}

/// The source, held by the one worker that polls it.
pub(super) struct Lease<In> {
    pub(super) source: Source<In>,
    /// The most items to poll for.
    pub(super) max: usize,
    /// The number of the first of them.
    pub(super) seq: u64,
    /// No worker held an item when the source was taken out, so no worker can have taken one since.
    pub(super) alone: bool,
}

/// Another worker, which goes on with the items that are left.
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
    /// The items that it holds from the beginning.
    pub(super) batch: ItemBatch<In>,
}
