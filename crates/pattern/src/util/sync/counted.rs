//! A mutex that counts, for all locks of the process: the acquisitions, the attempts that met a held lock, and the time
//! of a part of the acquisitions.
//!
//! The counts are global: a count for each lock would have to travel through every type with a lock.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{self, LockResult, PoisonError, TryLockError, TryLockResult};
use std::time::{Duration, Instant};

static ACQUIRED: AtomicU64 = AtomicU64::new(0);
static CONTENDED: AtomicU64 = AtomicU64::new(0);
static TIMED: AtomicU64 = AtomicU64::new(0);
static HELD_NANOSECONDS: AtomicU64 = AtomicU64::new(0);

/// One of this number of acquisitions is timed: the clock costs as much as a short hold.
const TIMED_EVERY: u64 = 16;

/// The counts since the start of the process.
#[derive(Clone, Copy, Debug)]
pub struct LockCounts {
    /// Acquired locks.
    pub acquired: u64,
    /// Attempts that met a held lock.
    pub contended: u64,
    /// Timed acquisitions.
    pub timed: u64,
    /// The time from acquisition to release, of all timed acquisitions. The time of a look at the clock is part of it.
    pub held: Duration,
}

/// Returns the counts since the start of the process.
#[must_use]
pub fn lock_counts() -> LockCounts {
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    LockCounts {
        acquired: read(&ACQUIRED),
        contended: read(&CONTENDED),
        timed: read(&TIMED),
        held: Duration::from_nanos(read(&HELD_NANOSECONDS)),
    }
}

fn add(number: u64, count: &AtomicU64) -> u64 {
    count.fetch_add(number, Ordering::Relaxed)
}

/// The mutex of the standard library, with counts.
#[derive(Default)]
pub(crate) struct Mutex<T>(sync::Mutex<T>);

/// The guard of the standard library; a timed guard has the time of the acquisition.
pub struct MutexGuard<'a, T> {
    guard: sync::MutexGuard<'a, T>,
    since: Option<Instant>,
}

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        if let Ok(guard) = self.try_lock() {
            return Ok(guard);
        }
        Ok(MutexGuard::new(self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    pub(crate) fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Ok(MutexGuard::new(guard)),
            Err(TryLockError::Poisoned(poisoned)) => Ok(MutexGuard::new(poisoned.into_inner())),
            Err(TryLockError::WouldBlock) => {
                add(1, &CONTENDED);
                Err(TryLockError::WouldBlock)
            }
        }
    }
}

impl<'a, T> MutexGuard<'a, T> {
    fn new(guard: sync::MutexGuard<'a, T>) -> Self {
        let is_timed = add(1, &ACQUIRED).is_multiple_of(TIMED_EVERY);
        Self { guard, since: is_timed.then(Instant::now) }
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        let Some(since) = self.since else { return };
        let held = since.elapsed().as_nanos();
        add(u64::try_from(held).unwrap_or(u64::MAX), &HELD_NANOSECONDS);
        add(1, &TIMED);
    }
}
