//! A worker: takes items in batches, runs the jobs in sequence, and moves the outputs into the stage.
//!
//! A batch has only items that are ready now. When a job waits, the worker first moves the outputs into the stage,
//! makes the items without a started job ready again, and wakes or spawns another worker, so that no item waits for
//! the await of another item (law 9). `README.md` next to this file has the states of a worker.

mod batch;
mod buffer;
mod context;
mod fetch;
mod lifecycle;

pub(super) use context::WorkerContext;
