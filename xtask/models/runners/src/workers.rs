//! The runners of a stage: the run queue of woken jobs, the parking list, the notification of runners, and the end. A
//! pure state machine: no lock, no wake and no user code. The wakes and the spawn of each change are returned as
//! [`Effects`] and carried out after the unlock.
//!
//! # The states of a runner
//!
//! - *notified*: spawned, woken or rescheduled, and not polled since;
//! - *busy*: polled; the runner looks for work or has work in hand;
//! - *idle*: parked;
//! - *listening*: parked, and the source has the waker of this runner;
//! - *gone*.
//!
//! Notified and busy runners are *active*.
//!
//! # Invariants
//!
//! - W1: one list holds all parked runners. A live runner is either on the list or active.
//! - W2: a runner parks only if a look under the same lock has found no work.
//! - W3: each event that makes work notifies one runner: an idle runner, else the listening runner, else a new runner.
//!   The exception is a stage with `threads` notified runners. The executor polls a notified runner once a thread is free,
//!   so a job that blocks a thread delays one runner only.
//! - W4: a runner that takes work notifies the next runner if work is left.
//! - W5: *listening* is a mark on the entry of the parking list. A notified runner is off the list, so a runner that looks
//!   while the listening runner is active polls the source.
//! - W6: a runner leaves only if no item can start and no item is in flight. The first runner to leave notifies all
//!   parked runners.

use std::collections::VecDeque;

use crate::fault::Fault;

/// The number of a runner within its stage.
pub type RunnerId = usize;

/// The work that the rest of the stage has for a runner, read under the same lock.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    /// A taken item is ready, and the limit has room for its job.
    pub startable: bool,
    /// The source is there and has not ended, the stage has room, and the limit has room for a job.
    pub pollable: bool,
    /// No item can start, and no item is in flight.
    pub over: bool,
}

/// The last step of a runner before its look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// The runner comes from its executor.
    Nothing,
    /// The runner resumed a woken job.
    Ran,
    /// The runner started the jobs of a batch.
    Started,
    /// The runner polled the source, and the source had items or has ended.
    Polled,
    /// The runner polled the source, and the source was pending and has the waker of the runner.
    Registered,
}

/// The next step of a runner.
#[derive(Debug)]
pub enum Next<J> {
    /// Resume a woken job; in a stopped run, drop the job.
    Resume(J),
    /// Start the jobs of a batch.
    Start,
    /// Lease the source and poll it.
    Poll,
    /// Wake a job of a stopped run; drop the job if the wake would queue it.
    Sweep(J),
    /// Return to the executor until the waker is woken.
    Park,
    /// End.
    Leave,
}

/// The wakes and the spawn to carry out after the unlock.
#[derive(Debug)]
pub struct Effects<W> {
    /// Wakers to wake.
    pub wakes: Vec<W>,
    /// A runner to spawn.
    pub spawn: Option<RunnerId>,
}

impl<W> Default for Effects<W> {
    fn default() -> Self {
        Self { wakes: Vec::new(), spawn: None }
    }
}

struct Parked<W> {
    id: RunnerId,
    listens: bool,
    waker: W,
}

/// The runners of a stage.
pub struct Workers<J, W> {
    threads: usize,
    live: usize,
    added: usize,
    notified: Vec<RunnerId>,
    run_queue: VecDeque<J>,
    parked: Vec<Parked<W>>,
    /// The jobs that have waited and not ended.
    jobs: Vec<Option<J>>,
    vacant: Vec<usize>,
    stopped: bool,
    fault: Fault,
    /// Only for [`Fault::ListensWhileItRuns`].
    listens_elsewhere: Option<RunnerId>,
}

impl<J, W> Workers<J, W> {
    /// Creates the runners of a stage on an executor with `threads` threads, before the first runner is added.
    #[must_use]
    pub fn new(threads: usize, fault: Fault) -> Self {
        Self {
            threads,
            live: 0,
            added: 0,
            notified: Vec::new(),
            run_queue: VecDeque::new(),
            parked: Vec::new(),
            jobs: Vec::new(),
            vacant: Vec::new(),
            stopped: false,
            fault,
            listens_elsewhere: None,
        }
    }

    /// Adds a runner that is about to be spawned.
    pub fn add_runner(&mut self) -> RunnerId {
        self.live += 1;
        self.added += 1;
        self.notified.push(self.added);
        self.added
    }

    /// Marks a busy runner as notified. The runner wakes itself and returns to the executor.
    pub fn reschedule(&mut self, id: RunnerId) {
        self.notified.push(id);
    }

    /// Puts a woken job into the run queue.
    pub fn push(&mut self, job: J) {
        self.run_queue.push_back(job);
    }

    /// Enlists a job before its first wait, so that a stop finds the job. Returns its place.
    pub fn enlist(&mut self, job: J) -> usize {
        let place = self.vacant.pop().unwrap_or_else(|| {
            self.jobs.push(None);
            self.jobs.len() - 1
        });
        self.jobs[place] = Some(job);
        place
    }

    /// Strikes an enlisted job that has ended.
    pub fn strike(&mut self, place: usize) {
        // After a sweep the place is empty, and is not reused.
        if self.jobs[place].take().is_some() {
            self.vacant.push(place);
        }
    }

    /// Decides the next step of an active runner without work in hand. The waker is kept only if that step is to park.
    pub fn look(
        &mut self,
        id: RunnerId,
        last: Last,
        offer: Offer,
        waker: W,
        effects: &mut Effects<W>,
    ) -> Next<J> {
        self.notified.retain(|notified| *notified != id);
        self.parked.retain(|parked| parked.id != id);
        if self.stopped && self.run_queue.is_empty() {
            let job = self.jobs.iter_mut().find_map(Option::take);
            if let Some(job) = job {
                return Next::Sweep(job);
            }
        }
        // Jobs and items in turns: jobs that wake themselves do not keep items from being started, and vice versa.
        let next = if last == Last::Ran {
            self.next_item(last, offer).or_else(|| self.next_job())
        } else {
            self.next_job().or_else(|| self.next_item(last, offer))
        };
        if self.listens_elsewhere == Some(id) && !matches!(next, Some(Next::Resume(_))) {
            self.listens_elsewhere = None;
        }
        if let Some(next) = next {
            return next;
        }
        if offer.over {
            self.live -= 1;
            if self.fault != Fault::LeavesWithoutNotify {
                self.notify_all(effects);
            }
            return Next::Leave;
        }
        if self.fault != Fault::ParksAfterTheUnlock {
            self.park(id, last, waker);
        }
        Next::Park
    }

    /// Puts a runner on the parking list.
    pub fn park(&mut self, id: RunnerId, last: Last, waker: W) {
        self.parked.push(Parked { id, listens: last == Last::Registered, waker });
    }

    fn next_job(&mut self) -> Option<Next<J>> {
        self.run_queue.pop_front().map(Next::Resume)
    }

    fn next_item(&mut self, last: Last, offer: Offer) -> Option<Next<J>> {
        if offer.startable {
            return Some(Next::Start);
        }
        if !offer.pollable || last == Last::Registered {
            return None;
        }
        // The poll replaces the waker of the listening runner.
        self.parked.iter_mut().for_each(|parked| parked.listens = false);
        Some(Next::Poll)
    }

    /// Notifies one runner if work is left. A busy runner is not relied on: its job may compute for long.
    pub fn notify(&mut self, offer: Offer, effects: &mut Effects<W>) {
        if self.fault != Fault::SpawnsUpToTheThreads && self.notified.len() >= self.threads {
            return;
        }
        let listener = self.parked.iter().position(|parked| parked.listens);
        let runnable = !self.run_queue.is_empty() || offer.startable;
        let listens = listener.is_some() || self.listens_elsewhere.is_some();
        if !runnable && (!offer.pollable || listens) {
            return;
        }
        let idle = self.parked.iter().rposition(|parked| !parked.listens);
        let place = if self.fault == Fault::ListensWhileItRuns && listener.is_some() {
            self.listens_elsewhere = listener.map(|place| self.parked[place].id);
            listener
        } else {
            idle.or(listener)
        };
        if let Some(place) = place {
            let Parked { id, waker, .. } = self.parked.remove(place);
            self.notified.push(id);
            effects.wakes.push(waker);
        } else if self.live > 0 && (self.fault != Fault::SpawnsUpToTheThreads || self.live < self.threads) {
            effects.spawn = Some(self.add_runner());
        }
    }

    /// Notifies all parked runners.
    fn notify_all(&mut self, effects: &mut Effects<W>) {
        for Parked { id, waker, .. } in self.parked.drain(..) {
            self.notified.push(id);
            effects.wakes.push(waker);
        }
    }

    /// Stops the run. All parked runners are notified, and drop jobs from here on.
    pub fn stop(&mut self, effects: &mut Effects<W>) {
        self.stopped = true;
        if self.fault != Fault::StopsWithoutNotify {
            self.notify_all(effects);
        }
    }

    /// Returns true if the run is stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Returns the number of runners that have not left.
    #[must_use]
    pub fn live(&self) -> usize {
        self.live
    }

    /// Returns true if no runner is parked, no job is queued and no job waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parked.is_empty() && self.run_queue.is_empty() && self.jobs.iter().all(Option::is_none)
    }
}
