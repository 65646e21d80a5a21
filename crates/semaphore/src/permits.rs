//! The number of free permits, and the handshake between releases and waiting tasks.
//!
//! A word holds the number of free permits, whether a task waits, and whether the semaphore is closed. To take a free
//! permit is a compare-and-swap of the word, and a release is an addition. The lock is only for a task that has to wait,
//! for a release while a task waits, and for a change of the total.
//!
//! A total that shrinks below the number of taken permits leaves a *debt*: permits that are taken, and are removed by
//! their release. The debt is like a waiter in front of the wait list.
//!
//! # Invariants
//!
//! 1. `WAITING` is set and cleared under the lock: at every unlock, set if and only if the wait list has a waiter or there
//!    is a debt. A closed semaphore has no waiter.
//! 2. While `WAITING` is set, permits are taken only under the lock, first for the debt and then for the first waiter.
//!    So no waiter is passed over, and released permits gather in the word for a waiter that waits for many permits.
//! 3. No wake-up is lost: if the word has enough for the debt or the first waiter, a thread is about to serve the wait
//!    list. A release adds permits and reads `WAITING` in a single atomic operation, and serves if `WAITING` is set.
//!    The first waiter sets `WAITING` by an atomic operation that finds too few permits in the word, and so does a
//!    debt. A waiter that leaves the wait list serves, too: the word may have enough for the next waiter.
//! 4. No waker is cloned, woken or dropped under the lock.
//! 5. At every unlock, the number of free and taken permits is the sum of the total and the debt.

use std::fmt;
use std::future::poll_fn;
use std::hint::spin_loop;
use std::mem;
use std::ops::Deref;
use std::task::{Context, Poll, Waker};

use crate::error::{AcquireError, TryAcquireError};
use crate::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::sync::atomic::{AtomicU64, AtomicUsize};
use crate::sync::{Mutex, Ticket, TicketList, WakeList, panic};

/// The semaphore is closed: no permit is taken, and no task waits.
const CLOSED: usize = 1;
/// A task waits, or released permits pay a debt.
const WAITING: usize = 2;
/// One free permit.
const ONE: usize = 4;

/// The spins of a thread after a lost compare-and-swap: about a microsecond, in which the winner can take and release a
/// hundred permits.
const PAUSES: u32 = 32;

pub(crate) struct Permits {
    word: AtomicUsize,
    waiters: Mutex<Waiters>,
    /// Every waiter with a smaller ticket was served, or has left. Written under the lock.
    served: AtomicU64,
    /// The number of permits, free or taken, without the debt. Written under the lock.
    total: AtomicUsize,
}

#[derive(Default)]
struct Waiters {
    list: TicketList<Waiter>,
    /// The number of taken permits that are removed by their release.
    debt: usize,
}

struct Waiter {
    count: usize,
    /// The waiter came during a pause, and is to compare its count with the first total after the pause.
    awaits_total: bool,
    waker: Waker,
}

impl Waiters {
    /// Takes the wakers of the waiters that await the end of a pause.
    #[cold]
    fn take_wakers_of_pause(&mut self, wakes: &mut WakeList) {
        for (_, waiter) in self.list.iter_mut_from(0) {
            if mem::take(&mut waiter.awaits_total) {
                // The no-op waker runs no user code, so the clone under the lock is allowed.
                wakes.push(mem::replace(&mut waiter.waker, Waker::noop().clone()));
            }
        }
    }
}

impl Permits {
    /// The largest number of permits, as in tokio's semaphore. Two of the three further bits are flags.
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

    /// Takes `count` permits if `count` permits are free and no task waits.
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
        let mut pending = PendingTake::new(self, count);
        poll_fn(|cx| pending.poll(cx)).await
    }

    /// Adds new permits, up to [`Permits::MAX`] in all.
    pub(crate) fn add(&self, count: usize) {
        self.change_total(|total| total.saturating_add(count).min(Self::MAX));
    }

    /// Changes the total to `total`, which is at most [`Permits::MAX`].
    pub(crate) fn resize(&self, total: usize) {
        self.change_total(|_| total);
    }

    fn change_total(&self, change: impl FnOnce(usize) -> usize) {
        let mut waiters = self.waiters.lock();
        let before = self.total.load(Relaxed);
        let after = change(before);
        self.total.store(after, Relaxed);
        if after < before {
            self.remove(before - after, &mut waiters);
        } else {
            // New permits pay the debt first, as released permits do.
            let word = self.word.fetch_add((after - before) * ONE, AcqRel);
            let mut wakes = WakeList::default();
            if before == 0 && after > 0 {
                waiters.take_wakers_of_pause(&mut wakes);
            }
            drop(waiters);
            let panicked = wakes.wake_all();
            if word & WAITING != 0 {
                self.serve();
            }
            panic::resume(panicked);
        }
    }

    /// Removes free permits, and adds the rest to the debt. The word changes in one step, so that no call is refused
    /// while a permit is free.
    fn remove(&self, count: usize, waiters: &mut Waiters) {
        let removed = |word: usize| count.min(word / ONE);
        let remove = |word| {
            let rest = if removed(word) < count { WAITING } else { 0 };
            Some((word - removed(word) * ONE) | rest)
        };
        let (Ok(word) | Err(word)) = self.word.fetch_update(AcqRel, Acquire, remove);
        waiters.debt += count - removed(word);
    }

    /// Pays the debt with permits in the word.
    fn pay(&self, waiters: &mut Waiters) {
        if waiters.debt > 0 {
            let paid = waiters.debt.min(self.word.load(Acquire) / ONE);
            waiters.debt -= paid;
            self.word.fetch_sub(paid * ONE, AcqRel);
            self.stop_waiting(waiters);
        }
    }

    /// Clears `WAITING` if no task waits and there is no debt.
    fn stop_waiting(&self, waiters: &Waiters) {
        if waiters.list.is_empty() && waiters.debt == 0 {
            self.word.fetch_and(!WAITING, AcqRel);
        }
    }

    /// Puts back taken permits.
    #[inline]
    pub(crate) fn release(&self, count: usize) {
        if count > 0 && self.word.fetch_add(count * ONE, AcqRel) & WAITING != 0 {
            self.serve();
        }
    }

    pub(crate) fn close(&self) {
        let mut waiters = self.waiters.lock();
        self.word.fetch_or(CLOSED, AcqRel);
        let all = waiters.list.take_all();
        self.stop_waiting(&waiters);
        drop(waiters);
        let mut wakes = WakeList::default();
        wakes.extend(all.map(|waiter| waiter.waker));
        panic::resume(wakes.wake_all());
    }

    /// Hands the permits in the word to the debt and to the waiters in order. A locked section serves one waiter: for a
    /// single waiter, a list of wakers would cost more than the lock.
    #[cold]
    fn serve(&self) {
        let mut panicked = None;
        loop {
            let mut waiters = self.waiters.lock();
            self.pay(&mut waiters);
            let Some((ticket, count)) = self.can_serve(&waiters) else { break };
            let waiter = waiters.list.pop_first();
            let waiting = if waiters.list.is_empty() { WAITING } else { 0 };
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

    /// Returns the ticket and the count of the first waiter, if there is no debt and the word has enough permits. A debt
    /// remains if permits were released since the payment.
    fn can_serve(&self, waiters: &Waiters) -> Option<(Ticket, usize)> {
        let (ticket, waiter) = waiters.list.first()?;
        (waiters.debt == 0 && self.word.load(Acquire) / ONE >= waiter.count).then_some((ticket, waiter.count))
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

/// Returns the number of permits of `word` free to be taken: 0 while a task waits or there is a debt.
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
pub(crate) struct PendingTake<P: Deref<Target = Permits>> {
    pub(crate) permits: P,
    pub(crate) count: usize,
    /// The ticket in the wait list, kept until the call returns.
    ticket: Option<Ticket>,
}

impl<P: Deref<Target = Permits>> PendingTake<P> {
    pub(crate) fn new(permits: P, count: usize) -> Self {
        Self { permits, count, ticket: None }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), AcquireError>> {
        self.poll_in_pause(false, cx)
    }

    /// With `awaits_total`, the end of a pause wakes the task if the call enters the wait list.
    pub(crate) fn poll_in_pause(
        &mut self,
        awaits_total: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), AcquireError>> {
        match self.ticket {
            None => self.take_or_wait(awaits_total, cx),
            Some(ticket) => self.check(ticket, cx),
        }
    }

    /// Takes the permits, or enters the wait list.
    fn take_or_wait(&mut self, awaits_total: bool, cx: &mut Context<'_>) -> Poll<Result<(), AcquireError>> {
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
                self.ticket = Some(waiters.list.push(Waiter { count: self.count, awaits_total, waker }));
                Poll::Pending
            }
        }
    }

    /// Ready if the waiter was served, or the semaphore closed.
    fn check(&mut self, ticket: Ticket, cx: &mut Context<'_>) -> Poll<Result<(), AcquireError>> {
        if self.permits.is_closed() {
            // The drop puts back the permits that the waiter was served.
            return Poll::Ready(Err(AcquireError));
        }
        if self.was_served(ticket) {
            self.ticket = None;
            return Poll::Ready(Ok(()));
        }
        let mut waker = cx.waker().clone();
        if let Some(waiter) = self.permits.waiters.lock().list.get_mut(ticket) {
            // The previous waker is dropped after the unlock.
            mem::swap(&mut waiter.waker, &mut waker);
            return Poll::Pending;
        }
        // The waiter was served in the meantime, or removed by a close.
        self.check(ticket, cx)
    }

    fn was_served(&self, ticket: Ticket) -> bool {
        ticket < self.permits.served.load(Acquire)
    }
}

impl<P: Deref<Target = Permits>> Drop for PendingTake<P> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let mut waiters = self.permits.waiters.lock();
        if self.was_served(ticket) {
            drop(waiters);
            return self.permits.release(self.count);
        }
        let waiter = waiters.list.remove(ticket);
        self.permits.stop_waiting(&waiters);
        drop(waiters);
        let panicked = panic::catch(|| drop(waiter)).err();
        self.permits.serve();
        panic::resume(panicked);
    }
}
