//! The part of a stage that the protocol of the runners needs: items, admission and outputs. This module is also a pure
//! state machine.

use std::collections::VecDeque;

use crate::fault::Fault;
use crate::workers::{Effects, Last, Next, Offer, RunnerId, Workers};

/// The size of a stage.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Threads of the executor.
    pub threads: usize,
    /// Jobs at once.
    pub limit: usize,
    /// Items in the stage.
    pub bound: usize,
    /// Items a runner takes at once.
    pub batch: usize,
    /// Steps of a runner until it returns to the executor.
    pub turns: usize,
}

/// The results of a runner since its last look.
#[derive(Debug, Default)]
pub struct Done {
    /// Outputs of completed items.
    pub outputs: Vec<usize>,
    /// Items of its batch that were not started.
    pub unstarted: Vec<usize>,
    /// Items that were dropped after their start, since the run was stopped.
    pub cancelled: usize,
    /// Used by [`Fault::CountsRunners`] alone.
    pub sketch: Sketch,
}

/// The counters of the first sketch.
#[derive(Debug, Default)]
pub struct Sketch {
    /// Whether the runner had a batch in hand.
    pub busy: bool,
    /// Jobs that have begun to wait.
    pub detached: usize,
    /// Jobs that had waited and have ended.
    pub resumed: usize,
}

/// The result of a poll of the source.
#[derive(Debug)]
pub enum Polled {
    /// Items, in their order.
    Items(Vec<usize>),
    /// The source has no item yet, and keeps the waker of the runner.
    Pending,
    /// The source has ended.
    Ended,
}

/// The next step of a runner, with the items for it.
pub struct Turn<J> {
    /// The step.
    pub next: Next<J>,
    /// The items of [`Next::Start`].
    pub items: Vec<usize>,
    /// The most items that [`Next::Poll`] may take.
    pub most: usize,
}

/// The state of a stage.
pub struct State<J, W> {
    size: Size,
    /// The protocol under test.
    pub workers: Workers<J, W>,
    source_home: bool,
    source_ended: bool,
    ready: VecDeque<usize>,
    in_stage: usize,
    /// Items that runners have taken and not completed, wherever the jobs are. Raised at the take, lowered at the look
    /// that follows the completion, and changed by nothing else.
    in_flight: usize,
    /// The counter of [`Fault::CountsRunners`]: runners with a batch, and jobs that wait.
    engaged: usize,
    outputs: VecDeque<usize>,
    /// Items dropped after their start.
    pub cancelled: usize,
    receiver: Option<W>,
    supervisor: Option<W>,
    fault: Fault,
}

impl<J, W> State<J, W> {
    /// Creates a stage before its first runner.
    #[must_use]
    pub fn new(size: Size, fault: Fault) -> Self {
        Self {
            size,
            workers: Workers::new(size.threads, fault),
            source_home: true,
            source_ended: false,
            ready: VecDeque::new(),
            in_stage: 0,
            in_flight: 0,
            engaged: 0,
            outputs: VecDeque::new(),
            cancelled: 0,
            receiver: None,
            supervisor: None,
            fault,
        }
    }

    fn offer(&self) -> Offer {
        let free = self.in_flight < self.size.limit;
        let open = !self.workers.is_stopped();
        let done = !open || self.source_ended && self.source_home && self.ready.is_empty();
        let rests = match self.fault {
            Fault::CountsRunners => self.engaged == 0,
            Fault::LeavesWhileJobsWait => true,
            _ => self.in_flight == 0,
        };
        Offer {
            startable: open && free && !self.ready.is_empty(),
            pollable: open
                && free
                && self.source_home
                && !self.source_ended
                && self.in_stage < self.size.bound,
            over: done && rests,
        }
    }

    /// Settles the results of a runner, and decides its next step.
    pub fn turn(
        &mut self,
        id: RunnerId,
        done: Done,
        last: Last,
        waker: W,
        effects: &mut Effects<W>,
    ) -> Turn<J> {
        self.settle(done, effects);
        let next = self.workers.look(id, last, self.offer(), waker, effects);
        let mut turn = Turn { next, items: Vec::new(), most: 0 };
        match turn.next {
            Next::Start => self.start(&mut turn.items),
            Next::Poll => {
                self.source_home = false;
                turn.most = self.size.bound - self.in_stage;
            }
            Next::Resume(_) | Next::Sweep(_) | Next::Park | Next::Leave => {}
        }
        if self.fault != Fault::NoNotifyAfterATake {
            self.workers.notify(self.offer(), effects);
        }
        if matches!(turn.next, Next::Leave) && self.workers.live() == 0 {
            effects.wakes.extend(self.supervisor.take());
            effects.wakes.extend(self.receiver.take());
        }
        turn
    }

    fn start(&mut self, items: &mut Vec<usize>) {
        let free = self.size.limit - self.in_flight;
        let count = self.size.batch.min(free).min(self.ready.len());
        items.extend(self.ready.drain(..count));
        self.in_flight += count;
        self.engaged += 1;
    }

    fn settle(&mut self, done: Done, effects: &mut Effects<W>) {
        self.in_flight -= done.outputs.len() + done.unstarted.len() + done.cancelled;
        if self.fault == Fault::CountsRunners {
            let Sketch { busy, detached, resumed } = done.sketch;
            self.engaged += detached;
            let ended = usize::from(busy) + resumed;
            self.engaged = self.engaged.checked_sub(ended).expect("more jobs have ended than were counted");
        }
        self.cancelled += done.cancelled;
        done.unstarted.into_iter().rev().for_each(|item| self.ready.push_front(item));
        if !done.outputs.is_empty() {
            self.outputs.extend(done.outputs);
            effects.wakes.extend(self.receiver.take());
        }
    }

    /// Ends the lease of the source.
    ///
    /// # Panics
    ///
    /// Panics if no runner had the lease, or if the stage has more items than its bound.
    pub fn unlease(&mut self, polled: Polled) {
        assert!(!self.source_home, "the source was leased twice");
        self.source_home = true;
        match polled {
            Polled::Items(items) => {
                self.in_stage += items.len();
                assert!(self.in_stage <= self.size.bound, "more items than the bound");
                self.ready.extend(items);
            }
            Polled::Pending => {}
            Polled::Ended => self.source_ended = true,
        }
    }

    /// Puts a woken job into the run queue.
    pub fn wake(&mut self, job: J, effects: &mut Effects<W>) {
        self.workers.push(job);
        if self.fault != Fault::NoNotifyForAJob {
            self.workers.notify(self.offer(), effects);
        }
    }

    /// Removes an output, which frees capacity. Keeps the waker if the stage has no output.
    ///
    /// # Errors
    ///
    /// Returns whether an output may come later.
    pub fn deliver(&mut self, waker: W, effects: &mut Effects<W>) -> Result<usize, bool> {
        let Some(output) = self.outputs.pop_front() else {
            let more = self.workers.live() > 0;
            self.receiver = more.then_some(waker);
            return Err(more);
        };
        self.in_stage -= 1;
        if self.fault != Fault::NoNotifyForRoom {
            self.workers.notify(self.offer(), effects);
        }
        Ok(output)
    }

    /// Stops the run.
    pub fn stop(&mut self, effects: &mut Effects<W>) {
        self.workers.stop(effects);
    }

    /// Returns true if all runners have left, and keeps the waker otherwise.
    pub fn poll_over(&mut self, waker: W) -> bool {
        let over = self.workers.live() == 0;
        self.supervisor = (!over).then_some(waker);
        over
    }

    /// Asserts that no runner, job or item is left.
    ///
    /// # Panics
    ///
    /// Panics if the assertion fails.
    pub fn assert_over(&self) {
        assert_eq!(self.workers.live(), 0, "runners are left");
        assert!(self.workers.is_empty(), "a runner is parked, or a job is left");
        assert_eq!(self.in_flight, 0, "items are in flight");
        assert!(self.source_home, "the source is leased");
        assert!(self.workers.is_stopped() || self.ready.is_empty() && self.in_stage == self.outputs.len());
    }

    /// Returns the number of items taken and not started.
    #[must_use]
    pub fn unstarted(&self) -> usize {
        self.ready.len()
    }

    /// Returns the number of outputs not taken.
    #[must_use]
    pub fn undelivered(&self) -> usize {
        self.outputs.len()
    }
}
