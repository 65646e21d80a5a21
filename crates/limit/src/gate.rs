//! A number of passes for a key, handed out first come, first served.
//!
//! # Invariants
//!
//! 1. While a waiter is in the list, no pass is free. A returned pass goes to the first waiter at once.
//! 2. A waiter with a pass is out of the list before its wake-up. The drop of the waiter returns the pass.
//! 3. No waker is cloned, woken or dropped under the lock.

use std::future::Future;
use std::hash::Hash;
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;
use towpath_pattern::anyhow;

use crate::sync::{Ticket, TicketList, panic};
use crate::table::{Share, Table, Value};

/// The passes of a key, and the waiters. The lock is the lock of the table.
pub(crate) struct Gate {
    free: usize,
    /// `None` before the first wait.
    waiters: Option<Box<TicketList<Waker>>>,
}

impl Value for Gate {
    type Seed = usize;

    fn new(limit: &usize) -> Self {
        Self { free: *limit, waiters: None }
    }

    fn rests_until(&self) -> Option<Instant> {
        None
    }
}

impl Gate {
    /// Takes a free pass. Returns `false` if no pass is free.
    fn take(&mut self) -> bool {
        let free = self.free > 0;
        self.free -= usize::from(free);
        free
    }

    /// Adds a waiter with the waker.
    fn wait(&mut self, waker: Waker) -> Ticket {
        self.waiters.get_or_insert_default().push(waker)
    }

    /// Replaces the waker of a waiter. Returns `false` if the waiter has a pass.
    fn wait_again(&mut self, ticket: Ticket, waker: &mut Waker) -> bool {
        let waiter = self.waiters.as_mut().and_then(|waiters| waiters.get_mut(ticket));
        waiter.map(|waiter| mem::swap(waiter, waker)).is_some()
    }

    /// Takes a pass back, or hands the pass to the first waiter. Returns the waker of the waiter.
    fn give_back(&mut self) -> Option<Waker> {
        let first = self.waiters.as_mut().and_then(|waiters| waiters.pop_first());
        self.free += usize::from(first.is_none());
        first
    }

    /// Removes a waiter. A pass that the waiter already has goes to the next waiter, whose waker is returned as well.
    fn leave(&mut self, ticket: Ticket) -> Left {
        match self.waiters.as_mut().and_then(|waiters| waiters.remove(ticket)) {
            Some(own) => Left { own: Some(own), next: None },
            None => Left { own: None, next: self.give_back() },
        }
    }
}

/// The wakers of a waiter that leaves: its own, and the waker of the waiter with its pass.
struct Left {
    own: Option<Waker>,
    next: Option<Waker>,
}

/// A wait for a pass, with a permit `T` as its output. The drop leaves the list, or returns the pass.
pub(crate) struct Wait<K, T> {
    step: Step<K>,
    permit: PhantomData<fn() -> T>,
}

enum Step<K> {
    New(Arc<Table<K, Gate>>, K),
    /// The waiter is in the list, or has received a pass since the last poll.
    Waiting(Share<K, Gate>, Ticket),
    /// The permit was returned, or the key has panicked.
    Completed,
}

/// The key is moved out of the future before the use of the key.
impl<K, T> Unpin for Wait<K, T> {}

impl<K, T> Wait<K, T> {
    pub(crate) fn new(table: Arc<Table<K, Gate>>, key: K) -> Self {
        Self { step: Step::New(table, key), permit: PhantomData }
    }
}

impl<K: Hash + Eq, T: From<Pass<K>>> Future for Wait<K, T> {
    type Output = anyhow::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Step::Waiting(share, ticket) = &self.step {
            // The waker is cloned before the step is taken out: a panic of the clone leaves the wait unchanged.
            let mut waker = cx.waker().clone();
            if share.visit(|gate| gate.wait_again(*ticket, &mut waker)) {
                return Poll::Pending;
            }
        }
        let share = match mem::replace(&mut self.step, Step::Completed) {
            Step::New(table, key) => {
                let (share, passed) = table.enter(key, Gate::take);
                if !passed {
                    let mut waker = Some(cx.waker().clone());
                    // A pass may have become free since the first attempt.
                    let ticket = share.visit(|gate| {
                        if gate.take() { None } else { waker.take().map(|waker| gate.wait(waker)) }
                    });
                    if let Some(ticket) = ticket {
                        self.step = Step::Waiting(share, ticket);
                        return Poll::Pending;
                    }
                }
                share
            }
            Step::Waiting(share, _) => share,
            Step::Completed => panic!("the future of a limit was polled after its end"),
        };
        Poll::Ready(Ok(Pass(share).into()))
    }
}

impl<K, T> Drop for Wait<K, T> {
    fn drop(&mut self) {
        let Step::Waiting(share, ticket) = &mut self.step else { return };
        let Some((Left { own, next }, forgotten)) = share.leave(|gate| gate.leave(*ticket)) else { return };
        let panicked = next.and_then(|next| panic::catch(|| next.wake()).err());
        let panicked = panicked.or(panic::catch(|| drop(own)).err());
        panic::resume(panicked.or(forgotten.drop_caught()));
    }
}

/// A pass, returned when dropped.
pub(crate) struct Pass<K>(Share<K, Gate>);

impl<K> Drop for Pass<K> {
    fn drop(&mut self) {
        let Some((next, forgotten)) = self.0.leave(Gate::give_back) else { return };
        let panicked = next.and_then(|next| panic::catch(|| next.wake()).err());
        panic::resume(panicked.or(forgotten.drop_caught()));
    }
}
