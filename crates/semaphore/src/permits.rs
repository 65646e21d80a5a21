//! How many permits are free, and the hand-shake between those who put some back and those who wait for some.
//!
//! One word says how many are free, whether somebody waits, and whether it is closed. To take a free permit is
//! one compare-and-swap of that word, and to put it back one addition. The lock is only for those who must wait,
//! and for those who put back while somebody waits.
//!
//! # Invariants
//!
//! 1. `LINE` is set and cleared under the lock. When the lock is released, it is set if somebody is in line, and
//!    not otherwise. It never is once the semaphore is closed.
//! 2. While `LINE` is set, nothing is taken but under the lock, for whoever is first in line. So nobody is
//!    passed over, and what was freed stays in the word until it is enough for one who waits for many.
//! 3. No wake-up is lost: if there is enough in the word for whoever is first, somebody is about to serve the
//!    line. Who puts back learns by the same atomic operation whether `LINE` is set, and serves if it is. Who is
//!    first to join sets `LINE` by an atomic operation that finds too few in the word. Who leaves serves, too:
//!    there may be enough for whoever is first now.
//! 4. No waker is cloned, called or dropped under the lock.

use std::any::Any;
use std::fmt;
use std::future::poll_fn;
use std::hint::spin_loop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::{Context, Poll, Waker};
use std::thread::panicking;

use crate::line::Line;
use crate::semaphore::{Closed, TryAcquireError};
use crate::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use crate::sync::atomic::{AtomicU64, AtomicUsize};
use crate::sync::{Mutex, MutexGuard, PoisonError};

/// Nothing is given out any more, and nobody waits.
const CLOSED: usize = 1;
/// Somebody waits.
const LINE: usize = 2;
/// One free permit.
const ONE: usize = 4;

/// How long a thread stays away from the word after another was quicker: about a microsecond, in which the other
/// takes and puts back a hundred permits as quickly as if it were alone.
const PAUSES: u32 = 32;

pub(crate) struct Permits {
    word: AtomicUsize,
    line: Mutex<Line>,
    /// Whoever came for a place before this one was served, or has left. Written under the lock.
    served: AtomicU64,
}

impl Permits {
    /// The most there can be, as in tokio's semaphore. Two of the three bits are flags here.
    pub(crate) const MAX: usize = usize::MAX >> 3;

    /// So many that are free. There must never be more than [`Permits::MAX`].
    pub(crate) fn new(free: usize) -> Self {
        Self { word: AtomicUsize::new(free * ONE), line: Mutex::default(), served: AtomicU64::new(0) }
    }

    /// How many can be taken.
    pub(crate) fn free(&self) -> usize {
        free(self.word.load(Acquire))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.word.load(Acquire) & CLOSED != 0
    }

    /// Takes so many, if they are free and nobody waits.
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

    /// Takes so many, in turn. Dropped before, it gives up its place in line and has taken nothing.
    pub(crate) async fn take(&self, count: usize) -> Result<(), Closed> {
        let mut turn = Turn { permits: self, count, place: None };
        poll_fn(|cx| turn.poll(cx)).await
    }

    /// Puts back so many that were taken, or are new.
    #[inline]
    pub(crate) fn put(&self, count: usize) {
        if count > 0 && self.word.fetch_add(count * ONE, AcqRel) & LINE != 0 {
            self.serve();
        }
    }

    pub(crate) fn close(&self) {
        let mut line = self.line();
        self.word.fetch_or(CLOSED, AcqRel);
        self.word.fetch_and(!LINE, AcqRel);
        let wakers = line.dissolve();
        drop(line);
        let mut panics = Panics::default();
        wakers.for_each(|waker| panics.wake(waker));
        panics.resume();
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives those who wait what is in the word, one after another, as far as it goes.
    #[cold]
    fn serve(&self) {
        let mut panics = Panics::default();
        loop {
            let mut line = self.line();
            let Some((place, count)) = self.can_serve(&line) else { break };
            let waker = line.pop_first();
            let no_line = if line.is_empty() { LINE } else { 0 };
            self.word.fetch_sub(count * ONE + no_line, AcqRel);
            self.served.store(place + 1, Release);
            let more = self.can_serve(&line).is_some();
            drop(line);
            if let Some(waker) = waker {
                panics.wake(waker);
            }
            if !more {
                break;
            }
        }
        panics.resume();
    }

    /// Whoever is first in line, if there is enough for it: its place, and how many it waits for.
    fn can_serve(&self, line: &Line) -> Option<(u64, usize)> {
        line.first().filter(|(_, count)| self.word.load(Acquire) / ONE >= *count)
    }
}

impl fmt::Debug for Permits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permits").field("free", &self.free()).finish_non_exhaustive()
    }
}

/// What can be taken of `word`: while somebody waits, nothing.
fn free(word: usize) -> usize {
    if word & LINE == 0 { word / ONE } else { 0 }
}

/// What `word` is once `count` are taken, if so many can be.
fn without(word: usize, count: usize) -> Option<usize> {
    (free(word) >= count).then(|| word - count * ONE)
}

/// Leaves the word to another thread for a moment, so that it is not fetched from one core to the other for
/// each operation.
#[cold]
fn back_off() {
    for _ in 0..PAUSES {
        spin_loop();
    }
}

/// The first panic of those who are woken: one must not cost the others their wake-up.
#[derive(Default)]
struct Panics(Option<Box<dyn Any + Send>>);

impl Panics {
    fn wake(&mut self, waker: Waker) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
            self.0.get_or_insert(payload);
        }
    }

    fn resume(self) {
        // While a panic unwinds, a second one would abort the process: the first is the one that is told.
        if let Some(payload) = self.0.filter(|_| !panicking()) {
            resume_unwind(payload);
        }
    }
}

/// Somebody who wants permits.
struct Turn<'a> {
    permits: &'a Permits,
    count: usize,
    /// Where it waits, or was served and has not seen it yet.
    place: Option<u64>,
}

impl Turn<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        match self.place {
            None => self.come(cx),
            Some(place) => self.look(place, cx),
        }
    }

    /// Takes the permits, or joins the line.
    fn come(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        let waker = cx.waker().clone();
        let mut line = self.permits.line();
        let come = |word| match without(word, self.count) {
            _ if word & CLOSED != 0 => None,
            None => Some(word | LINE),
            taken => taken,
        };
        match self.permits.word.fetch_update(AcqRel, Acquire, come) {
            Err(_) => Poll::Ready(Err(Closed)),
            Ok(word) if without(word, self.count).is_some() => Poll::Ready(Ok(())),
            Ok(_) => {
                self.place = Some(line.join(self.count, waker));
                Poll::Pending
            }
        }
    }

    /// Whether it was served.
    fn look(&mut self, place: u64, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        if self.permits.is_closed() {
            // What it was served, its drop puts back.
            return Poll::Ready(Err(Closed));
        }
        if self.was_served(place) {
            self.place = None;
            return Poll::Ready(Ok(()));
        }
        let mut waker = cx.waker().clone();
        if self.permits.line().wake_by(place, &mut waker) {
            return Poll::Pending;
        }
        // It was served meanwhile, or sent away.
        self.look(place, cx)
    }

    fn was_served(&self, place: u64) -> bool {
        place < self.permits.served.load(Acquire)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Some(place) = self.place else { return };
        let mut line = self.permits.line();
        if self.was_served(place) {
            drop(line);
            return self.permits.put(self.count);
        }
        let waker = line.leave(place);
        if line.is_empty() {
            self.permits.word.fetch_and(!LINE, AcqRel);
        }
        drop(line);
        drop(waker);
        self.permits.serve();
    }
}
