//! The trait of limiters, with its contract, and pairs of limiters.

use std::future::{Future, ready};
use std::sync::Arc;

use super::both::{AcquireBoth, BothPermits, Order};

/// A limit in addition to the number of jobs at once: permits, a rate, an order for equal keys, bytes in memory.
///
/// A pattern takes any number of limiters: `Fanout::new(8, job).limited_by(&first).limited_by(&second)`. The pattern keeps a
/// clone of each, and clones share the limit. So two patterns with the same limiter are limited together. A job for several
/// types of items names the type, as for `new`: `limited_by::<u64, _>(&rate)`.
///
/// # When not to use it
///
/// - For a number of jobs at once in a single run: the limit of the pattern, its first argument.
/// - For a value that every job needs, such as a connection: `towpath-resource`.
/// - To refuse an item: the job returns an error. A limiter delays items, and an error of a limiter is a failure of the item.
/// - For a limit around a part of a job, for example around one of five requests: a semaphore in the job. The job then waits in
///   its slot.
///
/// # The capacity is the look-ahead
///
/// An item that waits without a slot has a place in the stage. The items in the stage are at most the limit plus the capacity,
/// so this number is the look-ahead. If the items of a frequent key fill the stage, all other keys stop. The default capacity
/// is the limit, which shows little of the gain. A run of 50 jobs at once over a hundred hosts has a capacity of some thousands.
///
/// # Contract
///
/// The engine acquires a permit for every item before the job of the item starts, and drops the permit at the end of the
/// job. In detail:
///
/// 1. [`acquire`](Limiter::acquire) is called once for every item, in input order. The item is not started yet: if the run
///    stops during the wait, the item was never started.
/// 2. With [`PER_ITEM`](Limiter::PER_ITEM), the future is polled once right after the call, before the `acquire` of the next
///    item. So a limiter with a wait list has the items in input order if the first poll enters the list. The item waits
///    without a slot of the limit, and later items with different needs pass.
/// 3. Without `PER_ITEM`, the item waits in its slot: the wait counts as a job of the limit, and no item passes.
/// 4. A waiting future is polled again after a wake-up. Each poll may come from a different task with a different waker. A
///    future that is granted a permit and not polled again holds the permit until its drop.
/// 5. [`started`](Limiter::started) is called once, immediately before the job starts. Between the grant and the start,
///    time may pass: the item waits for further limiters, or for a slot. A permit of an item that is never started is
///    dropped without the call.
/// 6. The permit is dropped after the future of the job, and before the output is handed on: the next stage may need the
///    permit to take the output.
/// 7. No call, poll or drop happens under a lock of the engine. A panic in any of these places is a failure of the item.
///
/// A limiter that gives a permit to a dropped future, or keeps the permit of a dropped future, breaks the first law: an item
/// waits forever for the lost permit.
///
/// # Several limiters
///
/// An item acquires the permits in the order of the calls of `limited_by`, and holds the permits of the earlier limiters during
/// the wait for a later limiter. The limiters with `PER_ITEM` come first in any case, so that the first polls are in input
/// order. For two such limiters, only the first has the items in input order. So the order is:
///
/// 1. an order for equal keys, and other limiters by key;
/// 2. weights;
/// 3. permits;
/// 4. rates: a granted start that is not used yet occupies the rate.
///
/// A pair `(A, B)` is a limiter with the same meaning, for a function that returns both.
///
/// # Deadlocks
///
/// - Two runs with the same two limiters name the limiters in the same order. Otherwise an item of a run may hold the last
///   permit of the first limiter and wait for the second, while an item of the other run does the opposite. No wait ends, and
///   no error is reported.
/// - A job may wait for the job of a later item, unless the later item needs the permit of this job.
/// - A run names a limiter once. With the same limiter twice, an item holds a permit during the wait for a second one: all
///   permits may be with items that wait for one more.
/// - A job does not acquire a further permit of its own limiter, and a run in the job does not name the limiter, for the same
///   reason.
/// - An output that is not taken needs no permit. So two stages of a pipeline may share a limiter.
/// - Producers and consumers do not share a limiter: a producer holds its permit during the wait for a place in the queue. Once
///   the producers have all permits and the queue is full, no consumer starts, and no place becomes free.
///
/// # Examples
///
/// A limit of the bytes in memory, for all runs that share the limiter:
///
/// ```
/// use std::sync::Arc;
/// use tokio::sync::{OwnedSemaphorePermit, Semaphore};
/// use towpath_pattern::{Limiter, anyhow};
///
/// const MEMORY: usize = 1 << 20;
///
/// #[derive(Clone)]
/// struct Memory(Arc<Semaphore>); // a permit per byte
///
/// impl Limiter<Vec<u8>> for Memory {
///     type Permit = OwnedSemaphorePermit;
///     // A large item waits without a slot, and small items pass.
///     const PER_ITEM: bool = true;
///
///     fn acquire(
///         &self,
///         item: &Vec<u8>,
///     ) -> impl Future<Output = anyhow::Result<Self::Permit>> + Send + 'static + use<> {
///         let (memory, bytes) = (Arc::clone(&self.0), item.len());
///         async move {
///             anyhow::ensure!(bytes <= MEMORY, "{bytes} bytes never fit into {MEMORY}");
///             Ok(memory.acquire_many_owned(u32::try_from(bytes)?).await?)
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// let memory = Memory(Arc::new(Semaphore::new(MEMORY)));
/// let permit = memory.acquire(&vec![0; 1 << 19]).await?;
/// assert_eq!(memory.0.available_permits(), MEMORY / 2);
/// drop(permit);
/// assert!(memory.acquire(&vec![0; MEMORY + 1]).await.is_err());
/// # Ok(()) }
/// ```
///
/// A limiter that measures the waits for another limiter, for example for a histogram. An [`Observer`](crate::Observer) does not
/// see the wait of an item without a slot:
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use tokio::time::{Duration, Instant, sleep};
/// use towpath_pattern::{Limiter, anyhow};
///
/// #[derive(Clone)]
/// struct Measured<L> {
///     limiter: L,
///     waits: Arc<Mutex<Vec<Duration>>>,
/// }
///
/// impl<In, L: Limiter<In>> Limiter<In> for Measured<L> {
///     type Permit = L::Permit;
///     const PER_ITEM: bool = L::PER_ITEM;
///
///     fn acquire(
///         &self,
///         item: &In,
///     ) -> impl Future<Output = anyhow::Result<L::Permit>> + Send + 'static + use<In, L> {
///         let (wait, waits) = (self.limiter.acquire(item), Arc::clone(&self.waits));
///         let begin = Instant::now();
///         async move {
///             let permit = wait.await?;
///             waits.lock().expect("no panic").push(begin.elapsed());
///             Ok(permit)
///         }
///     }
///
///     fn started(&self, permit: &mut L::Permit) {
///         self.limiter.started(permit);
///     }
/// }
///
/// # struct Slow;
/// #
/// # impl Limiter<u32> for Slow {
/// #     type Permit = ();
/// #     const PER_ITEM: bool = true;
/// #
/// #     fn acquire(&self, _: &u32) -> impl Future<Output = anyhow::Result<()>> + Send + 'static + use<> {
/// #         async { Ok(sleep(Duration::from_secs(1)).await) }
/// #     }
/// # }
/// #
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> anyhow::Result<()> {
/// // `Slow` is a limiter that waits for a second.
/// let measured = Measured { limiter: Slow, waits: Arc::default() };
/// measured.acquire(&7).await?;
/// assert_eq!(*measured.waits.lock().expect("no panic"), [Duration::from_secs(1)]);
/// # Ok(()) }
/// ```
///
/// The future outlives the call, and so borrows neither the limiter nor the item: `acquire` copies or clones what the wait
/// needs. `+ use<>` states that. Without `use<>`, an `impl Future` of edition 2024 counts as a borrow of every reference in
/// the arguments, and the compiler rejects the `'static`. A limiter with type parameters names all of them, and the type of
/// the items if that is a parameter, too: `use<K, In>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a limiter of items of type `{In}`",
    label = "does not implement `Limiter<{In}>`",
    note = "a limiter is a `Rate`, a `Semaphore`, `per_key(…)`, `semaphore.weighted(…)`, or a type that implements `Limiter<{In}>`; the number of jobs at once is the first argument of the pattern",
    note = "a limiter by key or by weight names the type of the items: `per_key(1, |item: &{In}| item.key)`",
    note = "two limiters are a pair: `(first, second)`"
)]
pub trait Limiter<In>: Send + Sync + 'static {
    /// The right to run a job, released when dropped.
    type Permit: Send + 'static;

    /// Whether items differ in their needs, for example by a key or a weight. An item then waits without a slot of the limit,
    /// and items with different needs pass. By default, an item waits in its slot.
    const PER_ITEM: bool = false;

    /// Waits until the job of `item` may start. The future owns all that the wait needs.
    ///
    /// This method is no `async fn`: the future outlives the call, and borrows neither the limiter nor the item. An
    /// implementation copies this signature, clones the parts that the wait needs, and returns an `async move` block. `+ use<>`
    /// states that the future borrows nothing; an implementation with type parameters names all of them, `+ use<K, In>`.
    ///
    /// # Errors
    ///
    /// An error is a failure of the item, and the job does not start.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped if the run stops. The dropped future must leave every wait list, and return a permit that it was
    /// granted.
    fn acquire(
        &self,
        item: &In,
    ) -> impl Future<Output = anyhow::Result<Self::Permit>> + Send + 'static + use<Self, In>; // not `async fn`, but `fn acquire(&self, item: &Item) -> impl Future<Output = …> + Send + 'static + use<>`

    /// Records that the job of the permit starts now, perhaps long after the grant. The default implementation does nothing.
    ///
    /// A rate counts from here.
    ///
    /// # Examples
    ///
    /// A limiter that counts the started jobs:
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    /// use towpath_pattern::{Limiter, anyhow};
    ///
    /// #[derive(Clone, Default)]
    /// struct Count(Arc<AtomicUsize>);
    ///
    /// impl<In> Limiter<In> for Count {
    ///     type Permit = ();
    ///
    ///     fn acquire(&self, _: &In) -> impl Future<Output = anyhow::Result<()>> + Send + 'static + use<In> {
    ///         async { Ok(()) }
    ///     }
    ///
    ///     fn started(&self, (): &mut ()) {
    ///         self.0.fetch_add(1, Ordering::Relaxed);
    ///     }
    /// }
    ///
    /// let count = Count::default();
    /// Limiter::<u32>::started(&count, &mut ());
    /// assert_eq!(count.0.load(Ordering::Relaxed), 1);
    /// ```
    fn started(&self, permit: &mut Self::Permit) {
        let _ = permit;
    }
}

/// No limit.
impl<In> Limiter<In> for () {
    type Permit = ();

    #[inline]
    fn acquire(&self, _: &In) -> impl Future<Output = anyhow::Result<()>> + Send + 'static + use<In> {
        ready(Ok(()))
    }
}

/// Both limits: an item waits for the first, and then for the second with the permit of the first. If only the second is
/// [`PER_ITEM`](Limiter::PER_ITEM), the item waits for the second before the first.
impl<In, A, B> Limiter<In> for (A, B)
where
    A: Limiter<In>,
    B: Limiter<In>,
{
    type Permit = BothPermits<Option<A::Permit>, Option<B::Permit>>;

    const PER_ITEM: bool = A::PER_ITEM || B::PER_ITEM;

    fn acquire(
        &self,
        item: &In,
    ) -> impl Future<Output = anyhow::Result<Self::Permit>> + Send + 'static + use<A, B, In> {
        let order = if B::PER_ITEM && !A::PER_ITEM { Order::SecondFirst } else { Order::FirstSecond };
        AcquireBoth::new(self.0.acquire(item), Some(self.1.acquire(item)), order)
    }

    fn started(&self, permit: &mut Self::Permit) {
        if let Some(first) = &mut permit.first {
            self.0.started(first);
        }
        if let Some(second) = &mut permit.second {
            self.1.started(second);
        }
    }
}

/// The limit of the shared limiter.
impl<In, L: Limiter<In>> Limiter<In> for Arc<L> {
    type Permit = L::Permit;

    const PER_ITEM: bool = L::PER_ITEM;

    #[inline]
    fn acquire(
        &self,
        item: &In,
    ) -> impl Future<Output = anyhow::Result<Self::Permit>> + Send + 'static + use<L, In> {
        (**self).acquire(item)
    }

    #[inline]
    fn started(&self, permit: &mut Self::Permit) {
        (**self).started(permit);
    }
}
