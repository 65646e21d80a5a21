//! A worker from its creation to its drop.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;

use super::super::shared::StageShared;
use super::super::shutdown;
use super::super::step::{Mode, NewWorker, WorkerId};
use super::buffer::WorkerBuffer;
use crate::failure::{Cancelled, Cause};
use crate::item::{Output, Position};

/// A worker, without the running job.
pub(super) struct Worker<In, Out> {
    pub(super) shared: Arc<StageShared<In, Out>>,
    /// A second reference to the stage. The reference travels with the item of the running job and returns at the end
    /// of the job, so that no item costs a reference count.
    pub(super) ticket: Option<Arc<StageShared<In, Out>>>,
    pub(super) id: WorkerId,
    pub(super) mode: Mode,
    /// A job has failed. The move of its output into the stage stops the run.
    pub(super) failed: bool,
    /// The worker is being polled. Panics of jobs are caught during the poll, so a panic that ends the worker comes
    /// from a waker or from the engine.
    pub(super) in_poll: bool,
    /// The running job has dropped its item before the start, and goes on without an item.
    pub(super) without_item: bool,
    /// The position of the item of the running job.
    pub(super) position: Position,
    /// `None` once the running job has waited. The worker then holds only the item of the job.
    pub(super) buffer: Option<Box<WorkerBuffer<In>>>,
    pub(super) outputs: VecDeque<Output<Out>>,
}

impl<In, Out> Worker<In, Out> {
    pub(super) fn new(shared: Arc<StageShared<In, Out>>, new: NewWorker<In>) -> Self {
        let NewWorker { id, batch } = new;
        Self {
            shared,
            ticket: None,
            id,
            mode: Mode::Active,
            failed: false,
            in_poll: false,
            without_item: false,
            position: Position::NONE,
            buffer: Some(Box::new(WorkerBuffer::new(batch))),
            outputs: VecDeque::new(),
        }
    }

    /// Returns how many items the worker held, the item of the running job included; the worker holds no items from
    /// here on.
    pub(super) fn release(&mut self) -> usize {
        self.buffer.as_mut().map_or(1, |buffer| std::mem::take(&mut buffer.held))
    }
}

impl<In, Out> Drop for Worker<In, Out> {
    /// Removes the worker from the registry, and returns the items and outputs of the worker to the stage.
    fn drop(&mut self) {
        let broken = self.in_poll && thread::panicking();
        let released = self.release();
        let mut buffer = self.buffer.take();
        let Self { shared, outputs, .. } = self;
        let (waker, last) = shared.with(|state| {
            let waker = state.deactivate(self.id, self.mode, released);
            state.flush(outputs);
            shared.restore_dropped(state, self.position.seq);
            if let Some(buffer) = &mut buffer {
                state.make_ready(&mut buffer.items);
            }
            if broken {
                state.fail(Cause::from_panic(Box::new("a worker was ended by a panic, of a waker perhaps")));
            } else if !state.is_stopped() && (released > 0 || self.mode != Mode::Leaving && !state.is_done())
            {
                // Only a runtime that shuts down drops a worker before the end of the worker.
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
            shutdown::finish(shared, super::super::state::State::remove_worker);
        }
    }
}
