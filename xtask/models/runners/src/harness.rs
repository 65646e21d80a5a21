//! A stage around the protocol: one lock, runners as tasks, a source, jobs and a receiver.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use super::sync::{AtomicBool, AtomicU8, Condvar, Mutex, MutexGuard, Ordering, block_on, spawn, yield_now};
use crate::fault::Fault;
use crate::slot::Slot;
use crate::stage::{Done, Polled, Size, State};
use crate::workers::{Effects, Last, Next, RunnerId};

/// The marks that the jobs of a model wait for, and the number of live jobs.
pub struct World {
    seen: Mutex<Seen>,
    changed: Condvar,
}

#[derive(Default)]
struct Seen {
    passed: HashSet<usize>,
    waiters: Vec<Waker>,
    live: usize,
    most: usize,
}

impl World {
    fn new() -> Self {
        Self { seen: Mutex::new(Seen::default()), changed: Condvar::new() }
    }

    fn look(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("a model whose task has panicked is over")
    }

    /// Wakes the jobs that wait for `mark`.
    pub fn pass(&self, mark: usize) {
        let mut seen = self.look();
        seen.passed.insert(mark);
        let waiters = std::mem::take(&mut seen.waiters);
        drop(seen);
        self.changed.notify_all();
        waiters.into_iter().for_each(Waker::wake);
    }

    /// Waits for `mark` with an await.
    pub async fn until(&self, mark: usize) {
        std::future::poll_fn(|cx| {
            let waker = cx.waker().clone();
            let mut seen = self.look();
            if seen.passed.contains(&mark) {
                return Poll::Ready(());
            }
            seen.waiters.push(waker);
            Poll::Pending
        })
        .await;
    }

    /// Returns true if `mark` has been passed.
    pub fn has_passed(&self, mark: usize) -> bool {
        self.look().passed.contains(&mark)
    }

    /// Blocks the thread until `mark` is passed, as a job that computes does.
    pub fn block(&self, mark: usize) {
        let mut seen = self.look();
        while !seen.passed.contains(&mark) {
            seen = self.wait(seen);
        }
    }

    fn wait<'a>(&self, seen: MutexGuard<'a, Seen>) -> MutexGuard<'a, Seen> {
        self.changed.wait(seen).expect("a model whose task has panicked is over")
    }

    fn enter(&self) {
        let mut seen = self.look();
        seen.live += 1;
        seen.most = seen.most.max(seen.live);
    }

    fn exit(&self) {
        self.look().live -= 1;
    }
}

/// Waits once, and wakes the job before that.
pub async fn wake_itself() {
    let mut first = true;
    std::future::poll_fn(|cx| {
        if std::mem::take(&mut first) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}

type JobFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Makes the job of an item.
pub type MakeJob = fn(Arc<World>, usize) -> JobFuture;

/// A job in its slot.
struct Job {
    shared: Arc<Shared>,
    item: usize,
    slot: AtomicU8,
    future: std::sync::Mutex<Option<JobFuture>>,
    /// The place of an enlisted job. Only the owner of the job reads it.
    place: std::sync::Mutex<Option<usize>>,
}

impl Job {
    fn change<T>(&self, change: impl Fn(Slot) -> (Slot, T)) -> T {
        let mut before = self.slot.load(Ordering::Acquire);
        loop {
            let (after, result) = change(Slot::from_u8(before));
            match self.slot.compare_exchange(before, after as u8, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return result,
                Err(seen) => before = seen,
            }
        }
    }

    /// Drops the future; the caller owns the job.
    fn drop_future(&self) {
        self.change(|_| (Slot::Ended, ()));
        let future = self.future.try_lock().expect("one runner owns a job").take();
        assert!(future.is_some(), "a job has ended twice");
        drop(future);
    }

    fn forgets(&self, slot: Slot) -> bool {
        self.shared.fault == Fault::LosesAWakeDuringAPoll && slot == Slot::Running
    }
}

impl Wake for Job {
    fn wake(self: Arc<Self>) {
        if self.change(|slot| if self.forgets(slot) { (slot, false) } else { slot.wake() }) {
            let shared = Arc::clone(&self.shared);
            shared.with(|state, effects| state.wake(self, effects));
        }
    }
}

struct Shared {
    state: Mutex<State<Arc<Job>, Waker>>,
    stopping: AtomicBool,
    source: Source,
    world: Arc<World>,
    make: MakeJob,
    size: Size,
    fault: Fault,
}

impl Shared {
    /// Changes the state under the lock, and carries out the effects after it.
    fn with<T>(
        self: &Arc<Self>,
        change: impl FnOnce(&mut State<Arc<Job>, Waker>, &mut Effects<Waker>) -> T,
    ) -> T {
        let mut effects = Effects::default();
        let result = change(&mut self.state.lock().unwrap(), &mut effects);
        effects.wakes.into_iter().for_each(Waker::wake);
        if let Some(id) = effects.spawn {
            self.spawn(id);
        }
        result
    }

    fn spawn(self: &Arc<Self>, id: RunnerId) {
        let mut runner = Runner { shared: Arc::clone(self), id, last: Last::Nothing, done: Done::default() };
        spawn(async move { std::future::poll_fn(|cx| runner.poll(cx)).await });
    }
}

/// A source whose items come from a task of the model.
struct Source {
    inner: Mutex<Supply>,
    leased: AtomicBool,
}

#[derive(Default)]
struct Supply {
    next: usize,
    there: usize,
    last: bool,
    waker: Option<Waker>,
}

impl Source {
    fn poll(&self, waker: &Waker, most: usize) -> Polled {
        assert!(!self.leased.swap(true, Ordering::AcqRel), "two runners poll the source");
        let waker = waker.clone();
        let mut supply = self.inner.lock().unwrap();
        let count = supply.there.min(most);
        let polled = if count > 0 {
            let first = supply.next;
            supply.next += count;
            supply.there -= count;
            Polled::Items((first..first + count).collect())
        } else if supply.last {
            Polled::Ended
        } else {
            supply.waker = Some(waker);
            Polled::Pending
        };
        drop(supply);
        self.leased.store(false, Ordering::Release);
        polled
    }

    fn supply(&self, items: usize, last: bool) {
        let mut supply = self.inner.lock().unwrap();
        supply.there += items;
        supply.last |= last;
        let waker = supply.waker.take();
        drop(supply);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

struct Runner {
    shared: Arc<Shared>,
    id: RunnerId,
    last: Last,
    done: Done,
}

impl Runner {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let shared = Arc::clone(&self.shared);
        let mut polled = None;
        for turn in 0.. {
            if turn > shared.size.turns && polled.is_none() {
                shared.with(|state, _| state.workers.reschedule(self.id));
                cx.waker().wake_by_ref();
                yield_now();
                return Poll::Pending;
            }
            let done = std::mem::take(&mut self.done);
            let waker = cx.waker().clone();
            let turn = shared.with(|state, effects| {
                if let Some(polled) = polled.take() {
                    state.unlease(polled);
                }
                state.turn(self.id, done, self.last, waker, effects)
            });
            match turn.next {
                Next::Resume(job) => {
                    self.last = Last::Ran;
                    job.change(|slot| (slot.resume(), ()));
                    self.run(&job);
                }
                Next::Start => {
                    self.last = Last::Started;
                    self.done.sketch.busy = true;
                    for item in turn.items {
                        self.start(item);
                    }
                }
                Next::Poll => {
                    let came = shared.source.poll(cx.waker(), turn.most);
                    let pending = matches!(came, Polled::Pending);
                    self.last = if pending { Last::Registered } else { Last::Polled };
                    polled = Some(came);
                }
                Next::Sweep(job) => {
                    self.last = Last::Nothing;
                    // Wakes the job as its waker does. If the caller must queue the job, the caller owns the job.
                    if job.change(Slot::wake) {
                        self.cancel(&job);
                    }
                }
                Next::Park => {
                    if shared.fault == Fault::ParksAfterTheUnlock {
                        let waker = cx.waker().clone();
                        shared.with(|state, _| state.workers.park(self.id, self.last, waker));
                    }
                    self.last = Last::Nothing;
                    return Poll::Pending;
                }
                Next::Leave => return Poll::Ready(()),
            }
        }
        unreachable!("a runner parks, leaves or is rescheduled")
    }

    fn start(&mut self, item: usize) {
        if self.shared.stopping.load(Ordering::Relaxed) {
            self.done.unstarted.push(item);
            return;
        }
        let future = (self.shared.make)(Arc::clone(&self.shared.world), item);
        self.shared.world.enter();
        let job = Arc::new(Job {
            shared: Arc::clone(&self.shared),
            item,
            slot: AtomicU8::new(Slot::Running as u8),
            future: std::sync::Mutex::new(Some(future)),
            place: std::sync::Mutex::new(None),
        });
        self.run(&job);
    }

    /// Polls a job that this runner owns. A pending job stays in its slot.
    fn run(&mut self, job: &Arc<Job>) {
        if self.shared.stopping.load(Ordering::Relaxed) {
            return self.cancel(job);
        }
        let waker = Waker::from(Arc::clone(job));
        let mut future = job.future.try_lock().expect("one runner owns a job");
        let polled =
            future.as_mut().expect("the job has not ended").as_mut().poll(&mut Context::from_waker(&waker));
        drop(future);
        if polled.is_ready() {
            self.end(job);
            self.done.outputs.push(job.item);
            return;
        }
        let waited = job.place.try_lock().expect("one runner owns a job").is_some();
        if !waited {
            self.done.sketch.detached += 1;
            // Before another runner can take the job.
            let place = self.shared.with(|state, _| state.workers.enlist(Arc::clone(job)));
            *job.place.try_lock().expect("one runner owns a job") = Some(place);
        }
        // If a stop has swept already, the next look of this runner sweeps the job.
        if job.change(Slot::pause) {
            self.shared.with(|state, effects| state.wake(Arc::clone(job), effects));
        }
    }

    fn cancel(&mut self, job: &Arc<Job>) {
        self.end(job);
        self.done.cancelled += 1;
    }

    fn end(&mut self, job: &Arc<Job>) {
        job.drop_future();
        self.shared.world.exit();
        let place = job.place.try_lock().expect("one runner owns a job").take();
        if let Some(place) = place {
            self.done.sketch.resumed += 1;
            self.shared.with(|state, _| state.workers.strike(place));
        }
    }
}

/// A running stage, seen by its receiver.
pub struct Stage {
    shared: Arc<Shared>,
}

impl Stage {
    /// Starts a stage with one runner.
    #[must_use]
    pub fn start(size: Size, fault: Fault, make: MakeJob) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(size, fault)),
            stopping: AtomicBool::new(false),
            source: Source { inner: Mutex::new(Supply::default()), leased: AtomicBool::new(false) },
            world: Arc::new(World::new()),
            make,
            size,
            fault,
        });
        let first = shared.with(|state, _| state.workers.add_runner());
        shared.spawn(first);
        Self { shared }
    }

    /// Returns the marks and counts of the jobs.
    #[must_use]
    pub fn world(&self) -> Arc<World> {
        Arc::clone(&self.shared.world)
    }

    /// Adds items to the source; `last` ends it after them.
    pub fn supply(&self, items: usize, last: bool) {
        self.shared.source.supply(items, last);
    }

    /// Adds items one by one from a task.
    pub fn supply_one_by_one(&self, items: usize) {
        let shared = Arc::clone(&self.shared);
        spawn(async move {
            for item in 0..items {
                shared.source.supply(1, item + 1 == items);
            }
        });
    }

    /// Stops the run.
    pub fn stop(&self) {
        self.shared.with(|state, effects| {
            // Under the lock: set before it, the flag makes runners take and return items until the state is stopped.
            self.shared.stopping.store(true, Ordering::Relaxed);
            state.stop(effects);
        });
    }

    /// Spawns a task of the model.
    pub fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        spawn(task);
    }

    /// Receives the next output, or `None` once the run is over.
    pub async fn next(&self) -> Option<usize> {
        std::future::poll_fn(|cx| {
            let waker = cx.waker().clone();
            match self.shared.with(|state, effects| state.deliver(waker, effects)) {
                Ok(output) => Poll::Ready(Some(output)),
                Err(true) => Poll::Pending,
                Err(false) => Poll::Ready(None),
            }
        })
        .await
    }

    async fn over(&self) {
        std::future::poll_fn(|cx| {
            let waker = cx.waker().clone();
            if self.shared.with(|state, _| state.poll_over(waker)) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Receives all outputs, and waits until all runners have left.
    ///
    /// # Panics
    ///
    /// Panics if an output is missing, if the limit was exceeded, or if a job is left.
    pub fn run_to_its_end(&self, items: usize) {
        let mut outputs = block_on(async {
            let mut outputs = Vec::new();
            while let Some(output) = self.next().await {
                outputs.push(output);
            }
            self.over().await;
            outputs
        });
        outputs.sort_unstable();
        assert!(outputs.iter().copied().eq(0..items), "of 0 to {items} there are {outputs:?}");
        self.assert_over();
    }

    /// Waits until all runners of a stopped run have left.
    ///
    /// # Panics
    ///
    /// Panics if an item is not counted, or if a job is left.
    pub fn run_to_its_stop(&self, items: usize) {
        let taken = block_on(async {
            let mut taken = 0;
            while self.next().await.is_some() {
                taken += 1;
            }
            self.over().await;
            taken
        });
        self.assert_over();
        let state = self.shared.state.lock().unwrap();
        let supplied = self.shared.source.inner.lock().unwrap().next;
        let counted = taken + state.undelivered() + state.cancelled + state.unstarted();
        assert!(
            supplied <= items && counted == supplied,
            "{supplied} items were taken, {counted} are counted"
        );
    }

    fn assert_over(&self) {
        self.shared.state.lock().unwrap().assert_over();
        let seen = self.shared.world.look();
        assert_eq!(seen.live, 0, "jobs are left");
        assert!(seen.most <= self.shared.size.limit, "{} jobs at once", seen.most);
    }
}
