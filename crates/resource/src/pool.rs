//! The resources of one run: which are idle, how many there are, and which are being released.
//!
//! # Invariants
//!
//! - `alive` counts every resource from before it is acquired until it is released, wherever it is. It never exceeds
//!   the limit: so one that is given up is gone before another is acquired in its place.
//! - A resource is settled, kept or released, once it was given back and its job has ended: by whichever comes second.
//! - No code of the user's runs under the lock.

use std::any::Any;
use std::future::poll_fn;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use anyhow::anyhow;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use towpath_pattern::{Report, TimedOut};

use crate::resource::{After, Resource};

pub(crate) type Id = u64;

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
    idle: Vec<(S, After)>,
    alive: usize,
    releasing: usize,
    next_id: Id,
    unsettled: Vec<(Id, Half<S>)>,
    errors: Vec<anyhow::Error>,
    closing: bool,
}

/// What is known of a resource of which only one of two things has happened.
enum Half<S> {
    /// It was given back, perhaps as one of no more use.
    Back(Back<S>),
    /// Its job has ended.
    Ended(After),
}

pub(crate) struct Back<S> {
    pub(crate) state: S,
    pub(crate) useless: bool,
}

/// Where a resource goes that was held.
pub(crate) trait Returns<S>: Send + Sync {
    fn give_back(self: Arc<Self>, id: Id, back: Back<S>);
}

/// That a job has a resource. Dropped without having [ended](Lease::end), the job was stopped or has panicked.
pub(crate) struct Lease<'a, R: Resource> {
    pub(crate) id: Id,
    pool: &'a Arc<Pool<R>>,
    after: Option<After>,
}

impl<R: Resource> Pool<R> {
    pub(crate) fn new(resource: Arc<R>, limit: usize, release_within: Duration) -> Self {
        let releases = TaskTracker::new();
        releases.close();
        let state = State {
            idle: Vec::new(),
            alive: 0,
            releasing: 0,
            next_id: 0,
            unsettled: Vec::new(),
            errors: Vec::new(),
            closing: false,
        };
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
    pub(crate) async fn take(self: &Arc<Self>) -> anyhow::Result<(R::State, Lease<'_, R>)> {
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
        let lease = self.lease(&mut self.lock());
        Ok((made, lease))
    }

    fn take_idle(self: &Arc<Self>) -> Option<(R::State, Lease<'_, R>)> {
        let mut state = self.lock();
        let (idle, _) = state.idle.pop()?;
        Some((idle, self.lease(&mut state)))
    }

    fn lease(self: &Arc<Self>, state: &mut State<R::State>) -> Lease<'_, R> {
        state.next_id += 1;
        Lease { id: state.next_id, pool: self, after: None }
    }

    /// A place for one more, unless there are as many as may be.
    fn take_place(&self) -> Option<Place<'_, R>> {
        let mut state = self.lock();
        let free = state.alive < self.limit;
        state.alive += usize::from(free);
        free.then(|| Place(self))
    }

    /// Keeps a resource for the next job, or releases it.
    fn settle(
        self: &Arc<Self>,
        mut pool: MutexGuard<'_, State<R::State>>,
        back: Back<R::State>,
        after: After,
    ) {
        if back.useless || after == After::Panic || pool.closing {
            self.release(pool, [(back.state, after)]);
        } else {
            pool.idle.push((back.state, after));
            drop(pool);
            self.changed.notify_one();
        }
    }

    /// Releases resources, each in a task of its own, which nothing cancels.
    fn release(
        self: &Arc<Self>,
        mut pool: MutexGuard<'_, State<R::State>>,
        resources: impl IntoIterator<Item = (R::State, After), IntoIter: ExactSizeIterator>,
    ) {
        let resources = resources.into_iter();
        pool.releasing += resources.len();
        drop(pool);
        for (state, after) in resources {
            let pool = Arc::clone(self);
            let release = async move {
                let _releasing = Releasing(&*pool);
                let mut release = pin!(pool.run_release(state, after));
                let released = poll_fn(|cx| {
                    let polled = catch_unwind(AssertUnwindSafe(|| release.as_mut().poll(cx)));
                    polled.unwrap_or_else(|payload| {
                        Poll::Ready(Err(anyhow!("a release panicked: {}", message_of(&*payload))))
                    })
                });
                if let Err(error) = released.await {
                    pool.keep(error);
                }
            };
            if let Some(runtime) = &self.runtime {
                self.releases.spawn_on(release, runtime);
            }
        }
    }

    async fn run_release(&self, state: R::State, after: After) -> anyhow::Result<()> {
        let released = within(self.release_within, self.resource.release(state, after)).await;
        released.unwrap_or_else(|| {
            let late = TimedOut { after: self.release_within };
            Err(anyhow::Error::from(late).context(format!("a release was not done within {:?}", late.after)))
        })
    }

    /// Keeps an error for the end of the run.
    fn keep(&self, error: anyhow::Error) {
        let mut state = self.lock();
        if state.errors.len() < Report::KEPT_FAILURES {
            state.errors.push(error);
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
    pub(crate) async fn close(self: &Arc<Self>) -> Vec<anyhow::Error> {
        self.release_idle();
        let given_back = async {
            while self.lock().is_held() {
                self.changed.notified().await;
            }
        };
        // Whether it took too long is asked of the state.
        let _in_time = within(self.release_within, given_back).await;
        self.releases.wait().await;
        let mut state = self.lock();
        let mut errors = mem::take(&mut state.errors);
        if state.is_held() {
            let (held, waited) = (state.alive - state.releasing, self.release_within);
            errors.push(anyhow!(
                "{held} of its resources still held {waited:?} after its last job, which gave them away"
            ));
        }
        errors
    }
}

impl<R: Resource> Returns<R::State> for Pool<R> {
    fn give_back(self: Arc<Self>, id: Id, back: Back<R::State>) {
        let mut state = self.lock();
        match state.other_half(id) {
            Some(Half::Ended(after)) => self.settle(state, back, after),
            _ => state.unsettled.push((id, Half::Back(back))),
        }
    }
}

impl<S> State<S> {
    /// Somebody outside of any job has some, at the end of a run.
    fn is_held(&self) -> bool {
        self.alive > self.releasing
    }

    fn other_half(&mut self, id: Id) -> Option<Half<S>> {
        let place = self.unsettled.iter().position(|(other, _)| *other == id)?;
        Some(self.unsettled.swap_remove(place).1)
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
        let after = self.after.unwrap_or_else(stopped);
        let mut state = self.pool.lock();
        match state.other_half(self.id) {
            Some(Half::Back(back)) => self.pool.settle(state, back, after),
            _ => state.unsettled.push((self.id, Half::Ended(after))),
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

fn message_of(payload: &(dyn Any + Send)) -> &str {
    let message = payload.downcast_ref::<&str>().copied();
    message.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("(without a message)")
}

/// What `future` comes to, unless it takes longer. The timer is only made if it waits: a runtime may have none.
async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let polled = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
    match polled {
        Poll::Ready(output) => Some(output),
        Poll::Pending => tokio::time::timeout(limit, future).await.ok(),
    }
}
