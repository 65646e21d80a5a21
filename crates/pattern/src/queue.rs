//! A bounded queue between any number of senders and receivers: asyncio's `Queue`, Go's `chan`.
//!
//! # When not to use it
//!
//! - To feed a run: [`Source::channel`](crate::Source::channel).
//! - For one answer to one request: `tokio::sync::oneshot`.
//! - For the latest of many values: `tokio::sync::watch`; for every value to every receiver: `tokio::sync::broadcast`.
//!
//! # Example
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
//! use towpath_pattern::queue;
//!
//! let (sender, mut receiver) = queue::bounded(10);
//! let sending = tokio::spawn(async move {
//!     for item in 1..=100 {
//!         sender.send(item).await?;
//!     }
//!     anyhow::Ok(()) // drops the last sender, which closes the queue
//! });
//! let mut sum = 0;
//! while let Some(item) = receiver.recv().await {
//!     sum += item;
//! }
//! sending.await??;
//! assert_eq!(sum, 5050);
//! # Ok(()) }
//! ```
//!
//! # The end
//!
//! The drop of the last [`Sender`] or of the last [`Receiver`] closes the queue. [`Sender::close`] and
//! [`Receiver::close`] also close the queue. A send to a closed queue fails, and leaves the item with the caller.
//! After a `close` or the drop of the last sender, receivers still take the items left in the queue.
//!
//! [`Sender::join`] waits until every item has been received *and* finished: asyncio's `join`. There is no `task_done`: an
//! item counts as finished when its receiver asks for the next item or is dropped.
//!
//! # Batches
//!
//! A `send` or a `recv` of one item takes a lock, and often wakes a task. [`Sender::send_many`] and [`Receiver::recv_many`]
//! move a whole batch for the same price. With a capacity of a thousand items, batches are more than ten times as fast as
//! single items. Batches on one side work with single items on the other side.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
//! use towpath_pattern::queue::{self, TryRecvError, TrySendError};
//!
//! let (sender, mut receiver) = queue::bounded(3);
//! sender.send_many(&mut (1..=3).collect()).await?;
//! assert_eq!(sender.try_send(4), Err(TrySendError::Full(4)));
//!
//! let mut items = Vec::new();
//! assert_eq!(receiver.recv_many(10, &mut items).await, 3);
//! assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
//! sender.join().await?; // all three are finished
//! # Ok(()) }
//! ```
//!
//! # Computing
//!
//! A send wakes a waiting receiver, and tokio may schedule the receiver on the thread of the sender. The receiver then
//! starts only when the sender's task yields. Before a long computation, a sender calls `tokio::task::yield_now`.

mod deposits;
mod items;
mod pace;
mod receiver;
mod sender;
mod shared;
mod state;
mod wait_list;

use std::sync::Arc;

pub(crate) use items::Items;
use items::Order;
pub use receiver::{Receiver, TryRecvError};
pub use sender::{SendError, Sender, TrySendError};
use shared::{Shared, Urgency};

/// Creates a queue with a capacity of `capacity` items, the oldest item first.
///
/// A queue with a capacity of 0 is Go's unbuffered channel: a sender waits until a receiver waits for the item.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_pattern::queue;
///
/// let (sender, mut receiver) = queue::bounded(2);
/// sender.send("older").await?;
/// sender.send("newer").await?;
/// assert_eq!(receiver.recv().await, Some("older"));
/// # Ok(()) }
/// ```
#[must_use]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    queue(capacity, Order::Oldest, None)
}

/// Creates a queue with a capacity of `capacity` items, the newest item first: asyncio's `LifoQueue`.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_pattern::queue;
///
/// let (sender, mut receiver) = queue::bounded_lifo(2);
/// sender.send("older").await?;
/// sender.send("newer").await?;
/// assert_eq!(receiver.recv().await, Some("newer"));
/// # Ok(()) }
/// ```
#[must_use]
pub fn bounded_lifo<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    queue(capacity, Order::Newest, None)
}

/// Creates a queue with a capacity of `capacity` items, the most urgent item first: asyncio's `PriorityQueue`.
///
/// `urgency` returns the urgency of an item: an `i64`, or a smaller integer. The item with the largest urgency comes first,
/// and of equally urgent items the oldest. Every send calls `urgency` once for an item, without a lock. A panic of
/// `urgency` is a panic of the send, which has then sent nothing; a batch is still with the caller.
///
/// # When not to use it
///
/// - If items of high urgency may come without a pause: items of lower urgency then wait without a bound. A deadline as the
///   urgency rules that out, as in the second example.
/// - If the queue is often full: the urgency orders the items in the queue, and not the senders that wait for capacity. An
///   urgent item waits for as many takes as senders wait before it.
/// - For two or three kinds of items: a queue for each kind, and `tokio::select!` with `biased`.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_pattern::queue;
///
/// let (sender, mut receiver) = queue::bounded_by_priority(8, |(urgency, _): &(u8, &str)| *urgency);
/// for item in [(1, "mail"), (9, "alarm"), (1, "log")] {
///     sender.send(item).await?;
/// }
/// let mut order = Vec::new();
/// receiver.recv_many(8, &mut order).await;
/// assert_eq!(order, [(9, "alarm"), (1, "mail"), (1, "log")]);
/// # Ok(()) }
/// ```
///
/// With the earliest deadline first, no item waits without a bound: later items have later deadlines.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use std::time::{Duration, Instant};
/// use towpath_pattern::queue;
///
/// let start = Instant::now();
/// let urgency = move |(due, _): &(Instant, &str)| -i64::try_from((*due - start).as_millis()).unwrap_or(i64::MAX);
/// let (sender, mut receiver) = queue::bounded_by_priority(8, urgency);
/// sender.send((start + Duration::from_secs(60), "report")).await?;
/// sender.send((start + Duration::from_secs(2), "page")).await?;
/// assert_eq!(receiver.recv().await.map(|item| item.1), Some("page"));
/// # Ok(()) }
/// ```
#[must_use]
pub fn bounded_by_priority<T, K: Into<i64>>(
    capacity: usize,
    urgency: impl Fn(&T) -> K + Send + Sync + 'static,
) -> (Sender<T>, Receiver<T>) {
    queue(capacity, Order::MostUrgent, Some(Box::new(move |item| urgency(item).into())))
}

fn queue<T>(capacity: usize, order: Order, urgency: Option<Box<Urgency<T>>>) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared::new(capacity, order, urgency));
    (Sender::new(Arc::clone(&shared)), Receiver::new(shared))
}
