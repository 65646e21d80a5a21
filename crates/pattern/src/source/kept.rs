//! Getting back, by value, what a run never began.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::Source;
use super::feed::{Closed, Feed, Filled, Inbox};
use crate::stage::Stage;
use crate::sync::{Mutex, MutexGuard, PoisonError};

/// Has, when the run is over, everything of its source that was never begun. From [`Source::kept`].
pub struct Kept<T> {
    slot: Arc<Mutex<Option<Source<T>>>>,
}

impl<T: Send + 'static> Kept<T> {
    /// What was never begun, as a source to run again or to read with [`Source::next`]: first the items
    /// that had been taken, each with its index, then what the source still has.
    ///
    /// `Some` once the run is over, which it is when it has yielded its end, or when its scope is closed; or a little
    /// before, while its work still [closes](crate::Work::close), but not before its last job is gone. `None` while
    /// any is left, and when it was taken before.
    #[must_use]
    pub fn take(&self) -> Option<Source<T>> {
        lock(&self.slot).take()
    }
}

fn lock<T>(slot: &Mutex<T>) -> MutexGuard<'_, T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn keep<T: Send + 'static>(mut source: Source<T>) -> (Source<T>, Kept<T>) {
    // What is resumed again and again would be nested as often.
    if !source.feed.keep_again() {
        source =
            Source::of(Resumed { unbegun: VecDeque::new(), rest: source, closed: false, given_back: false });
    }
    let slot = Arc::new(Mutex::new(None));
    let keeper = Keeper { resumed: Some(source), slot: Arc::clone(&slot) };
    (Source::of(keeper), Kept { slot })
}

/// What was given back, followed by the rest of the source that it came from.
struct Resumed<T> {
    unbegun: VecDeque<(usize, T)>,
    rest: Source<T>,
    /// What is behind the rest was stopped with a run that this is left of.
    closed: bool,
    /// The present run has given back what it had taken.
    given_back: bool,
}

impl<T: Send> Feed<T> for Resumed<T> {
    fn fill(&mut self, cx: &mut Context<'_>, max: usize, into: &mut Inbox<T>) -> Filled {
        for taken in 0..max {
            match self.unbegun.pop_front() {
                Some((index, item)) => into.push(index, item),
                None => return self.rest.poll_fill(cx, max - taken, into),
            }
        }
        Filled::Full
    }

    fn needs_polling(&self) -> bool {
        self.rest.needs_polling()
    }

    fn computes(&self) -> bool {
        self.rest.computes()
    }

    fn is_queue(&self) -> bool {
        self.rest.is_queue()
    }

    fn stages(&self) -> Vec<Arc<dyn Stage>> {
        if self.closed { Vec::new() } else { self.rest.stages() }
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, closed: &mut Closed<T>) -> Poll<()> {
        ready!(self.rest.poll_close(cx, closed));
        self.closed = true;
        Poll::Ready(())
    }

    /// What was taken stood before all that is left here; what comes later was on its way from behind the rest.
    fn give_back(&mut self, items: VecDeque<(usize, T)>) -> VecDeque<(usize, T)> {
        if std::mem::replace(&mut self.given_back, true) {
            self.unbegun.extend(items);
        } else {
            items.into_iter().rev().for_each(|item| self.unbegun.push_front(item));
        }
        VecDeque::new()
    }

    fn keep_again(&mut self) -> bool {
        self.given_back = false;
        true
    }
}

/// Leaves the source where its [`Kept`] finds it, when the run drops it.
struct Keeper<T> {
    /// Resumed, or to be: it takes everything back.
    resumed: Option<Source<T>>,
    slot: Arc<Mutex<Option<Source<T>>>>,
}

impl<T: Send + 'static> Keeper<T> {
    fn resumed(&mut self) -> &mut Source<T> {
        self.resumed.as_mut().expect("taken only by the drop")
    }
}

impl<T: Send + 'static> Feed<T> for Keeper<T> {
    fn fill(&mut self, cx: &mut Context<'_>, max: usize, into: &mut Inbox<T>) -> Filled {
        self.resumed().poll_fill(cx, max, into)
    }

    fn needs_polling(&self) -> bool {
        self.resumed.as_ref().is_some_and(Source::needs_polling)
    }

    fn computes(&self) -> bool {
        self.resumed.as_ref().is_some_and(Source::computes)
    }

    fn is_queue(&self) -> bool {
        self.resumed.as_ref().is_some_and(Source::is_queue)
    }

    fn stages(&self) -> Vec<Arc<dyn Stage>> {
        self.resumed.as_ref().map_or_else(Vec::new, Source::stages)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, closed: &mut Closed<T>) -> Poll<()> {
        self.resumed().poll_close(cx, closed)
    }

    fn give_back(&mut self, items: VecDeque<(usize, T)>) -> VecDeque<(usize, T)> {
        self.resumed().give_back(items)
    }
}

impl<T> Drop for Keeper<T> {
    fn drop(&mut self) {
        *lock(&self.slot) = self.resumed.take();
    }
}
