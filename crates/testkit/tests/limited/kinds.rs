//! The kinds of limiters, behind one type: a pattern is compiled for two limiters, and not for all pairs of them.

use std::future::Future;
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use towpath_limit::{Rate, per_key};
use towpath_pattern::{Limiter, anyhow};
use towpath_testkit::Allowed;

/// A limiter of a generated subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A rate. An item waits in its slot.
    Rate,
    /// A rate for each of two keys.
    RatePerKey,
    /// One job at a time for each of two keys.
    PerKey,
    /// One job at a time, in the order of the items: one key for all items.
    HotKey,
    /// Two permits of a semaphore. An item waits in its slot.
    Semaphore,
    /// Three permits of a semaphore, of which an item takes one or two.
    Weighted,
    /// A limiter of a user, with weights as before.
    Own,
    /// A limit that every job sets to 0, to 1, and back to its number.
    Live,
    /// Two permits of a semaphore that every item resizes to 0, to 1, and back to 2.
    Resized,
    /// The same with weights: three permits, of which an item takes one or two.
    ResizedWeights,
    /// Broken: two permits, and the limiter promises one job at once.
    Generous,
    /// Broken: two permits. Every dropped wait loses a permit.
    Leaky,
    /// Broken: the last item that waits is the first to be granted.
    Backwards,
}

impl Kind {
    pub const ALL: [Self; 10] = [
        Self::Rate,
        Self::RatePerKey,
        Self::PerKey,
        Self::HotKey,
        Self::Semaphore,
        Self::Weighted,
        Self::Own,
        Self::Live,
        Self::Resized,
        Self::ResizedWeights,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::RatePerKey => "rate_per_key",
            Self::PerKey => "per_key",
            Self::HotKey => "hot_key",
            Self::Semaphore => "semaphore",
            Self::Weighted => "weighted",
            Self::Own => "own",
            Self::Live => "live",
            Self::Resized => "resized",
            Self::ResizedWeights => "resized_weights",
            Self::Generous => "generous",
            Self::Leaky => "leaky",
            Self::Backwards => "backwards",
        }
    }

    /// Any two consecutive items have different keys, and fit into the permits.
    pub const fn allowed(self) -> Allowed {
        match self {
            Self::Rate | Self::RatePerKey => Allowed::ANY.delay(Duration::from_millis(1)),
            Self::PerKey => Allowed::at_once(2).by_place(),
            Self::Semaphore | Self::Resized | Self::Leaky => Allowed::at_once(2),
            Self::Generous => Allowed::at_once(1),
            Self::Weighted | Self::ResizedWeights | Self::Own => Allowed::at_once(2).at_most(3).by_place(),
            Self::HotKey | Self::Backwards => Allowed::at_once(1).in_order(),
            Self::Live => Allowed::ANY,
        }
    }

    /// Returns the largest number of jobs at once, in all stages that share the limiter.
    pub const fn most(self) -> usize {
        match self {
            Self::PerKey | Self::Semaphore | Self::Resized => 2,
            Self::Weighted | Self::ResizedWeights | Self::Own => 3,
            Self::HotKey => 1,
            _ => usize::MAX,
        }
    }

    pub const fn is_per_item(self) -> bool {
        !matches!(self, Self::Rate | Self::Semaphore | Self::Resized | Self::Generous)
    }

    /// Creates the limiter of two stages. The stages acquire at the same time, and an item fails if its weight is above
    /// the total, so the total is never below the weights.
    pub fn shared_limiter<const PER_ITEM: bool>(self) -> OfAny<PER_ITEM> {
        OfAny(self.limiter_with([2, 2, 3]))
    }

    /// Creates the limiter of a stage. The weight of an item is above a total of 1, and the item waits for the last
    /// size.
    pub fn limiter<In: Send + 'static, const PER_ITEM: bool>(self) -> Erased<In, PER_ITEM> {
        self.limiter_with([0, 1, 3])
    }

    /// Creates the limiter, with the sizes for weights. The key of an item is its position, since the items of a
    /// subject may be of any type.
    fn limiter_with<In: Send + 'static, const PER_ITEM: bool>(
        self,
        totals: [usize; 3],
    ) -> Erased<In, PER_ITEM> {
        let rate = Rate::per_second(5_000).burst(5);
        let position = Positions::default();
        match self {
            Self::Rate => Erased::new(rate),
            Self::RatePerKey => Erased::new(rate.per_key(move |_: &In| position.next() % 2)),
            Self::PerKey => Erased::new(per_key(1, move |_: &In| position.next() % 2)),
            Self::HotKey => Erased::new(per_key(1, |_: &In| "hot")),
            Self::Semaphore | Self::Generous => Erased::new(towpath_semaphore::Semaphore::new(2)),
            Self::Weighted => {
                let cost = move |_: &In| position.next() % 2 + 1;
                Erased::new(towpath_semaphore::Semaphore::new(3).weighted(cost))
            }
            Self::Resized => {
                let permits = towpath_semaphore::Semaphore::new(2);
                Erased::new(Resized { limiter: permits.clone(), permits, totals: [0, 1, 2] })
            }
            Self::ResizedWeights => {
                let permits = towpath_semaphore::Semaphore::new(3);
                let cost = move |_: &In| position.next() % 2 + 1;
                Erased::new(Resized { limiter: permits.weighted(cost), permits, totals })
            }
            Self::Leaky => Erased::new(Leaky(Arc::new(Semaphore::new(2)))),
            Self::Backwards => Erased::new(Backwards::default()),
            Self::Own => Erased::new(Weights { permits: Arc::new(Semaphore::new(3)), position }),
            Self::Live => unreachable!("a live limit is the limit of the pattern"),
        }
    }
}

/// Counts the items.
#[derive(Default)]
pub struct Positions(AtomicUsize);

impl Positions {
    pub fn next(&self) -> usize {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// Permits of a semaphore that every item resizes.
struct Resized<L> {
    limiter: L,

    permits: towpath_semaphore::Semaphore,
    /// The sizes of every item.
    totals: [usize; 3],
}

impl<In: Send + 'static, L: Limiter<In>> Limiter<In> for Resized<L> {
    type Permit = L::Permit;

    const PER_ITEM: bool = L::PER_ITEM;

    fn acquire(
        &self,
        item: &In,
    ) -> impl Future<Output = anyhow::Result<L::Permit>> + Send + 'static + use<In, L> {
        let acquiring = self.limiter.acquire(item);
        for total in self.totals {
            self.permits.resize(total);
        }
        acquiring
    }
}

/// A limiter of a user: permits without a difference between items.
pub struct Permits(pub Arc<Semaphore>);

impl<In> Limiter<In> for Permits {
    type Permit = OwnedSemaphorePermit;

    fn acquire(
        &self,
        _: &In,
    ) -> impl Future<Output = anyhow::Result<OwnedSemaphorePermit>> + Send + 'static + use<In> {
        let permits = Arc::clone(&self.0);
        async move { Ok(permits.acquire_owned().await?) }
    }
}

/// A limiter of a user: items with weights.
struct Weights {
    permits: Arc<Semaphore>,
    position: Positions,
}

impl<In> Limiter<In> for Weights {
    type Permit = OwnedSemaphorePermit;

    const PER_ITEM: bool = true;

    fn acquire(
        &self,
        _: &In,
    ) -> impl Future<Output = anyhow::Result<OwnedSemaphorePermit>> + Send + 'static + use<In> {
        let (permits, weight) = (Arc::clone(&self.permits), self.position.next() % 2 + 1);
        async move { Ok(permits.acquire_many_owned(u32::try_from(weight)?).await?) }
    }
}

/// A broken limiter: every dropped wait loses a permit.
struct Leaky(Arc<Semaphore>);

impl<In> Limiter<In> for Leaky {
    type Permit = OwnedSemaphorePermit;

    const PER_ITEM: bool = true;

    fn acquire(
        &self,
        _: &In,
    ) -> impl Future<Output = anyhow::Result<OwnedSemaphorePermit>> + Send + 'static + use<In> {
        /// Forgets a permit of the semaphore in its drop.
        struct Leak(Arc<Semaphore>);

        impl Drop for Leak {
            fn drop(&mut self) {
                self.0.forget_permits(1);
            }
        }

        let permits = Arc::clone(&self.0);
        async move {
            if let Ok(permit) = Arc::clone(&permits).try_acquire_owned() {
                return Ok(permit);
            }
            let leak = Leak(Arc::clone(&permits));
            let permit = permits.acquire_owned().await?;
            mem::forget(leak);
            Ok(permit)
        }
    }
}

/// A broken limiter: one job at a time, the last waiting item first.
#[derive(Clone, Default)]
struct Backwards(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    is_taken: bool,
    senders: Vec<oneshot::Sender<Turn>>,
}

/// The permit. The drop hands the turn to the last waiting item.
struct Turn(Backwards);

impl Drop for Turn {
    fn drop(&mut self) {
        loop {
            let next = {
                let mut waiting = self.0.0.lock().unwrap();
                let next = waiting.senders.pop();
                waiting.is_taken = next.is_some();
                next
            };
            // If the turn comes back, the wait was dropped. The returned turn is forgotten, and this drop continues
            // with the next wait.
            match next {
                Some(next) => match next.send(Turn(self.0.clone())) {
                    Ok(()) => return,
                    Err(back) => mem::forget(back),
                },
                None => return,
            }
        }
    }
}

impl<In> Limiter<In> for Backwards {
    type Permit = Turn;

    const PER_ITEM: bool = true;

    fn acquire(&self, _: &In) -> impl Future<Output = anyhow::Result<Turn>> + Send + 'static + use<In> {
        let turns = self.clone();
        let waits = {
            let mut waiting = self.0.lock().unwrap();
            let is_taken = mem::replace(&mut waiting.is_taken, true);
            is_taken.then(|| {
                let (sender, receiver) = oneshot::channel();
                waiting.senders.push(sender);
                receiver
            })
        };
        async move {
            match waits {
                None => Ok(Turn(turns)),
                Some(receiver) => Ok(receiver.await?),
            }
        }
    }
}

/// A limiter of any type.
pub struct Erased<In, const PER_ITEM: bool>(Arc<dyn Acquire<In>>);

trait Acquire<In>: Send + Sync {
    fn acquire(&self, item: &In) -> Acquiring;
}

type Acquiring = Pin<Box<dyn Future<Output = anyhow::Result<Box<dyn Permit>>> + Send>>;

pub trait Permit: Send {
    fn started(&mut self);
}

struct Held<In, L: Limiter<In>> {
    limiter: Arc<L>,
    permit: L::Permit,
    item: PhantomData<fn(In)>,
}

impl<In, L: Limiter<In>> Permit for Held<In, L> {
    fn started(&mut self) {
        self.limiter.started(&mut self.permit);
    }
}

impl<In: 'static, L: Limiter<In>> Acquire<In> for Arc<L> {
    fn acquire(&self, item: &In) -> Acquiring {
        let (limiter, mut acquiring) = (Arc::clone(self), Box::pin((**self).acquire(item)));
        Box::pin(async move {
            // The permit is in a variable of its own during the drop of its future, which may panic.
            let permit = acquiring.as_mut().await?;
            drop(acquiring);
            Ok(Box::new(Held { limiter, permit, item: PhantomData }) as Box<dyn Permit>)
        })
    }
}

impl<In: 'static, const PER_ITEM: bool> Erased<In, PER_ITEM> {
    pub fn new<L: Limiter<In>>(limiter: L) -> Self {
        assert_eq!(L::PER_ITEM, PER_ITEM, "the kind of the wait");
        Self(Arc::new(Arc::new(limiter)))
    }
}

/// A limiter that does not look at the items, for items of any type: two stages share the limiter.
#[derive(Clone)]
pub struct OfAny<const PER_ITEM: bool>(pub Erased<(), PER_ITEM>);

impl<In, const PER_ITEM: bool> Limiter<In> for OfAny<PER_ITEM> {
    type Permit = Box<dyn Permit>;

    const PER_ITEM: bool = PER_ITEM;

    fn acquire(
        &self,
        _: &In,
    ) -> impl Future<Output = anyhow::Result<Box<dyn Permit>>> + Send + 'static + use<In, PER_ITEM> {
        self.0.0.acquire(&())
    }

    fn started(&self, permit: &mut Box<dyn Permit>) {
        permit.started();
    }
}

impl<In, const PER_ITEM: bool> Clone for Erased<In, PER_ITEM> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<In: 'static, const PER_ITEM: bool> Limiter<In> for Erased<In, PER_ITEM> {
    type Permit = Box<dyn Permit>;

    const PER_ITEM: bool = PER_ITEM;

    fn acquire(
        &self,
        item: &In,
    ) -> impl Future<Output = anyhow::Result<Box<dyn Permit>>> + Send + 'static + use<In, PER_ITEM> {
        self.0.acquire(item)
    }

    fn started(&self, permit: &mut Box<dyn Permit>) {
        permit.started();
    }
}
