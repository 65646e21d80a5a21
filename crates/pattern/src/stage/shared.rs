//! The locked state of a stage, shared by the workers, the supervisor and the receiver of the stage.
//!
//! This file alone locks the state (I9). No user code runs under the lock (I8): effects are carried out after the unlock.

use std::mem;
use std::sync::{Arc, OnceLock, Weak};
use std::task::Wake;

use tokio::time::Instant;

use super::state::{Delivery, State, Stop};
use super::step::{Another, NewWorker};
use super::stop_signal::StopSignal;
use crate::failure::{Cancelled, Cause, Failure, cancellation_in};
use crate::item::Item;
use crate::report::StageReport;
use crate::scope::{Scope, WeakScope};
use crate::settings::Settings;
use crate::source::Source;
use crate::upstream::{Links, Watch};
use crate::util::cache_padded::CachePadded;
use crate::util::mutex::{Mutex, MutexGuard};
use crate::util::panic::{catch, drop_quietly};
use crate::util::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Spawns the workers of a stage, for the waker of a job, which does not know the work.
pub(super) trait SpawnWorker<In>: Send + Sync {
    fn spawn_worker(self: Arc<Self>, new: NewWorker<In>);
}

/// A stage of a run.
pub(crate) struct StageShared<In, Out> {
    pub(super) settings: Settings,
    /// The upstream stages, whose runs are the source of this stage.
    upstream: Links,
    /// The scope of the jobs: a child of the scope of the run, cancelled with the run. A cancellation of the child, by a
    /// failed task or by hand, stops the run. The owner is the context of the workers, which is gone before the run is
    /// over: a reference to the stage must not keep the failures of a scope from the parent.
    jobs: WeakScope,
    /// The deadline of the scope of the jobs, which has the deadline of the scope of the run.
    deadline: Option<Instant>,
    signal: Arc<StopSignal>,
    /// Set under the lock while the stage keeps an item that was dropped before its start. Read without the lock.
    any_dropped: AtomicBool,
    /// The counts for monitors, if there are monitors.
    watch: OnceLock<Arc<Watch>>,
    /// The number of changes of the limit, raised under the lock. A worker whose number differs returns to the state before
    /// the next item of its batch.
    limit_changes: AtomicUsize,
    /// The context of the workers, until the last reference is gone.
    spawner: OnceLock<Weak<dyn SpawnWorker<In>>>,
    state: CachePadded<Mutex<State<In, Out>>>,
}

impl<In, Out> StageShared<In, Out> {
    pub(super) fn new(
        jobs: WeakScope,
        signal: Arc<StopSignal>,
        mut settings: Settings,
        source: Source<In>,
        delivery: Delivery,
        threads: usize,
    ) -> Self {
        // The allocation of the name distinguishes the failures of this stage from the failures of other stages with
        // an equal name.
        settings.name = Arc::from(&*settings.name);
        let upstream = source.upstream();
        let mut state = State::new(&settings, source, delivery, threads);
        let scope = jobs.upgrade();
        state.set_deadline_of(scope.as_ref().and_then(|jobs| jobs.deadline_of().cloned()));
        Self {
            deadline: scope.and_then(|jobs| jobs.deadline()),
            jobs,
            settings,
            upstream,
            signal,
            any_dropped: AtomicBool::new(false),
            watch: OnceLock::new(),
            limit_changes: AtomicUsize::new(0),
            spawner: OnceLock::new(),
            state: CachePadded(Mutex::new(state)),
        }
    }

    /// Calls `act` with the state under the lock, and carries out the effects after the unlock.
    #[inline]
    pub(super) fn with<R>(&self, act: impl FnOnce(&mut State<In, Out>) -> R) -> R {
        let mut state = self.state.lock();
        let result = act(&mut state);
        if state.has_effects() {
            self.carry_out(state);
        }
        result
    }

    #[inline(never)]
    fn carry_out(&self, mut state: MutexGuard<'_, State<In, Out>>) {
        if let Some(wakes) = state.take_only_wakes() {
            // The waker belongs nearly always to a worker or the receiver. The lists of the other effects are not
            // moved.
            drop(state);
            for waker in wakes.into_iter().flatten() {
                if let Err(payload) = catch(|| waker.wake()) {
                    self.fail(Cause::from_panic(payload));
                }
            }
        } else {
            self.carry_out_all(state);
        }
    }

    #[cold]
    fn carry_out_all(&self, mut state: MutexGuard<'_, State<In, Out>>) {
        let effects = state.take_effects();
        let stopped = effects.stopped();
        let stop_upstream = effects.stop_upstream();
        if stopped {
            // The flag is set under the lock: the stop wakes the workers, and a worker must see the flag when polled.
            self.signal.confirm();
        }
        drop(state);
        let (mut wakes, receiver, dropped) = effects.into_parts();
        dropped.into_iter().for_each(drop_quietly);
        let mut panicked = wakes.wake_all();
        if stop_upstream {
            // The upstream stages stop now, and not when the supervisor closes the source: a job of this stage may
            // compute for long.
            self.upstream.stop();
        }
        if stopped && let Some(jobs) = self.jobs() {
            jobs.cancel();
        }
        if let Some(receiver) = receiver {
            panicked = panicked.or(catch(|| receiver.wake()).err());
        }
        if let Some(payload) = panicked {
            self.fail(Cause::from_panic(payload));
        }
    }

    /// Sets the context of the workers, once.
    pub(super) fn set_spawner(&self, spawner: Weak<dyn SpawnWorker<In>>) {
        self.spawner.get_or_init(|| spawner);
    }

    pub(super) fn spawner(&self) -> Option<Arc<dyn SpawnWorker<In>>> {
        self.spawner.get()?.upgrade()
    }

    pub(super) fn upstream(&self) -> &Links {
        &self.upstream
    }

    /// Takes the links to the upstream stages out of a stage, during the drop of the stage.
    pub(super) fn take_upstream(&mut self) -> Links {
        mem::take(&mut self.upstream)
    }

    pub(super) fn watch(&self) -> &OnceLock<Arc<Watch>> {
        &self.watch
    }

    /// Returns the counts at this moment.
    pub(super) fn report(&self) -> StageReport {
        let (counts, waits) = self.with(|state| (state.counts(), state.waits_for_receiver()));
        StageReport::from_settings(&self.settings, counts, waits)
    }

    /// Returns the scope of the jobs, until the context of the workers is gone.
    pub(super) fn jobs(&self) -> Option<Scope> {
        self.jobs.upgrade()
    }

    /// Returns the cause if the scope of the run is cancelled.
    fn scope_stopped(&self) -> Option<Cancelled> {
        self.jobs()?.parent()?.stopped_by_now()
    }

    /// Returns whether runs or tasks are left that jobs have started in their scope.
    fn has_tasks(&self) -> bool {
        self.jobs().is_some_and(|jobs| !jobs.is_empty())
    }

    /// Returns the signal that the cancellation of a scope sets.
    pub(super) fn signal(&self) -> &Arc<StopSignal> {
        &self.signal
    }

    /// Returns whether no further job starts, also if the jobs that have started complete.
    #[inline]
    pub(super) fn is_halted(&self) -> bool {
        self.signal.is_halted()
    }

    /// Takes no more items, and completes the jobs that have started.
    ///
    /// Every waiting job is polled once: a job that waits before its start gives its item back.
    pub(super) fn stop_taking(&self) {
        let slots = self.with(|state| {
            let slots = state.stop_taking();
            if slots.is_some() {
                // Under the lock: a worker that is woken or takes a slot afterwards sees the flag.
                self.signal.halt();
            }
            slots
        });
        for slot in slots.into_iter().flatten() {
            slot.wake();
        }
    }

    /// Returns whether the run stops, or is to stop.
    #[inline]
    pub(super) fn is_stopping(&self) -> bool {
        self.signal.is_set()
    }

    /// Returns whether a worker with the limit of change `seen` returns to the state before it starts a job: no further job
    /// starts, or the limit has changed.
    #[inline]
    pub(super) fn interrupts(&self, seen: usize) -> bool {
        self.signal.is_any_set() && (self.signal.is_halted() || self.limit_changes() != seen)
    }

    /// Returns the number of changes of the limit.
    #[inline]
    pub(super) fn limit_changes(&self) -> usize {
        self.limit_changes.load(Ordering::Relaxed)
    }

    /// Stops the run if the deadline has passed. The timer of the supervisor stands behind the workers in the queue of the
    /// runtime, and a worker polls many jobs.
    pub(super) fn observe_deadline(&self) {
        if self.deadline.is_some_and(|deadline| deadline <= Instant::now())
            && !self.is_stopping()
            && let Some(by) = self.scope_stopped()
        {
            self.stop_for_scope(by);
        }
    }

    /// Carries out the stop that the cancellation of a scope has requested, if no task has done so yet.
    pub(super) fn confirm_stop(&self) {
        if self.signal.is_requested() {
            let by = self.scope_stopped().unwrap_or(Cancelled::Scope);
            self.stop_for_scope(by);
        }
    }

    /// Stops the run because the scope of the run, or the scope of the jobs, is cancelled. A run whose work is done is
    /// stopped, too, while the supervisor waits for runs and tasks of the jobs.
    ///
    /// A failed task of the jobs cancels the scope of the jobs, so the failure of the task is the first cause.
    pub(super) fn stop_for_scope(&self, by: Cancelled) {
        let jobs = self.jobs();
        let used = jobs.as_ref().is_some_and(Scope::is_used);
        let failures = jobs.map_or_else(Vec::new, |jobs| jobs.take_failures());
        self.with(|state| {
            if failures.is_empty() {
                state.cancel(by, used);
            }
            for failure in failures {
                state.stop(Stop::Here, Some(failure));
            }
        });
    }

    /// Returns the cause if the error of a job is the cancellation of a run or a task in a cancelled scope: the scope
    /// of the run or the scope of the jobs. The item of such a job counts as cancelled, no matter whether the error
    /// or the cancellation is noticed first.
    pub(super) fn cancellation_of(&self, error: &anyhow::Error) -> Option<Cancelled> {
        let inner = cancellation_in(error)?;
        let jobs = self.jobs();
        let nearest = jobs.as_ref().filter(|jobs| jobs.is_used()).or_else(|| jobs.as_ref()?.parent());
        nearest.and_then(Scope::stopped_by_now).or_else(|| self.is_stopping().then_some(inner))
    }

    /// Stops the run from outside, unless all work of the run is done.
    pub(super) fn cancel(&self, by: Cancelled) {
        // A run in a cancelled scope has the cause of the scope, no matter which cancellation comes first.
        let by = self.scope_stopped().unwrap_or(by);
        let tasks_left = self.has_tasks();
        self.with(|state| state.cancel(by, tasks_left));
    }

    /// Stops the run for the downstream stage, which takes no more outputs. Returns `false` if this stage and the upstream
    /// stages have stopped or finished before, or are being stopped.
    pub(super) fn stop_unwanted(&self) -> bool {
        let by = self.scope_stopped().unwrap_or(Cancelled::Dropped);
        let tasks_left = self.has_tasks();
        self.with(|state| state.stop_unwanted(by, tasks_left))
    }

    /// Stops the run after a stop of the upstream stage.
    pub(super) fn stop_for_upstream(&self) {
        self.with(|state| state.stop(Stop::Upstream, None));
    }

    /// Stops the run for a cause that belongs to no item.
    pub(super) fn fail(&self, cause: Cause) {
        self.with(|state| state.fail(cause));
    }

    /// Records a failure that does not stop the run.
    pub(super) fn record(&self, failure: Failure) {
        self.with(|state| state.record(failure));
    }

    /// Keeps an item that was dropped before its start.
    pub(super) fn keep_dropped(&self, item: Item<In>) {
        self.with(|state| {
            state.keep_dropped(item);
            self.any_dropped.store(true, Ordering::Relaxed);
        });
    }

    /// Makes item `seq` ready again, if the item was dropped before its start; returns whether there was such an
    /// item.
    pub(super) fn restore_dropped(&self, state: &mut State<In, Out>, seq: u64) -> bool {
        let restored = self.any_dropped() && state.restore_dropped(seq);
        if restored {
            self.any_dropped.store(state.has_dropped(), Ordering::Relaxed);
        }
        restored
    }

    /// Takes item `seq`, if the item was dropped before its start.
    pub(super) fn take_dropped(&self, seq: u64) -> Option<Item<In>> {
        self.with(|state| {
            let item = state.take_dropped(seq);
            self.any_dropped.store(state.has_dropped(), Ordering::Relaxed);
            item
        })
    }

    /// Returns whether the stage keeps an item that was dropped before its start. After every poll of a waiting job,
    /// the worker looks for the item of the job: the job has dropped the item on the thread of the worker, or has
    /// moved the item into a task.
    pub(super) fn any_dropped(&self) -> bool {
        self.any_dropped.load(Ordering::Relaxed)
    }

    /// Counts an item whose job was dropped after its start.
    #[cold]
    pub(super) fn lose(&self, panicked: bool) {
        self.with(|state| state.lose(panicked));
    }
}

impl<In, Out> StageShared<In, Out> {
    /// Reads the limit again, before the first worker.
    pub(super) fn adopt_limit(&self) {
        self.with(|state| state.adopt_limit(self.settings.limit.get(), self.settings.bound()));
    }

    /// Changes the limit of the running stage; returns another worker to start.
    pub(super) fn change_limit(&self) -> Another<In> {
        self.with(|state| {
            self.limit_changes.fetch_add(1, Ordering::Relaxed);
            state.set_limit(self.settings.limit.get(), self.settings.bound())
        })
    }
}

impl<In, Out> Drop for StageShared<In, Out> {
    fn drop(&mut self) {
        if let Some(watch) = self.watch.get() {
            watch.close(self.report());
        }
        mem::take(&mut self.upstream).unlink();
    }
}
