//! The semaphore as a limiter: a permit for each item, or as many permits as an item costs.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::task::coop;
use towpath_pattern::{Limiter, anyhow};

use crate::error::{AcquireError, TryAcquireError};
use crate::permit::OwnedSemaphorePermit;
use crate::permits::{PendingTake, Permits};
use crate::semaphore::Semaphore;

/// A permit for every job. An item waits for its permit in its slot of the limit.
///
/// # Examples
///
/// Two patterns share the permits:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_pipeline::{PatternExt, Pipeline};
/// use towpath_semaphore::Semaphore;
///
/// let connections = Semaphore::new(3);
/// let fetch = Pipeline::new(8, |n: u64| async move { Ok(n) })
///     .limited_by(&connections)
///     .then_stage(8, |n: u64| async move { Ok(n * 2) })
///     .limited_by(&connections);
/// assert_eq!(fetch.run([1]).collect().await?, [2]);
/// assert_eq!(connections.available_permits(), 3);
/// # Ok(()) }
/// ```
impl<In> Limiter<In> for Semaphore {
    type Permit = OwnedSemaphorePermit;

    fn acquire(
        &self,
        _: &In,
    ) -> impl Future<Output = anyhow::Result<OwnedSemaphorePermit>> + Send + 'static + use<In> {
        let semaphore = self.clone();
        async move { Ok(semaphore.acquire_owned().await?) }
    }
}

impl Semaphore {
    /// Returns a limiter that acquires `cost(&item)` permits for each item.
    ///
    /// An item waits without a slot of the limit. Items are served in input order: an item with a small cost does not
    /// pass an item that waits for many permits. An item of cost 0 waits for no permit.
    ///
    /// # Errors
    ///
    /// An item with a cost above the [total](Semaphore::total_permits) fails, and its job does not start. If a
    /// [`resize`](Semaphore::resize) makes the total smaller than the cost of an item that waits already, the item goes on
    /// waiting. With a total of 0, the semaphore pauses, and every item with a cost waits; the first total after the pause
    /// decides on the costs of the items that have come meanwhile. On a closed semaphore, every item fails with
    /// [`AcquireError`](crate::AcquireError).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_fanout::{Fanout, OnFailure, PatternExt};
    /// use towpath_semaphore::Semaphore;
    ///
    /// // A permit per kilobyte. At most eight jobs at once, and at most a megabyte.
    /// let memory = Semaphore::new(1_024);
    /// let load = Fanout::new(8, |bytes: usize| async move { Ok(bytes) })
    ///     .limited_by(&memory.weighted(|bytes: &usize| bytes / 1_024))
    ///     .on_failure(OnFailure::Continue);
    ///
    /// let (outcomes, report) = load.run([500_000, 10, 2_000_000]).outcomes().await;
    /// assert_eq!(report.last().succeeded, 2);
    /// let failure = outcomes.into_iter().find_map(Result::err).expect("a failure");
    /// assert_eq!(format!("{:#}", failure.cause()), "the item costs 1953 permits, and the semaphore has 1024 in all");
    /// # Ok(()) }
    /// ```
    pub fn weighted<T, F>(&self, cost: F) -> Weighted<F>
    where
        F: Fn(&T) -> usize,
    {
        Weighted { semaphore: self.clone(), cost: Arc::new(cost) }
    }
}

/// Limits the jobs at once by the costs of their items. Created by [`Semaphore::weighted`].
///
/// # When not to use it
///
/// - For items of equal cost: the [`Semaphore`] itself.
/// - For costs that are known only after the start of the job: [`Semaphore::acquire_many`] in the job, which then waits
///   in its slot.
///
/// Clones share the semaphore.
pub struct Weighted<F> {
    semaphore: Semaphore,
    cost: Arc<F>,
}

impl<T, F> Limiter<T> for Weighted<F>
where
    F: Fn(&T) -> usize + Send + Sync + 'static,
{
    type Permit = OwnedSemaphorePermit;

    const PER_ITEM: bool = true;

    fn acquire(
        &self,
        item: &T,
    ) -> impl Future<Output = anyhow::Result<OwnedSemaphorePermit>> + Send + 'static + use<T, F> {
        let cost = (self.cost)(item);
        AcquireCost::New { permits: Arc::clone(&self.semaphore.0), cost }
    }
}

/// The wait of an item for as many permits as the item costs. Not an `async fn` around
/// [`Semaphore::acquire_many_owned`]: most items do not wait, and the future would be several times as large.
enum AcquireCost {
    New {
        permits: Arc<Permits>,
        cost: usize,
    },
    Waiting {
        take: PendingTake<Arc<Permits>>,
        /// The cost was not compared with a total: the semaphore pauses.
        awaits_total: bool,
    },
    Completed,
}

impl AcquireCost {
    /// Takes the permits of a new item, or prepares the wait.
    fn start(permits: Arc<Permits>, cost: usize) -> anyhow::Result<Result<OwnedSemaphorePermit, Self>> {
        let awaits_total = Self::awaits_total(&permits, cost)?;
        match permits.try_take(cost) {
            Ok(()) => Ok(Ok(OwnedSemaphorePermit::new(permits, cost))),
            Err(TryAcquireError::NoPermits) => {
                Ok(Err(Self::Waiting { take: PendingTake::new(permits, cost), awaits_total }))
            }
            Err(TryAcquireError::Closed) => Err(AcquireError.into()),
        }
    }

    /// Compares the cost of an item with the total. Returns `true` if the semaphore pauses, and so has no total.
    fn awaits_total(permits: &Permits, cost: usize) -> anyhow::Result<bool> {
        let total = permits.total();
        anyhow::ensure!(
            total == 0 || cost <= total || permits.is_closed(),
            "the item costs {cost} permits, and the semaphore has {total} in all"
        );
        Ok(total == 0)
    }
}

impl Future for AcquireCost {
    type Output = anyhow::Result<OwnedSemaphorePermit>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let proceed = ready!(coop::poll_proceed(cx));
        match mem::replace(this, Self::Completed) {
            Self::New { permits, cost } => match Self::start(permits, cost)? {
                Ok(permit) => {
                    proceed.made_progress();
                    return Poll::Ready(Ok(permit));
                }
                Err(waiting) => *this = waiting,
            },
            waiting => *this = waiting,
        }
        let Self::Waiting { take, awaits_total } = this else {
            panic!("a future was polled after its completion")
        };
        let Poll::Ready(taken) = take.poll_in_pause(*awaits_total, cx) else {
            // The end of a pause wakes the item only in the wait list. So the total is read after the entry into the
            // wait list.
            if *awaits_total {
                *awaits_total = Self::awaits_total(&take.permits, take.count)?;
            }
            return Poll::Pending;
        };
        taken?;
        proceed.made_progress();
        let permit = OwnedSemaphorePermit::new(Arc::clone(&take.permits), take.count);
        *this = Self::Completed;
        Poll::Ready(Ok(permit))
    }
}

impl<F> Clone for Weighted<F> {
    fn clone(&self) -> Self {
        Self { semaphore: self.semaphore.clone(), cost: Arc::clone(&self.cost) }
    }
}

impl<F> fmt::Debug for Weighted<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Weighted").field("semaphore", &self.semaphore).finish_non_exhaustive()
    }
}
