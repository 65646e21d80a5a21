//! A source of chunks: the items of another source, in vectors.
//!
//! # Invariants
//!
//! - An item is in exactly one place: in the inner source, in the unfinished chunk, or in a chunk that was handed on.
//! - The unfinished chunk is a held item: the chunk has a number from its first item on, and counts as taken.

use std::collections::VecDeque;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::erased::Source;
use super::poll_source::{Closed, PollBatch, PollSource};
use crate::item::{Item, ItemBatch, Position};
use crate::upstream::Links;
use crate::util::batch_size::BatchSize;

/// The most items to poll for between two looks at the clock.
const LARGEST_POLL: usize = 64;

/// The most items of a poll. A longer poll would keep the thread from other tasks.
const LARGEST_TURN: usize = 1_024;

/// The most indices that the source remembers for items that go back to the inner source.
const MOST_INDICES: usize = 1 << 16;

impl<T: Send + 'static> Source<T> {
    /// Returns a source of chunks: vectors of up to `size` items of this source, in order.
    ///
    /// The source hands a chunk on as soon as the chunk has `size` items, or `within` after the first item of the chunk, on
    /// the clock of tokio. So a chunk has at least one item, and no item waits longer than `within` for its chunk. The time
    /// of an idle source does not count. The end of this source completes the last chunk. With [`Duration::MAX`], only
    /// the size and the end complete a chunk.
    ///
    /// If the items of this source are outputs of other jobs, or come from a queue, then the last chunk does not wait for
    /// items that cannot arrive: the chunk is handed on once no job is left to send an item.
    ///
    /// A stage counts chunks. The unfinished chunk counts as taken and as [waiting](crate::Counts::waiting). The index of
    /// a chunk is the index of the first item of the chunk. A failure of the source does not complete the chunk, and comes
    /// before the chunk unless the stage is ordered.
    ///
    /// If a run stops, chunks that were never started count as never started, the unfinished chunk among them. With
    /// `source.kept()` before `chunks`, the items of these chunks come back one by one. With `chunks` before `kept`, the
    /// chunks come back as chunks.
    ///
    /// The memory of a chunk grows with its items, so a large `size` costs nothing in advance.
    ///
    /// A pattern that chunks its input in [`Pattern::start`](crate::Pattern::start) does not yield one output for each input, and
    /// returns `false` from [`is_one_to_one`](crate::Pattern::is_one_to_one). A service whose calls share a job is
    /// [`PatternExt::serve_chunks`](crate::PatternExt::serve_chunks).
    ///
    /// Do not use chunks to limit the rate of jobs: a limiter does so without a wait for the first items.
    ///
    /// # Panics
    ///
    /// Panics at the caller's location if `size` is zero: such a chunk could never hold an item.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use towpath_pattern::{Run, Scope, Settings, Source};
    ///
    /// // One statement for up to 100 rows, and for every row within a second.
    /// let insert = Arc::new(|rows: Vec<u64>| async move { Ok(rows.len()) });
    /// let rows = Source::new(0..250).chunks(100, Duration::from_secs(1));
    /// let run = Run::spawn(Scope::default(), rows, Settings::new("insert", 1), insert);
    /// assert_eq!(run.collect().await?, [100, 100, 50]);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    #[must_use]
    pub fn chunks(self, size: usize, within: Duration) -> Source<Vec<T>> {
        Source::of(ChunkSource::new(self, size, within))
    }

    /// Returns a source of chunks as [`Source::chunks`] does, with a log of the chunks.
    #[track_caller]
    pub(crate) fn logged_chunks(
        self,
        size: usize,
        within: Duration,
        log: impl ChunkLog + 'static,
    ) -> Source<Vec<T>> {
        let mut chunks = ChunkSource::new(self, size, within);
        chunks.log = Some(Box::new(log));
        Source::of(chunks)
    }
}

impl<T> ChunkSource<T> {
    #[track_caller]
    fn new(source: Source<T>, size: usize, within: Duration) -> Self {
        assert!(size > 0, "a chunk of 0 items would never be complete; use 1 or more");
        Self {
            source,
            size,
            within,
            chunk: Chunk::default(),
            due: None,
            timer: None,
            complete: false,
            polled: ItemBatch::default(),
            poll_size: BatchSize::default(),
            handed_on: Indices::default(),
            log: None,
        }
    }
}

struct ChunkSource<T> {
    source: Source<T>,
    size: usize,
    within: Duration,
    chunk: Chunk<T>,
    /// The time of the unfinished chunk is up. `None` without a chunk, and for a time beyond the clock.
    due: Option<Instant>,
    /// Created by the first wait, and reset for later chunks.
    timer: Option<Pin<Box<Sleep>>>,
    /// The inner source has no more items for the unfinished chunk.
    complete: bool,
    /// The batch of the inner source, empty between two polls.
    polled: ItemBatch<T>,
    poll_size: BatchSize,
    handed_on: Indices,
    log: Option<Box<dyn ChunkLog>>,
}

/// Learns of the chunks of a source, by the index and the size of each chunk.
pub(crate) trait ChunkLog: Send {
    /// A chunk is about to be handed on.
    fn handed_on(&mut self, index: usize, size: usize);

    /// A chunk came back, and no job has started on its items.
    fn given_back(&mut self, index: usize, size: usize);
}

/// The unfinished chunk: empty, or with a number.
struct Chunk<T> {
    items: Vec<T>,
    position: Position,
    /// The indices of the items, if the inner source keeps items that are given back.
    indices: Vec<usize>,
}

impl<T> Default for Chunk<T> {
    fn default() -> Self {
        Self { items: Vec::new(), position: Position::NONE, indices: Vec::new() }
    }
}

/// The indices of chunks that were handed on, and may be given back. The indices of most chunks follow each other, and
/// are not stored.
#[derive(Default)]
struct Indices {
    chunks: VecDeque<Vec<usize>>,
    total: usize,
}

impl Indices {
    fn remember(&mut self, indices: Vec<usize>) {
        if indices.windows(2).all(|pair| pair[0].checked_add(1) == Some(pair[1])) {
            return;
        }
        self.total += indices.len();
        self.chunks.push_back(indices);
        // A chunk that waits for its start this long is an exception. The indices of its items are then an estimate.
        while self.total > MOST_INDICES && self.chunks.len() > 1 {
            self.total -= self.chunks.pop_front().map_or(0, |indices| indices.len());
        }
    }

    /// Returns the indices of the items of a chunk, in order. Chunks come back in the order of their numbers.
    fn of(&mut self, first: usize, items: usize) -> impl Iterator<Item = usize> + use<> {
        let found = self.chunks.iter().position(|chunk| chunk.len() == items && chunk[0] == first);
        let indices = found.and_then(|at| self.chunks.remove(at)).unwrap_or_default();
        self.total -= indices.len();
        let counted = if indices.is_empty() { items } else { 0 };
        indices.into_iter().chain((0..counted).map(move |number| first.saturating_add(number)))
    }
}

impl<T> ChunkSource<T> {
    /// Returns whether the unfinished chunk is handed on now.
    fn is_due(&self) -> bool {
        let items = self.chunk.items.len();
        items > 0
            && (self.complete || items >= self.size || self.due.is_some_and(|due| due <= Instant::now()))
    }

    fn hand_on(&mut self, into: &mut ItemBatch<Vec<T>>) {
        let Chunk { items, position, indices } = mem::take(&mut self.chunk);
        (self.due, self.complete) = (None, false);
        if !indices.is_empty() {
            self.handed_on.remember(indices);
        }
        if let Some(log) = &mut self.log {
            log.handed_on(position.index, items.len());
        }
        into.push_ready(Item { position, value: items });
    }

    /// Adds the items of a poll to the chunk. The first item of a chunk takes the number of the chunk.
    fn add_polled(&mut self, into: &mut ItemBatch<Vec<T>>) {
        let keeps = !self.polled.is_empty() && self.source.keeps();
        while let Some(Item { position: Position { index, .. }, value }) = self.polled.pop_front() {
            if self.chunk.items.is_empty() {
                self.chunk.position = Position { index, seq: into.take_number() };
                self.due = Instant::now().checked_add(self.within);
            }
            self.chunk.items.push(value);
            if keeps {
                self.chunk.indices.push(index);
            }
        }
    }

    /// Ready when the time of the unfinished chunk is up.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(due) = self.due else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if timer.deadline() != due {
            timer.as_mut().reset(due);
        }
        timer.as_mut().poll(cx)
    }

    /// Splits a chunk into items with indices.
    fn split(&mut self, chunks: impl IntoIterator<Item = (usize, Vec<T>)>) -> VecDeque<(usize, T)> {
        let mut items = VecDeque::new();
        for (first, chunk) in chunks {
            let indices = self.handed_on.of(first, chunk.len());
            items.extend(indices.zip(chunk));
        }
        items
    }
}

impl<T: Send> PollSource<Vec<T>> for ChunkSource<T> {
    /// Completes the unfinished chunk even if `max` is 0: the chunk has a number already.
    fn poll_batch(&mut self, cx: &mut Context<'_>, max: usize, into: &mut ItemBatch<Vec<T>>) -> PollBatch {
        let mut handed_on = 0;
        let mut left = LARGEST_TURN;
        loop {
            if self.is_due() {
                self.hand_on(into);
                handed_on += 1;
            }
            if handed_on > 0 && handed_on >= max {
                return PollBatch::Ready;
            }
            if max == 0 && self.chunk.items.is_empty() {
                return PollBatch::Pending;
            }
            if left == 0 {
                // Other tasks run before the next items.
                cx.waker().wake_by_ref();
                return PollBatch::Pending;
            }
            let count = (self.size - self.chunk.items.len()).min(self.poll_size.get()).min(left);
            left -= count;
            let started = Instant::now();
            let polled = self.source.poll_batch(cx, count, &mut self.polled);
            self.add_polled(into);
            match polled {
                PollBatch::Ready => self.poll_size.adapt(started.elapsed(), LARGEST_POLL),
                PollBatch::Exhausted if self.chunk.items.is_empty() => return PollBatch::Exhausted,
                PollBatch::Exhausted => self.complete = true,
                PollBatch::Failed(failure) => return PollBatch::Failed(failure),
                PollBatch::Pending | PollBatch::Quiescent if self.is_due() => {}
                waits @ (PollBatch::Pending | PollBatch::Quiescent) => {
                    if self.poll_timer(cx).is_pending() {
                        return waits;
                    }
                    self.complete = true;
                }
            }
        }
    }

    fn needs_polling(&self) -> bool {
        self.source.needs_polling()
    }

    fn computes(&self) -> bool {
        self.source.computes()
    }

    fn is_queue(&self) -> bool {
        self.source.is_queue()
    }

    fn upstream(&self) -> Links {
        self.source.upstream()
    }

    /// No job is left to send an item for the unfinished chunk, so the chunk is complete. Its job may send items.
    fn seal(&mut self) -> bool {
        self.complete = !self.chunk.items.is_empty();
        !self.complete && self.source.seal()
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, closed: &mut Closed<Vec<T>>) -> Poll<()> {
        let mut inner = Closed::default();
        let polled = self.source.poll_close(cx, &mut inner);
        closed.extend(inner, |value| vec![value]);
        polled
    }

    fn close_now(&mut self, closed: &mut Closed<Vec<T>>) {
        let mut inner = Closed::default();
        self.source.close_now(&mut inner);
        closed.extend(inner, |value| vec![value]);
    }

    /// The inner source ends at its failures itself, and the unfinished chunk remains after a failure.
    fn ends_at_failure(&self) -> bool {
        false
    }

    fn close_channels(&mut self) {
        self.source.close_channels();
    }

    fn release(&mut self) {
        self.source.release();
    }

    fn stop(&mut self) {
        self.source.stop();
    }

    fn end_plain(&mut self) {
        self.source.end_plain();
    }

    fn complete_held(&mut self) {
        self.complete = !self.chunk.items.is_empty();
    }

    fn keep(&mut self) {
        self.source.keep();
    }

    fn reopen(&mut self) -> bool {
        self.source.reopen()
    }

    fn held(&self) -> usize {
        usize::from(!self.chunk.items.is_empty())
    }

    fn take_held(&mut self) -> VecDeque<Item<Vec<T>>> {
        let mut held = ItemBatch::default();
        if !self.chunk.items.is_empty() {
            self.hand_on(&mut held);
        }
        std::iter::from_fn(|| held.pop_front()).collect()
    }

    fn keeps(&self) -> bool {
        self.source.keeps()
    }

    fn give_back(&mut self, chunks: VecDeque<(usize, Vec<T>)>) -> VecDeque<(usize, Vec<T>)> {
        if let Some(log) = &mut self.log {
            for (index, chunk) in &chunks {
                log.given_back(*index, chunk.len());
            }
        }
        if !self.source.keeps() {
            return chunks;
        }
        let items = self.split(chunks);
        let returned = self.source.give_back(items);
        returned.into_iter().map(|(index, item)| (index, vec![item])).collect()
    }
}

impl<T> Drop for ChunkSource<T> {
    /// Without a run, the items of the unfinished chunk go back to the inner source here.
    fn drop(&mut self) {
        let Chunk { items, position, mut indices } = mem::take(&mut self.chunk);
        if indices.len() != items.len() {
            indices = (0..items.len()).map(|number| position.index.saturating_add(number)).collect();
        }
        drop(self.source.give_back(indices.into_iter().zip(items).collect()));
    }
}
