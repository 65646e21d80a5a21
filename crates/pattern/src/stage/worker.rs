//! A worker: takes items in batches, runs their jobs one after another, and moves their outputs into the stage.
//!
//! A batch has only items that are ready now. When a job waits, its worker first moves its outputs into the stage, makes the
//! items that it has not started ready again, and gets another worker going, so that no item waits for the await of
//! another one (law 9). `README.md` beside the folder of this file has the states of a worker.

mod batch;
mod buffer;
mod context;
mod fetch;
mod lifecycle;

pub(super) use context::WorkerContext;
