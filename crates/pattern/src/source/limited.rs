//! A source under limiters: the items that wait for a permit are held here.
//!
//! The worker with the lease polls the source. So all items are taken, and the futures of their permits are polled for the
//! first time, in input order and by one worker at a time.
//!
//! # Invariants
//!
//! - An item is in exactly one place: in the inner source, held, or yielded. A held item has its number, and counts as taken.
//! - The wake-up of a held item is not lost: see `woken.rs`.
//! - A held item whose future is woken is polled before later items are taken.
//! - A batch with an item ends at the portion of the first item that is held. Without an item, the source looks ahead.
//! - No future or permit is polled or dropped under a lock.

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use tokio::task::coop::unconstrained;

use super::erased::Source;
use super::poll_source::{Closed, PollBatch, PollSource};
use super::woken::{PartWaker, WokenPart, WokenParts};
use crate::failure::{Cause, Failure};
use crate::item::{Item, ItemBatch};
use crate::limiter::{Admitted, Refusal};
use crate::upstream::Links;
use crate::util::panic::{Payload, catch, start_then_poll};

/// The most places that the source keeps for later items while no item is held.
const MOST_SPARES: usize = 128;

/// The most items that the source takes from the inner source between two looks at the number of held items.
const LARGEST_PORTION: usize = 256;

/// A source whose items wait for permits.
struct LimitedSource<In, A, F> {
    source: Source<In>,
    /// Acquires the permits of an item. `None` without a limiter that an item waits for without a slot.
    acquire: Option<A>,
    held: HeldItems<In, F>,
    woken: Arc<WokenParts>,
    /// The last list of woken items, empty.
    last_woken: Vec<WokenPart>,
    /// The last batch of the inner source, empty.
    batch: ItemBatch<In>,
    /// The number of items to take from the inner source before the next look at the number of held items.
    portion: usize,
    /// The inner source has no more items.
    exhausted: bool,
    /// The run takes no more items.
    stopped: bool,
    /// The name of the stage.
    stage: Arc<str>,
    /// Panics of the drops of permits that were not used, and of waits, with the indices of the items.
    panicked: Vec<(usize, Payload)>,
}

/// The places of held items. A place is reused with its memory and its waker.
struct HeldItems<In, F> {
    places: Vec<Place<In, F>>,
    /// The places without an item.
    free: Vec<usize>,
}

/// A place for an item during its wait.
struct Place<In, F> {
    /// The future of the permit. `None` without an item, and once the run takes no more items.
    future: Pin<Box<Option<F>>>,
    part_waker: Arc<PartWaker>,
    /// The same waker as a waker of a task.
    waker: Waker,
    /// `None` until the first poll of the future is pending.
    item: Option<Item<In>>,
}

impl<In, F> HeldItems<In, F> {
    /// Returns the number of held items.
    fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the place for the next item.
    fn next_place(&mut self, woken: &Arc<WokenParts>) -> &mut Place<In, F> {
        if self.free.is_empty() {
            let place = self.places.len();
            let part_waker = Arc::new(PartWaker::new(woken, place));
            let waker = Waker::from(Arc::clone(&part_waker));
            self.places.push(Place { future: Box::pin(None), part_waker, waker, item: None });
            self.free.push(place);
        }
        &mut self.places[self.free[self.free.len() - 1]]
    }

    /// Holds an item in the place of [`HeldItems::next_place`].
    fn hold(&mut self, item: Item<In>) {
        if let Some(place) = self.free.pop() {
            self.places[place].item = Some(item);
        }
    }

    /// Takes an item out of its place.
    fn release(&mut self, place: usize) -> Option<Item<In>> {
        let item = self.places[place].item.take()?;
        self.free.push(place);
        Some(item)
    }

    /// Drops most places, if all are free.
    fn shrink(&mut self) {
        if self.places.len() > MOST_SPARES && self.is_empty() {
            self.places.truncate(MOST_SPARES);
            self.places.shrink_to_fit();
            self.free = (0..MOST_SPARES).collect();
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
            held: HeldItems { places: Vec::new(), free: Vec::new() },
            woken: Arc::default(),
            last_woken: Vec::new(),
            batch: ItemBatch::default(),
            portion: LARGEST_PORTION,
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
        let mut woken = mem::take(&mut self.last_woken);
        self.woken.take(&mut woken);
        if woken.is_empty() {
            self.last_woken = woken;
            return;
        }
        woken.sort_unstable();
        without_budget(|| {
            for WokenPart { place, .. } in woken.drain(..) {
                if let Some(item) = self.poll_place(place) {
                    into.push_ready(item);
                }
            }
        });
        self.last_woken = woken;
        self.held.shrink();
    }

    /// Polls the future of the item in a place; returns the item if it waits no longer.
    fn poll_place(&mut self, at: usize) -> Option<Item<Admitted<In, P>>> {
        // The places of a shrunk list are gone, with their wakers.
        let place = self.held.places.get_mut(at)?;
        place.part_waker.unlist();
        if place.item.is_none() || place.future.is_none() {
            return None;
        }
        let polled = poll_future(place.future.as_mut(), |_| (), &mut Context::from_waker(&place.waker));
        let Poll::Ready(acquired) = polled else { return None };
        let Item { position, value } = self.held.release(at)?;
        Some(Item { position, value: Admitted::with(value, acquired) })
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
        without_budget(|| {
            while let Some(item) = batch.pop_front() {
                if let Some(item) = self.admit(item) {
                    into.push_ready(item);
                }
            }
        });
        self.batch = batch;
        polled
    }

    /// Acquires the permits of an item; returns `None` if the item is held.
    fn admit(&mut self, item: Item<In>) -> Option<Item<Admitted<In, P>>> {
        let Item { position, value } = item;
        let Some(acquire) = &self.acquire else {
            return Some(Item { position, value: Admitted::new(value) });
        };
        let place = self.held.next_place(&self.woken);
        place.part_waker.set_number(position.seq);
        let start = |mut future: Pin<&mut Option<F>>| future.set(Some(acquire(&value)));
        match poll_future(place.future.as_mut(), start, &mut Context::from_waker(&place.waker)) {
            Poll::Ready(acquired) => Some(Item { position, value: Admitted::with(value, acquired) }),
            Poll::Pending => {
                self.held.hold(Item { position, value });
                None
            }
        }
    }
}

/// Calls `f` without the budget of the task: a future that is denied its first poll would miss its place in the wait list.
fn without_budget(f: impl FnOnce()) {
    let mut f = Some(f);
    let call = pin!(unconstrained(poll_fn(|_| {
        f.take().into_iter().for_each(|f| f());
        Poll::Ready(())
    })));
    // The function never waits.
    let _ = call.poll(&mut Context::from_waker(Waker::noop()));
}

/// Polls the future of a permit, after a call of `start`, and drops the completed future.
#[inline]
fn poll_future<F, P>(
    future: Pin<&mut Option<F>>,
    start: impl FnOnce(Pin<&mut Option<F>>),
    cx: &mut Context<'_>,
) -> Poll<Result<P, Box<Refusal>>>
where
    F: Future<Output = anyhow::Result<P>>,
{
    let later = Cell::new(None);
    let polled = start_then_poll(future, start, cx, |payload| {
        let mut payloads: Vec<Payload> = later.take().unwrap_or_default();
        payloads.push(payload);
        later.set(Some(payloads));
    });
    match polled {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(Ok(permits))) => Poll::Ready(Ok(permits)),
        Ok(Poll::Ready(Err(error))) => Poll::Ready(Err(refuse(Ok(error), later.take()))),
        Err(payload) => Poll::Ready(Err(refuse(Err(payload), later.take()))),
    }
}

#[cold]
#[allow(clippy::unnecessary_box_returns, reason = "a refusal is rare, and stays in its box until the job")]
fn refuse(cause: Result<anyhow::Error, Payload>, later: Option<Vec<Payload>>) -> Box<Refusal> {
    Box::new(Refusal { cause, later: later.unwrap_or_default() })
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
            let held = self.held.len();
            if self.exhausted {
                break PollBatch::Exhausted;
            }
            if left == 0 && self.source.held() == 0 {
                // Without room, only a grant gives the stage an item.
                break if max == 0 && into.is_empty() { PollBatch::Pending } else { PollBatch::Ready };
            }
            let polled = self.take_new(cx, left.min(self.portion), into);
            self.portion = (2 * self.portion).min(LARGEST_PORTION);
            self.exhausted = matches!(polled, PollBatch::Exhausted);
            if self.held.len() > held && !into.is_empty() {
                // The jobs of the batch release permits, and later items then need not be held.
                self.portion = 1;
                break polled;
            }
            match polled {
                PollBatch::Exhausted => {}
                // All items so far are held, or there is room for more.
                PollBatch::Ready if left > 0 => {}
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
        for place in &mut self.held.places {
            let dropped = catch(|| place.future.set(None)).err();
            let index = place.item.as_ref().map(|item| item.position.index);
            self.panicked.extend(index.zip(dropped));
        }
        self.source.stop();
    }

    fn end_plain(&mut self) {
        self.source.end_plain();
    }

    fn held(&self) -> usize {
        self.held.len() + self.source.held()
    }

    fn waits_for_permits(&self) -> bool {
        !self.stopped && !self.held.is_empty()
    }

    fn is_limited(&self) -> bool {
        true
    }

    fn woken(&self) -> Option<Arc<WokenParts>> {
        Some(Arc::clone(&self.woken))
    }

    fn release_permits(&mut self, items: &mut VecDeque<Item<Admitted<In, P>>>) {
        for item in items {
            let dropped = item.value.release_permits();
            self.panicked.extend(dropped.map(|payload| (item.position.index, payload)));
        }
    }

    fn take_held(&mut self) -> VecDeque<Item<Admitted<In, P>>> {
        let mut items = self.source.take_held();
        for at in 0..self.held.places.len() {
            let Some(item) = self.held.release(at) else { continue };
            let future = &mut self.held.places[at].future;
            let dropped = catch(|| future.set(None)).err();
            self.panicked.extend(dropped.map(|payload| (item.position.index, payload)));
            items.push_back(item);
        }
        let admitted = |Item { position, value }| Item { position, value: Admitted::new(value) };
        let mut items: VecDeque<_> = items.into_iter().map(admitted).collect();
        items.make_contiguous().sort_unstable_by_key(|item| item.position.seq);
        items
    }

    fn give_back(&mut self, items: VecDeque<(usize, Admitted<In, P>)>) -> VecDeque<(usize, Admitted<In, P>)> {
        let mut released = VecDeque::with_capacity(items.len());
        for (index, item) in items {
            let value = item.release(|payload| self.panicked.push((index, payload)));
            released.push_back((index, value));
        }
        let returned = self.source.give_back(released);
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
            .map(|(index, payload)| Failure::new(Some(index), &self.stage, Cause::from_panic(payload)));
        closed.failures.extend(panicked);
    }
}
