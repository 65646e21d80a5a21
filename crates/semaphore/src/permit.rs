//! The acquired permits, released when dropped.

use std::mem;
use std::sync::Arc;

use crate::permits::Permits;

/// Holds permits of a [`Semaphore`](crate::Semaphore), acquired at once and released when dropped.
///
/// [`Semaphore::acquire`](crate::Semaphore::acquire) and all methods that borrow the semaphore return this type.
#[derive(Debug)]
#[must_use = "a permit that is dropped is released"]
pub struct SemaphorePermit<'a> {
    permits: &'a Arc<Permits>,
    count: usize,
}

/// Holds permits as [`SemaphorePermit`] does, without a borrow of the semaphore: for a task.
///
/// [`Semaphore::acquire_owned`](crate::Semaphore::acquire_owned) and [`SemaphorePermit::into_owned`] return this type.
#[derive(Debug)]
#[must_use = "a permit that is dropped is released"]
pub struct OwnedSemaphorePermit {
    permits: Arc<Permits>,
    count: usize,
}

impl<'a> SemaphorePermit<'a> {
    #[inline]
    pub(crate) fn new(permits: &'a Arc<Permits>, count: u32) -> Self {
        Self { permits, count: count as usize }
    }

    /// Returns the same permits with a share in the semaphore in place of the borrow.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_semaphore::Semaphore;
    ///
    /// let semaphore = Semaphore::new(2);
    /// let permit = semaphore.acquire().await?.into_owned();
    /// tokio::spawn(async move { drop(permit) }).await?;
    /// assert_eq!(semaphore.available_permits(), 2);
    /// # Ok(()) }
    /// ```
    pub fn into_owned(mut self) -> OwnedSemaphorePermit {
        OwnedSemaphorePermit::new(Arc::clone(self.permits), mem::take(&mut self.count))
    }
}

impl OwnedSemaphorePermit {
    #[inline]
    pub(crate) fn new(permits: Arc<Permits>, count: usize) -> Self {
        Self { permits, count }
    }
}

impl Drop for SemaphorePermit<'_> {
    #[inline]
    fn drop(&mut self) {
        self.permits.release(self.count);
    }
}

impl Drop for OwnedSemaphorePermit {
    #[inline]
    fn drop(&mut self) {
        self.permits.release(self.count);
    }
}
