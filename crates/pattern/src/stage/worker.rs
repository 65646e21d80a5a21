//! A worker: takes items in batches, runs their jobs one after another, and moves their outputs into the stage.
//!
//! A batch has only items that are ready now. When a job waits, its worker first moves its outputs into the stage, makes the
//! items that it has not started ready again, and gets another worker going, so that no item waits for the await of
//! another one (law 9). `README.md` beside the folder of this file has the states of a worker.

mod batch;
mod buffer;
mod context;
mod fetch;

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;

use self::buffer::WorkerBuffer;
use super::shared::StageShared;
use super::shutdown;
use super::step::{Mode, NewWorker, WorkerId};
use crate::failure::{Cancelled, Cause};
use crate::item::{Output, Position};

pub(super) use context::WorkerContext;

/// A worker, without the job that it runs.
struct Worker<In, Out> {
    shared: Arc<StageShared<In, Out>>,
    /// A second reference to the stage, which travels with the item of the running job and returns with its end, so that no
    /// item costs a reference count.
    ticket: Option<Arc<StageShared<In, Out>>>,
    id: WorkerId,
    mode: Mode,
    /// A job has failed, and stops the run as its output is moved into the stage.
    failed: bool,
    /// The worker is being polled. The panics of jobs are caught there, so a panic that ends the worker is one of a waker, or
    /// of the engine.
    polled: bool,
    /// The running job has dropped its item before its start, and goes on without it.
    without_item: bool,
    /// The position of the item of the running job.
    position: Position,
    /// `None` once the running job has waited, whose item is then all that the worker holds.
    buffer: Option<Box<WorkerBuffer<In>>>,
    outputs: VecDeque<Output<Out>>,
}

impl<In, Out> Worker<In, Out> {
    fn new(shared: Arc<StageShared<In, Out>>, new: NewWorker<In>) -> Self {
        let NewWorker { id, batch } = new;
        Self {
            shared,
            ticket: None,
            id,
            mode: Mode::Active,
            failed: false,
            polled: false,
            without_item: false,
            position: Position::NONE,
            buffer: Some(Box::new(WorkerBuffer::new(batch))),
            outputs: VecDeque::new(),
        }
    }

    /// Returns how many items the worker held, the item of the running job included; it holds none from here on.
    fn release(&mut self) -> usize {
        self.buffer.as_mut().map_or(1, |buffer| std::mem::take(&mut buffer.held))
    }
}

impl<In, Out> Drop for Worker<In, Out> {
    /// Removes the worker from the registry, and returns all that it holds to the stage.
    fn drop(&mut self) {
        let broken = self.polled && thread::panicking();
        let released = self.release();
        let mut buffer = self.buffer.take();
        let Self { shared, outputs, .. } = self;
        let (waker, last) = shared.with(|state| {
            let waker = state.deactivate(self.id, self.mode, released);
            state.flush(outputs);
            shared.restore_dropped(state, self.position.seq);
            if let Some(buffer) = &mut buffer {
                state.restore(&mut buffer.items);
            }
            if broken {
                state.fail(Cause::Panicked("a worker was ended by a panic, of a waker perhaps".to_owned()));
            } else if !state.is_stopped() && (released > 0 || self.mode != Mode::Leaving && !state.is_done())
            {
                // Only a runtime that shuts down drops a worker before its end.
                state.fail(Cause::Cancelled(Cancelled::Runtime));
            }
            let last = state.is_last_worker();
            if !last {
                state.remove_worker();
            }
            (waker, last)
        });
        drop(waker);
        if last {
            shutdown::settle(shared);
            shutdown::finish(shared, |state| state.remove_worker());
        }
    }
}
