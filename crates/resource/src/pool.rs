//! The resources of one run: the idle resources, the number of all resources, and the releases.
//!
//! The idle resources are in shards, one for every thread of the runtime. A job takes an idle resource of its own thread
//! first, so two threads seldom want the same lock or the same resource. The lock of the pool is for new resources and
//! for releases.
//!
//! # Invariants
//!
//! - `alive` counts every resource from before the acquisition until after the release, wherever the resource is. The
//!   count never exceeds the limit: so a discarded resource is gone before the next resource is acquired. A change to a
//!   lower limit releases no resource. No resource is acquired until the count is below the lower limit.
//! - Resources are taken in the order of arrival while a job waits: all jobs then queue for the `turn`, and only the job
//!   with the turn takes a resource.
//! - No wake-up is lost. A waiter counts itself in `waiting` before it searches the shards. The lock of the shard orders
//!   the search and the return of a resource: either the search finds the resource, or the return reads the count. A change
//!   of the limit notifies as well, because a job may wait that has started before a change to a lower limit.
//! - The releases do not wait for each other. A release task takes one resource after the other. If a release is pending,
//!   the task stays with the release, and a further task takes the other resources. While a task runs a release and a
//!   resource is left, a task that has not started stands in the queue of the runtime. So a run that ends with thousands
//!   of resources spawns a task for every release that waits, and not for a release that is ready at once.
//! - No user code runs under the lock.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Poll;
use std::time::Duration;

use anyhow::anyhow;
use tokio::runtime::{self, Handle};
use tokio::sync::{Notify, Semaphore};
use tokio::task::coop::consume_budget;
use tokio_util::task::TaskTracker;
use towpath_pattern::{Cause, Failure, JobLimit, Report, Scope, Settings, TimedOut, WatchLimit, drive_job};

use crate::lease::Lease;
use crate::resource::{JobOutcome, Resource};
use crate::shard::{Owner, PlaceIndex, Removed, Shard};
use crate::time::within;

pub(crate) struct Pool<R: Resource> {
    resource: Arc<R>,
    limit: JobLimit,
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
    /// One for every thread of the runtime, at most one for every resource.
    shards: Box<[Arc<Shard<R::State>>]>,
    /// The number of jobs that wait for a resource.
    waiting: AtomicUsize,
    /// A permit for the first of the waiting jobs.
    turn: Semaphore,
    /// Notifies the first waiting job, or the shutdown, of every resource that becomes idle or is gone, and of every change of
    /// the limit.
    changed: Notify,
}

struct State<S> {
    alive: usize,
    /// The number of the resources in release: unreleased, or in a release task.
    releasing: usize,
    /// The resources that no release task has taken yet.
    unreleased: VecDeque<Removed<S>>,
    /// The number of release tasks that were spawned and have not started.
    unstarted: usize,
    causes: Vec<Cause>,
    /// The run is over: a resource that is checked in from now on is dropped.
    closed: bool,
}

/// A resource that is checked out, and its lease.
pub(crate) struct CheckedOut<'a, S: Send + 'static> {
    pub(crate) lease: Lease<'a, S>,
    pub(crate) state: S,
}

/// The right to a resource: an idle resource, or a vacancy for a new resource.
enum Found<'a, R: Resource> {
    Idle(R::State),
    Vacancy(Vacancy<'a, R>),
}

impl<R: Resource> Pool<R> {
    pub(crate) fn new(
        resource: Arc<R>,
        settings: &Settings,
        release_within: Duration,
        scope: &Scope,
    ) -> Arc<Self> {
        let releases = TaskTracker::new();
        releases.close();
        let limit = settings.limit.clone();
        let runtime = Handle::try_current().ok();
        let threads = runtime.as_ref().map_or(1, |runtime| runtime.metrics().num_workers());
        let shards = match &limit {
            JobLimit::Fixed(limit) => limit.get().min(threads),
            JobLimit::Live(_) => threads,
        };
        let pool = Arc::new_cyclic(|pool: &Weak<Self>| {
            let shard = || Arc::new(Shard::new(Weak::<Self>::clone(pool) as Weak<dyn Owner<R::State>>));
            Self {
                resource,
                limit,
                release_within,
                scope: scope.child(Arc::clone(&settings.name)),
                name: Arc::clone(&settings.name),
                runtime,
                releases,
                state: Mutex::new(State::new()),
                shards: (0..shards).map(|_| shard()).collect(),
                waiting: AtomicUsize::new(0),
                turn: Semaphore::new(1),
                changed: Notify::new(),
            }
        });
        let watcher: Weak<Self> = Arc::downgrade(&pool);
        settings.limit.watch(watcher);
        pool
    }

    fn lock(&self) -> MutexGuard<'_, State<R::State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the index of the shard of the current thread.
    #[inline]
    fn own_shard(&self) -> usize {
        match self.shards.len() {
            1 => 0,
            shards => match runtime::worker_index() {
                Some(thread) if thread < shards => thread,
                thread => thread.unwrap_or(0) % shards,
            },
        }
    }

    /// Checks out an idle resource of the current thread, unless a job waits.
    #[inline]
    pub(crate) fn check_out_idle(&self) -> Option<CheckedOut<'_, R::State>> {
        if self.waiting.load(Relaxed) > 0 {
            return None;
        }
        let shard = &self.shards[self.own_shard()];
        let (place, state) = shard.check_out()?;
        Some(CheckedOut { lease: Lease::new(shard, place), state })
    }

    /// Checks out an idle resource of any thread, or else a new resource, in turn.
    pub(crate) async fn check_out(&self) -> anyhow::Result<CheckedOut<'_, R::State>> {
        let at_once = if self.waiting.load(Relaxed) == 0 { self.find() } else { None };
        let found = match at_once {
            Some(found) => found,
            None => self.find_in_turn().await,
        };
        let state = match found {
            Found::Idle(state) => state,
            Found::Vacancy(vacancy) => {
                let made = drive_job(self.resource.acquire(), |cause| self.record(cause)).await?;
                mem::forget(vacancy);
                made
            }
        };
        let shard = &self.shards[self.own_shard()];
        Ok(CheckedOut { lease: Lease::new(shard, shard.add_checked_out()), state })
    }

    /// Waits for the turn, and then for a resource.
    async fn find_in_turn(&self) -> Found<'_, R> {
        let _waiting = Waiting::new(&self.waiting);
        let _turn = self.turn.acquire().await.expect("no code closes the semaphore");
        loop {
            // The waiter is enabled before the search, so that no change is missed.
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(found) = self.find() {
                return found;
            }
            changed.await;
        }
    }

    /// Finds an idle resource, of the current thread first, or else a vacancy.
    fn find(&self) -> Option<Found<'_, R>> {
        let (others, own) = self.shards.split_at(self.own_shard());
        if let Some(state) = own.iter().chain(others).find_map(|shard| shard.remove_idle()) {
            return Some(Found::Idle(state));
        }
        self.take_vacancy().map(Found::Vacancy)
    }

    /// Notifies the first waiting job, if any, of an idle resource.
    #[inline]
    pub(crate) fn notify_of_idle(&self) {
        if self.waiting.load(Relaxed) > 0 {
            self.changed.notify_one();
        }
    }

    /// Takes a vacancy for a new resource, unless the pool is at its limit.
    fn take_vacancy(&self) -> Option<Vacancy<'_, R>> {
        let mut state = self.lock();
        // A paused run has at least one resource for the jobs that have started.
        let free = state.alive < self.limit.get().max(1);
        state.alive += usize::from(free);
        free.then(|| Vacancy(self))
    }

    /// Releases resources, in tasks of the runtime. Nothing cancels these tasks.
    pub(crate) fn release(
        self: &Arc<Self>,
        removed: impl IntoIterator<Item = Removed<R::State>, IntoIter: ExactSizeIterator>,
    ) {
        // A scope is cancelled here and not in a task: a runtime that is shut down never polls the task.
        let removed = removed.into_iter().inspect(|removed| removed.scope.iter().for_each(Scope::cancel));
        let removed: Vec<_> = removed.collect();
        let tasks = removed.len().min(self.shards.len());
        let mut state = self.lock();
        if state.closed {
            drop(state);
            return drop(removed);
        }
        state.releasing += removed.len();
        state.unreleased.extend(removed);
        state.unstarted += tasks;
        // The token is taken under the lock: `shutdown` waits for the tasks below if no resource is checked out there.
        let _spawning = self.releases.token();
        drop(state);
        for _ in 0..tasks {
            self.spawn_release_task();
        }
    }

    /// Spawns a task that releases resources, and that is counted as unstarted.
    fn spawn_release_task(self: &Arc<Self>) {
        if let Some(runtime) = &self.runtime {
            self.releases.spawn_on(Arc::clone(self).release_all(), runtime);
        }
    }

    /// Releases one resource after the other, until none is left.
    async fn release_all(self: Arc<Self>) {
        self.lock().unstarted -= 1;
        while let Some(removed) = self.next_unreleased() {
            let mut release = pin!(self.release_one(removed));
            let mut polled_before = false;
            poll_fn(|cx| {
                let polled = release.as_mut().poll(cx);
                // This task goes on with the release that waits, and a further task with the other resources.
                if polled.is_pending() && !mem::replace(&mut polled_before, true) {
                    self.continue_in_another_task();
                }
                polled
            })
            .await;
            consume_budget().await;
        }
    }

    /// Takes the next resource to be released, and leaves the other resources to a task in the queue of the runtime: the
    /// release may block the thread, with `block_in_place` for example.
    fn next_unreleased(self: &Arc<Self>) -> Option<Removed<R::State>> {
        let mut state = self.lock();
        let removed = state.unreleased.pop_front();
        let spawns = state.unstarted == 0 && !state.unreleased.is_empty();
        state.unstarted += usize::from(spawns);
        drop(state);
        if spawns {
            self.spawn_release_task();
        }
        removed
    }

    /// Spawns a further task, if a resource is left.
    fn continue_in_another_task(self: &Arc<Self>) {
        let mut state = self.lock();
        if state.unreleased.is_empty() {
            return;
        }
        state.unstarted += 1;
        drop(state);
        self.spawn_release_task();
    }

    async fn release_one(&self, removed: Removed<R::State>) {
        let Removed { state, outcome, scope } = removed;
        let _releasing = Releasing(self);
        match scope {
            None => self.run_release(state, outcome).await,
            // Boxed: a release without a scope does not pay for the size of this future.
            Some(scope) => Box::pin(self.release_after(&scope, state, outcome)).await,
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

    /// Removes the idle resources. From here on, a resource that is checked in is released.
    fn close(&self) -> Vec<Removed<R::State>> {
        self.shards.iter().flat_map(|shard| shard.close()).collect()
    }

    /// Releases all resources, waits until no resource is left, and returns the failures of the run's releases.
    pub(crate) async fn shutdown(self: &Arc<Self>) -> Vec<Cause> {
        self.release(self.close());
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

impl<R: Resource> WatchLimit for Pool<R> {
    /// Notifies without a read of the number of waiting jobs: a job that starts to wait at the same time finds the
    /// notification.
    fn limit_changed(&self) {
        self.changed.notify_one();
    }
}

impl<R: Resource> Owner<R::State> for Pool<R> {
    fn notify_of_idle(&self) {
        self.notify_of_idle();
    }

    fn record(&self, cause: Cause) {
        self.record(cause);
    }

    fn release_removed(self: Arc<Self>, removed: Removed<R::State>) {
        self.release([removed]);
    }

    fn scope_of(&self, shard: &Shard<R::State>, place: PlaceIndex) -> Scope {
        shard.scope(place, &self.scope, &self.name)
    }
}

/// A guard may outlive the pool, and keeps its shard: the idle resources are dropped here.
///
/// After a shutdown of the runtime, unreleased resources are dropped here as well. The drops are caught one by one: a second
/// panic during the first would abort the process. No reader is left for a panic.
impl<R: Resource> Drop for Pool<R> {
    fn drop(&mut self) {
        let unreleased = mem::take(&mut self.lock().unreleased);
        for removed in self.close().into_iter().chain(unreleased) {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(removed))) {
                drop(Cause::from_panic(payload));
            }
        }
    }
}

impl<S> State<S> {
    fn new() -> Self {
        let (unreleased, causes) = (VecDeque::new(), Vec::new());
        Self { alive: 0, releasing: 0, unreleased, unstarted: 0, causes, closed: false }
    }

    /// Returns the number of resources that are checked out, once no resource is idle.
    fn checked_out(&self) -> usize {
        self.alive - self.releasing
    }
}

/// A job that waits for a resource.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
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

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;
    use towpath_pattern::Limit;

    use super::*;
    use crate::resource::resource_fn;
    use crate::time::poll_once;

    /// A pool of at most `limit` clones of a value.
    fn pool(limit: usize, value: &Arc<()>) -> Arc<Pool<impl Resource<State = Arc<()>>>> {
        let value = Arc::clone(value);
        let clones = resource_fn(move || std::future::ready(Ok(Arc::clone(&value))), |_, _| async { Ok(()) });
        let settings = Settings::new("resource", Limit::try_from(limit).unwrap());
        Pool::new(Arc::new(clones), &settings, Duration::from_secs(1), &Scope::default())
    }

    /// Ends a successful job with the resource.
    fn complete<R: Resource>(pool: &Pool<R>, CheckedOut { lease, state }: CheckedOut<'_, R::State>) {
        drop(lease.guard(state));
        let ended = lease.end(pool, Ok(()));
        assert!(matches!(ended, Ok(Ok(()))), "the resource has no scope");
    }

    /// A resource that becomes idle belongs to the first of the waiting jobs, and a later job waits behind the waiting
    /// jobs.
    #[test]
    fn later_job_passes_over_no_waiting_job() {
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let pool = pool(1, &Arc::default());
            let first = pool.check_out().await.unwrap();
            let (mut second, mut third) = (Box::pin(pool.check_out()), Box::pin(pool.check_out()));
            assert!(poll_once(second.as_mut()).await.is_pending());
            assert!(poll_once(third.as_mut()).await.is_pending());
            complete(&pool, first);
            assert!(pool.check_out_idle().is_none(), "a job waits");
            let mut later = Box::pin(pool.check_out());
            assert!(poll_once(later.as_mut()).await.is_pending(), "two jobs wait");
            assert!(poll_once(third.as_mut()).await.is_pending(), "a job waits in front");
            let second = second.await.unwrap();
            drop(third);
            assert!(poll_once(later.as_mut()).await.is_pending(), "the resource is checked out");
            complete(&pool, second);
            complete(&pool, later.await.unwrap());
            assert!(pool.check_out_idle().is_some(), "no job waits");
        });
    }

    /// The idle resources are dropped with the pool, also if a guard outlives the pool.
    #[test]
    fn idle_resource_is_dropped_before_a_guard_that_outlives_the_pool() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let value = Arc::new(());
        let guard = runtime.block_on(async {
            let pool = pool(2, &value);
            let (idle, kept) = (pool.check_out().await.unwrap(), pool.check_out().await.unwrap());
            complete(&pool, idle);
            kept.lease.guard(kept.state)
        });
        assert_eq!(Arc::strong_count(&value), 2, "the value, and the state in the guard");
        drop(guard);
        assert_eq!(Arc::strong_count(&value), 1);
    }
}
