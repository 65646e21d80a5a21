//! A source of the elements of the items of another source.
//!
//! # Invariants
//!
//! - An element is in exactly one place: in the iterator of the open item, in an item of `rest`, or yielded.
//! - `rest` has no more items than the run has asked for elements in a single poll.
//! - `failed` stands behind the items of `rest`.

use std::collections::VecDeque;
use std::mem;
use std::task::{Context, Poll};

use super::erased::Source;
use super::poll_source::{Closed, PollBatch, PollSource, source_error};
use crate::failure::{Cause, Failure};
use crate::item::{Item, ItemBatch};
use crate::upstream::Links;
use crate::util::panic::{Payload, catch, catch_each, drop_caught, first_of, resume};

/// The most items of a poll. A longer poll of items without elements would keep the thread from other tasks.
const LARGEST_TURN: usize = 1_024;

/// The most elements of an item that a stopped run takes out and counts.
const MOST_LEFT: usize = 1 << 16;

impl<I> Source<I>
where
    I: IntoIterator<Item: Send + 'static, IntoIter: Send + 'static> + Send + 'static,
{
    /// Returns a source of the elements of all items, in order. An item is an `Option`, a `Vec` or any other value that
    /// converts into an iterator, so an item may have none or several elements.
    ///
    /// The iterators are lazy: an element is taken when the run asks for an item. An element has the index of its item. A
    /// panic of an iterator is a failure of the source at the index of the item, and the elements of the next item follow.
    ///
    /// If a run stops, the elements left of a taken item count as cancelled, and come back through a [`Source::kept`] after
    /// `flatten`. With `kept` before `flatten`, the items without a taken element come back. An iterator that does not know
    /// its length, or with over 65,536 elements left, is dropped instead.
    ///
    /// For the items of an iterator or a stream, `flat_map` of the iterator or stream is enough.
    ///
    /// # Examples
    ///
    /// The elements of the outputs of a run are the items of the next run:
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::sync::Arc;
    /// use towpath_pattern::{Run, Scope, Settings, Source};
    ///
    /// let scope = Scope::new("count");
    /// let words = Arc::new(|line: &'static str| async move {
    ///     Ok(line.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>())
    /// });
    /// let lines = Source::new(["to path", "", "water"]);
    /// let split = Run::spawn(scope.clone(), lines, Settings::new("split", 2).ordered(), words);
    ///
    /// let length = Arc::new(|word: &'static str| async move { Ok(word.len()) });
    /// let words = Source::<Vec<_>>::new(split).flatten();
    /// let run = Run::spawn(scope, words, Settings::new("length", 2).ordered(), length);
    /// assert_eq!(run.collect().await?, [2, 4, 5]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn flatten(self) -> Source<I::Item> {
        Source::of(FlatSource {
            source: self,
            open: None,
            rest: VecDeque::new(),
            failed: None,
            polled: ItemBatch::default(),
        })
    }
}

struct FlatSource<I: IntoIterator> {
    source: Source<I>,
    /// The iterator of an item, and the index of the item.
    open: Option<(usize, I::IntoIter)>,
    /// The items behind the open item.
    rest: VecDeque<(usize, I)>,
    failed: Option<Failure>,
    /// The batch of the inner source, empty between two polls.
    polled: ItemBatch<I>,
}

impl<I: IntoIterator> FlatSource<I> {
    /// Returns the next element of the open item, and drops the iterator at its end.
    fn next_element(&mut self) -> Result<Option<(usize, I::Item)>, Failure> {
        let Some((index, elements)) = &mut self.open else { return Ok(None) };
        let index = *index;
        let panicked = match catch(|| elements.next()) {
            Ok(Some(element)) => return Ok(Some((index, element))),
            Ok(None) => None,
            Err(payload) => Some(payload),
        };
        let mut panics = panicked.into_iter().chain(drop_caught(self.open.take()));
        let failure = |payload: Payload| source_error(Some(index), Cause::from_panic(payload));
        panics.next().map_or(Ok(None), |first| Err(failure(first).followed_by(panics.map(failure))))
    }

    /// Opens the next item; returns whether there is an item.
    fn open_next(&mut self) -> Result<bool, Failure> {
        let Some((index, item)) = self.rest.pop_front() else { return Ok(false) };
        match catch(|| item.into_iter()) {
            Ok(elements) => {
                self.open = Some((index, elements));
                Ok(true)
            }
            Err(payload) => Err(source_error(Some(index), Cause::from_panic(payload))),
        }
    }

    /// Drops every value separately: a panic of a drop skips no other drop.
    fn drop_values(&mut self) {
        let open = drop_caught(self.open.take());
        resume(first_of(open, catch_each(self.rest.drain(..), drop)));
    }

    /// Passes the values on that were found during the close of the inner source, and the values of this source. An upstream
    /// stage may wait for the drop of a value, so no value stays here.
    fn pass_on(&mut self, inner: Closed<I>, closed: &mut Closed<I::Item>) {
        let Closed { between, cause, failures } = inner;
        self.rest.extend(between);
        if self.source.keeps() {
            self.rest = self.source.give_back(mem::take(&mut self.rest));
        }
        closed.extend(Closed { between: VecDeque::new(), cause, failures }, |element| element);
        loop {
            if self.open.as_ref().is_some_and(|(_, elements)| !is_finite(elements)) {
                let (index, elements) = self.open.take().expect("checked before");
                let panicked = drop_caught(elements);
                let failure = |payload| source_error(Some(index), Cause::from_panic(payload));
                closed.failures.extend(panicked.map(failure));
            }
            let opened = match self.next_element() {
                Ok(Some(element)) => {
                    closed.between.push_back(element);
                    continue;
                }
                Ok(None) => self.open_next(),
                Err(failure) => Err(failure),
            };
            match opened {
                Ok(true) => {}
                Ok(false) => break,
                Err(failure) => closed.failures.push(failure),
            }
        }
        closed.failures.extend(self.failed.take());
    }
}

/// Returns whether an iterator has a known number of elements that fits into memory.
fn is_finite(elements: &impl Iterator) -> bool {
    let (least, most) = elements.size_hint();
    most == Some(least) && least <= MOST_LEFT
}

impl<I> PollSource<I::Item> for FlatSource<I>
where
    I: IntoIterator<Item: Send, IntoIter: Send> + Send,
{
    fn poll_batch(&mut self, cx: &mut Context<'_>, max: usize, into: &mut ItemBatch<I::Item>) -> PollBatch {
        let before = into.len();
        let mut left = LARGEST_TURN;
        loop {
            let missing = max.saturating_sub(into.len() - before);
            if missing == 0 {
                return PollBatch::Ready;
            }
            match self.next_element() {
                Ok(Some((index, element))) => {
                    into.push(index, element);
                    continue;
                }
                Ok(None) => {}
                Err(failure) => return PollBatch::Failed(failure),
            }
            match self.open_next() {
                Ok(true) => continue,
                Ok(false) => {}
                Err(failure) => return PollBatch::Failed(failure),
            }
            if let Some(failure) = self.failed.take() {
                return PollBatch::Failed(failure);
            }
            if left == 0 {
                // Other tasks run before the next items.
                cx.waker().wake_by_ref();
                return PollBatch::Pending;
            }
            let count = missing.min(left);
            left -= count;
            let polled = self.source.poll_batch(cx, count, &mut self.polled);
            while let Some(Item { position, value }) = self.polled.pop_front() {
                self.rest.push_back((position.index, value));
            }
            match polled {
                PollBatch::Ready => {}
                PollBatch::Failed(failure) => self.failed = Some(failure),
                // The state of the inner source is asked for again behind the items.
                _ if !self.rest.is_empty() => {}
                polled => return polled,
            }
        }
    }

    fn needs_polling(&self) -> bool {
        self.source.needs_polling()
    }

    fn is_queue(&self) -> bool {
        self.source.is_queue()
    }

    fn upstream(&self) -> Links {
        self.source.upstream()
    }

    fn seal(&mut self) -> bool {
        self.open.is_none() && self.rest.is_empty() && self.failed.is_none() && self.source.seal()
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, closed: &mut Closed<I::Item>) -> Poll<()> {
        let mut inner = Closed::default();
        let polled = self.source.poll_close(cx, &mut inner);
        self.pass_on(inner, closed);
        polled
    }

    fn close_now(&mut self, closed: &mut Closed<I::Item>) {
        let mut inner = Closed::default();
        self.source.close_now(&mut inner);
        self.pass_on(inner, closed);
    }

    /// The inner source ends at its failures itself, and further items may follow the failure of an iterator.
    fn ends_at_failure(&self) -> bool {
        false
    }

    fn close_channels(&mut self) {
        self.source.close_channels();
    }

    fn release(&mut self) {
        self.source.release();
        self.drop_values();
    }

    fn stop(&mut self) {
        self.source.stop();
    }

    fn end_plain(&mut self) {
        self.source.end_plain();
    }

    fn keep(&mut self) {
        self.source.keep();
    }

    fn reopen(&mut self) -> bool {
        self.source.reopen()
    }
}

impl<I: IntoIterator> Drop for FlatSource<I> {
    fn drop(&mut self) {
        self.drop_values();
    }
}
