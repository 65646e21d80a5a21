//! The permits of a semaphore against a count and a wait list: every list of operations has the same results in both.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use anyhow::{Result, ensure};
use proptest::prelude::{Just, Strategy, any};
use proptest::{collection, prop_oneof};
use towpath_semaphore::{AcquireError, OwnedSemaphorePermit, Semaphore, TryAcquireError};

use crate::bell::{Deed, Parked};
use crate::cases::{self, Steps};

/// A semaphore and the operations on it. A number in an operation is a position, modulo the number of candidates.
#[derive(Clone, Debug)]
struct Case {
    permits: usize,
    wakers: Wakers,
    operations: Vec<Operation>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wakers {
    Count,
    /// Wakers that poll an acquire when they are woken and dropped, and drop the acquire and its permits at once.
    Acquire,
    /// Wakers that panic when they are woken.
    Panic,
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    TryAcquire(u32),
    Acquire(u32),
    /// Polls again, with another waker or the same.
    Poll(usize, bool),
    /// Drops a waiting future.
    GiveUp(usize),
    Release(usize),
    Add(usize),
    Close,
}

fn cases() -> impl Strategy<Value = Case> {
    let one = || any::<usize>().prop_map(|number| number % 8);
    let operation = prop_oneof![
        6 => (0_u32..5).prop_map(Operation::TryAcquire),
        12 => (0_u32..5).prop_map(Operation::Acquire),
        10 => (one(), any::<bool>()).prop_map(|(who, other)| Operation::Poll(who, other)),
        6 => one().prop_map(Operation::GiveUp),
        12 => one().prop_map(Operation::Release),
        3 => (0_usize..4).prop_map(Operation::Add),
        1 => Just(Operation::Close),
    ];
    let wakers = prop_oneof![Just(Wakers::Count), Just(Wakers::Acquire), Just(Wakers::Panic)];
    (0_usize..6, wakers, collection::vec(operation, 1..60)).prop_map(|(permits, wakers, operations)| Case {
        permits,
        wakers,
        operations,
    })
}

#[test]
fn operations_on_permits_match_the_model() {
    cases::all(8_000, &cases(), |case, steps| {
        // The table of a failed case is not dropped: a panic in its drop would hide the failure.
        let mut table = ManuallyDrop::new(Table::new(&case, steps));
        for operation in case.operations {
            table.operate(operation)?;
            table.check()?;
        }
        table.let_everybody_go_on()?;
        ManuallyDrop::into_inner(table).clear_up()
    });
}

/// The model of a semaphore: a count, and a wait list in the order of arrival.
#[derive(Default)]
struct Model {
    free: usize,
    /// The waiters, each with the number of permits that it waits for.
    line: VecDeque<(usize, usize)>,
    /// The waiters whose permits are assigned and that have not been polled since.
    served: Vec<(usize, usize)>,
    closed: bool,
    all: usize,
}

impl Model {
    fn available(&self) -> usize {
        if self.line.is_empty() { self.free } else { 0 }
    }

    fn try_acquire(&mut self, count: usize) -> Result<(), TryAcquireError> {
        if self.closed {
            return Err(TryAcquireError::Closed);
        }
        if self.available() < count {
            return Err(TryAcquireError::NoPermits);
        }
        self.free -= count;
        Ok(())
    }

    /// Polls a waiter or a new caller. Returns `None` while the caller waits.
    fn poll(&mut self, who: usize, count: usize) -> Option<Result<(), AcquireError>> {
        if self.closed {
            self.give_up(who);
            return Some(Err(AcquireError));
        }
        if let Some(at) = self.served.iter().position(|served| served.0 == who) {
            self.served.remove(at);
            return Some(Ok(()));
        }
        if self.line.iter().any(|waiting| waiting.0 == who) {
            return None;
        }
        if self.try_acquire(count).is_ok() {
            return Some(Ok(()));
        }
        self.line.push_back((who, count));
        None
    }

    fn give_up(&mut self, who: usize) {
        if let Some(at) = self.served.iter().position(|served| served.0 == who) {
            self.free += self.served.remove(at).1;
        }
        self.line.retain(|waiting| waiting.0 != who);
        self.serve();
    }

    fn release(&mut self, count: usize) {
        self.free += count;
        self.serve();
    }

    fn serve(&mut self) {
        while let Some(&first) = self.line.front().filter(|first| first.1 <= self.free) {
            self.line.pop_front();
            self.free -= first.1;
            self.served.push(first);
        }
    }

    fn close(&mut self) {
        self.closed = true;
        self.line.clear();
    }
}

struct Seat {
    who: usize,
    count: usize,
    future: Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>>>>,
    parked: Parked,
}

struct Table {
    semaphore: Semaphore,
    model: Model,
    seats: Vec<Seat>,
    held: Vec<(usize, OwnedSemaphorePermit)>,
    next: usize,
    panics: bool,
    deed: Deed,
    steps: Steps,
}

impl Table {
    fn new(case: &Case, steps: Steps) -> Self {
        let semaphore = Semaphore::new(case.permits);
        let (seen, wakers) = (semaphore.clone(), case.wakers);
        let deed: Deed = Arc::new(move |dropped| match wakers {
            Wakers::Count => {}
            // If the permits do not suffice, the acquire is in the wait list until the drop.
            Wakers::Acquire => {
                let _ = pin!(seen.acquire_many(2)).poll(&mut Context::from_waker(Waker::noop()));
            }
            Wakers::Panic if dropped => {}
            Wakers::Panic => resume_unwind(Box::new("a waker that panics")),
        });
        steps.begin(format!("a semaphore of {}, with wakers that {wakers:?}", case.permits));
        let model = Model { free: case.permits, all: case.permits, ..Model::default() };
        let panics = wakers == Wakers::Panic;
        Self { semaphore, model, seats: Vec::new(), held: Vec::new(), next: 0, panics, deed, steps }
    }

    fn operate(&mut self, operation: Operation) -> Result<()> {
        match operation {
            Operation::TryAcquire(count) => {
                self.steps.begin(format!("try_acquire_many({count})"));
                let acquired = self
                    .semaphore
                    .try_acquire_many(count)
                    .map(towpath_semaphore::SemaphorePermit::into_owned);
                let expected = self.model.try_acquire(count as usize);
                let real = acquired.as_ref().map(drop).map_err(|refused| *refused);
                self.held.extend(acquired.ok().map(|permit| (count as usize, permit)));
                self.came(&real, &expected)
            }
            Operation::Acquire(count) => {
                let semaphore = self.semaphore.clone();
                let future = Box::pin(async move { semaphore.acquire_many_owned(count).await });
                let (who, parked, count) = (self.next, Parked::new(&self.deed), count as usize);
                self.next += 1;
                self.seats.push(Seat { who, count, future, parked });
                self.steps.begin(format!("acquire_many({count}) as future {who}"));
                self.poll(self.seats.len() - 1)
            }
            Operation::Poll(at, other) if !self.seats.is_empty() => {
                let at = at % self.seats.len();
                let seat = &mut self.seats[at];
                let waker = if other { " with another waker" } else { "" };
                self.steps.begin(format!("future {} is polled{waker}", seat.who));
                let before = other.then(|| std::mem::replace(&mut seat.parked, Parked::new(&self.deed)));
                self.poll(at)?;
                before.map_or(Ok(()), Parked::leave)
            }
            Operation::GiveUp(at) if !self.seats.is_empty() => self.give_up(at % self.seats.len()),
            Operation::Release(at) if !self.held.is_empty() => {
                let (count, permit) = self.held.remove(at % self.held.len());
                self.steps.begin(format!("{count} are released"));
                self.may_panic(|_| drop(permit));
                self.model.release(count);
                Ok(())
            }
            Operation::Add(count) => {
                self.steps.begin(format!("{count} are added"));
                self.may_panic(|semaphore| semaphore.add_permits(count));
                self.model.all += count;
                self.model.release(count);
                Ok(())
            }
            Operation::Close => {
                self.steps.begin("it is closed".to_owned());
                self.may_panic(Semaphore::close);
                self.model.close();
                Ok(())
            }
            Operation::Poll(..) | Operation::GiveUp(_) | Operation::Release(_) => Ok(()),
        }
    }

    /// Calls `act`, which may notify a waiter.
    fn may_panic(&self, act: impl FnOnce(&Semaphore)) {
        let outcome = catch_unwind(AssertUnwindSafe(|| act(&self.semaphore)));
        if let Err(payload) = outcome {
            self.steps.came("a panic");
            if !self.panics {
                resume_unwind(payload);
            }
        }
    }

    fn poll(&mut self, at: usize) -> Result<()> {
        let Seat { who, count, future, parked } = &mut self.seats[at];
        let expected = self.model.poll(*who, *count);
        let (polled, count) = (parked.poll(|cx| future.as_mut().poll(cx)), *count);
        let Poll::Ready(acquired) = polled else { return self.came(&None, &expected) };
        let real = Some(acquired.as_ref().map(drop).map_err(|closed| *closed));
        self.held.extend(acquired.ok().map(|permit| (count, permit)));
        let parked = self.seats.remove(at).parked;
        self.came(&real, &expected)?;
        parked.leave()
    }

    fn give_up(&mut self, at: usize) -> Result<()> {
        let Seat { who, future, parked, .. } = self.seats.remove(at);
        self.steps.begin(format!("future {who} is dropped"));
        self.may_panic(|_| drop(future));
        self.model.give_up(who);
        parked.leave()
    }

    fn check(&self) -> Result<()> {
        let (semaphore, model) = (&self.semaphore, &self.model);
        let real = (semaphore.available_permits(), semaphore.total_permits(), semaphore.is_closed());
        let expected = (model.available(), model.all, model.closed);
        ensure!(
            real == expected,
            "free, in all and whether it is closed are {real:?}, and should be {expected:?}"
        );
        for seat in &self.seats {
            let sleeps = model.line.iter().any(|waiting| waiting.0 == seat.who);
            ensure!(
                seat.parked.was_called() != sleeps,
                "future {} was notified: {}, and is in the wait list: {sleeps}",
                seat.who,
                seat.parked.was_called()
            );
            ensure!(
                seat.parked.is_kept_rightly(),
                "{} wakers of future {} are kept",
                seat.parked.copies(),
                seat.who
            );
        }
        Ok(())
    }

    /// Polls each notified waiter, and releases all permits, until no waiter is left that the permits suffice for.
    fn let_everybody_go_on(&mut self) -> Result<()> {
        loop {
            if let Some(at) = self.seats.iter().position(|seat| seat.parked.was_called()) {
                self.operate(Operation::Poll(at, false))?;
            } else if self.held.is_empty() {
                break;
            } else {
                self.operate(Operation::Release(0))?;
            }
            self.check()?;
        }
        let first = self.model.line.front().map(|first| first.1);
        ensure!(
            first.is_none_or(|count| count > self.model.all),
            "a waiter waits for {first:?} permits, and all permits are free"
        );
        Ok(())
    }

    fn clear_up(mut self) -> Result<()> {
        while !self.seats.is_empty() {
            self.give_up(0)?;
            self.check()?;
        }
        let (free, all) = (self.semaphore.available_permits(), self.semaphore.total_permits());
        ensure!(free == all, "{free} of {all} permits are free at the end");
        Ok(())
    }

    fn came<T: Debug + PartialEq>(&self, real: &T, expected: &T) -> Result<()> {
        self.steps.came(format_args!("{real:?}"));
        ensure!(real == expected, "the result is {real:?}, and should be {expected:?}");
        Ok(())
    }
}

#[test]
fn permit_released_by_a_panic_with_a_panicking_waker_aborts_not() {
    let semaphore = Semaphore::new(1);
    let deed: Deed = Arc::new(|dropped| {
        if !dropped {
            resume_unwind(Box::new("a waker that panics"))
        }
    });
    let permit = semaphore.try_acquire_owned().expect("it is free");
    let mut parked = Parked::new(&deed);
    let mut acquiring = pin!(semaphore.acquire());
    assert!(parked.poll(|cx| acquiring.as_mut().poll(cx)).is_pending(), "it is taken");
    let job = catch_unwind(AssertUnwindSafe(|| {
        let _held = permit;
        resume_unwind(Box::new("the job's own panic"));
    }));
    let told = job.expect_err("it panics");
    assert_eq!((told.downcast_ref(), parked.was_called()), (Some(&"the job's own panic"), true));
}
