//! The items of a storage of the user, to which jobs on the items may add.
//!
//! # The end
//!
//! Without an item, the source is quiescent: only a job on an item of the source, or the owner of a handle, can add an item.
//! A stage seals a quiescent source when no job runs on its items. The seal fails if an item is being added, or was added
//! after the last look into the storage. After the seal, the handles refuse items.
//!
//! A storage with an item that is due later is not empty: the source is pending until the due time, or until an item is
//! added.
//!
//! # Invariants
//!
//! - An item is in exactly one place: in the storage, in `taken`, or yielded.
//! - A future of `take` that has started is polled to its end, also by the close of the source: the future may already have
//!   the items. Only the time limit of the close, and a runtime that shuts down, drop the future earlier.

use std::collections::VecDeque;
use std::future::ready as ready_future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::{fmt, mem};

use tokio::time::{Instant, Sleep, sleep_until};

use super::erased::Source;
use super::poll_source::{Closed, PollBatch, PollSource, source_error};
use crate::failure::{Cause, Failure, TimedOut};
use crate::item::ItemBatch;
use crate::util::mutex::Mutex;
use crate::util::panic::{catch, drop_caught, drop_quietly, resume};
use crate::util::wake::{WakeList, WakerSlot};

/// The place of the items of a [`Source::frontier`]: a table, a file, a directory, a list in memory.
///
/// A storage is shared by the source and by all [handles](Frontier), so the methods take `&self`. A storage with a lock
/// holds the lock only within a call, and not across an await.
///
/// # When not to use it
///
/// For items in memory, a run with consumers that send (`consumers_that_send` of `towpath-producer-consumer`) needs no
/// storage, and bounds the items.
///
/// # Examples
///
/// ```
/// use std::collections::VecDeque;
/// use std::sync::Mutex;
/// use std::time::Duration;
/// use towpath_pattern::{Storage, anyhow};
///
/// #[derive(Default)]
/// struct Memory(Mutex<VecDeque<u64>>);
///
/// impl Storage for Memory {
///     type Item = u64;
///
///     async fn add(&self, item: u64) -> anyhow::Result<()> {
///         self.0.lock().expect("no panic").push_back(item);
///         Ok(())
///     }
///
///     async fn take(&self, max: usize) -> anyhow::Result<Vec<u64>> {
///         let mut items = self.0.lock().expect("no panic");
///         let count = max.min(items.len());
///         Ok(items.drain(..count).collect())
///     }
///
///     fn give_back(&self, item: u64) -> anyhow::Result<()> {
///         self.0.lock().expect("no panic").push_front(item);
///         Ok(())
///     }
///
///     /// No method waits.
///     fn stop_within(&self) -> Duration {
///         Duration::from_secs(1)
///     }
/// }
/// ```
pub trait Storage: Send + Sync + 'static {
    /// The items.
    type Item: Send + 'static;

    /// Adds an item. A storage ignores an item that it has seen before, if the items are unique.
    ///
    /// # Errors
    ///
    /// An error is the result of [`Frontier::add`].
    fn add(&self, item: Self::Item) -> impl Future<Output = anyhow::Result<()>> + Send;

    /// Takes up to `max` items; `max` is at least 1. Returns no item if the storage has no item now: the future must not wait
    /// for a later [`add`](Storage::add), and must not sleep until an item is due. During such a wait, the run would not see an
    /// item that a job adds, and a stop would wait as well. [`next_due`](Storage::next_due) has the time of the next item.
    ///
    /// The stop of a run waits for the future, at most for [`stop_within`](Storage::stop_within). If a job must survive the process,
    /// the item stays in the storage until the job removes the item.
    ///
    /// # Errors
    ///
    /// An error is a failure of the source, and ends the source.
    fn take(&self, max: usize) -> impl Future<Output = anyhow::Result<Vec<Self::Item>>> + Send;

    /// Returns the time from which [`take`](Storage::take) will find an item, if the storage has an item that must not be taken
    /// yet: a retry after a delay, or the next request to a host. The call follows a `take` that has returned no item. The
    /// default implementation returns `None`: without an item, the storage is empty.
    ///
    /// Until the time, the run stays open without a job, and takes again as soon as a job [adds](Frontier::add) an item. A stop
    /// and a drain do not wait for the time: the item stays in the storage. A time in the past leads to a further `take` at
    /// once.
    ///
    /// # Errors
    ///
    /// An error is a failure of the source, and ends the source. On a runtime without timers, a time is a failure as well.
    ///
    /// # Cancel safety
    ///
    /// The stop of a run waits for the future as for the future of `take`, and drops the future after
    /// [`stop_within`](Storage::stop_within).
    ///
    /// # Examples
    ///
    /// A job that fails adds its item once more, for a minute later:
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> anyhow::Result<()> {
    /// use std::collections::BTreeMap;
    /// use std::sync::{Arc, Mutex};
    /// use tokio::time::{Duration, Instant};
    /// use towpath_pattern::{Run, Scope, Settings, Source, Storage, anyhow};
    ///
    /// const MINUTE: Duration = Duration::from_secs(60);
    ///
    /// struct Page {
    ///     url: &'static str,
    ///     due: Instant,
    ///     attempt: u32,
    /// }
    ///
    /// /// The pages in the order of their due times.
    /// #[derive(Default)]
    /// struct Pages(Mutex<BTreeMap<(Instant, &'static str), Page>>);
    ///
    /// impl Storage for Pages {
    ///     type Item = Page;
    ///
    ///     async fn add(&self, page: Page) -> anyhow::Result<()> {
    ///         self.give_back(page)
    ///     }
    ///
    ///     async fn take(&self, _: usize) -> anyhow::Result<Vec<Page>> {
    ///         let mut pages = self.0.lock().expect("no panic");
    ///         let first = pages.first_entry().filter(|page| page.key().0 <= Instant::now());
    ///         Ok(first.map(|page| page.remove()).into_iter().collect())
    ///     }
    ///
    ///     async fn next_due(&self) -> anyhow::Result<Option<Instant>> {
    ///         Ok(self.0.lock().expect("no panic").keys().next().map(|(due, _)| *due))
    ///     }
    ///
    ///     fn give_back(&self, page: Page) -> anyhow::Result<()> {
    ///         self.0.lock().expect("no panic").insert((page.due, page.url), page);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let begin = Instant::now();
    /// let (frontier, pages) = Source::frontier(Pages::default());
    /// for url in ["a.example", "b.example"] {
    ///     frontier.add(Page { url, due: begin, attempt: 1 }).await?;
    /// }
    /// let fetch = Arc::new(move |page: Page| {
    ///     let frontier = frontier.clone();
    ///     async move {
    ///         // The first attempt at `a.example` fails.
    ///         if page.url == "a.example" && page.attempt == 1 {
    ///             frontier.add(Page { due: page.due + MINUTE, attempt: 2, ..page }).await?;
    ///         }
    ///         Ok((page.url, page.attempt))
    ///     }
    /// });
    /// let fetched = Run::spawn(Scope::default(), pages, Settings::new("fetch", 1), fetch).collect().await?;
    /// assert_eq!(fetched, [("a.example", 1), ("b.example", 1), ("a.example", 2)]);
    /// assert_eq!(begin.elapsed(), MINUTE);
    /// # Ok(()) }
    /// ```
    fn next_due(&self) -> impl Future<Output = anyhow::Result<Option<Instant>>> + Send {
        ready_future(Ok(None))
    }

    /// Takes back an item that a stopped run has taken and never started. The items come in the reverse order of the takes, so a
    /// queue puts each item at its front.
    ///
    /// The method is called on a thread of the runtime, so it must not block for long. With [`Source::kept`], the items go to
    /// the [`Kept`](crate::Kept) instead.
    ///
    /// # Errors
    ///
    /// An error is in the report of the run.
    fn give_back(&self, item: Self::Item) -> anyhow::Result<()>;

    /// Returns how long the stop of a run waits for the future of a [`take`](Storage::take), which includes a following
    /// [`next_due`](Storage::next_due): 5 seconds by default. Afterwards,
    /// the future is dropped, and the report of the run has a failure with a [`TimedOut`](crate::TimedOut). Items that the
    /// future has taken out of the storage are then lost. On a runtime without timers, there is no time limit.
    ///
    /// The budget of a [drain](crate::Run::drain) does not include this time.
    fn stop_within(&self) -> Duration {
        Duration::from_secs(5)
    }
}

/// Adds items to the storage of a [`Source::frontier`]. Clones add to the same storage.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// # use std::sync::Mutex;
/// # use towpath_pattern::{Storage, anyhow};
/// use towpath_pattern::Source;
///
/// # #[derive(Default)]
/// # struct Stack(Mutex<Vec<u64>>);
/// #
/// # impl Storage for Stack {
/// #     type Item = u64;
/// #
/// #     async fn add(&self, item: u64) -> anyhow::Result<()> {
/// #         self.give_back(item)
/// #     }
/// #
/// #     async fn take(&self, _: usize) -> anyhow::Result<Vec<u64>> {
/// #         Ok(self.0.lock().expect("no panic").pop().into_iter().collect())
/// #     }
/// #
/// #     fn give_back(&self, item: u64) -> anyhow::Result<()> {
/// #         self.0.lock().expect("no panic").push(item);
/// #         Ok(())
/// #     }
/// # }
/// #
/// // `Stack` is the storage in the example of `Source::frontier`.
/// let (frontier, mut numbers) = Source::frontier(Stack::default());
/// frontier.add(1).await?;
/// frontier.add(2).await?;
/// assert_eq!(numbers.next().await.transpose()?, Some(2));
/// assert_eq!(frontier.storage().0.lock().expect("no panic").len(), 1);
/// # Ok(()) }
/// ```
pub struct Frontier<S> {
    shared: Arc<Shared<S>>,
}

impl<S> Clone for Frontier<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<S> fmt::Debug for Frontier<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frontier").finish_non_exhaustive()
    }
}

struct Shared<S> {
    storage: S,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The number of calls of `add` that have not returned.
    adding: usize,
    /// The number of calls of `add` that have returned.
    added: u64,
    /// The source has ended.
    closed: bool,
    source: WakerSlot,
}

impl<S: Storage> Frontier<S> {
    /// Adds an item to the storage, and wakes the run.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage. Also returns an error if the source has ended; the storage does not have the item
    /// then. A job on an item of the source does not meet this error.
    ///
    /// # Cancel safety
    ///
    /// As cancel safe as [`Storage::add`]: a dropped future may have added the item.
    pub async fn add(&self, item: S::Item) -> anyhow::Result<()> {
        let adding = Adding::new(&self.shared)?;
        let added = self.shared.storage.add(item).await;
        drop(adding);
        added
    }

    /// Returns the storage, for example to mark an item as done. An item that is added to the storage itself is found with
    /// the next item, or not by this run.
    #[must_use]
    pub fn storage(&self) -> &S {
        &self.shared.storage
    }
}

/// A call of `add`. During the call, the source does not end.
struct Adding<'a, S>(&'a Shared<S>);

impl<'a, S> Adding<'a, S> {
    fn new(shared: &'a Shared<S>) -> anyhow::Result<Self> {
        let mut state = shared.state.lock();
        if state.closed {
            drop(state);
            anyhow::bail!("the source of the frontier has ended");
        }
        state.adding += 1;
        Ok(Self(shared))
    }
}

impl<S> Drop for Adding<'_, S> {
    fn drop(&mut self) {
        let mut wakes = WakeList::default();
        let mut state = self.0.state.lock();
        state.adding -= 1;
        state.added += 1;
        state.source.notify(&mut wakes);
        drop(state);
        resume(wakes.wake_all());
    }
}

impl<T: Send + 'static> Source<T> {
    /// Creates a source of the items of `storage`, and a handle with which jobs add items: the frontier of a crawler or of a
    /// search, in memory or on a disk.
    ///
    /// The source ends when the storage is empty, no item is being added, and no job runs on an item of the source. An item that
    /// is [due later](Storage::next_due) keeps the source open. In a chain of stages, the jobs of the first stage count: a
    /// later stage must not add items, since the source may have ended. The run takes an item only when a job is free, so all
    /// other items are in the storage. With a [limiter by item](crate::Limiter::PER_ITEM), the run also takes the items that
    /// wait without a slot: together up to the limit plus the capacity. The index of an item is its number in the order of
    /// the takes. The items that a stopped run has not started go [back](Storage::give_back) to the storage.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::sync::{Arc, Mutex};
    /// use towpath_pattern::{Run, Scope, Settings, Source, Storage, anyhow};
    ///
    /// /// The last item first.
    /// struct Stack(Mutex<Vec<u64>>);
    ///
    /// impl Storage for Stack {
    ///     type Item = u64;
    ///
    ///     async fn add(&self, item: u64) -> anyhow::Result<()> {
    ///         self.give_back(item)
    ///     }
    ///
    ///     async fn take(&self, _: usize) -> anyhow::Result<Vec<u64>> {
    ///         Ok(self.0.lock().expect("no panic").pop().into_iter().collect())
    ///     }
    ///
    ///     fn give_back(&self, item: u64) -> anyhow::Result<()> {
    ///         self.0.lock().expect("no panic").push(item);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let (frontier, numbers) = Source::frontier(Stack(Mutex::new(vec![10])));
    /// let halve = Arc::new(move |number: u64| {
    ///     let frontier = frontier.clone();
    ///     async move {
    ///         if number > 1 {
    ///             frontier.add(number / 2).await?;
    ///         }
    ///         Ok(number)
    ///     }
    /// });
    /// let run = Run::spawn(Scope::default(), numbers, Settings::new("halve", 4), halve);
    /// assert_eq!(run.collect().await?, [10, 5, 2, 1]);
    /// # Ok(()) }
    /// ```
    pub fn frontier<S: Storage<Item = T>>(storage: S) -> (Frontier<S>, Self) {
        let shared = Arc::new(Shared { storage, state: Mutex::default() });
        let source = FrontierSource {
            shared: Arc::clone(&shared),
            taking: None,
            due: None,
            timer: None,
            stop: None,
            added: 0,
            taken: VecDeque::new(),
            next_index: 0,
        };
        (Frontier { shared }, Self::of(source))
    }
}

/// The items of a take; without an item, the time of the next item.
type Taken<T> = (Vec<T>, Option<Instant>);

type Taking<T> = Pin<Box<dyn Future<Output = anyhow::Result<Taken<T>>> + Send>>;

struct FrontierSource<S: Storage> {
    shared: Arc<Shared<S>>,
    taking: Option<Taking<S::Item>>,
    /// The time of the next item, as of the last look into the storage.
    due: Option<Instant>,
    /// The timer of the last wait for a due time.
    timer: Option<Pin<Box<Sleep>>>,
    /// The time limit of a take during the close of the source.
    stop: Option<Pin<Box<Sleep>>>,
    /// The number of added items before the last look into the storage.
    added: u64,
    /// Items of the storage with their indices.
    taken: VecDeque<(usize, S::Item)>,
    next_index: usize,
}

impl<S: Storage> FrontierSource<S> {
    /// Looks into the storage. Ready with the number of items that were taken.
    fn poll_take(&mut self, cx: &mut Context<'_>, max: usize) -> Poll<Result<usize, Failure>> {
        if self.taking.is_none() {
            {
                let mut state = self.shared.state.lock();
                // A kept source may be polled again after its close.
                state.closed = false;
                self.added = state.added;
            }
            let shared = Arc::clone(&self.shared);
            self.taking = Some(Box::pin(async move {
                let items = shared.storage.take(max).await?;
                let due = if items.is_empty() { shared.storage.next_due().await? } else { None };
                Ok((items, due))
            }));
        }
        let taking = self.taking.as_mut().expect("set before");
        let taken = ready!(taking.as_mut().poll(cx));
        self.taking = None;
        Poll::Ready(self.add_taken(taken))
    }

    /// Ready when the stop waits no longer for a take: the future is dropped.
    fn poll_stop(&mut self, cx: &mut Context<'_>) -> Poll<Failure> {
        let after = self.shared.storage.stop_within();
        if self.stop.is_none() {
            // Without a due time, the limit is beyond the clock.
            let due = Instant::now().checked_add(after);
            self.stop = due.and_then(|due| catch(|| Box::pin(sleep_until(due))).ok());
        }
        let Some(stop) = &mut self.stop else { return Poll::Pending };
        ready!(stop.as_mut().poll(cx));
        let dropped = drop_caught(self.taking.take()).map(Cause::from_panic);
        let timed_out = || {
            let error = anyhow::Error::from(TimedOut { after });
            Cause::from_error(error.context("a take of the storage was not done in time, and was dropped"))
        };
        Poll::Ready(source_error(None, dropped.unwrap_or_else(timed_out)))
    }

    fn add_taken(&mut self, taken: anyhow::Result<Taken<S::Item>>) -> Result<usize, Failure> {
        self.due = None;
        // The failure of a look belongs to no item, as the panic of a look.
        let (items, due) = taken.map_err(|error| source_error(None, Cause::from_error(error)))?;
        let count = items.len();
        self.due = due;
        self.taken.extend((self.next_index..).zip(items));
        self.next_index += count;
        Ok(count)
    }

    /// Registers a task for the next added item. Returns the state of the source, or `None` if an item was added meanwhile.
    fn wait(&self, cx: &Context<'_>) -> Option<PollBatch> {
        let mut waker = Some(cx.waker().clone());
        let mut list = WakeList::default();
        let mut state = self.shared.state.lock();
        let waits = match (state.added == self.added, state.adding) {
            (false, _) => None,
            (true, 0) if self.due.is_none() => Some(PollBatch::Quiescent),
            (true, _) => Some(PollBatch::Pending),
        };
        if waits.is_some() {
            state.source.register(&mut waker, &mut list);
        }
        drop(state);
        resume(list.wake_all());
        waits
    }

    /// Wakes the task of the poll at the due time of the next item.
    fn wake_when_due(&mut self, cx: &mut Context<'_>) {
        let Some(due) = self.due else { return };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if timer.deadline() != due {
            timer.as_mut().reset(due);
        }
        if timer.as_mut().poll(cx).is_ready() {
            // The next look is in the next poll: a storage may return a past time more than once, and other tasks run between.
            self.timer = None;
            cx.waker().wake_by_ref();
        }
    }

    /// Closes the handles. Returns `false` if an item is being added, or was added after the last look.
    fn close_unless_added(&self) -> bool {
        let mut state = self.shared.state.lock();
        let empty = state.adding == 0 && state.added == self.added;
        state.closed |= empty;
        empty
    }

    fn close_handles(&self) {
        self.shared.state.lock().closed = true;
    }

    /// Puts all items back into the storage, the last item first; returns the failures.
    fn put_back(&mut self) -> Vec<Failure> {
        let put_back = |(index, item)| {
            let failed = match catch(|| self.shared.storage.give_back(item)) {
                Ok(result) => Cause::from_error(result.err()?),
                Err(payload) => Cause::from_panic(payload),
            };
            Some(source_error(Some(index), failed))
        };
        mem::take(&mut self.taken).into_iter().rev().filter_map(put_back).collect()
    }
}

impl<S: Storage> PollSource<S::Item> for FrontierSource<S> {
    fn poll_batch(&mut self, cx: &mut Context<'_>, max: usize, into: &mut ItemBatch<S::Item>) -> PollBatch {
        let before = into.len();
        loop {
            while into.len() - before < max
                && let Some((index, item)) = self.taken.pop_front()
            {
                into.push(index, item);
            }
            let missing = max - (into.len() - before);
            if missing == 0 {
                return PollBatch::Ready;
            }
            match self.poll_take(cx, missing) {
                Poll::Pending => return PollBatch::Pending,
                Poll::Ready(Err(failure)) => return PollBatch::Failed(failure),
                Poll::Ready(Ok(0)) => {
                    if let Some(waits) = self.wait(cx) {
                        self.wake_when_due(cx);
                        return waits;
                    }
                }
                Poll::Ready(Ok(_)) => {}
            }
        }
    }

    /// A future of `take` that has started holds items until its end.
    fn needs_polling(&self) -> bool {
        self.taking.is_some()
    }

    fn is_queue(&self) -> bool {
        true
    }

    fn seal(&mut self) -> bool {
        self.close_unless_added()
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, closed: &mut Closed<S::Item>) -> Poll<()> {
        self.close_handles();
        self.timer = None;
        if let Some(taking) = &mut self.taking {
            let added = match taking.as_mut().poll(cx) {
                Poll::Ready(taken) => {
                    self.taking = None;
                    self.add_taken(taken).err()
                }
                Poll::Pending => Some(ready!(self.poll_stop(cx))),
            };
            self.stop = None;
            closed.failures.extend(added);
        }
        closed.failures.extend(self.put_back());
        Poll::Ready(())
    }

    fn close_now(&mut self, closed: &mut Closed<S::Item>) {
        self.close_handles();
        closed.failures.extend(self.put_back());
    }

    fn release(&mut self) {
        self.taking = None;
        self.timer = None;
        self.close_handles();
    }

    /// The items go back with the close, behind a future of `take` that is not ready yet.
    fn give_back(&mut self, items: VecDeque<(usize, S::Item)>) -> VecDeque<(usize, S::Item)> {
        let later = mem::replace(&mut self.taken, items);
        self.taken.extend(later);
        VecDeque::new()
    }
}

impl<S: Storage> Drop for FrontierSource<S> {
    /// A source without a run has no report for a failure.
    fn drop(&mut self) {
        self.close_handles();
        for failure in self.put_back() {
            drop_quietly(failure);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use tokio::sync::Semaphore;

    /// An empty storage, whose `add` waits for a permit.
    struct Empty(Semaphore);

    impl Storage for Empty {
        type Item = u32;

        async fn add(&self, _: u32) -> anyhow::Result<()> {
            self.0.acquire().await?.forget();
            Ok(())
        }

        async fn take(&self, _: usize) -> anyhow::Result<Vec<u32>> {
            Ok(Vec::new())
        }

        fn give_back(&self, _: u32) -> anyhow::Result<()> {
            Ok(())
        }
    }

    fn poll(source: &mut Source<u32>) -> PollBatch {
        source.poll_batch(&mut Context::from_waker(Waker::noop()), 1, &mut ItemBatch::default())
    }

    fn poll_add<F: Future>(add: Pin<&mut F>) -> Poll<F::Output> {
        add.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn source_is_neither_quiescent_nor_sealed_during_an_add() {
        let (frontier, mut source) = Source::frontier(Empty(Semaphore::new(0)));
        let mut add = Box::pin(frontier.add(1));
        assert!(poll_add(add.as_mut()).is_pending());
        assert!(matches!(poll(&mut source), PollBatch::Pending));
        assert!(!source.seal());
    }

    /// The item was added after the look into the storage.
    #[test]
    fn source_is_not_sealed_after_a_later_add() {
        let (frontier, mut source) = Source::frontier(Empty(Semaphore::new(1)));
        assert!(matches!(poll(&mut source), PollBatch::Quiescent));
        assert!(poll_add(Box::pin(frontier.add(1)).as_mut()).is_ready());
        assert!(!source.seal());
        assert!(matches!(poll(&mut source), PollBatch::Quiescent));
        assert!(source.seal());
        let refused = poll_add(Box::pin(frontier.add(1)).as_mut());
        assert!(matches!(refused, Poll::Ready(Err(_))), "the source has ended");
    }
}
