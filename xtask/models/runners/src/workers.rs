//! The runners of a stage: the run queue of woken jobs, the parking list, hiring and leaving. A pure state machine: it
//! takes no lock, wakes nobody and runs no user code, and returns what its caller has to carry out after the unlock.
//!
//! # The states of a runner
//!
//! A runner is *called* (hired, woken or giving way, and not polled since), *busy* (polled: it looks for work or has work
//! in hand), *idle* (parked), *listening* (parked, and the source has its waker), or *gone*. Called and busy runners are
//! *active*.
//!
//! # Invariants
//!
//! - W1: one list holds every parked runner. A runner is on it or active, and `live` counts both.
//! - W2: a runner parks only where its look, under the same lock, has found no work.
//! - W3: each event that makes work calls one runner, a parked one or else a new one, unless `threads` runners are called
//!   already. The executor polls a called runner as soon as a thread is free, so a job that blocks its thread costs that
//!   runner and no other; and runners that are called are never many.
//! - W4: a runner that takes work calls another one while there is more.
//! - W5: a call takes an idle runner before the listening one. A listening runner that is called listens no more, so
//!   the next runner that looks polls the source.
//! - W6: a runner leaves only once no item can start and none is in flight. It calls all parked runners as it goes.

use std::collections::VecDeque;

use crate::fault::Fault;

/// The number of a runner within its stage.
pub type RunnerId = usize;

/// What the rest of the stage has for a runner, read under the same lock.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    /// A taken item is ready, and the limit has room for its job.
    pub startable: bool,
    /// The source is there and has not ended, the stage has room, and the limit has room for a job.
    pub pollable: bool,
    /// No item will start any more, and every item that a runner has taken is completed.
    pub over: bool,
}

/// What a runner did before it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// It was called or hired.
    Nothing,
    /// It ran a woken job.
    Ran,
    /// It ran the jobs of a batch of items.
    Started,
    /// It polled the source, which had something or has ended.
    Polled,
    /// It polled the source, which has its waker now.
    Registered,
}

/// What a runner does next.
#[derive(Debug)]
pub enum Next<J> {
    /// Resumes a woken job; once the run is stopped, drops it.
    Resume(J),
    /// Starts the jobs of items.
    Start,
    /// Leases the source and polls it.
    Poll,
    /// Wakes a job of a stopped run, and drops it where that would queue it.
    Sweep(J),
    /// Returns to its executor until its waker is woken.
    Park,
    /// Ends.
    Leave,
}

/// What is carried out after the unlock.
#[derive(Debug)]
pub struct Effects<W> {
    /// Wakers to wake.
    pub wakes: Vec<W>,
    /// A runner to spawn.
    pub hire: Option<RunnerId>,
}

impl<W> Default for Effects<W> {
    fn default() -> Self {
        Self { wakes: Vec::new(), hire: None }
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
    hired: usize,
    called: Vec<RunnerId>,
    run_queue: VecDeque<J>,
    parked: Vec<Parked<W>>,
    /// Every job that has waited and not ended, each at its place.
    jobs: Vec<Option<J>>,
    vacant: Vec<usize>,
    stopped: bool,
    fault: Fault,
    /// Only for [`Fault::ListensWhileItRuns`].
    listens_elsewhere: Option<RunnerId>,
}

impl<J, W> Workers<J, W> {
    /// Creates the runners of a stage on an executor with so many threads. None is hired yet.
    #[must_use]
    pub fn new(threads: usize, fault: Fault) -> Self {
        Self {
            threads,
            live: 0,
            hired: 0,
            called: Vec::new(),
            run_queue: VecDeque::new(),
            parked: Vec::new(),
            jobs: Vec::new(),
            vacant: Vec::new(),
            stopped: false,
            fault,
            listens_elsewhere: None,
        }
    }

    /// Counts a runner that is about to be spawned.
    pub fn hire(&mut self) -> RunnerId {
        self.live += 1;
        self.hired += 1;
        self.called.push(self.hired);
        self.hired
    }

    /// Counts a busy runner as called: it returns to its executor, and has woken itself.
    pub fn give_way(&mut self, id: RunnerId) {
        self.called.push(id);
    }

    /// Puts a woken job into the run queue.
    pub fn push(&mut self, job: J) {
        self.run_queue.push_back(job);
    }

    /// Enlists a job that is about to wait for the first time, so that a stop finds it. Returns its place.
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
        // A stop may have taken it out, and then nobody takes the place again.
        if self.jobs[place].take().is_some() {
            self.vacant.push(place);
        }
    }

    /// Decides what an active runner does that has nothing in hand, and parks it where there is nothing to do. The waker
    /// is kept only then.
    pub fn look(
        &mut self,
        id: RunnerId,
        last: Last,
        offer: Offer,
        waker: W,
        effects: &mut Effects<W>,
    ) -> Next<J> {
        self.called.retain(|called| *called != id);
        self.parked.retain(|parked| parked.id != id);
        if self.stopped && self.run_queue.is_empty() {
            let job = self.jobs.iter_mut().find_map(Option::take);
            if let Some(job) = job {
                return Next::Sweep(job);
            }
        }
        // In turns, so that jobs that wake themselves do not keep the source from being polled, nor the other way round.
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
            if self.fault != Fault::LeavesAlone {
                self.call_all(effects);
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
        // The source forgets the waker of the runner that listens.
        self.parked.iter_mut().for_each(|parked| parked.listens = false);
        Some(Next::Poll)
    }

    /// Calls one runner if there is work that no active runner is sure to take soon: any of them may compute for long.
    pub fn call(&mut self, offer: Offer, effects: &mut Effects<W>) {
        if self.fault != Fault::HiresUpToTheThreads && self.called.len() >= self.threads {
            return;
        }
        let listener = self.parked.iter().position(|parked| parked.listens);
        let runnable = !self.run_queue.is_empty() || offer.startable;
        let listens = listener.is_some() || self.listens_elsewhere.is_some();
        if !runnable && (!offer.pollable || listens) {
            return;
        }
        let idle = self.parked.iter().rposition(|parked| !parked.listens);
        let called = if self.fault == Fault::ListensWhileItRuns && listener.is_some() {
            self.listens_elsewhere = listener.map(|place| self.parked[place].id);
            listener
        } else {
            idle.or(listener)
        };
        if let Some(place) = called {
            let Parked { id, waker, .. } = self.parked.remove(place);
            self.called.push(id);
            effects.wakes.push(waker);
        } else if self.live > 0 && (self.fault != Fault::HiresUpToTheThreads || self.live < self.threads) {
            effects.hire = Some(self.hire());
        }
    }

    /// Calls every parked runner.
    fn call_all(&mut self, effects: &mut Effects<W>) {
        for Parked { id, waker, .. } in self.parked.drain(..) {
            self.called.push(id);
            effects.wakes.push(waker);
        }
    }

    /// Stops the run: every parked runner looks again, and drops jobs from here on.
    pub fn stop(&mut self, effects: &mut Effects<W>) {
        self.stopped = true;
        if self.fault != Fault::StopsWithoutACall {
            self.call_all(effects);
        }
    }

    /// Whether the run is stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// How many runners have not left.
    #[must_use]
    pub fn live(&self) -> usize {
        self.live
    }

    /// Whether nothing is left: no parked runner, no woken job, no job that waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parked.is_empty() && self.run_queue.is_empty() && self.jobs.iter().all(Option::is_none)
    }
}
