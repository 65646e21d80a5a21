//! A bounded queue between any number of producers and consumers: asyncio's `Queue`, Go's `chan`.
//!
//! # When not to use it
//!
//! - To feed a run: [`Source::channel`](crate::Source::channel).
//! - For one answer to one request: `tokio::sync::oneshot`.
//! - For a value of which only the latest counts: `tokio::sync::watch`; for every value to every receiver:
//!   `tokio::sync::broadcast`.
//!
//! # Example
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
//! use towpath_pattern::queue;
//!
//! let (sender, mut receiver) = queue::bounded(10);
//! let producing = tokio::spawn(async move {
//!     for item in 1..=100 {
//!         sender.send(item).await?;
//!     }
//!     anyhow::Ok(()) // the last sender is gone: nothing more will come
//! });
//! let mut sum = 0;
//! while let Some(item) = receiver.recv().await {
//!     sum += item;
//! }
//! producing.await??;
//! assert_eq!(sum, 5050);
//! # Ok(()) }
//! ```
//!
//! # The end
//!
//! The queue is closed when its last [`Sender`] is dropped, or its last [`Receiver`], or one of either closes it.
//! What is in it may still be taken; what is put then comes back. To wait until every item has been taken
//! *and* worked on, asyncio's `join`, there is [`Sender::join`]; nobody has to count with `task_done`, since
//! a receiver has finished an item when it takes the next one or is dropped.
//!
//! # Batches
//!
//! An item handed over alone costs a lock, and often a wake-up. [`Sender::send_many`] and
//! [`Receiver::recv_many`] hand over as many as there is room for, or as are there, for the same price: with a
//! thousand items of capacity they are more than ten times as fast. Either side may use them, whatever the other
//! does.
//!
//! # Computing
//!
//! A receiver that a put wakes may have to run on the sender's thread, and then begins at the sender's next await:
//! one that computes for long after a put hands over with `tokio::task::yield_now` first.

mod items;
mod line;
mod receiver;
mod sender;
mod shared;
mod state;

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::task::coop;

use crate::util::sync::atomic::{AtomicU8, Ordering};

pub(crate) use items::Items;
pub use receiver::{Receiver, TryRecvError};
pub use sender::{SendError, Sender, TrySendError};
use shared::Shared;

/// A queue with room for `capacity` items, the oldest of which is taken first.
///
/// Without any capacity it is Go's unbuffered channel: an item can be put only while a receiver waits for it.
#[must_use]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    queue(capacity, false)
}

/// A queue with room for `capacity` items, the newest of which is taken first: asyncio's `LifoQueue`.
#[must_use]
pub fn bounded_lifo<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    queue(capacity, true)
}

fn queue<T>(capacity: usize, newest_first: bool) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared::new(capacity, newest_first));
    (Sender::new(Arc::clone(&shared)), Receiver::new(shared))
}

/// Of the calls by one handle, so many cost a task one unit of its cooperative budget, as a batch does: a task
/// that never has to wait lets others run every thousand items, some 50 µs, and not every hundred.
const CALLS_A_UNIT: u8 = 8;

/// Counts the calls by one handle.
#[derive(Default)]
struct Pace(AtomicU8);

impl Pace {
    /// Whether this call is one that costs.
    #[inline]
    fn is_due(&self) -> bool {
        // Not exact where tasks share a handle, and need not be.
        let calls = self.0.load(Ordering::Relaxed).wrapping_add(1);
        self.0.store(calls, Ordering::Relaxed);
        calls.is_multiple_of(CALLS_A_UNIT)
    }
}

/// Polls at the cost of one unit, when the task has one left. If it ends up waiting it costs nothing.
fn paced<R>(cx: &mut Context<'_>, poll: impl FnOnce(&mut Context<'_>) -> Poll<R>) -> Poll<R> {
    let proceed = ready!(coop::poll_proceed(cx));
    let result = ready!(poll(cx));
    proceed.made_progress();
    Poll::Ready(result)
}
