//! What is held of a semaphore, and released by its drop.

use crate::semaphore::Semaphore;

/// One permit of a [`Semaphore`], or several that were acquired at once. Dropped, they are released.
#[derive(Debug)]
#[must_use = "a permit that is dropped is released"]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
    count: usize,
}

/// As a [`Permit`], and borrows nothing.
#[derive(Debug)]
#[must_use = "a permit that is dropped is released"]
pub struct OwnedPermit {
    semaphore: Semaphore,
    count: usize,
}

impl<'a> Permit<'a> {
    #[inline]
    pub(crate) fn new(semaphore: &'a Semaphore, count: u32) -> Self {
        Self { semaphore, count: count as usize }
    }

    /// The same, with a share in the semaphore in place of the borrow.
    pub fn into_owned(mut self) -> OwnedPermit {
        OwnedPermit { semaphore: self.semaphore.clone(), count: std::mem::take(&mut self.count) }
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        self.semaphore.release(self.count);
    }
}

impl Drop for OwnedPermit {
    #[inline]
    fn drop(&mut self) {
        self.semaphore.release(self.count);
    }
}
