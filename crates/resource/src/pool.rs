//! The resources of one run: which are idle, how many there are, and which are being released.
//!
//! # Invariants
//!
//! - `alive` counts every resource from before it is acquired until it is released, wherever it is. It never exceeds
//!   the limit: so one that is given up is gone before another is acquired in its place.
//! - No code of the user's runs under the lock.

use std::future::poll_fn;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Poll;
use std::time::Duration;

use anyhow::anyhow;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use towpath_pattern::{Cause, Failure, Report, Scope, Settings, TimedOut, drive_job};

use crate::held::{ResourceGuard, Returns};
use crate::resource::{JobOutcome, Resource};
use crate::slot::{Emptied, Next, Slot};
use crate::time::within;

pub(crate) struct Pool<R: Resource> {
    resource: Arc<R>,
    limit: usize,
    release_within: Duration,
    /// Of all that depends on its resources, inside that of the run; and what the scopes inside it are called.
    scope: Scope,
    name: Arc<str>,
    /// Where resources are released: one may be given back on any thread. `None` where no run can start.
    runtime: Option<Handle>,
    releases: TaskTracker,
    state: Mutex<State<R::State>>,
    /// Somebody may wait for a resource to be idle or gone.
    changed: Notify,
}

struct State<S> {
    idle: Vec<Arc<Slot<S>>>,
    alive: usize,
    releasing: usize,
    causes: Vec<Cause>,
    closing: bool,
    /// The run is over: what is given back now is dropped.
    closed: bool,
}

/// A resource for a job, and its slot.
type CheckedOut<S> = (ResourceGuard<S>, Arc<Slot<S>>);

impl<R: Resource> Pool<R> {
    pub(crate) fn new(
        resource: Arc<R>,
        settings: &Settings,
        release_within: Duration,
        scope: &Scope,
    ) -> Self {
        let releases = TaskTracker::new();
        releases.close();
        let state = State {
            idle: Vec::new(),
            alive: 0,
            releasing: 0,
            causes: Vec::new(),
            closing: false,
            closed: false,
        };
        Self {
            resource,
            limit: settings.limit.get(),
            release_within,
            scope: scope.child(Arc::clone(&settings.name)),
            name: Arc::clone(&settings.name),
            runtime: Handle::try_current().ok(),
            releases,
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<R::State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks out an idle resource, or else a new one. The resource stays checked out until its lease calls
    /// [`Slot::end`].
    pub(crate) async fn take(self: &Arc<Self>) -> anyhow::Result<CheckedOut<R::State>> {
        if let Some(found) = self.take_idle() {
            return Ok(found);
        }
        let place = loop {
            // In line before it looks: each who waits is woken for a change of its own.
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(found) = self.take_idle() {
                return Ok(found);
            }
            if let Some(place) = self.take_place() {
                break place;
            }
            changed.await;
        };
        let made = drive_job(self.resource.acquire(), |cause| self.keep(cause)).await?;
        mem::forget(place);
        Ok(self.lend(Arc::new(Slot::new(made))).expect("nobody else has it yet"))
    }

    fn take_idle(self: &Arc<Self>) -> Option<CheckedOut<R::State>> {
        let slot = self.lock().idle.pop()?;
        self.lend(slot)
    }

    fn lend(self: &Arc<Self>, slot: Arc<Slot<R::State>>) -> Option<CheckedOut<R::State>> {
        let state = slot.lend()?;
        let pool = Arc::downgrade(self) as Weak<dyn Returns<R::State>>;
        Some((ResourceGuard::new(state, Arc::clone(&slot), pool), slot))
    }

    /// A place for one more, unless there are as many as may be.
    fn take_place(&self) -> Option<Place<'_, R>> {
        let mut state = self.lock();
        let free = state.alive < self.limit;
        state.alive += usize::from(free);
        free.then(|| Place(self))
    }

    /// Keeps a resource for the next job, or releases it.
    pub(crate) fn settle(self: &Arc<Self>, slot: Arc<Slot<R::State>>, next: Next) {
        let mut pool = self.lock();
        if next == Next::Release || pool.closing {
            self.release(pool, [slot]);
        } else {
            pool.idle.push(slot);
            drop(pool);
            self.changed.notify_one();
        }
    }

    /// Releases resources, each in a task of its own, which nothing cancels.
    fn release(
        self: &Arc<Self>,
        mut pool: MutexGuard<'_, State<R::State>>,
        slots: impl IntoIterator<Item = Arc<Slot<R::State>>, IntoIter: ExactSizeIterator>,
    ) {
        if pool.closed {
            drop(pool);
            return slots.into_iter().for_each(|slot| drop(slot.empty()));
        }
        let slots = slots.into_iter();
        pool.releasing += slots.len();
        // From under the lock: whoever finds nothing held there waits for what is yet to be spawned here.
        let _spawning = self.releases.token();
        drop(pool);
        for Emptied { state, after, scope } in slots.filter_map(|slot| slot.empty()) {
            // Now, and not in the task, which a runtime that is shut down never polls.
            scope.iter().for_each(Scope::cancel);
            let pool = Arc::clone(self);
            let release = async move {
                let _releasing = Releasing(&*pool);
                let Some(scope) = scope else { return pool.run_release(state, after).await };
                // Boxed, so that only those who asked for a scope pay for it.
                Box::pin(pool.release_after(&scope, state, after)).await;
            };
            if let Some(runtime) = &self.runtime {
                self.releases.spawn_on(release, runtime);
            }
        }
    }

    /// Releases a resource when what depends on it is over, or has had its time.
    async fn release_after(&self, scope: &Scope, state: R::State, after: JobOutcome) {
        let closed = within(self.release_within, scope.wait()).await;
        let late = closed.is_none();
        match closed {
            Some(closed) => {
                self.keep_failure_of(closed);
                self.keep_failures_in(scope);
            }
            None => self.keep(self.late("what depends on a resource was not over in time")),
        }
        self.run_release(state, after).await;
        if late {
            self.keep_failure_of(scope.wait().await);
            self.keep_failures_in(scope);
        }
    }

    /// Releases a resource, and keeps what went wrong.
    async fn run_release(&self, state: R::State, after: JobOutcome) {
        let release = match catch_unwind(AssertUnwindSafe(|| self.resource.release(state, after))) {
            Ok(release) => release,
            Err(payload) => return self.keep(Cause::from_panic(payload)),
        };
        let mut release = pin!(Some(release));
        let released = {
            let release = release.as_mut().as_pin_mut().expect("it was put there");
            let mut limited = pin!(within(self.release_within, release));
            poll_fn(|cx| {
                let polled = catch_unwind(AssertUnwindSafe(|| limited.as_mut().poll(cx)));
                polled.map_or_else(|payload| Poll::Ready(Err(payload)), |polled| polled.map(Ok))
            })
            .await
        };
        match released {
            Ok(Some(Ok(()))) => {}
            Ok(Some(Err(error))) => self.keep(Cause::from_error(error)),
            Ok(None) => self.keep(self.late("a release was not done in time")),
            Err(payload) => self.keep(Cause::from_panic(payload)),
        }
        // What is left of it is dropped after that is kept: it may panic, too.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| release.set(None))) {
            self.keep(Cause::from_panic(payload));
        }
    }

    fn late(&self, what: &'static str) -> Cause {
        Cause::from_error(anyhow::Error::from(TimedOut { after: self.release_within }).context(what))
    }

    fn keep_failure_of(&self, closed: Result<(), Failure>) {
        if let Err(failure) = closed {
            self.keep(Cause::from_error(failure.into()));
        }
    }

    /// Keeps the failures of a scope that no wait has returned.
    fn keep_failures_in(&self, scope: &Scope) {
        for failure in scope.take_failures() {
            self.keep(Cause::from_error(failure.into()));
        }
    }

    /// Keeps what went wrong for the end of the run.
    pub(crate) fn keep(&self, cause: Cause) {
        let mut state = self.lock();
        if state.causes.len() < Report::KEPT_FAILURES {
            state.causes.push(cause);
        }
    }

    /// What went wrong so far, and was not told yet.
    pub(crate) fn take_failures(&self) -> Vec<Cause> {
        mem::take(&mut self.lock().causes)
    }

    /// Releases what is idle, and from here on what is given back.
    fn release_idle(self: &Arc<Self>) {
        let mut state = self.lock();
        state.closing = true;
        let idle = mem::take(&mut state.idle);
        self.release(state, idle);
    }

    /// Releases everything, and waits until nothing is left. What went wrong with any release.
    pub(crate) async fn close(self: &Arc<Self>) -> Vec<Cause> {
        self.release_idle();
        let given_back = async {
            while self.lock().held() > 0 {
                self.changed.notified().await;
            }
        };
        // Whether it took too long is asked of the state, and before the wait: what is not held any more is released
        // by then, or waited for.
        let _in_time = within(self.release_within, given_back).await;
        let held = self.lock().held();
        // Of one that did not come back, too.
        self.scope.cancel();
        self.keep_failure_of(self.scope.wait().await);
        self.keep_failures_in(&self.scope);
        let mut causes = loop {
            self.releases.wait().await;
            // One that came back meanwhile is being released, of which that wait told nothing.
            let mut state = self.lock();
            if self.releases.is_empty() {
                state.closed = true;
                break mem::take(&mut state.causes);
            }
        };
        if held > 0 {
            let waited = self.release_within;
            causes.push(Cause::Errored(anyhow!(
                "{held} of its resources still held {waited:?} after its last job, which gave them away"
            )));
        }
        causes
    }
}

impl<R: Resource> Returns<R::State> for Pool<R> {
    fn take_back(self: Arc<Self>, slot: Arc<Slot<R::State>>, next: Next) {
        self.settle(slot, next);
    }

    fn scope_of(&self, slot: &Slot<R::State>) -> Scope {
        slot.scope(&self.scope, &self.name)
    }
}

impl<S> State<S> {
    /// How many somebody outside of any job has, at the end of a run.
    fn held(&self) -> usize {
        self.alive - self.releasing
    }
}

/// One of as many resources as may be alive: dropped, there is room for another.
struct Place<'a, R: Resource>(&'a Pool<R>);

impl<R: Resource> Drop for Place<'_, R> {
    fn drop(&mut self) {
        self.0.lock().alive -= 1;
        self.0.changed.notify_one();
    }
}

/// One of the resources that are being released: dropped, it is gone.
struct Releasing<'a, R: Resource>(&'a Pool<R>);

impl<R: Resource> Drop for Releasing<'_, R> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        // Both at once: in between, the resource would look as if somebody still held it.
        state.releasing -= 1;
        state.alive -= 1;
        drop(state);
        self.0.changed.notify_one();
    }
}
