//! The state of a stage behind its lock, shared by the workers, the supervisor and the receiver of the stage.
//!
//! This file alone locks the state (I9). No user code runs under the lock (I8): effects are carried out after the unlock.

use std::sync::Arc;

use super::state::{Delivery, State, Stop};
use crate::failure::{Cancelled, Cause, Failure};
use crate::item::Item;
use crate::settings::Settings;
use crate::source::Source;
use crate::upstream::{Upstream, stop_chain};
use crate::util::cache_padded::CachePadded;
use crate::util::mutex::{Mutex, MutexGuard};
use crate::util::panic::{catch, drop_quietly};
use crate::util::sync::atomic::{AtomicBool, Ordering};

/// One stage of a run.
pub(crate) struct StageShared<In, Out> {
    pub(super) settings: Settings,
    /// The stage whose run is the source of this one.
    upstream: Option<Arc<dyn Upstream>>,
    /// Set under the lock once the run stops, and read without it.
    stopping: AtomicBool,
    /// Set under the lock while an item is kept that was dropped before its start, and read without it.
    any_dropped: AtomicBool,
    state: CachePadded<Mutex<State<In, Out>>>,
}

impl<In, Out> StageShared<In, Out> {
    pub(super) fn new(
        mut settings: Settings,
        source: Source<In>,
        delivery: Delivery,
        threads: usize,
    ) -> Self {
        // The allocation of its name tells the failures of this stage from those of another stage of the same name.
        settings.name = Arc::from(&*settings.name);
        let upstream = source.upstream();
        let state = State::new(&settings, source, delivery, threads);
        Self {
            settings,
            upstream,
            stopping: AtomicBool::new(false),
            any_dropped: AtomicBool::new(false),
            state: CachePadded(Mutex::new(state)),
        }
    }

    /// Calls `act` with the state under the lock, and carries out its effects after the unlock.
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
            // Nearly always a worker or the receiver. The lists of the other effects stay where they are.
            drop(state);
            for waker in wakes.into_iter().flatten() {
                if let Err(payload) = catch(|| waker.wake()) {
                    self.fail(Cause::of_panic(payload));
                }
            }
        } else {
            self.carry_out_all(state);
        }
    }

    #[cold]
    fn carry_out_all(&self, mut state: MutexGuard<'_, State<In, Out>>) {
        let effects = state.take_effects();
        let stop_upstream = effects.stop_upstream();
        if effects.stopped() {
            // Under the lock: a worker whose job waits is woken by the stop, and must see the flag when it is polled.
            self.stopping.store(true, Ordering::Relaxed);
        }
        drop(state);
        let (mut wakes, receiver, dropped) = effects.into_parts();
        dropped.into_iter().for_each(drop_quietly);
        let mut panicked = wakes.wake_all();
        if stop_upstream && let Some(upstream) = &self.upstream {
            // At once, and not when the supervisor closes the source: a job of this stage may compute for long.
            stop_chain(&**upstream);
        }
        if let Some(receiver) = receiver {
            panicked = panicked.or(catch(|| receiver.wake()).err());
        }
        if let Some(payload) = panicked {
            self.fail(Cause::of_panic(payload));
        }
    }

    pub(super) fn upstream(&self) -> Option<&Arc<dyn Upstream>> {
        self.upstream.as_ref()
    }

    /// Takes the link to the upstream stage out, of a stage that is being dropped.
    pub(super) fn take_upstream(&mut self) -> Option<Arc<dyn Upstream>> {
        self.upstream.take()
    }

    /// Returns whether no more jobs are to start.
    #[inline]
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Stops the run from outside, unless all its work is done.
    pub(super) fn cancel(&self, by: Cancelled) {
        self.with(|state| state.cancel(by));
    }

    /// Stops the run because its upstream stage has stopped.
    pub(super) fn stop_for_upstream(&self) {
        self.with(|state| state.stop(Stop::Upstream, None));
    }

    /// Stops the run for a cause that belongs to no item.
    pub(super) fn fail(&self, cause: Cause) {
        self.with(|state| state.fail(cause));
    }

    /// Records a failure that stops nothing.
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

    /// Makes the item of that number ready again, if it was dropped before its start; returns whether it was.
    pub(super) fn restore_dropped(&self, state: &mut State<In, Out>, seq: u64) -> bool {
        let restored = self.any_dropped() && state.restore_dropped(seq);
        if restored {
            self.any_dropped.store(state.has_dropped(), Ordering::Relaxed);
        }
        restored
    }

    /// Takes the item of that number, if it was dropped before its start.
    pub(super) fn take_dropped(&self, seq: u64) -> Option<Item<In>> {
        self.with(|state| {
            let item = state.take_dropped(seq);
            self.any_dropped.store(state.has_dropped(), Ordering::Relaxed);
            item
        })
    }

    /// Returns whether an item is kept that was dropped before its start. A worker whose job goes on looks for its item:
    /// the job has dropped it on the thread of the worker, or has moved it into a task.
    pub(super) fn any_dropped(&self) -> bool {
        self.any_dropped.load(Ordering::Relaxed)
    }

    /// Counts an item whose job was dropped after its start.
    #[cold]
    pub(super) fn lose(&self, panicked: bool) {
        self.with(|state| state.lose(panicked));
    }
}

impl<In, Out> Drop for StageShared<In, Out> {
    /// Drops the chain of upstream stages with a loop: it may be longer than a stack is deep.
    fn drop(&mut self) {
        let mut upstream = self.upstream.take();
        while let Some(mut stage) = upstream {
            upstream = Arc::get_mut(&mut stage).and_then(<dyn Upstream>::take_upstream);
        }
    }
}
