//! Observers of runs: the traits, and the observers of a stage without their types. Every panic of an observer is caught here.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::limit::{JobLimit, LiveLimit};
use crate::util::panic::{Payload, catch, message_of};

/// Observes runs, for example for traces, metrics or a limit that adapts. The builder `observed` adds an observer to a
/// pattern.
///
/// # When not to use it
///
/// - For the counts of a run: [`Run::report`](crate::Run::report), or [`Run::monitor`](crate::Run::monitor) from a different
///   task. A progress bar polls the stream of [`Run::watch`](crate::Run::watch).
/// - For an action with the input or the output: the job, or a wrapper of the job. An observer sees neither.
/// - For the wait of an item without a slot, under a [limiter by item](crate::Limiter::PER_ITEM): the item is not taken up by a
///   worker yet. A limiter around the limiter measures the wait: see the example of [`Limiter`](crate::Limiter#examples).
///   [`Counts::waiting`](crate::Counts::waiting) includes the item.
/// - To stop a run or to change the result of a job: an observer has no influence on its run.
///
/// # Contract
///
/// A run calls [`observe`](Observer::observe) once for every stage. If the method returns `None`, the stage runs as without an
/// observer, and costs the same. A stage without an observer asks nothing.
///
/// For every item, the stage calls [`taken`](RunObserver::taken), then [`started`](RunObserver::started) if the job starts,
/// and then [`completed`](RunObserver::completed). The calls for an item come one after another, from the worker with the
/// item; the calls for two items may overlap. No call comes under a lock of the engine.
///
/// An item that waits without a slot for a [limiter by item](crate::Limiter::PER_ITEM) until the end of the run is in no call.
/// [`Counts::never_started`](crate::Counts::never_started) counts the item.
///
/// A panic of an observer never reaches the run. The hook of the process prints the panic, and the run does not call the
/// observer again.
///
/// # Cost
///
/// An observed item costs two allocations, two or three readings of the clock, and the calls. The item also allocates
/// [`RunObserver::Item`], unless the type has no size.
///
/// # Examples
///
/// An observer that reports slow jobs:
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> anyhow::Result<()> {
/// use std::sync::{Arc, Mutex};
/// use std::time::Duration;
/// use towpath_pattern::{Ended, ItemInfo, Observer, Run, RunInfo, RunObserver, Scope, Settings, Source};
///
/// /// Keeps the indices of the jobs that ran for over a second.
/// #[derive(Clone, Default)]
/// struct Slow(Arc<Mutex<Vec<usize>>>);
///
/// impl Observer for Slow {
///     type Run = Self;
///
///     fn observe(&self, _: &RunInfo) -> Option<Self> {
///         Some(self.clone())
///     }
/// }
///
/// impl RunObserver for Slow {
///     type Item = usize;
///
///     fn taken(&self, item: ItemInfo) -> usize {
///         item.index
///     }
///
///     fn completed(&self, index: usize, ended: Ended) {
///         if ended.ran > Some(Duration::from_secs(1)) {
///             self.0.lock().expect("no panic").push(index);
///         }
///     }
/// }
///
/// let slow = Slow::default();
/// let settings = Settings::new("nap", 4).observed(slow.clone());
/// let nap = Arc::new(|seconds: u64| async move { Ok(tokio::time::sleep(Duration::from_secs(seconds)).await) });
/// Run::spawn(Scope::default(), Source::new([1, 5, 1]), settings, nap).finish().await;
/// assert_eq!(*slow.0.lock().expect("no panic"), [1]);
/// # Ok(()) }
/// ```
pub trait Observer: Send + Sync + 'static {
    /// The observer of the items of a stage.
    type Run: RunObserver;

    /// Returns the observer of a stage of a run, or `None` if the stage is not to be observed. The call comes from the caller
    /// that starts the run, before the first item is taken.
    fn observe(&self, run: &RunInfo) -> Option<Self::Run>;
}

impl<O: Observer> Observer for Arc<O> {
    type Run = O::Run;

    fn observe(&self, run: &RunInfo) -> Option<Self::Run> {
        O::observe(self, run)
    }
}

/// Observes the items of a stage of one run. Created by [`Observer::observe`], which has the contract and an example.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use towpath_pattern::{Ended, ItemInfo, RunObserver};
///
/// /// Prints all events of a stage.
/// struct Prints;
///
/// impl RunObserver for Prints {
///     type Item = usize;
///
///     fn taken(&self, item: ItemInfo) -> usize {
///         println!("{} taken", item.index);
///         item.index
///     }
///
///     fn started(&self, index: &mut usize, waited: Duration) {
///         println!("{index} started after {waited:?}");
///     }
///
///     fn around_poll(&self, index: &mut usize, poll: &mut dyn FnMut()) {
///         println!("{index} is polled");
///         poll();
///     }
///
///     fn completed(&self, index: usize, ended: Ended) {
///         println!("{index} {:?}", ended.outcome);
///     }
///
///     fn ended(&self) {
///         println!("the run has ended");
///     }
/// }
/// ```
pub trait RunObserver: Send + Sync + 'static {
    /// The observer's own data of an item, from `taken` to `completed`: `()` if there is none.
    type Item: Send + 'static;

    /// Records that a worker has taken up an item. If the item goes back before its start, a later call reports the item once
    /// more.
    fn taken(&self, item: ItemInfo) -> Self::Item;

    /// Records that the job of an item starts. `waited` is the time since `taken`: the wait of an item in its slot, for a permit, a
    /// rate or a resource. An item that waits for a [limiter by item](crate::Limiter::PER_ITEM) has no slot, and no call of
    /// `taken` until the end of that wait: neither `waited` nor the calls include the wait.
    fn started(&self, item: &mut Self::Item, waited: Duration) {
        let _ = (item, waited);
    }

    /// Calls `poll`, which polls the work on the item once, or drops a cancelled work. An implementation enters a span, or sets
    /// a task-local, around the call.
    ///
    /// Further calls of `poll` have no effect. Without a call, the stage polls the work after the method has returned.
    fn around_poll(&self, item: &mut Self::Item, poll: &mut dyn FnMut()) {
        let _ = item;
        poll();
    }

    /// Records the end of an item, once for every `taken`.
    fn completed(&self, item: Self::Item, ended: Ended);

    /// Records the end of the run, after the last item.
    fn ended(&self) {}
}

/// A stage of a run, as an [`Observer`] sees the stage.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunInfo {
    /// The name of the stage.
    pub stage: Arc<str>,
    /// The number of jobs at once, at the start of the run.
    pub limit: usize,
    /// The bound of the items in the stage, at the start of the run: limit plus capacity.
    pub bound: usize,
    pub(crate) job_limit: JobLimit,
}

impl RunInfo {
    /// Returns whether the limit of the stage is `limit` or a clone: a change of `limit` changes the stage. An observer that
    /// sets a limit observes only such stages.
    ///
    /// # Examples
    ///
    /// ```
    /// use towpath_pattern::{LiveLimit, RunInfo};
    ///
    /// /// Observes the stages under its own limit.
    /// struct Dial(LiveLimit);
    ///
    /// impl Dial {
    ///     fn observes(&self, run: &RunInfo) -> bool {
    ///         run.is_limited_by(&self.0)
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn is_limited_by(&self, limit: &LiveLimit) -> bool {
        matches!(&self.job_limit, JobLimit::Live(live) if live.is(limit))
    }
}

/// An item, as a [`RunObserver`] sees the item.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ItemInfo {
    /// The index of the input that the item comes from, counted from zero at the first stage.
    pub index: usize,
}

/// The end of an item, as a [`RunObserver`] sees the end.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Ended {
    /// The outcome.
    pub outcome: Outcome,
    /// The time from the start of the job to its end; `None` without a start.
    pub ran: Option<Duration>,
}

/// The outcome of an item. Every outcome except [`GivenBack`](Outcome::GivenBack) has a count in [`Counts`](crate::Counts).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The job returned an output.
    Succeeded,
    /// The job returned an error, or a limiter refused the item.
    Errored,
    /// The job returned an error with a [`TimedOut`](crate::TimedOut) in it.
    TimedOut,
    /// The job panicked, or returned an error with a [`Panic`](crate::Panic) in it.
    Panicked,
    /// The job was dropped before its end.
    Cancelled,
    /// The item went back before the start of its job. A worker takes the item again, or the run never starts the item.
    GivenBack,
}

impl Outcome {
    /// Returns the outcome in lower case, for a label or a field.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(towpath_pattern::Outcome::TimedOut.as_str(), "timed_out");
    /// ```
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Errored => "errored",
            Self::TimedOut => "timed_out",
            Self::Panicked => "panicked",
            Self::Cancelled => "cancelled",
            Self::GivenBack => "given_back",
        }
    }
}

/// The moment at which an observed job starts. A work that waits before the start awaits the `Start` after the wait: see
/// [`Work::work_observed`](crate::Work::work_observed).
///
/// The first poll is always pending, and the stage polls the work again at once. So the observer records the start before the
/// first poll of the job, and the first poll is inside the span of the job.
#[derive(Debug)]
#[must_use = "a start is recorded at the await"]
pub struct Start(Arc<AtomicBool>);

impl Start {
    /// Returns a start, and the flag that the first poll of the start sets.
    pub(crate) fn new() -> (Self, Arc<AtomicBool>) {
        let flag = Arc::new(AtomicBool::new(false));
        (Self(Arc::clone(&flag)), flag)
    }
}

impl Future for Start {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.0.swap(true, Relaxed) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// The observers of a stage; none by default. The field [`Settings::observers`](crate::Settings::observers) has this type.
#[derive(Clone, Default)]
pub struct Observers(Option<Arc<dyn ErasedObserver>>);

impl Observers {
    /// Adds an observer. The observers are called in the order of their addition.
    ///
    /// # Examples
    ///
    /// ```
    /// use towpath_pattern::{Observer, Settings};
    ///
    /// /// Adds an observer to settings whose other fields are set by hand.
    /// fn observe(settings: &mut Settings, observer: impl Observer) {
    ///     settings.observers.add(observer);
    /// }
    /// ```
    pub fn add(&mut self, observer: impl Observer) {
        let observer: Arc<dyn ErasedObserver> = Arc::new(Erased(observer));
        self.0 = Some(match self.0.take() {
            None => observer,
            Some(first) => Arc::new(Both(first, observer)),
        });
    }

    /// Asks every observer once.
    pub(crate) fn observe(&self, run: impl FnOnce() -> RunInfo) -> Option<Arc<dyn ErasedRun>> {
        self.0.as_ref().and_then(|observer| observer.observe(&run()))
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Observers(..)" } else { "Observers(none)" })
    }
}

trait ErasedObserver: Send + Sync {
    fn observe(&self, run: &RunInfo) -> Option<Arc<dyn ErasedRun>>;
}

/// The data of an item without its type; `None` if the observer has panicked.
pub(crate) type ItemData = Option<Box<dyn Any + Send>>;

/// A [`RunObserver`] without its type. No method panics.
pub(crate) trait ErasedRun: Send + Sync {
    fn taken(&self, item: ItemInfo) -> ItemData;
    fn started(&self, item: &mut ItemData, waited: Duration);
    /// May omit the call of `poll`, or repeat the call.
    fn around_poll(&self, item: &mut ItemData, poll: &mut dyn FnMut());
    fn completed(&self, item: ItemData, ended: Ended);
    fn ended(&self);
}

struct Erased<O>(O);

impl<O: Observer> ErasedObserver for Erased<O> {
    fn observe(&self, run: &RunInfo) -> Option<Arc<dyn ErasedRun>> {
        let observer = catch(|| self.0.observe(run)).unwrap_or_else(|payload| {
            printed(payload);
            None
        })?;
        Some(Arc::new(CaughtRun { observer, broken: AtomicBool::new(false) }))
    }
}

/// An observer whose panics are caught. After a panic, the observer is not called again.
struct CaughtRun<R> {
    observer: R,
    broken: AtomicBool,
}

impl<R: RunObserver> CaughtRun<R> {
    fn call<T>(&self, call: impl FnOnce(&R) -> T) -> Option<T> {
        if self.broken.load(Relaxed) {
            return None;
        }
        match catch(|| call(&self.observer)) {
            Ok(value) => Some(value),
            Err(payload) => {
                self.broken.store(true, Relaxed);
                printed(payload);
                None
            }
        }
    }
}

fn of<T: 'static>(item: &mut ItemData) -> Option<&mut T> {
    item.as_mut().and_then(|item| item.downcast_mut())
}

impl<R: RunObserver> ErasedRun for CaughtRun<R> {
    fn taken(&self, item: ItemInfo) -> ItemData {
        // A value without a size is not allocated.
        self.call(|observer| observer.taken(item)).map(|item| Box::new(item) as Box<dyn Any + Send>)
    }

    fn started(&self, item: &mut ItemData, waited: Duration) {
        if let Some(item) = of(item) {
            self.call(|observer| observer.started(item, waited));
        }
    }

    fn around_poll(&self, item: &mut ItemData, poll: &mut dyn FnMut()) {
        if let Some(item) = of(item) {
            self.call(|observer| observer.around_poll(item, poll));
        }
    }

    fn completed(&self, item: ItemData, ended: Ended) {
        let Some(item) = item.and_then(|item| item.downcast().ok()) else { return };
        let mut item = Some(*item);
        self.call(|observer| observer.completed(item.take().expect("called once"), ended));
        // The data of a broken observer.
        if let Err(payload) = catch(|| drop(item)) {
            printed(payload);
        }
    }

    fn ended(&self) {
        self.call(R::ended);
    }
}

/// Two observers of a stage.
struct Both<A: ?Sized, B: ?Sized = A>(Arc<A>, Arc<B>);

impl ErasedObserver for Both<dyn ErasedObserver> {
    fn observe(&self, run: &RunInfo) -> Option<Arc<dyn ErasedRun>> {
        match (self.0.observe(run), self.1.observe(run)) {
            (Some(first), Some(second)) => Some(Arc::new(Both(first, second))),
            (first, second) => first.or(second),
        }
    }
}

impl ErasedRun for Both<dyn ErasedRun> {
    fn taken(&self, item: ItemInfo) -> ItemData {
        Some(Box::new((self.0.taken(item), self.1.taken(item))))
    }

    fn started(&self, item: &mut ItemData, waited: Duration) {
        if let Some((first, second)) = of::<(ItemData, ItemData)>(item) {
            self.0.started(first, waited);
            self.1.started(second, waited);
        }
    }

    fn around_poll(&self, item: &mut ItemData, poll: &mut dyn FnMut()) {
        if let Some((first, second)) = of::<(ItemData, ItemData)>(item) {
            self.0.around_poll(first, &mut || self.1.around_poll(second, poll));
        }
    }

    fn completed(&self, item: ItemData, ended: Ended) {
        if let Some(item) = item
            && let Ok(items) = item.downcast::<(ItemData, ItemData)>()
        {
            let (first, second) = *items;
            self.0.completed(first, ended);
            self.1.completed(second, ended);
        }
    }

    fn ended(&self) {
        self.0.ended();
        self.1.ended();
    }
}

/// Drops the payload of a panic that the hook of the process has printed.
fn printed(payload: Payload) {
    message_of(payload);
}
