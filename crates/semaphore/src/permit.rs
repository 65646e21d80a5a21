//! The acquired permits, released when dropped.

use std::mem;
use std::sync::Arc;

use crate::permits::Permits;

/// Permits of a [`Semaphore`](crate::Semaphore), acquired at once and released when dropped.
#[derive(Debug)]
#[must_use = "a permit that is dropped is released"]
pub struct SemaphorePermit<'a> {
    permits: &'a Arc<Permits>,
    count: usize,
}

/// A [`SemaphorePermit`] without a borrow, for a task.
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
    pub fn into_owned(mut self) -> OwnedSemaphorePermit {
        OwnedSemaphorePermit { permits: Arc::clone(self.permits), count: mem::take(&mut self.count) }
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
