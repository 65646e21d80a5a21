//! The number of free permits, and the handshake between releases and waiting tasks.
//!
//! A word holds the number of free permits, whether a task waits, and whether the semaphore is closed. To take a free
//! permit is a compare-and-swap of the word, and a release is an addition. The lock is only for a task that has to wait,
//! and for a release while a task waits.
//!
//! # Invariants
//!
//! 1. `WAITING` is set and cleared under the lock: at every unlock, set if and only if the wait list has a waiter. A closed
//!    semaphore has no waiter.
//! 2. While `WAITING` is set, permits are taken only under the lock and only for the first waiter. So no waiter is passed
//!    over, and released permits gather in the word for a waiter that wants many.
//! 3. No wake-up is lost: if the word has enough for the first waiter, a thread is about to serve the wait list. A release
//!    adds permits and reads `WAITING` in a single atomic operation, and serves if `WAITING` is set. The first waiter sets
//!    `WAITING` by an atomic operation that finds too few permits in the word. A leaving waiter serves, too: there may be
//!    enough for the waiter behind.
//! 4. No waker is cloned, woken or dropped under the lock.

use std::fmt;
use std::future::poll_fn;
use std::hint::spin_loop;
use std::mem;
use std::task::{Context, Poll, Waker};

use crate::error::{AcquireError, TryAcquireError};
use crate::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::sync::atomic::{AtomicU64, AtomicUsize};
use crate::sync::{Mutex, Ticket, TicketList, WakeList, panic};

/// The semaphore is closed: no permit is taken, and no task waits.
const CLOSED: usize = 1;
/// A task waits.
const WAITING: usize = 2;
/// One free permit.
const ONE: usize = 4;

/// How long a thread leaves the word alone after a lost compare-and-swap: about a microsecond, enough for the winner to
/// take and release a hundred permits.
const PAUSES: u32 = 32;

pub(crate) struct Permits {
    word: AtomicUsize,
    waiters: Mutex<TicketList<Waiter>>,
    /// Every waiter with a smaller ticket was served, or has left. Written under the lock.
    served: AtomicU64,
    /// The number of permits, free or taken: never less than are free.
    total: AtomicUsize,
}

struct Waiter {
    count: usize,
    waker: Waker,
}

impl Permits {
    /// The largest number of permits, as in tokio's semaphore. Two of the three bits are flags here.
    pub(crate) const MAX: usize = usize::MAX >> 3;

    /// Creates `count` free permits, [`Permits::MAX`] at most.
    pub(crate) fn new(count: usize) -> Self {
        let count = count.min(Self::MAX);
        Self {
            word: AtomicUsize::new(count * ONE),
            waiters: Mutex::default(),
            served: AtomicU64::new(0),
            total: AtomicUsize::new(count),
        }
    }

    /// Returns the number of permits free to be taken.
    pub(crate) fn free(&self) -> usize {
        free(self.word.load(Acquire))
    }

    /// Returns the number of all permits.
    pub(crate) fn total(&self) -> usize {
        self.total.load(Relaxed)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.word.load(Acquire) & CLOSED != 0
    }

    /// Takes `count` permits if they are free and no task waits.
    #[inline]
    pub(crate) fn try_take(&self, count: usize) -> Result<(), TryAcquireError> {
        loop {
            let word = self.word.load(Acquire);
            if word & CLOSED != 0 {
                return Err(TryAcquireError::Closed);
            }
            let Some(left) = without(word, count) else {
                return Err(TryAcquireError::NoPermits);
            };
            if self.word.compare_exchange(word, left, AcqRel, Acquire).is_ok() {
                return Ok(());
            }
            back_off();
        }
    }

    /// Takes `count` permits in turn. A cancelled call leaves the wait list without permits.
    pub(crate) async fn take(&self, count: usize) -> Result<(), AcquireError> {
        let mut pending = PendingTake { permits: self, count, ticket: None };
        poll_fn(|cx| pending.poll(cx)).await
    }

    /// Adds new permits, up to [`Permits::MAX`] in all.
    pub(crate) fn add(&self, count: usize) {
        let total = |total: usize| Some(total.saturating_add(count).min(Self::MAX));
        let (Ok(before) | Err(before)) = self.total.fetch_update(Relaxed, Relaxed, total);
        self.release(count.min(Self::MAX - before));
    }

    /// Puts back taken permits, or adds new permits.
    #[inline]
    pub(crate) fn release(&self, count: usize) {
        if count > 0 && self.word.fetch_add(count * ONE, AcqRel) & WAITING != 0 {
            self.serve();
        }
    }

    pub(crate) fn close(&self) {
        let mut waiters = self.waiters.lock();
        self.word.fetch_or(CLOSED, AcqRel);
        self.word.fetch_and(!WAITING, AcqRel);
        let all = waiters.take_all();
        drop(waiters);
        let mut wakes = WakeList::default();
        wakes.extend(all.map(|waiter| waiter.waker));
        panic::resume(wakes.wake_all());
    }

    /// Hands the permits in the word to the waiters in order, one waiter in a locked section: a list of wakers would cost a
    /// single waiter more than the lock.
    #[cold]
    fn serve(&self) {
        let mut panicked = None;
        loop {
            let mut waiters = self.waiters.lock();
            let Some((ticket, count)) = self.can_serve(&waiters) else { break };
            let waiter = waiters.pop_first();
            let waiting = if waiters.is_empty() { WAITING } else { 0 };
            self.word.fetch_sub(count * ONE + waiting, AcqRel);
            self.served.store(ticket + 1, Release);
            let more = self.can_serve(&waiters).is_some();
            drop(waiters);
            if let Some(waiter) = waiter {
                panicked = panicked.or(panic::catch(|| waiter.waker.wake()).err());
            }
            if !more {
                break;
            }
        }
        panic::resume(panicked);
    }

    /// Returns the ticket and the count of the first waiter, if the word has enough permits.
    fn can_serve(&self, waiters: &TicketList<Waiter>) -> Option<(Ticket, usize)> {
        let (ticket, waiter) = waiters.first()?;
        (self.word.load(Acquire) / ONE >= waiter.count).then_some((ticket, waiter.count))
    }
}

impl fmt::Debug for Permits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permits")
            .field("free", &self.free())
            .field("total", &self.total())
            .finish_non_exhaustive()
    }
}

/// Returns the number of permits of `word` free to be taken: 0 while a task waits.
fn free(word: usize) -> usize {
    if word & WAITING == 0 { word / ONE } else { 0 }
}

/// Returns `word` without `count` permits, if enough are free.
fn without(word: usize, count: usize) -> Option<usize> {
    (free(word) >= count).then(|| word - count * ONE)
}

/// Leaves the word to the winner for a moment, so that the cache line does not move between cores for every operation.
#[cold]
fn back_off() {
    for _ in 0..PAUSES {
        spin_loop();
    }
}

/// A call of [`Permits::take`] under way. The drop leaves the wait list, or puts back the served permits.
struct PendingTake<'a> {
    permits: &'a Permits,
    count: usize,
    /// The ticket in the wait list, kept until the call returns.
    ticket: Option<Ticket>,
}

impl PendingTake<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), AcquireError>> {
        match self.ticket {
            None => self.take_or_wait(cx),
            Some(ticket) => self.check(ticket, cx),
        }
    }

    /// Takes the permits, or enters the wait list.
    fn take_or_wait(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), AcquireError>> {
        let waker = cx.waker().clone();
        let mut waiters = self.permits.waiters.lock();
        let take_or_wait = |word| match without(word, self.count) {
            _ if word & CLOSED != 0 => None,
            None => Some(word | WAITING),
            taken => taken,
        };
        match self.permits.word.fetch_update(AcqRel, Acquire, take_or_wait) {
            Err(_) => Poll::Ready(Err(AcquireError)),
            Ok(word) if without(word, self.count).is_some() => Poll::Ready(Ok(())),
            Ok(_) => {
                self.ticket = Some(waiters.push(Waiter { count: self.count, waker }));
                Poll::Pending
            }
        }
    }

    /// Ready if the waiter was served, or the semaphore closed.
    fn check(&mut self, ticket: Ticket, cx: &mut Context<'_>) -> Poll<Result<(), AcquireError>> {
        if self.permits.is_closed() {
            // The drop puts back what the waiter was served.
            return Poll::Ready(Err(AcquireError));
        }
        if self.was_served(ticket) {
            self.ticket = None;
            return Poll::Ready(Ok(()));
        }
        let mut waker = cx.waker().clone();
        if let Some(waiter) = self.permits.waiters.lock().get_mut(ticket) {
            // The waker before is dropped after the unlock.
            mem::swap(&mut waiter.waker, &mut waker);
            return Poll::Pending;
        }
        // Served in the meantime, or removed by a close.
        self.check(ticket, cx)
    }

    fn was_served(&self, ticket: Ticket) -> bool {
        ticket < self.permits.served.load(Acquire)
    }
}

impl Drop for PendingTake<'_> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let mut waiters = self.permits.waiters.lock();
        if self.was_served(ticket) {
            drop(waiters);
            return self.permits.release(self.count);
        }
        let waiter = waiters.remove(ticket);
        if waiters.is_empty() {
            self.permits.word.fetch_and(!WAITING, AcqRel);
        }
        drop(waiters);
        drop(waiter);
        self.permits.serve();
    }
}
