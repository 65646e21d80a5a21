//! The rate: starts per time.

use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::coop;
use tokio::time::Instant;
use towpath_pattern::{IntoLimit, Limiter, anyhow};

use crate::pacer::{Grant, Pacer, Wait};
use crate::quota::{InvalidRate, Quota, TICKS};
use crate::sync::{WakeList, panic};

/// A number of jobs started per time.
///
/// # When not to use it
///
/// - For a number of jobs at once, short or long: the limit of the pattern, or a semaphore.
/// - To refuse work above a rate: a rate delays a start, and refuses nothing.
/// - For a budget that several processes share: only clones in the same process share a budget.
///
/// # The promise
///
/// In *any* window of length `t`, at most `burst + rate · t` jobs start. A start counts when the job starts, and not when the
/// rate grants the start. So no number of granted starts can pile up behind a further limit and exceed the rate at once.
///
/// Clones share the budget. Starts are granted first come, first served. A cancelled wait, and a granted start that never
/// starts, use nothing of the budget.
///
/// The clock is the clock of tokio: `tokio::time::pause` and `advance` move the rate.
///
/// # The burst
///
/// Without [`burst`](Rate::burst), starts are evenly spaced: there is no burst at the beginning. Above 100 per second, the
/// burst is the number of starts in ten milliseconds, because timers of tokio have a resolution of a millisecond and tasks
/// wake late on a busy machine.
///
/// With a burst of 1, a timer that fires late delays all later starts. The loss is about a millisecond per start, for example
/// 2 % at 20 per second; a burst of 2 makes up for late timers.
///
/// # Jobs and attempts
///
/// Under `limited_by`, a rate counts jobs. A job with `retry` or `hedge` of `towpath-job` starts once, and its further attempts
/// do not count. To count every attempt, the job calls [`until_ready`](Rate::until_ready) itself, inside of the `retry`:
/// `with_state(rate, async |rate: &Rate, url| { rate.until_ready().await; get(url).await }).retry(policy)`. The wait is then a
/// part of the job: the item has started, and waits in its slot. The example of `JobExt::retry` has both.
///
/// # With further limits
///
/// A rate comes last: `(semaphore, rate)`, and not `(rate, semaphore)`. A granted start occupies a place of the burst until
/// the job starts, or until the permit is dropped. With a burst of 1, an item that waits for a semaphore after the rate
/// stops all starts of this rate. The promise holds in any order.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use std::time::Duration;
/// use tokio::time::Instant;
/// use towpath_limit::Rate;
///
/// let api = Rate::per_second(20).burst(5);
/// let begin = Instant::now();
/// for _ in 0..25 {
///     api.until_ready().await;
/// }
/// assert_eq!(begin.elapsed(), Duration::from_secs(1)); // 5 at once, and 20 in a second
/// # }
/// ```
#[derive(Clone)]
pub struct Rate(Arc<Pacer>);

/// The start of a job under a [`Rate`]. The drop gives the start back, unless the job has started.
#[derive(Debug)]
#[must_use = "a permit that is dropped gives its start back"]
pub struct RatePermit(Grant<Arc<Pacer>>);

impl From<Grant<Arc<Pacer>>> for RatePermit {
    fn from(grant: Grant<Arc<Pacer>>) -> Self {
        Self(grant)
    }
}

impl Rate {
    /// Creates a rate of `starts` per second, evenly spaced. Fractions are allowed: 0.1 is a start every ten seconds.
    ///
    /// # Panics
    ///
    /// Panics at the caller's location if `starts` is zero, negative, infinite or not a number.
    /// [`try_per_second`](Rate::try_per_second) returns an error instead.
    ///
    /// # Examples
    ///
    /// ```
    /// use towpath_limit::Rate;
    ///
    /// let api = Rate::per_second(20);
    /// let slow = Rate::per_second(0.5);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn per_second(starts: impl Into<f64>) -> Self {
        or_panic(Self::try_per_second(starts.into()))
    }

    /// Creates a rate of `starts` per second, for a number that is known only at run time.
    ///
    /// # Errors
    ///
    /// Returns an error if `starts` is zero, negative, infinite or not a number.
    ///
    /// # Examples
    ///
    /// ```
    /// use towpath_limit::Rate;
    ///
    /// # fn main() -> anyhow::Result<()> {
    /// let from_a_file = "2.5".parse()?;
    /// let api = Rate::try_per_second(from_a_file)?;
    /// assert!(Rate::try_per_second(0.0).is_err());
    /// # Ok(()) }
    /// ```
    pub fn try_per_second(starts: f64) -> Result<Self, InvalidRate> {
        Quota::per_second(starts).map(Self::with)
    }

    /// Creates a rate of one start per `interval`. An interval above 292 years counts as 292 years.
    ///
    /// # Panics
    ///
    /// Panics at the caller's location if `interval` is zero. [`try_every`](Rate::try_every) returns an error instead.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// use std::time::Duration;
    /// use tokio::time::Instant;
    /// use towpath_limit::Rate;
    ///
    /// let minute = Duration::from_secs(60);
    /// let hourly = Rate::every(60 * minute);
    /// let begin = Instant::now();
    /// hourly.until_ready().await; // the first start is free
    /// hourly.until_ready().await;
    /// assert_eq!(begin.elapsed(), 60 * minute);
    /// # }
    /// ```
    #[must_use]
    #[track_caller]
    pub fn every(interval: Duration) -> Self {
        or_panic(Self::try_every(interval))
    }

    /// Creates a rate of one start per `interval`, for an interval that is known only at run time.
    ///
    /// # Errors
    ///
    /// Returns an error if `interval` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use towpath_limit::Rate;
    ///
    /// assert!(Rate::try_every(Duration::from_millis(50)).is_ok());
    /// assert!(Rate::try_every(Duration::ZERO).is_err());
    /// ```
    pub fn try_every(interval: Duration) -> Result<Self, InvalidRate> {
        Quota::every(interval).map(Self::with)
    }

    /// Returns the rate with a burst: the number of starts that may come at the same moment after a pause.
    ///
    /// The returned rate has a new budget, with the whole burst available. Earlier clones keep their shared budget.
    ///
    /// # Panics
    ///
    /// Panics at the caller's location if `starts` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// use tokio::time::{Duration, Instant};
    /// use towpath_limit::Rate;
    ///
    /// let api = Rate::per_second(1).burst(3);
    /// let begin = Instant::now();
    /// for _ in 0..3 {
    ///     api.until_ready().await;
    /// }
    /// assert_eq!(begin.elapsed(), Duration::ZERO);
    /// # }
    /// ```
    #[must_use]
    #[track_caller]
    pub fn burst(self, starts: impl IntoLimit) -> Self {
        let burst = starts.into_limit().get();
        Self::with(Quota { burst, ..self.0.quota() })
    }

    /// Changes the rate and the burst to the numbers of `rate`, also during runs. All clones change, and waiting items
    /// wait under the new rate.
    ///
    /// No change creates a start: the starts that were available before stay available up to the new burst, and a higher burst
    /// fills at the new rate. Starts that were granted before the change may still start.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// use tokio::time::{Duration, Instant};
    /// use towpath_limit::Rate;
    ///
    /// let api = Rate::per_second(1);
    /// api.until_ready().await;
    /// api.clone().set(&Rate::per_second(10));
    /// let begin = Instant::now();
    /// api.until_ready().await;
    /// assert_eq!(begin.elapsed(), Duration::from_millis(100));
    /// # }
    /// ```
    pub fn set(&self, rate: &Self) {
        let quota = rate.0.quota();
        let mut woken = WakeList::default();
        self.0.set(quota, Instant::now(), &mut woken);
        panic::resume(woken.wake_all());
    }

    /// Waits until a start is allowed, and counts the start: for work without a run, under the same budget.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime with timers.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe. A cancelled call leaves the wait list and uses nothing of the budget.
    pub async fn until_ready(&self) {
        poll_fn(coop::poll_proceed).await.made_progress();
        let permit: anyhow::Result<RatePermit> = Wait::new(Arc::clone(&self.0)).await;
        if let Ok(mut permit) = permit {
            permit.0.start();
        }
    }

    pub(crate) fn quota(&self) -> Quota {
        self.0.quota()
    }

    fn with(quota: Quota) -> Self {
        Self(Arc::new(Pacer::new(quota, Instant::now())))
    }
}

#[track_caller]
fn or_panic(rate: Result<Rate, InvalidRate>) -> Rate {
    match rate {
        Ok(rate) => rate,
        Err(invalid) => panic!("{invalid}"),
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug("Rate", self.0.quota(), f)
    }
}

/// Writes the interval and the burst of a rate.
pub(crate) fn debug(name: &str, quota: Quota, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let nanos = u64::try_from(quota.interval / TICKS).unwrap_or(u64::MAX);
    f.debug_struct(name)
        .field("interval", &Duration::from_nanos(nanos))
        .field("burst", &quota.burst)
        .finish_non_exhaustive()
}

impl<In> Limiter<In> for Rate {
    type Permit = RatePermit;

    fn acquire(&self, _: &In) -> impl Future<Output = anyhow::Result<RatePermit>> + Send + 'static + use<In> {
        Wait::new(Arc::clone(&self.0))
    }

    fn started(&self, permit: &mut RatePermit) {
        permit.0.start();
    }
}
