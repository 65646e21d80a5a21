//! A number of passes, handed out first come, first served.
//!
//! # Invariants
//!
//! 1. While a waiter is in the list, all passes are out. A returned pass goes to the first waiter at once.
//! 2. A waiter with a pass is out of the list before its wake-up. Its drop returns the pass.
//! 3. No waker is cloned, woken or dropped under the lock.

use std::future::Future;
use std::marker::PhantomData;
use std::mem;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;
use towpath_pattern::anyhow;

use crate::sync::{Mutex, Ticket, TicketList, WakeList, panic};
use crate::table::Value;

pub(crate) struct Gate {
    limit: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The number of passes that are out.
    out: usize,
    waiters: TicketList<Waker>,
}

impl Value for Gate {
    type Seed = usize;

    fn new(limit: &usize) -> Self {
        Self { limit: *limit, state: Mutex::default() }
    }

    fn rests_until(&self) -> Option<Instant> {
        None
    }
}

impl Gate {
    /// Takes a pass back, or hands it to the first waiter.
    fn give_back(&self) {
        let mut woken = WakeList::default();
        let mut state = self.state.lock();
        match state.waiters.pop_first() {
            Some(waker) => woken.push(waker),
            None => state.out -= 1,
        }
        drop(state);
        panic::resume(woken.wake_all());
    }
}

/// A wait for a pass, with a permit `T` as its output. The drop leaves the list, or returns the pass.
pub(crate) struct Wait<G: Deref<Target = Gate>, T> {
    /// `None` once the permit was returned.
    gate: Option<G>,
    step: Step,
    permit: PhantomData<fn() -> T>,
}

enum Step {
    New,
    /// In the list, or handed a pass since the last poll.
    Waiting(Ticket),
    Passed,
}

impl<G: Deref<Target = Gate>, T> Wait<G, T> {
    pub(crate) fn new(gate: G) -> Self {
        Self { gate: Some(gate), step: Step::New, permit: PhantomData }
    }

    /// Takes a pass, or enters the list.
    fn look(&mut self, waker: &Waker) {
        let Some(gate) = &self.gate else { panic!("the future of a limit was polled after its end") };
        let mut waker = waker.clone();
        // Declared last, and so dropped first: before the waker that is not stored.
        let mut state = gate.state.lock();
        self.step = match self.step {
            Step::New if state.out == gate.limit => Step::Waiting(state.waiters.push(waker)),
            Step::New => {
                state.out += 1;
                Step::Passed
            }
            Step::Waiting(ticket) => match state.waiters.get_mut(ticket) {
                Some(waiter) => {
                    mem::swap(waiter, &mut waker);
                    Step::Waiting(ticket)
                }
                None => Step::Passed,
            },
            Step::Passed => Step::Passed,
        };
    }
}

impl<G: Deref<Target = Gate> + Unpin, T: From<Pass<G>>> Future for Wait<G, T> {
    type Output = anyhow::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.look(cx.waker());
        match self.step {
            Step::Passed => Poll::Ready(Ok(Pass(self.gate.take()).into())),
            _ => Poll::Pending,
        }
    }
}

impl<G: Deref<Target = Gate>, T> Drop for Wait<G, T> {
    fn drop(&mut self) {
        let Some(gate) = &self.gate else { return };
        let removed = match self.step {
            Step::New => return,
            Step::Waiting(ticket) => gate.state.lock().waiters.remove(ticket),
            Step::Passed => None,
        };
        match removed {
            Some(waker) => panic::resume(panic::catch(|| drop(waker)).err()),
            None => gate.give_back(),
        }
    }
}

/// A pass, returned when dropped.
pub(crate) struct Pass<G: Deref<Target = Gate>>(Option<G>);

impl<G: Deref<Target = Gate>> Drop for Pass<G> {
    fn drop(&mut self) {
        if let Some(gate) = &self.0 {
            gate.give_back();
        }
    }
}
