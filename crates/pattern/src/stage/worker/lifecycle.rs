//! A worker from its creation to its drop.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;

use super::super::shared::StageShared;
use super::super::shutdown;
use super::super::slot::{RunQueue, Seat, Slot};
use super::super::step::{Mode, NewWorker, Progress, Turn, WorkerId};
use super::buffer::{Batch, WorkerBuffer};
use super::tray::Tray;
use crate::failure::{Cancelled, Cause};
use crate::item::{Output, Position};
use crate::util::panic::drop_caught;

/// The most slots and seats without a job that a worker keeps: as many as the largest batch has items.
const MOST_SPARES: usize = 128;

/// The most slots that a worker creates at once.
const MOST_NEW_SLOTS: usize = 32;

/// The reason of a worker to leave its seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The job in the seat waits.
    Wait,
    /// The worker is not needed any more.
    Leave,
}

/// A return of a worker to the runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pause {
    None,
    /// The worker returns before its next look at the state: a job was woken during its poll.
    Due,
    /// The worker has returned with a batch.
    Taken,
}

/// A seat without a worker and without a job.
type FreeSeat<Out> = Option<Pin<Box<dyn Seat<Out>>>>;

/// A worker.
pub(super) struct Worker<In, Out> {
    pub(super) shared: Arc<StageShared<In, Out>>,
    /// A second reference to the stage. The reference travels with the item of the running job and returns at the end
    /// of the job, so that no item costs a reference count.
    pub(super) ticket: Option<Arc<StageShared<In, Out>>>,
    pub(super) id: WorkerId,
    pub(super) mode: Mode,
    pub(super) step: Step,
    /// The waker of the task, present from the first poll on.
    pub(super) task: Option<Waker>,
    /// A job has failed. The move of its output into the stage may stop the run, and comes before the next job.
    pub(super) failed: bool,
    /// The worker is being polled. A worker that is dropped in this state was ended by a panic. Panics of jobs are caught, so
    /// the panic comes from a waker or from the engine.
    pub(super) in_poll: bool,
    /// The running job has dropped its item before the start, and goes on without an item.
    pub(super) without_item: bool,
    /// The position of the item of the running job.
    pub(super) position: Position,
    pub(super) buffer: WorkerBuffer<In>,
    pub(super) outputs: VecDeque<Output<Out>>,
    /// The slot of the seat.
    pub(super) slot: Option<Arc<Slot<Out>>>,
    /// The place where a seat returns the worker.
    pub(super) tray: Arc<Tray<Box<Self>>>,
    /// Slots without a job, with the seat of the last job.
    spares: Vec<(Arc<Slot<Out>>, FreeSeat<Out>)>,
    /// How many slots the worker creates next.
    next_spares: usize,
    /// Spare slots that the stage no longer needs.
    pub(super) struck: Vec<Arc<Slot<Out>>>,
    /// Completed jobs that had waited, since the last look at the state.
    pub(super) resumed: usize,
    pub(super) turn: Turn,
    pub(super) pause: Pause,
}

impl<In, Out> Worker<In, Out>
where
    In: Send + 'static,
    Out: Send + 'static,
{
    /// Takes the next slot, with a free seat if the worker has one.
    pub(super) fn next_place(&mut self) -> (Arc<Slot<Out>>, FreeSeat<Out>) {
        let (slot, seat) = self.spares.pop().unwrap_or_else(|| (self.new_slots(), None));
        self.slot = Some(Arc::clone(&slot));
        (slot, seat)
    }

    /// Creates several slots, and returns one of the slots.
    #[cold]
    fn new_slots(&mut self) -> Arc<Slot<Out>> {
        let queue: Arc<dyn RunQueue<Out>> = Arc::clone(&self.shared) as _;
        let slots: Vec<_> = (0..self.next_spares).map(|_| Arc::new(Slot::new(Arc::clone(&queue)))).collect();
        self.next_spares = (2 * self.next_spares).min(MOST_NEW_SLOTS);
        self.shared.with(|state| state.enlist(slots.iter().cloned()));
        let mut slots = slots.into_iter();
        let slot = slots.next().expect("there is at least one slot");
        self.spares.extend(slots.map(|slot| (slot, None)));
        slot
    }

    /// Keeps a slot and a seat without a job for a later job.
    pub(super) fn keep_place(&mut self, slot: Arc<Slot<Out>>, seat: FreeSeat<Out>) {
        if self.spares.len() < MOST_SPARES {
            self.spares.push((slot, seat));
        } else {
            self.struck.push(slot);
        }
    }
}

impl<In, Out> Worker<In, Out> {
    pub(super) fn new(shared: Arc<StageShared<In, Out>>, new: NewWorker<In>) -> Self {
        let NewWorker { id, batch } = new;
        Self {
            shared,
            ticket: None,
            id,
            mode: Mode::New,
            step: Step::Wait,
            task: None,
            failed: false,
            in_poll: false,
            without_item: false,
            position: Position::NONE,
            buffer: WorkerBuffer::new(batch),
            outputs: VecDeque::new(),
            slot: None,
            tray: Arc::default(),
            spares: Vec::new(),
            next_spares: 1,
            struck: Vec::new(),
            resumed: 0,
            turn: Turn::Jobs,
            pause: Pause::None,
        }
    }

    /// Returns the progress since the last look at the state. The worker holds no items from here on.
    pub(super) fn progress(&mut self) -> Progress {
        let buffer = &mut self.buffer;
        Progress {
            completed: std::mem::take(&mut buffer.held) + std::mem::take(&mut self.resumed),
            ended_batch: std::mem::replace(&mut buffer.batch, Batch::None) != Batch::None,
        }
    }
}

impl<In, Out> Drop for Worker<In, Out> {
    /// Removes the worker from the registry, and returns the items and outputs of the worker to the stage.
    fn drop(&mut self) {
        // A seat refers to the values captured by the work, and a run that is over holds no such values.
        for (slot, seat) in self.spares.drain(..) {
            self.struck.push(slot);
            if let Some(payload) = drop_caught(seat) {
                self.shared.fail(Cause::from_panic(payload));
            }
        }
        let progress = self.progress();
        let held = progress.completed > 0;
        let Self { shared, outputs, buffer, struck, slot, .. } = self;
        let (waker, last) = shared.with(|state| {
            let waker = state.deactivate(self.id, self.mode, progress);
            state.flush(outputs);
            shared.restore_dropped(state, self.position.seq);
            state.make_ready(&mut buffer.items);
            if self.in_poll {
                state.fail(Cause::from_panic(Box::new("a worker was ended by a panic, of a waker perhaps")));
            } else if !state.is_stopped() && (held || self.mode != Mode::Leaving && !state.is_done()) {
                // Only a runtime that shuts down drops a worker before the end of the worker.
                state.fail(Cause::Cancelled(Cancelled::Runtime));
            }
            struck.iter().chain(slot.iter()).for_each(|slot| state.strike(slot));
            (waker, state.remove_unless_last())
        });
        drop(waker);
        if last {
            shutdown::end_last_worker(shared);
        }
    }
}
