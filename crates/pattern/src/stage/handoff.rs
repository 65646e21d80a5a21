//! The shared heart of a stage: its source, its outputs, and what is known of every item between them.
//!
//! One lock guards it all; it is taken once a batch. No code of the user's runs under it: the source is
//! taken out while it is polled (*leased*), and items, outputs and wakers are dropped or woken after it.
//!
//! # Invariants
//!
//! - `occupied` counts what has been taken from the source and not been delivered, wherever it is: waiting,
//!   in a worker's hands, finished, held back. It never exceeds the bound, because only the worker that has
//!   the source adds to it, and asks the source for no more than the room there is.
//! - While the source is at home and not ended, and a job is free, some worker is active or listens.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::Outcome;
use super::output_port::Delivered;
use super::outputs::Outputs;
use super::roster::{Roster, Wakes, WorkerId};
use super::tray::Tray;
use crate::failure::{Cancelled, Cause, Failure};
use crate::item::Item;
use crate::item::Output;
use crate::report::{Counts, Report};
use crate::scope::ScopeGuard;
use crate::settings::{OnFailure, Settings};
use crate::source::Source;
use crate::upstream::Upstream;
use crate::util::cache_padded::CachePadded;
use crate::util::mutex::{Mutex, MutexGuard};
use crate::util::sync::atomic::{AtomicBool, Ordering};

pub(crate) struct HandOff<In, Out> {
    pub(super) settings: Settings,
    pub(super) bound: usize,
    outcome: Outcome,
    /// How many workers can compute at the same time.
    pub(super) threads: usize,
    /// The stage whose run is the source of this one.
    pub(super) upstream: Option<Arc<dyn Upstream>>,
    /// Set once the run is to stop, for those who are between two looks at the state.
    stopping: AtomicBool,
    /// Set once an item was dropped unbegun, for the worker whose item it may be.
    any_dropped: AtomicBool,
    state: CachePadded<Mutex<State<In, Out>>>,
}

pub(super) struct State<In, Out> {
    pub(super) supply: Supply<In>,
    /// Taken, not begun, in nobody's hands.
    pub(super) ready: VecDeque<Item<In>>,
    /// Dropped unbegun, each until its worker has come from the poll in which that happened: only then it is known
    /// whether a panic was the reason.
    pub(super) dropped: Vec<Item<In>>,
    pub(super) next_seq: u64,
    /// How many items the source is polled for, even if its taker works on one at a time.
    pub(super) ahead: usize,
    pub(super) outputs: Outputs<Out>,
    pub(super) occupied: usize,
    pub(super) counts: Counts,
    pub(super) roster: Roster,
    pub(super) stop: Option<Stop>,
    /// The stage after it takes nothing any more: what fails from here on is nobody's first cause.
    pub(super) unwanted: bool,
    /// The first cause, until it is yielded.
    pub(super) first: Option<Failure>,
    /// Other failures that nobody took.
    untaken: VecDeque<Failure>,
    /// Failures that were only counted.
    excess: Vec<Failure>,
    /// The supervisor is gone, and has cleared up if it had the time.
    pub(super) cleared: bool,
    /// The mark of the run in its scope, left by the supervisor to whoever is the last.
    pub(super) guard: Option<ScopeGuard>,
    /// Nobody will take anything any more.
    pub(super) abandoned: bool,
    pub(super) taker: Option<Waker>,
    supervisor: Option<Waker>,
    pub(super) watcher: Option<Waker>,
    /// Who is to be woken once the lock is released.
    pub(super) wakes: Wakes,
    /// Who is to be spawned then.
    pub(super) hire: Option<Hire<In>>,
}

/// A worker that is on the roster and has yet to be spawned.
pub(super) struct Hire<In> {
    pub(super) id: WorkerId,
    /// With what it begins with, if anything.
    pub(super) tray: Box<Tray<In>>,
}

/// The source, and whether it may be polled.
pub(super) struct Supply<In> {
    /// `None` while a worker has it, to poll it.
    pub(super) home: Option<Source<In>>,
    /// It has nothing more, or the run is stopping.
    pub(super) ended: bool,
}

/// Why a run stops before its source has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// A failure of this stage or of its source, or a cancellation: the first cause is known.
    Here,
    /// The stage before it was stopped; the cause is got from there.
    Upstream,
}

/// What the release of the lock left to do and to know.
pub(super) struct Released<In> {
    pub(super) woke: bool,
    pub(super) hire: Option<Hire<In>>,
}

impl<In, Out> HandOff<In, Out> {
    pub(super) fn new(mut settings: Settings, source: Source<In>, outcome: Outcome, threads: usize) -> Self {
        // A name of its own tells this stage's failures from those of another of the same name.
        settings.name = Arc::from(&*settings.name);
        let bound = settings.bound();
        let upstream = source.upstream();
        let outputs = Outputs::new(settings.order);
        let state = State {
            supply: Supply { home: Some(source), ended: false },
            ready: VecDeque::new(),
            dropped: Vec::new(),
            next_seq: 0,
            ahead: 1,
            outputs,
            occupied: 0,
            counts: Counts::default(),
            roster: Roster::default(),
            stop: None,
            unwanted: false,
            first: None,
            untaken: VecDeque::new(),
            excess: Vec::new(),
            cleared: false,
            guard: None,
            abandoned: false,
            taker: None,
            supervisor: None,
            watcher: None,
            wakes: Wakes::default(),
            hire: None,
        };
        Self {
            settings,
            bound,
            outcome,
            threads,
            upstream,
            stopping: AtomicBool::new(false),
            any_dropped: AtomicBool::new(false),
            state: CachePadded(Mutex::new(state)),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<In, Out>> {
        // Nothing that can panic on a user's account runs under the lock.
        self.state.lock()
    }

    /// Whether no more jobs are to begin.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Releases the lock, and then wakes whoever is to be woken. A taker's waker is anybody's code, so it is
    /// the last, and one that panics fails the run.
    pub(super) fn release(&self, mut state: MutexGuard<'_, State<In, Out>>) -> Released<In> {
        let mut wakes = std::mem::take(&mut state.wakes);
        let hire = state.hire.take();
        let excess = std::mem::take(&mut state.excess);
        drop(state);
        for failure in excess {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(failure))) {
                // Beyond what a report keeps.
                drop(Cause::of_panic(payload));
            }
        }
        let woke = wakes.taker.is_some() || !wakes.others.is_empty();
        wakes.others.drain(..).for_each(Waker::wake);
        if wakes.upstream
            && let Some(upstream) = &self.upstream
        {
            // At once, and not when the supervisor comes to close it: a job of this stage may compute for long.
            upstream.stop();
        }
        if let Some(taker) = wakes.taker
            && let Err(payload) = catch_unwind(AssertUnwindSafe(|| taker.wake()))
        {
            self.fail(Cause::of_panic(payload));
        }
        Released { woke, hire }
    }

    /// Puts a worker's finished outputs where the taker finds them, and counts them.
    pub(super) fn flush(&self, state: &mut State<In, Out>, outbox: &mut VecDeque<Output<Out>>) {
        if outbox.is_empty() {
            return;
        }
        let mut succeeded = outbox.iter().filter(|finished| finished.result.is_ok()).count();
        state.counts.succeeded += succeeded;
        if self.outcome == Outcome::Discarded {
            let room = state.deliver(Delivered { own: succeeded, passed: 0 });
            state.wakes.others.extend(room);
            outbox.retain(|finished| finished.result.is_err());
            succeeded = 0;
        }
        if succeeded == outbox.len() {
            state.outputs.append(outbox);
        } else {
            for finished in outbox.drain(..) {
                if let Err(failure) = &finished.result {
                    state.counts.count(failure.cause());
                }
                self.put(state, finished);
            }
        }
        state.wake_taker();
    }

    /// Puts one finished output, counted already.
    pub(super) fn put(&self, state: &mut State<In, Out>, finished: Output<Out>) {
        match finished.result {
            Err(failure) if self.settings.on_failure == OnFailure::Stop => {
                self.stop(state, Stop::Here, Some(failure));
            }
            _ => state.outputs.push(finished),
        }
    }

    /// Stops the run, for `failure` if it is known yet. Only the first cause counts; a later failure is
    /// one that nobody took, a later cancellation nothing new.
    pub(super) fn stop(&self, state: &mut State<In, Out>, stop: Stop, failure: Option<Failure>) {
        if state.stop.is_some() || state.unwanted {
            state.remember(failure.filter(|failure| !failure.is_cancelled()));
            return;
        }
        self.stopping.store(true, Ordering::Relaxed);
        state.stop = Some(stop);
        state.first = failure;
        state.supply.ended = true;
        let workers = state.roster.wake_everybody();
        state.wakes.others.extend(workers);
        state.wakes.others.extend(state.watcher.take());
        state.wakes.upstream = true;
    }

    /// Stops the run from outside, unless all its work is done.
    pub(super) fn cancel(&self, by: Cancelled) {
        let mut state = self.lock();
        if !(state.is_done() && state.roster.live == 0) {
            let failure = Failure::new(None, &self.settings.name, Cause::Cancelled(by));
            self.stop(&mut state, Stop::Here, Some(failure));
        }
        self.release(state);
    }

    /// Stops the run for a failure that is not a job's.
    pub(super) fn fail(&self, cause: Cause) {
        let failure = Failure::new(None, &self.settings.name, cause);
        let mut state = self.lock();
        self.stop(&mut state, Stop::Here, Some(failure));
        self.release(state);
    }

    /// Stops the run because the stage before it was stopped.
    pub(super) fn stop_for_upstream(&self) {
        let mut state = self.lock();
        self.stop(&mut state, Stop::Upstream, None);
        self.release(state);
    }

    /// Ready when no worker is left.
    pub(super) fn poll_left(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.roster.live == 0 {
            return Poll::Ready(());
        }
        let before = state.supervisor.replace(cx.waker().clone());
        drop(state);
        drop(before);
        Poll::Pending
    }

    /// Takes back an item that was dropped unbegun.
    pub(super) fn give_back(&self, item: Item<In>) {
        let mut state = self.lock();
        state.dropped.push(item);
        self.any_dropped.store(true, Ordering::Relaxed);
    }

    /// Puts the item of that number where others find it, if it was dropped unbegun; says whether it was.
    pub(super) fn put_back(&self, state: &mut State<In, Out>, seq: u64) -> bool {
        let item = self.take_dropped(state, seq);
        let dropped = item.is_some();
        state.restore(item.into_iter());
        dropped
    }

    /// Takes out the item of that number if it was dropped unbegun.
    pub(super) fn take_dropped(&self, state: &mut State<In, Out>, seq: u64) -> Option<Item<In>> {
        let at = state.dropped.iter().position(|item| item.position.seq == seq)?;
        let item = state.dropped.swap_remove(at);
        self.any_dropped.store(!state.dropped.is_empty(), Ordering::Relaxed);
        Some(item)
    }

    /// Whether a worker whose job is unfinished has to look for its item. The job has dropped it on the worker's own
    /// thread, or in a task where it does not belong.
    pub(super) fn any_dropped(&self) -> bool {
        self.any_dropped.load(Ordering::Relaxed)
    }

    /// Counts an item that was begun and dropped.
    #[cold]
    pub(super) fn lose(&self, panicking: bool) {
        let mut state = self.lock();
        if panicking {
            state.counts.panicked += 1;
        } else {
            state.counts.cancelled += 1;
        }
    }
}

impl<In, Out> State<In, Out> {
    /// Puts items that were not begun where others find them, in the order in which they were taken.
    pub(super) fn restore(&mut self, items: impl DoubleEndedIterator<Item = Item<In>>) {
        for item in items.rev() {
            let position = self.ready.partition_point(|ready| ready.position.seq < item.position.seq);
            self.ready.insert(position, item);
        }
    }

    /// Keeps a failure that nobody took for the report, or drops it once the lock is released.
    pub(super) fn remember(&mut self, failure: Option<Failure>) {
        if self.untaken.len() < Report::KEPT_FAILURES {
            self.untaken.extend(failure);
        } else {
            self.excess.extend(failure);
        }
    }

    /// The first cause and the other failures, as far as nobody took them.
    pub(super) fn take_failures(&mut self) -> (Option<Failure>, Vec<Failure>) {
        (self.first.take(), self.untaken.drain(..).collect())
    }

    /// No item will be begun any more.
    pub(super) fn is_done(&self) -> bool {
        self.stop.is_some() || self.supply.ended && self.ready.is_empty()
    }

    /// Nothing of the run is left but outputs and failures that nobody took yet.
    pub(super) fn is_over(&self) -> bool {
        self.cleared && self.roster.live == 0
    }

    pub(super) fn wake_taker(&mut self) {
        if (self.is_over() || self.outputs.deliverable() > 0) && self.taker.is_some() {
            let before = std::mem::replace(&mut self.wakes.taker, self.taker.take());
            self.wakes.others.extend(before);
        }
    }

    /// Nothing more comes from the source: the parked workers find that out, and leave.
    pub(super) fn end_supply(&mut self) {
        self.supply.ended = true;
        self.wakes.others.extend(self.roster.wake_parked());
    }

    /// A worker is gone.
    pub(super) fn leave(&mut self) {
        self.roster.live -= 1;
        if self.roster.live == 0 {
            self.wakes.others.extend(self.supervisor.take());
        }
        self.wake_taker();
    }
}
