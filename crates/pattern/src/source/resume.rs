//! A source that keeps the items that a run never started.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::erased::Source;
use super::poll_source::{Closed, PollBatch, PollSource};
use crate::item::{Item, ItemBatch};
use crate::upstream::Links;
use crate::util::mutex::Mutex;
use crate::util::panic::{catch, catch_each, first_of, resume};

impl<T: Send + 'static> Source<T> {
    /// Returns a source of the same items, and a handle. After the run, the handle has the items that the run never
    /// started, and the items left in the source.
    ///
    /// The receiver of a channel stays open in the handle, so the items left in the source include the items that senders send
    /// later. For a list of the rest, close the channel: `kept.take()?.close().collect().await`, see [`Source::close`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_pattern::Source;
    ///
    /// let (source, kept) = Source::new(vec!["a", "b"]).kept();
    /// drop(source); // instead of a run that was stopped
    /// let mut rest = kept.take().expect("the source is not in use any more");
    /// assert_eq!(rest.next().await.transpose()?, Some("a"));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn kept(self) -> (Self, Kept<T>) {
        keep(self)
    }
}

/// Holds the items that a run never started, once the run is over. Created by [`Source::kept`].
pub struct Kept<T> {
    slot: Arc<Mutex<Option<Source<T>>>>,
}

impl<T: Send + 'static> Kept<T> {
    /// Takes the items that were never started, as a source for another run or for [`Source::next`]. The items that the
    /// run had taken come first, with their indices; the items still in the source follow. A channel stays open until
    /// [`Source::close`].
    ///
    /// Returns `Some` once the run is over: after [`Run::next`](crate::Run::next) has returned `None`, or after
    /// [`Scope::wait`](crate::Scope::wait) has returned. The method may return `Some` a little earlier, while the work
    /// of the run [shuts down](crate::Work::shutdown), but never while a job of the run exists. Returns `None` before
    /// that moment, and after the first take.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::sync::Arc;
    /// use towpath_pattern::{Run, Scope, Settings, Source, anyhow};
    ///
    /// let fetch = Arc::new(|page: u64| async move {
    ///     anyhow::ensure!(page != 2, "page {page} is missing");
    ///     Ok(page)
    /// });
    /// let start = |pages| Run::spawn(Scope::default(), pages, Settings::new("fetch", 1), Arc::clone(&fetch));
    /// let (pages, kept) = Source::new(1..=5).kept();
    /// let failure = start(pages).collect().await.expect_err("page 2 is missing");
    /// assert_eq!(failure.index(), Some(1));
    ///
    /// let rest = kept.take().expect("the run is over");
    /// assert_eq!(start(rest).collect().await?, [3, 4, 5]);
    /// assert!(kept.take().is_none());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn take(&self) -> Option<Source<T>> {
        self.slot.lock().take()
    }
}

fn keep<T: Send + 'static>(mut source: Source<T>) -> (Source<T>, Kept<T>) {
    // A resumed source is not wrapped again, so that repeated resuming does not nest.
    if !source.keep_again() {
        source.keep();
        source = Source::of(Resumed {
            never_started: VecDeque::new(),
            rest: source,
            closed: false,
            given_back: false,
        });
    }
    let slot = Arc::new(Mutex::new(None));
    let keeper = Keeper { resumed: Some(source), slot: Arc::clone(&slot) };
    (Source::of(keeper), Kept { slot })
}

/// Items given back by a run, followed by the rest of the source.
struct Resumed<T> {
    never_started: VecDeque<(usize, T)>,
    rest: Source<T>,
    /// An earlier run has stopped the upstream stage of the rest.
    closed: bool,
    /// The present run has given back the items that the run had taken.
    given_back: bool,
}

impl<T: Send> PollSource<T> for Resumed<T> {
    fn poll_batch(&mut self, cx: &mut Context<'_>, max: usize, into: &mut ItemBatch<T>) -> PollBatch {
        if max == 0 {
            // Only the rest holds items.
            return self.rest.poll_batch(cx, 0, into);
        }
        for taken in 0..max {
            match self.never_started.pop_front() {
                Some((index, item)) => into.push(index, item),
                None => return self.rest.poll_batch(cx, max - taken, into),
            }
        }
        PollBatch::Ready
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

    fn upstream(&self) -> Links {
        if self.closed { Links::default() } else { self.rest.upstream() }
    }

    fn seal(&mut self) -> bool {
        self.never_started.is_empty() && self.rest.seal()
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, closed: &mut Closed<T>) -> Poll<()> {
        ready!(self.rest.poll_close(cx, closed));
        self.closed = true;
        Poll::Ready(())
    }

    /// The rest ends at its failures. Items given back by a run may follow after the end.
    fn ends_at_failure(&self) -> bool {
        false
    }

    fn close_channels(&mut self) {
        self.rest.close_channels();
    }

    fn release(&mut self) {
        self.rest.release();
    }

    /// Puts the items that the stage had taken at the front. Items given back later come from between the upstream
    /// stage and the stage, and go to the back.
    fn give_back(&mut self, items: VecDeque<(usize, T)>) -> VecDeque<(usize, T)> {
        if std::mem::replace(&mut self.given_back, true) {
            self.never_started.extend(items);
        } else {
            items.into_iter().rev().for_each(|item| self.never_started.push_front(item));
        }
        VecDeque::new()
    }

    fn held(&self) -> usize {
        self.rest.held()
    }

    fn take_held(&mut self) -> VecDeque<Item<T>> {
        self.rest.take_held()
    }

    fn end_plain(&mut self) {
        self.rest.end_plain();
    }

    fn complete_held(&mut self) {
        self.rest.complete_held();
    }

    fn keeps(&self) -> bool {
        true
    }

    fn keep_again(&mut self) -> bool {
        self.given_back = false;
        true
    }

    fn reopen(&mut self) -> bool {
        self.rest.reopen()
    }
}

impl<T> Drop for Resumed<T> {
    /// Drops every item separately: a panic of a drop skips no other drop.
    fn drop(&mut self) {
        let items = catch_each(self.never_started.drain(..), drop);
        resume(first_of(items, catch(|| self.rest.stop()).err()));
    }
}

/// Moves the source to its [`Kept`] when the run drops the keeper.
struct Keeper<T> {
    /// A [`Resumed`], which keeps all items given back. `None` only after the drop.
    resumed: Option<Source<T>>,
    slot: Arc<Mutex<Option<Source<T>>>>,
}

impl<T> Keeper<T> {
    fn resumed(&self) -> &Source<T> {
        self.resumed.as_ref().expect("taken by the drop alone")
    }

    fn resumed_mut(&mut self) -> &mut Source<T> {
        self.resumed.as_mut().expect("taken by the drop alone")
    }
}

impl<T: Send + 'static> PollSource<T> for Keeper<T> {
    fn poll_batch(&mut self, cx: &mut Context<'_>, max: usize, into: &mut ItemBatch<T>) -> PollBatch {
        self.resumed_mut().poll_batch(cx, max, into)
    }

    fn needs_polling(&self) -> bool {
        self.resumed().needs_polling()
    }

    fn computes(&self) -> bool {
        self.resumed().computes()
    }

    fn is_queue(&self) -> bool {
        self.resumed().is_queue()
    }

    fn upstream(&self) -> Links {
        self.resumed().upstream()
    }

    fn seal(&mut self) -> bool {
        self.resumed_mut().seal()
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, closed: &mut Closed<T>) -> Poll<()> {
        self.resumed_mut().poll_close(cx, closed)
    }

    fn ends_at_failure(&self) -> bool {
        false
    }

    fn close_channels(&mut self) {
        self.resumed_mut().close_channels();
    }

    fn release(&mut self) {
        self.resumed_mut().release();
    }

    fn held(&self) -> usize {
        self.resumed().held()
    }

    fn take_held(&mut self) -> VecDeque<Item<T>> {
        self.resumed_mut().take_held()
    }

    fn end_plain(&mut self) {
        self.resumed_mut().end_plain();
    }

    fn complete_held(&mut self) {
        self.resumed_mut().complete_held();
    }

    fn reopen(&mut self) -> bool {
        self.resumed_mut().reopen()
    }

    fn keeps(&self) -> bool {
        true
    }

    fn give_back(&mut self, items: VecDeque<(usize, T)>) -> VecDeque<(usize, T)> {
        self.resumed_mut().give_back(items)
    }
}

impl<T> Drop for Keeper<T> {
    fn drop(&mut self) {
        let mut resumed = self.resumed.take();
        if let Some(resumed) = &mut resumed {
            resumed.reopen();
        }
        // The lock is released before the previous source is dropped.
        let before = std::mem::replace(&mut *self.slot.lock(), resumed);
        drop(before);
    }
}
