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
use std::thread;
use std::time::Duration;

use anyhow::anyhow;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use towpath_pattern::{Cause, Report, TimedOut};

use crate::held::{Held, Returns};
use crate::resource::{After, Resource};
use crate::slot::Slot;
use crate::time::within;

pub(crate) struct Pool<R: Resource> {
    resource: Arc<R>,
    limit: usize,
    release_within: Duration,
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
}

/// That a job has a resource. Dropped without having [ended](Lease::end), the job was stopped or has panicked.
pub(crate) struct Lease<'a, R: Resource> {
    pool: &'a Arc<Pool<R>>,
    slot: Arc<Slot<R::State>>,
    after: Option<After>,
}

impl<R: Resource> Pool<R> {
    pub(crate) fn new(resource: Arc<R>, limit: usize, release_within: Duration) -> Self {
        let releases = TaskTracker::new();
        releases.close();
        let state = State { idle: Vec::new(), alive: 0, releasing: 0, causes: Vec::new(), closing: false };
        Self {
            resource,
            limit,
            release_within,
            runtime: Handle::try_current().ok(),
            releases,
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<R::State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A resource that is idle, or else a new one.
    pub(crate) async fn take(self: &Arc<Self>) -> anyhow::Result<(Held<R::State>, Lease<'_, R>)> {
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
        let made = self.resource.acquire().await?;
        mem::forget(place);
        Ok(self.lend(Arc::new(Slot::new(made))).expect("nobody else has it yet"))
    }

    fn take_idle(self: &Arc<Self>) -> Option<(Held<R::State>, Lease<'_, R>)> {
        let slot = self.lock().idle.pop()?;
        self.lend(slot)
    }

    fn lend(self: &Arc<Self>, slot: Arc<Slot<R::State>>) -> Option<(Held<R::State>, Lease<'_, R>)> {
        let state = slot.lend()?;
        let pool = Arc::downgrade(self) as Weak<dyn Returns<R::State>>;
        let held = Held::new(state, Arc::clone(&slot), pool);
        Some((held, Lease { pool: self, slot, after: None }))
    }

    /// A place for one more, unless there are as many as may be.
    fn take_place(&self) -> Option<Place<'_, R>> {
        let mut state = self.lock();
        let free = state.alive < self.limit;
        state.alive += usize::from(free);
        free.then(|| Place(self))
    }

    /// Keeps a resource for the next job, or releases it.
    fn settle(self: &Arc<Self>, slot: Arc<Slot<R::State>>) {
        let useless = slot.is_useless();
        let mut pool = self.lock();
        if useless || pool.closing {
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
        let slots = slots.into_iter();
        pool.releasing += slots.len();
        // From under the lock: whoever finds nothing held there waits for what is yet to be spawned here.
        let _spawning = self.releases.token();
        drop(pool);
        for (state, after) in slots.filter_map(|slot| slot.empty()) {
            let pool = Arc::clone(self);
            let release = async move {
                let _releasing = Releasing(&*pool);
                let mut release = pin!(pool.run_release(state, after));
                let released = poll_fn(|cx| {
                    let polled = catch_unwind(AssertUnwindSafe(|| release.as_mut().poll(cx)));
                    polled.unwrap_or_else(|payload| Poll::Ready(Some(Cause::of_panic(payload))))
                });
                if let Some(cause) = released.await {
                    pool.keep(cause);
                }
            };
            if let Some(runtime) = &self.runtime {
                self.releases.spawn_on(release, runtime);
            }
        }
    }

    /// What went wrong with the release of a resource.
    async fn run_release(&self, state: R::State, after: After) -> Option<Cause> {
        let Some(released) = within(self.release_within, self.resource.release(state, after)).await else {
            let late = TimedOut { after: self.release_within };
            return Some(Cause::of_error(
                anyhow::Error::from(late).context("a release was not done in time"),
            ));
        };
        released.err().map(Cause::of_error)
    }

    /// Keeps what went wrong for the end of the run.
    fn keep(&self, cause: Cause) {
        let mut state = self.lock();
        if state.causes.len() < Report::KEPT_FAILURES {
            state.causes.push(cause);
        }
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
        self.releases.wait().await;
        let mut causes = mem::take(&mut self.lock().causes);
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
    fn take_back(self: Arc<Self>, slot: Arc<Slot<R::State>>) {
        self.settle(slot);
    }
}

impl<S> State<S> {
    /// How many somebody outside of any job has, at the end of a run.
    fn held(&self) -> usize {
        self.alive - self.releasing
    }
}

impl<R: Resource> Lease<'_, R> {
    /// Its job has returned.
    pub(crate) fn end(mut self, after: After) {
        self.after = Some(after);
    }
}

impl<R: Resource> Drop for Lease<'_, R> {
    fn drop(&mut self) {
        let stopped = || if thread::panicking() { After::Panic } else { After::Cancellation };
        if self.slot.end(self.after.unwrap_or_else(stopped)) {
            self.pool.settle(Arc::clone(&self.slot));
        }
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
        self.0.lock().releasing -= 1;
        drop(Place(self.0));
    }
}
