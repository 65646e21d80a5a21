//! The semaphore: what its users see of the permits, and how many there are in all.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

use tokio::task::coop;

use crate::permit::{OwnedPermit, Permit};
use crate::permits::Permits;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// Permits that are acquired one by one, or several at once, and released by being dropped.
///
/// First come, first served: a freed permit goes to whoever has waited longest, and somebody who waits for
/// many is passed over by nobody who wants few. Clones are the same semaphore.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_semaphore::{Semaphore, TryAcquireError};
///
/// let seats = Semaphore::new(2);
/// let both = seats.acquire_many(2).await?;
/// assert_eq!(seats.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
/// drop(both);
/// assert_eq!(seats.available(), 2);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Semaphore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    permits: Permits,
    /// How many there are, taken ones included; never less than are free.
    all: AtomicUsize,
}

impl Semaphore {
    /// The most permits there can be.
    pub const MAX_PERMITS: usize = Permits::MAX;

    /// A semaphore of so many permits, 0 included. More than [`Semaphore::MAX_PERMITS`] count as that many.
    #[must_use]
    pub fn new(permits: usize) -> Self {
        let permits = permits.min(Self::MAX_PERMITS);
        Self(Arc::new(Inner { permits: Permits::new(permits), all: AtomicUsize::new(permits) }))
    }

    /// One permit, as soon as it is this caller's turn.
    ///
    /// # Errors
    ///
    /// [`Closed`] when the semaphore is closed, also while it waits.
    ///
    /// # Cancel-safety
    ///
    /// Cancel-safe: dropping the future gives up the place in line, and takes no permit.
    #[inline]
    pub async fn acquire(&self) -> Result<Permit<'_>, Closed> {
        self.acquire_many(1).await
    }

    /// So many permits at once. It waits for ever, and all who come after it, where there are never so many.
    ///
    /// # Errors
    ///
    /// As [`Semaphore::acquire`].
    ///
    /// # Cancel-safety
    ///
    /// As [`Semaphore::acquire`].
    #[inline]
    pub async fn acquire_many(&self, count: u32) -> Result<Permit<'_>, Closed> {
        let proceed = poll_fn(coop::poll_proceed).await;
        // It jumps no queue: while somebody waits, none is free.
        match self.try_acquire_many(count) {
            Ok(permit) => {
                proceed.made_progress();
                return Ok(permit);
            }
            Err(TryAcquireError::Closed) => return Err(Closed),
            Err(TryAcquireError::NoPermits) => drop(proceed),
        }
        self.0.permits.take(count as usize).await?;
        Ok(Permit::new(self, count))
    }

    /// One permit, if one is free now and has been given to nobody who waits.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError`] when none is free, or the semaphore is closed.
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// So many permits at once, if they are free now.
    ///
    /// # Errors
    ///
    /// As [`Semaphore::try_acquire`]; it takes all of them or none.
    #[inline]
    pub fn try_acquire_many(&self, count: u32) -> Result<Permit<'_>, TryAcquireError> {
        self.0.permits.try_take(count as usize)?;
        Ok(Permit::new(self, count))
    }

    /// As [`Semaphore::acquire`]; the permit borrows nothing, and can be sent into a task.
    ///
    /// # Errors
    ///
    /// As [`Semaphore::acquire`].
    ///
    /// # Cancel-safety
    ///
    /// As [`Semaphore::acquire`].
    pub async fn acquire_owned(&self) -> Result<OwnedPermit, Closed> {
        self.acquire_many_owned(1).await
    }

    /// As [`Semaphore::acquire_many`]; the permit borrows nothing, and can be sent into a task.
    ///
    /// # Errors
    ///
    /// As [`Semaphore::acquire`].
    ///
    /// # Cancel-safety
    ///
    /// As [`Semaphore::acquire`].
    pub async fn acquire_many_owned(&self, count: u32) -> Result<OwnedPermit, Closed> {
        self.acquire_many(count).await.map(Permit::into_owned)
    }

    /// As [`Semaphore::try_acquire`]; the permit borrows nothing, and can be sent into a task.
    ///
    /// # Errors
    ///
    /// As [`Semaphore::try_acquire`].
    pub fn try_acquire_owned(&self) -> Result<OwnedPermit, TryAcquireError> {
        self.try_acquire().map(Permit::into_owned)
    }

    /// Adds so many permits, as many as there is room for below [`Semaphore::MAX_PERMITS`].
    pub fn add_permits(&self, count: usize) {
        let most = |all: usize| Some(all.saturating_add(count).min(Self::MAX_PERMITS));
        let before = self.0.all.fetch_update(Ordering::Relaxed, Ordering::Relaxed, most);
        let (Ok(before) | Err(before)) = before;
        self.release(count.min(Self::MAX_PERMITS - before));
    }

    /// How many permits are free now.
    #[must_use]
    pub fn available(&self) -> usize {
        self.0.permits.free()
    }

    /// How many permits there are in all, taken ones included.
    #[must_use]
    pub fn permits(&self) -> usize {
        self.0.all.load(Ordering::Relaxed)
    }

    /// Gives out no further permit, and wakes all who wait with [`Closed`]. Permits already given out stay
    /// valid.
    pub fn close(&self) {
        self.0.permits.close();
    }

    /// Whether it is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.permits.is_closed()
    }

    /// Frees permits that were taken, or are new.
    #[inline]
    pub(crate) fn release(&self, count: usize) {
        self.0.permits.put(count);
    }
}

/// The semaphore was closed: it gives out no permit any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the semaphore was closed and gives out no permit any more")
    }
}

impl std::error::Error for Closed {}

/// Why there was no permit at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryAcquireError {
    /// Fewer are free than were asked for, or others wait.
    NoPermits,
    /// The semaphore was closed.
    Closed,
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPermits => f.write_str("fewer permits are free than were asked for"),
            Self::Closed => Closed.fmt(f),
        }
    }
}

impl std::error::Error for TryAcquireError {}
