//! A source under limiters: the items that wait for a permit are held here.
//!
//! The worker with the lease polls the source. So all items are taken, and the futures of their permits are polled for the
//! first time, in input order and by one worker at a time.
//!
//! # Invariants
//!
//! - An item is in exactly one place: in the inner source, held, or yielded. A held item has its number, and counts as taken.
//! - The wake-up of a held item is not lost. The waker of the item adds the number of the item to a list, and wakes the
//!   worker that waits for the source. The source stores the waker of that worker under the lock of the list, and only if
//!   the list is empty.
//! - A held item whose future is woken is polled before later items are taken.
//! - No future, permit or waker is polled, dropped or woken under the lock.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker, ready};

use tokio::task::coop::{Unconstrained, unconstrained};

use super::erased::Source;
use super::poll_source::{Closed, PollBatch, PollSource};
use crate::failure::{Cause, Failure};
use crate::item::{Item, ItemBatch, Position};
use crate::limiter::{Admitted, Refusal};
use crate::upstream::Links;
use crate::util::mutex::Mutex;
use crate::util::panic::{Payload, catch, drop_caught, poll_then_drop};
use crate::util::sync::atomic::{AtomicBool, Ordering};

/// The most futures without a wait that the source keeps for later items.
const MOST_SPARES: usize = 128;

/// A source whose items wait for permits.
struct LimitedSource<In, A, F> {
    source: Source<In>,
    /// Acquires the permits of an item. `None` without a limiter that an item waits for without a slot.
    acquire: Option<A>,
    held: BTreeMap<u64, Held<In, F>>,
    woken: Arc<Woken>,
    /// The last list of woken items, empty.
    last_woken: Vec<u64>,
    /// The last batch of the inner source, empty.
    batch: ItemBatch<In>,
    spares: Vec<Waiting<F>>,
    /// A waker that no future refers to.
    spare_waker: Option<Arc<HeldWaker>>,
    /// The inner source has no more items.
    exhausted: bool,
    /// The run takes no more items.
    stopped: bool,
    /// The name of the stage.
    stage: Arc<str>,
    /// Panics of the drops of permits that were not used.
    panicked: Vec<Payload>,
}

/// The future of a permit. Without the budget of the task: a future that is denied its first poll would miss its place in
/// the wait list.
type Waiting<F> = Pin<Box<Option<Unconstrained<F>>>>;

struct Held<In, F> {
    index: usize,
    value: In,
    /// `None` once the run takes no more items.
    future: Option<Waiting<F>>,
    waker: Arc<HeldWaker>,
}

/// The held items that were woken, and the worker that waits for them.
#[derive(Default)]
struct Woken(Mutex<WokenItems>);

#[derive(Default)]
struct WokenItems {
    numbers: Vec<u64>,
    worker: Option<Waker>,
}

impl Woken {
    /// Exchanges the list for an empty one.
    fn take(&self, numbers: &mut Vec<u64>) {
        mem::swap(&mut self.0.lock().numbers, numbers);
    }

    /// Stores the waker of a worker. Returns `false` if an item was woken meanwhile.
    fn register(&self, waker: &Waker) -> bool {
        let mut waker = Some(waker.clone());
        let mut items = self.0.lock();
        let empty = items.numbers.is_empty();
        if empty {
            mem::swap(&mut items.worker, &mut waker);
        }
        drop(items);
        // The waker before is dropped after the unlock.
        drop(waker);
        empty
    }
}

/// The waker of a held item.
struct HeldWaker {
    woken: Arc<Woken>,
    number: u64,
    /// The number is in the list.
    listed: AtomicBool,
}

impl Wake for HeldWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.listed.swap(true, Ordering::AcqRel) {
            return;
        }
        let worker = {
            let mut items = self.woken.0.lock();
            items.numbers.push(self.number);
            items.worker.take()
        };
        if let Some(worker) = worker {
            worker.wake();
        }
    }
}

impl<In: Send + 'static> Source<In> {
    /// Returns a source of the same items with the permits that `acquire` acquires, for the stage called `stage`.
    pub(crate) fn limited<P, A, F>(self, stage: Arc<str>, acquire: Option<A>) -> Source<Admitted<In, P>>
    where
        P: Default + Send + 'static,
        A: Fn(&In) -> F + Send + 'static,
        F: Future<Output = anyhow::Result<P>> + Send + 'static,
    {
        Source::of(LimitedSource {
            source: self,
            acquire,
            held: BTreeMap::new(),
            woken: Arc::default(),
            last_woken: Vec::new(),
            batch: ItemBatch::default(),
            spares: Vec::new(),
            spare_waker: None,
            exhausted: false,
            stopped: false,
            stage,
            panicked: Vec::new(),
        })
    }
}

impl<In, P, A, F> LimitedSource<In, A, F>
where
    P: Default,
    A: Fn(&In) -> F,
    F: Future<Output = anyhow::Result<P>>,
{
    /// Polls the held items that were woken, in the order of their numbers. An item that wakes itself is polled again in the
    /// next poll of the source.
    fn poll_held(&mut self, into: &mut ItemBatch<Admitted<In, P>>) {
        let mut numbers = mem::take(&mut self.last_woken);
        self.woken.take(&mut numbers);
        numbers.sort_unstable();
        for seq in numbers.drain(..) {
            // An item that was yielded is not held any more.
            let Some(held) = self.held.get_mut(&seq) else { continue };
            let Some(future) = &mut held.future else { continue };
            // The swap acquires the writes of the callers that woke the item.
            held.waker.listed.swap(false, Ordering::AcqRel);
            let waker = Waker::from(Arc::clone(&held.waker));
            let polled = poll_future(future.as_mut(), &mut Context::from_waker(&waker));
            if let Poll::Ready(acquired) = polled
                && let Some(held) = self.held.remove(&seq)
            {
                held.future.into_iter().for_each(|future| self.keep_spare(future));
                let position = Position { index: held.index, seq };
                into.push_ready(Item { position, value: Admitted::with(held.value, acquired) });
            }
        }
        self.last_woken = numbers;
    }

    /// Takes up to `max` items from the inner source. An item that waits for its permit is held.
    fn take_new(
        &mut self,
        cx: &mut Context<'_>,
        max: usize,
        into: &mut ItemBatch<Admitted<In, P>>,
    ) -> PollBatch {
        let mut batch = mem::take(&mut self.batch);
        // The inner source may hold items, too: their numbers are numbers of this stage.
        batch.number_from(into.next_number());
        let polled = self.source.poll_batch(cx, max, &mut batch);
        into.number_from(batch.next_number());
        while let Some(Item { position, value }) = batch.pop_front() {
            if let Some(value) = self.admit(position, value) {
                into.push_ready(Item { position, value });
            }
        }
        self.batch = batch;
        polled
    }

    /// Acquires the permits of an item; returns `None` if the item is held.
    fn admit(&mut self, position: Position, value: In) -> Option<Admitted<In, P>> {
        let Some(acquire) = &self.acquire else { return Some(Admitted::new(value)) };
        let future = match catch(|| acquire(&value)) {
            Ok(future) => unconstrained(future),
            Err(payload) => return Some(Admitted::with(value, Err(refuse(Err(payload), Vec::new())))),
        };
        let mut waiting = self.spares.pop().unwrap_or_else(|| Box::pin(None));
        waiting.set(Some(future));
        let waker = self.next_waker(position.seq);
        let polled =
            poll_future(waiting.as_mut(), &mut Context::from_waker(&Waker::from(Arc::clone(&waker))));
        match polled {
            Poll::Ready(acquired) => {
                self.keep_spare(waiting);
                self.spare_waker = Some(waker);
                Some(Admitted::with(value, acquired))
            }
            Poll::Pending => {
                let held = Held { index: position.index, value, future: Some(waiting), waker };
                self.held.insert(position.seq, held);
                None
            }
        }
    }

    fn next_waker(&mut self, number: u64) -> Arc<HeldWaker> {
        if let Some(mut waker) = self.spare_waker.take()
            && let Some(spare) = Arc::get_mut(&mut waker)
        {
            (spare.number, spare.listed) = (number, AtomicBool::new(false));
            return waker;
        }
        let listed = AtomicBool::new(false);
        Arc::new(HeldWaker { woken: Arc::clone(&self.woken), number, listed })
    }

    fn keep_spare(&mut self, future: Waiting<F>) {
        if self.spares.len() < MOST_SPARES {
            self.spares.push(future);
        }
    }
}

/// Polls the future of a permit, and drops the completed future.
fn poll_future<F, P>(
    future: Pin<&mut Option<Unconstrained<F>>>,
    cx: &mut Context<'_>,
) -> Poll<Result<P, Box<Refusal>>>
where
    F: Future<Output = anyhow::Result<P>>,
{
    let later = std::cell::RefCell::new(Vec::new());
    let polled = poll_then_drop(future, cx, |payload| later.borrow_mut().push(payload));
    let later = later.into_inner();
    match polled {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(Ok(permits))) => Poll::Ready(Ok(permits)),
        Ok(Poll::Ready(Err(error))) => Poll::Ready(Err(refuse(Ok(error), later))),
        Err(payload) => Poll::Ready(Err(refuse(Err(payload), later))),
    }
}

#[cold]
#[allow(clippy::unnecessary_box_returns, reason = "a refusal is rare, and stays in its box until the job")]
fn refuse(cause: Result<anyhow::Error, Payload>, later: Vec<Payload>) -> Box<Refusal> {
    Box::new(Refusal { cause, later })
}

impl<In, P, A, F> PollSource<Admitted<In, P>> for LimitedSource<In, A, F>
where
    In: Send + 'static,
    P: Default + Send + 'static,
    A: Fn(&In) -> F + Send,
    F: Future<Output = anyhow::Result<P>> + Send,
{
    fn poll_batch(
        &mut self,
        cx: &mut Context<'_>,
        max: usize,
        into: &mut ItemBatch<Admitted<In, P>>,
    ) -> PollBatch {
        let first = into.next_number();
        self.poll_held(into);
        let polled = loop {
            let taken = usize::try_from(into.next_number() - first).unwrap_or(max);
            let left = max.saturating_sub(taken);
            if self.exhausted {
                break PollBatch::Exhausted;
            }
            if left == 0 && self.source.held() == 0 {
                // Without room, only a grant gives the stage an item.
                break if max == 0 && into.is_empty() { PollBatch::Pending } else { PollBatch::Ready };
            }
            match self.take_new(cx, left, into) {
                PollBatch::Exhausted => self.exhausted = true,
                // All items so far are held.
                PollBatch::Ready if into.is_empty() && left > 0 => {}
                polled => break polled,
            }
        };
        let waits = matches!(polled, PollBatch::Pending | PollBatch::Quiescent | PollBatch::Exhausted);
        if !waits || self.held.is_empty() {
            return polled;
        }
        if into.is_empty() && !self.woken.register(cx.waker()) {
            // Other tasks run before the next poll of an item that wakes itself.
            cx.waker().wake_by_ref();
        }
        PollBatch::Pending
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
        self.exhausted = self.source.seal();
        self.exhausted
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, closed: &mut Closed<Admitted<In, P>>) -> Poll<()> {
        let mut inner = Closed::default();
        let polled = self.source.poll_close(cx, &mut inner);
        self.pass_on(inner, closed);
        ready!(polled);
        Poll::Ready(())
    }

    fn close_now(&mut self, closed: &mut Closed<Admitted<In, P>>) {
        let mut inner = Closed::default();
        self.source.close_now(&mut inner);
        self.pass_on(inner, closed);
    }

    /// The inner source ends at its failures itself, and held items remain after a failure.
    fn ends_at_failure(&self) -> bool {
        false
    }

    fn release(&mut self) {
        self.source.release();
    }

    /// Leaves the wait lists of the limiters, and gives granted permits back: another run may wait for a permit, while the
    /// jobs of this run complete.
    fn stop(&mut self) {
        self.stopped = true;
        for held in self.held.values_mut() {
            self.panicked.extend(drop_caught(held.future.take()));
        }
        self.source.stop();
    }

    fn held(&self) -> usize {
        self.held.len() + self.source.held()
    }

    fn waits_for_permits(&self) -> bool {
        !self.stopped && !self.held.is_empty()
    }

    fn take_held(&mut self) -> VecDeque<Item<Admitted<In, P>>> {
        let held = mem::take(&mut self.held);
        let items = held.into_iter().map(|(seq, held)| {
            self.panicked.extend(drop_caught(held.future));
            let position = Position { index: held.index, seq };
            Item { position, value: Admitted::new(held.value) }
        });
        let mut items: VecDeque<_> = items.collect();
        let inner = self.source.take_held().into_iter();
        items.extend(inner.map(|Item { position, value }| Item { position, value: Admitted::new(value) }));
        items.make_contiguous().sort_unstable_by_key(|item| item.position.seq);
        items
    }

    fn give_back(&mut self, items: VecDeque<(usize, Admitted<In, P>)>) -> VecDeque<(usize, Admitted<In, P>)> {
        let released = items.into_iter().map(|(index, item)| (index, item.release(&mut self.panicked)));
        let returned = self.source.give_back(released.collect());
        returned.into_iter().map(|(index, value)| (index, Admitted::new(value))).collect()
    }
}

impl<In, A, F> LimitedSource<In, A, F> {
    /// Passes the values on that were found during the close of the inner source, and the panics of permits.
    fn pass_on<P: Default>(&mut self, inner: Closed<In>, closed: &mut Closed<Admitted<In, P>>) {
        closed.extend(inner, Admitted::new);
        let panicked = self
            .panicked
            .drain(..)
            .map(|payload| Failure::new(None, &self.stage, Cause::from_panic(payload)));
        closed.failures.extend(panicked);
    }
}
