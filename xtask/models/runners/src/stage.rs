//! The rest of a stage's state, as far as the runners' protocol depends on it: items, their admission, outputs. Pure as
//! the protocol is.

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
    /// Turns of a runner until it lets other tasks of its thread run.
    pub turns: usize,
}

/// What a runner has done since its last look.
#[derive(Debug, Default)]
pub struct Done {
    /// Outputs of completed items.
    pub outputs: Vec<usize>,
    /// Items of its batch that were not started.
    pub unstarted: Vec<usize>,
    /// Items that were dropped after their start, since the run was stopped.
    pub cancelled: usize,
    /// What only [`Fault::CountsRunners`] asks for: the runner had a batch; how many of its jobs have begun to wait; how
    /// many jobs that had waited have ended.
    pub sketch: Sketch,
}

/// The counters of the first sketch.
#[derive(Debug, Default)]
pub struct Sketch {
    /// A batch was in hand.
    pub busy: bool,
    /// Jobs that have begun to wait.
    pub detached: usize,
    /// Jobs that had waited and have ended.
    pub resumed: usize,
}

/// What came of a poll of the source.
#[derive(Debug)]
pub enum Polled {
    /// Items, in their order.
    Items(Vec<usize>),
    /// Nothing yet; the source has the runner's waker.
    Pending,
    /// Nothing more.
    Ended,
}

/// A runner's turn: what it does, and the items for it.
pub struct Turn<J> {
    /// What it does next.
    pub next: Next<J>,
    /// The items of [`Next::Start`]; how many to poll for at [`Next::Poll`] is its capacity.
    pub items: Vec<usize>,
    /// The most items to poll for.
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
    /// Items that runners have taken and that have not been completed, wherever their jobs are: raised as a runner takes
    /// them, lowered as their outputs come back, and by nothing else.
    in_flight: usize,
    /// What [`Fault::CountsRunners`] takes for that: runners with a batch, and jobs that wait.
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

    /// Settles what a runner has done, and decides what it does next.
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
        if self.fault != Fault::CallsNobodyForMore {
            self.workers.call(self.offer(), effects);
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
    /// If nobody had it, or more items came than the bound.
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

    /// Puts a woken job where runners find it.
    pub fn wake(&mut self, job: J, effects: &mut Effects<W>) {
        self.workers.push(job);
        if self.fault != Fault::CallsNobodyForAJob {
            self.workers.call(self.offer(), effects);
        }
    }

    /// Takes an output, which makes room; keeps the waker if there is none.
    ///
    /// # Errors
    ///
    /// Whether another one may come.
    pub fn deliver(&mut self, waker: W, effects: &mut Effects<W>) -> Result<usize, bool> {
        let Some(output) = self.outputs.pop_front() else {
            let more = self.workers.live() > 0;
            self.receiver = more.then_some(waker);
            return Err(more);
        };
        self.in_stage -= 1;
        if self.fault != Fault::CallsNobodyForRoom {
            self.workers.call(self.offer(), effects);
        }
        Ok(output)
    }

    /// Stops the run.
    pub fn stop(&mut self, effects: &mut Effects<W>) {
        self.workers.stop(effects);
    }

    /// Whether every runner has left; keeps the waker if not.
    pub fn poll_over(&mut self, waker: W) -> bool {
        let over = self.workers.live() == 0;
        self.supervisor = (!over).then_some(waker);
        over
    }

    /// Asserts that a run that is over has left nothing behind.
    ///
    /// # Panics
    ///
    /// If something is left.
    pub fn assert_over(&self) {
        assert_eq!(self.workers.live(), 0, "runners are left");
        assert!(self.workers.is_empty(), "a runner is parked, or a job is left");
        assert_eq!(self.in_flight, 0, "items are in flight");
        assert!(self.source_home, "the source is leased");
        assert!(self.workers.is_stopped() || self.ready.is_empty() && self.in_stage == self.outputs.len());
    }

    /// How many items were taken and not started.
    #[must_use]
    pub fn unstarted(&self) -> usize {
        self.ready.len()
    }

    /// How many outputs nobody took.
    #[must_use]
    pub fn undelivered(&self) -> usize {
        self.outputs.len()
    }
}
