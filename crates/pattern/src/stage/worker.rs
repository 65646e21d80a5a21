//! A worker: takes items in batches, runs the jobs in sequence, resumes woken jobs, and moves the outputs into the stage.
//!
//! A batch has only items that are ready now. A job that waits is left behind in a slot, and the worker goes on with the
//! next item, so no item waits for the await of another item (law 9). `README.md` next to this file has the states of a
//! worker.

mod batch;
mod buffer;
mod context;
mod fetch;
mod lifecycle;
mod resume;
mod seat;
mod spawn;
mod tray;

pub(super) use context::WorkerContext;
pub(super) use spawn::watch_limit;
