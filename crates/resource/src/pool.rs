//! The resources of one run: the idle resources, the number of all resources, and the releases.
//!
//! # Invariants
//!
//! - `alive` counts every resource from before the acquisition until after the release, wherever the resource is. The count
//!   never exceeds the limit: so a discarded resource is gone before the next resource is acquired.
//! - No user code runs under the lock.

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

use crate::guard::{CheckIn, ResourceGuard};
use crate::resource::{JobOutcome, Resource};
use crate::slot::{NextStep, Removed, Slot};
use crate::time::within;

pub(crate) struct Pool<R: Resource> {
    resource: Arc<R>,
    limit: usize,
    release_within: Duration,
    /// The parent of the scopes of all resources, and a child of the scope of the run.
    scope: Scope,
    /// The name of the scopes of the resources.
    name: Arc<str>,
    /// The runtime of the releases, since a guard may be dropped on any thread. `None` outside a runtime, where no run
    /// starts.
    runtime: Option<Handle>,
    releases: TaskTracker,
    state: Mutex<State<R::State>>,
    /// Notifies a waiter for every resource that becomes idle or is gone.
    changed: Notify,
}

struct State<S> {
    idle: Vec<Arc<Slot<S>>>,
    alive: usize,
    releasing: usize,
    causes: Vec<Cause>,
    /// The run is about to end: no resource becomes idle.
    closing: bool,
    /// The run is over: a resource that is checked in from now on is dropped.
    closed: bool,
}

/// The guard of a resource for a job, and the slot of the resource.
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

    /// Checks out an idle resource, or else a new resource. The next step comes after the check-in and
    /// [`Slot::complete_job`].
    pub(crate) async fn check_out(self: &Arc<Self>) -> anyhow::Result<CheckedOut<R::State>> {
        if let Some(found) = self.check_out_idle() {
            return Ok(found);
        }
        let vacancy = loop {
            // The waiter is enabled before the second look, so that every waiter is notified of a change of its own.
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(found) = self.check_out_idle() {
                return Ok(found);
            }
            if let Some(vacancy) = self.take_vacancy() {
                break vacancy;
            }
            changed.await;
        };
        let made = drive_job(self.resource.acquire(), |cause| self.record(cause)).await?;
        mem::forget(vacancy);
        Ok(self.guard(Arc::new(Slot::new(made))).expect("a new slot has its resource"))
    }

    fn check_out_idle(self: &Arc<Self>) -> Option<CheckedOut<R::State>> {
        let slot = self.lock().idle.pop()?;
        self.guard(slot)
    }

    /// Checks out the resource of a slot.
    fn guard(self: &Arc<Self>, slot: Arc<Slot<R::State>>) -> Option<CheckedOut<R::State>> {
        let state = slot.check_out()?;
        let pool = Arc::downgrade(self) as Weak<dyn CheckIn<R::State>>;
        Some((ResourceGuard::new(state, Arc::clone(&slot), pool), slot))
    }

    /// Takes a vacancy for a new resource, unless the pool is at its limit.
    fn take_vacancy(&self) -> Option<Vacancy<'_, R>> {
        let mut state = self.lock();
        let free = state.alive < self.limit;
        state.alive += usize::from(free);
        free.then(|| Vacancy(self))
    }

    /// Keeps a resource for the next job, or releases it.
    pub(crate) fn reuse_or_release(self: &Arc<Self>, slot: Arc<Slot<R::State>>, next: NextStep) {
        let mut pool = self.lock();
        if next == NextStep::Release || pool.closing {
            self.release(pool, [slot]);
        } else {
            pool.idle.push(slot);
            drop(pool);
            self.changed.notify_one();
        }
    }

    /// Releases resources, each in a task of its own. Nothing cancels these tasks.
    fn release(
        self: &Arc<Self>,
        mut pool: MutexGuard<'_, State<R::State>>,
        slots: impl IntoIterator<Item = Arc<Slot<R::State>>, IntoIter: ExactSizeIterator>,
    ) {
        if pool.closed {
            drop(pool);
            return slots.into_iter().for_each(|slot| drop(slot.remove()));
        }
        let slots = slots.into_iter();
        pool.releasing += slots.len();
        // The token is taken under the lock: `shutdown` waits for the tasks below if no resource is checked out there.
        let _spawning = self.releases.token();
        drop(pool);
        for Removed { state, outcome, scope } in slots.filter_map(|slot| slot.remove()) {
            // The scope is cancelled here and not in the task: a runtime that is shut down never polls the task.
            scope.iter().for_each(Scope::cancel);
            let pool = Arc::clone(self);
            let release = async move {
                let _releasing = Releasing(&*pool);
                let Some(scope) = scope else { return pool.run_release(state, outcome).await };
                // Boxed: a release without a scope does not pay for the size of this future.
                Box::pin(pool.release_after(&scope, state, outcome)).await;
            };
            if let Some(runtime) = &self.runtime {
                self.releases.spawn_on(release, runtime);
            }
        }
    }

    /// Releases a resource at the end of its scope, or after the time limit.
    async fn release_after(&self, scope: &Scope, state: R::State, outcome: JobOutcome) {
        let ended = within(self.release_within, scope.wait()).await;
        let late = ended.is_none();
        match ended {
            Some(ended) => self.record_failures_of(scope, ended),
            None => self.record(self.timed_out("the scope of a resource did not end in time")),
        }
        self.run_release(state, outcome).await;
        if late {
            self.record_failures_of(scope, scope.wait().await);
        }
    }

    /// Releases a resource, and records the failures of the release.
    async fn run_release(&self, state: R::State, outcome: JobOutcome) {
        let release = match catch_unwind(AssertUnwindSafe(|| self.resource.release(state, outcome))) {
            Ok(release) => release,
            Err(payload) => return self.record(Cause::from_panic(payload)),
        };
        let mut release = pin!(Some(release));
        let released = {
            let release = release.as_mut().as_pin_mut().expect("the release was just pinned");
            let mut limited = pin!(within(self.release_within, release));
            poll_fn(|cx| {
                let polled = catch_unwind(AssertUnwindSafe(|| limited.as_mut().poll(cx)));
                polled.map_or_else(|payload| Poll::Ready(Err(payload)), |polled| polled.map(Ok))
            })
            .await
        };
        match released {
            Ok(Some(Ok(()))) => {}
            Ok(Some(Err(error))) => self.record(Cause::from_error(error)),
            Ok(None) => self.record(self.timed_out("a release was not done in time")),
            Err(payload) => self.record(Cause::from_panic(payload)),
        }
        // The future is dropped after its failure is recorded, because the drop may panic, too.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| release.set(None))) {
            self.record(Cause::from_panic(payload));
        }
    }

    fn timed_out(&self, what: &'static str) -> Cause {
        Cause::from_error(anyhow::Error::from(TimedOut { after: self.release_within }).context(what))
    }

    /// Records the failure that a wait for `scope` returned, and the further failures of the scope.
    fn record_failures_of(&self, scope: &Scope, ended: Result<(), Failure>) {
        for failure in ended.err().into_iter().chain(scope.take_failures()) {
            self.record(Cause::from_error(failure.into()));
        }
    }

    /// Records a failure, to be reported at the end of the run.
    pub(crate) fn record(&self, cause: Cause) {
        let mut state = self.lock();
        if state.causes.len() < Report::KEPT_FAILURES {
            state.causes.push(cause);
        }
    }

    /// Takes the failures that are not yet reported.
    pub(crate) fn take_failures(&self) -> Vec<Cause> {
        mem::take(&mut self.lock().causes)
    }

    /// Releases the idle resources. From here on, a resource that is checked in is released.
    fn release_idle(self: &Arc<Self>) {
        let mut state = self.lock();
        state.closing = true;
        let idle = mem::take(&mut state.idle);
        self.release(state, idle);
    }

    /// Releases all resources, waits until no resource is left, and returns the failures of the run's releases.
    pub(crate) async fn shutdown(self: &Arc<Self>) -> Vec<Cause> {
        self.release_idle();
        let all_checked_in = async {
            while self.lock().checked_out() > 0 {
                self.changed.notified().await;
            }
        };
        // The number of guards decides on a failure, and not the timeout. A resource that is checked in at the last moment is
        // in release, and the loop below waits for the release.
        let _in_time = within(self.release_within, all_checked_in).await;
        let checked_out = self.lock().checked_out();
        // A resource that is still checked out may have a scope, too.
        self.scope.cancel();
        self.record_failures_of(&self.scope, self.scope.wait().await);
        let mut causes = loop {
            self.releases.wait().await;
            // A resource that was checked in after this wait is in release. The loop then waits for the release as well.
            let mut state = self.lock();
            if self.releases.is_empty() {
                state.closed = true;
                break mem::take(&mut state.causes);
            }
        };
        if checked_out > 0 {
            let waited = self.release_within;
            causes.push(Cause::Errored(anyhow!(
                "{checked_out} of the resources still checked out {waited:?} after the last job"
            )));
        }
        causes
    }
}

impl<R: Resource> CheckIn<R::State> for Pool<R> {
    fn check_in(self: Arc<Self>, slot: Arc<Slot<R::State>>, next: NextStep) {
        self.reuse_or_release(slot, next);
    }

    fn scope_of(&self, slot: &Slot<R::State>) -> Scope {
        slot.scope(&self.scope, &self.name)
    }
}

impl<S> State<S> {
    /// Returns the number of resources that are checked out, once no resource is idle.
    fn checked_out(&self) -> usize {
        self.alive - self.releasing
    }
}

/// A vacancy in the pool, taken for a new resource. The drop makes the pool vacant again.
struct Vacancy<'a, R: Resource>(&'a Pool<R>);

impl<R: Resource> Drop for Vacancy<'_, R> {
    fn drop(&mut self) {
        self.0.lock().alive -= 1;
        self.0.changed.notify_one();
    }
}

/// A resource in release. The drop counts the resource as gone.
struct Releasing<'a, R: Resource>(&'a Pool<R>);

impl<R: Resource> Drop for Releasing<'_, R> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        // Both counts change under one lock: in between, the resource would count as checked out.
        state.releasing -= 1;
        state.alive -= 1;
        drop(state);
        self.0.changed.notify_one();
    }
}
