//! The semaphore: the methods with which tasks acquire permits.

use std::future::poll_fn;
use std::sync::Arc;

use tokio::task::coop;

use crate::error::{AcquireError, TryAcquireError};
use crate::permit::{OwnedSemaphorePermit, SemaphorePermit};
use crate::permits::Permits;

/// Limits the tasks at the same time by permits, acquired one at a time or several at once, and released when dropped.
///
/// First come, first served: a released permit goes to the task that has waited longest, and no task with a small demand
/// passes over a task that waits for many permits. Clones share the permits.
///
/// The names are the names of `tokio::sync::Semaphore`; the [crate](crate#differences-from-tokio) lists the
/// differences.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_semaphore::{Semaphore, TryAcquireError};
///
/// let seats = Semaphore::new(2);
/// let first = seats.acquire().await?;
/// let second = seats.try_acquire()?;
/// assert_eq!(seats.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
/// assert_eq!((seats.available_permits(), seats.total_permits()), (0, 2));
/// drop((first, second));
/// assert_eq!(seats.available_permits(), 2);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Semaphore(pub(crate) Arc<Permits>);

impl Semaphore {
    /// The largest number of permits.
    pub const MAX_PERMITS: usize = Permits::MAX;

    /// Creates a semaphore with a number of permits, which may be 0.
    ///
    /// A number above [`Semaphore::MAX_PERMITS`] counts as `MAX_PERMITS`.
    #[must_use]
    pub fn new(permits: usize) -> Self {
        Self(Arc::new(Permits::new(permits)))
    }

    /// Acquires a permit in turn, and waits for a free permit.
    ///
    /// # Errors
    ///
    /// Returns [`AcquireError`] when the semaphore is closed, also during the wait.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe. A cancelled call leaves the wait list and takes no permit.
    #[inline]
    pub async fn acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.acquire_many(1).await
    }

    /// Acquires `count` permits at once, in turn.
    ///
    /// A call for more permits than the [total](Semaphore::total_permits) waits until the total grows, and all later calls
    /// wait behind it. If the total never grows, the call never completes.
    ///
    /// # Errors
    ///
    /// Returns [`AcquireError`] when the semaphore is closed, also during the wait.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe. A cancelled call leaves the wait list and takes no permit.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_semaphore::Semaphore;
    ///
    /// let memory = Semaphore::new(1_024); // a permit per kilobyte
    /// let buffer = memory.acquire_many(256).await?;
    /// assert_eq!(memory.available_permits(), 768);
    /// # drop(buffer);
    /// # Ok(()) }
    /// ```
    #[inline]
    pub async fn acquire_many(&self, count: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        let proceed = poll_fn(coop::poll_proceed).await;
        // No waiter is passed over: while a task waits, no permit is free.
        match self.try_acquire_many(count) {
            Ok(permit) => {
                proceed.made_progress();
                return Ok(permit);
            }
            Err(TryAcquireError::Closed) => return Err(AcquireError),
            Err(TryAcquireError::NoPermits) => drop(proceed),
        }
        self.0.take(count as usize).await?;
        Ok(SemaphorePermit::new(&self.0, count))
    }

    /// Acquires a permit if a permit is free now.
    ///
    /// # Errors
    ///
    /// Returns [`TryAcquireError`] if no permit is free, if tasks wait, or if the semaphore is closed.
    #[inline]
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Acquires `count` permits if `count` permits are free now.
    ///
    /// # Errors
    ///
    /// Returns [`TryAcquireError`] if fewer permits are free, if tasks wait, or if the semaphore is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_semaphore::{Semaphore, TryAcquireError};
    ///
    /// let memory = Semaphore::new(1_024);
    /// let buffer = memory.try_acquire_many(768)?;
    /// assert_eq!(memory.try_acquire_many(512).unwrap_err(), TryAcquireError::NoPermits);
    /// # drop(buffer);
    /// # Ok(()) }
    /// ```
    #[inline]
    pub fn try_acquire_many(&self, count: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.0.try_take(count as usize)?;
        Ok(SemaphorePermit::new(&self.0, count))
    }

    /// Acquires one permit as [`Semaphore::acquire`] does. The permit borrows nothing and can be sent into a task.
    ///
    /// # Errors
    ///
    /// Returns [`AcquireError`] when the semaphore is closed, also during the wait.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe. A cancelled call leaves the wait list and takes no permit.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_semaphore::Semaphore;
    ///
    /// let semaphore = Semaphore::new(1);
    /// let permit = semaphore.acquire_owned().await?;
    /// let task = tokio::spawn(async move {
    ///     // The task runs with the permit.
    ///     drop(permit);
    /// });
    /// task.await?;
    /// # Ok(()) }
    /// ```
    pub async fn acquire_owned(&self) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.acquire_many_owned(1).await
    }

    /// Acquires `count` permits as [`Semaphore::acquire_many`] does. The permits borrow nothing and can be sent into a
    /// task.
    ///
    /// # Errors
    ///
    /// Returns [`AcquireError`] when the semaphore is closed, also during the wait.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe. A cancelled call leaves the wait list and takes no permit.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_semaphore::Semaphore;
    ///
    /// let semaphore = Semaphore::new(3);
    /// let permits = semaphore.acquire_many_owned(2).await?;
    /// assert_eq!(semaphore.available_permits(), 1);
    /// tokio::spawn(async move { drop(permits) }).await?;
    /// # Ok(()) }
    /// ```
    pub async fn acquire_many_owned(&self, count: u32) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.acquire_many(count).await.map(SemaphorePermit::into_owned)
    }

    /// Acquires one permit as [`Semaphore::try_acquire`] does. The permit borrows nothing and can be sent into a task.
    ///
    /// # Errors
    ///
    /// Returns [`TryAcquireError`] if no permit is free, if tasks wait, or if the semaphore is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_semaphore::Semaphore;
    ///
    /// let semaphore = Semaphore::new(1);
    /// let permit = semaphore.try_acquire_owned()?;
    /// assert!(semaphore.try_acquire_owned().is_err());
    /// tokio::spawn(async move { drop(permit) }).await?;
    /// # Ok(()) }
    /// ```
    pub fn try_acquire_owned(&self) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire().map(SemaphorePermit::into_owned)
    }

    /// Adds `count` permits, up to [`Semaphore::MAX_PERMITS`] in all.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_semaphore::Semaphore;
    ///
    /// let semaphore = Semaphore::new(0);
    /// semaphore.add_permits(2);
    /// assert_eq!(semaphore.total_permits(), 2);
    /// semaphore.add_permits(usize::MAX);
    /// assert_eq!(semaphore.total_permits(), Semaphore::MAX_PERMITS);
    /// # Ok(()) }
    /// ```
    pub fn add_permits(&self, count: usize) {
        self.0.add(count);
    }

    /// Changes the number of all permits to `permits`, free and taken together.
    ///
    /// A larger number frees permits at once, and the waiting calls are served in the order of their calls. A smaller
    /// number removes free permits at once. If too few permits are free, the next released permits are removed as well:
    /// no call acquires a permit until fewer than `permits` are taken. Acquired permits stay valid.
    ///
    /// A call that waits for more than `permits` permits goes on waiting, and all later calls wait behind the call,
    /// until the number grows again or the call is cancelled. With `resize(0)` the semaphore pauses: all calls wait.
    ///
    /// # Panics
    ///
    /// Panics at the caller's location if `permits` is above [`Semaphore::MAX_PERMITS`], and changes nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_semaphore::{Semaphore, TryAcquireError};
    ///
    /// let connections = Semaphore::new(4);
    /// let [first, second] = [connections.acquire().await?, connections.acquire().await?];
    ///
    /// // The server is under load: one connection at a time. Two are open.
    /// connections.resize(1);
    /// assert_eq!((connections.total_permits(), connections.available_permits()), (1, 0));
    /// drop(first);
    /// assert_eq!(connections.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    /// drop(second);
    /// let third = connections.acquire().await?;
    ///
    /// connections.resize(8);
    /// assert_eq!(connections.available_permits(), 7);
    /// # drop(third);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn resize(&self, permits: usize) {
        assert!(
            permits <= Self::MAX_PERMITS,
            "a semaphore has at most {} permits, and cannot be resized to {permits}",
            Self::MAX_PERMITS
        );
        self.0.resize(permits);
    }

    /// Returns the number of free permits: 0 while a task waits, or while more permits are taken than
    /// [`resize`](Semaphore::resize) has left.
    #[must_use]
    pub fn available_permits(&self) -> usize {
        self.0.free()
    }

    /// Returns the number of all permits, free or taken. After a [`resize`](Semaphore::resize) to a smaller number, more
    /// permits may still be taken.
    #[must_use]
    pub fn total_permits(&self) -> usize {
        self.0.total()
    }

    /// Closes the semaphore: all waiting calls and all later calls fail with [`AcquireError`]. Acquired permits stay valid.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_semaphore::{AcquireError, Semaphore};
    ///
    /// let semaphore = Semaphore::new(1);
    /// let permit = semaphore.acquire().await?;
    /// semaphore.close();
    /// assert!(semaphore.is_closed());
    /// assert_eq!(semaphore.acquire().await.unwrap_err(), AcquireError);
    /// # drop(permit);
    /// # Ok(()) }
    /// ```
    pub fn close(&self) {
        self.0.close();
    }

    /// Returns whether the semaphore is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use towpath_semaphore::{Semaphore, TryAcquireError};
    ///
    /// let seats = Semaphore::new(0);
    /// assert!(!seats.is_closed());
    /// assert_eq!(seats.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    /// seats.clone().close(); // clones share the permits
    /// assert!(seats.is_closed());
    /// assert_eq!(seats.try_acquire().unwrap_err(), TryAcquireError::Closed);
    /// ```
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}
