//! Producers that send items to one bounded queue, and consumers that receive the items.
//!
//! # When not to use it
//!
//! - If every input is one item: `towpath-fanout`, without a queue.
//! - If one piece of code makes all items: `Source::generate` or `Source::channel` in front of a fan-out.
//! - For a queue between the tasks of a program: [`queue`] alone, without runs and failures.
//! - For work that must survive the process: a broker.
//!
//! The pattern has the uses of asyncio's `Queue` with `task_done` and `join`, and of a Go channel with a `WaitGroup`. The
//! queue is bounded, and closed without sentinels and counters; no item is lost, and no panic is swallowed. Consumers may
//! send, too: a crawler's frontier, which ends by itself.
//!
//! # Example
//!
//! Every input starts a producer, which sends any number of items to the consumers:
//!
//! ```
//! use towpath_producer_consumer::{Failure, PatternExt, ProducerConsumer};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Failure> {
//!     let words = ProducerConsumer::producers(2, |text: &'static str, queue| async move {
//!         for word in text.split(' ') {
//!             queue.send(word).await?;
//!         }
//!         Ok(())
//!     });
//!     let lengths = words.consumers(4, |word: &'static str| async move { Ok(word.len()) }).capacity(16);
//!     let sizes = lengths.run(["one two", "three"]).collect().await?;
//!     assert_eq!(sizes.iter().sum::<usize>(), 11);
//!     Ok(())
//! }
//! ```
//!
//! A client, or other state that the consumers share, is a field of a type that implements [`Job`]. Every job borrows
//! the field, without an `Arc`; a closure cannot do so. [`Job`] has two further ways to share a client, [`with_state`]
//! and a clone for every item:
//!
//! ```
//! use towpath_producer_consumer::{Job, PatternExt, ProducerConsumer, anyhow};
//!
//! # struct Database;
//! # impl Database { async fn insert(&self, word: &str) -> anyhow::Result<usize> { Ok(word.len()) } }
//! struct Store {
//!     database: Database,
//! }
//!
//! impl Job<&'static str> for Store {
//!     type Out = usize;
//!
//!     async fn call(&self, word: &'static str) -> anyhow::Result<usize> {
//!         self.database.insert(word).await
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> anyhow::Result<()> {
//!     let words = ProducerConsumer::producers(2, |text: &'static str, queue| async move {
//!         for word in text.split(' ') {
//!             queue.send(word).await?;
//!         }
//!         Ok(())
//!     });
//!     let stored = words.consumers(4, Store { database: Database }).capacity(16);
//!     assert_eq!(stored.run(["one two", "three"]).collect().await?.iter().sum::<usize>(), 11);
//!     Ok(())
//! }
//! ```
//!
//! Consumers that send. The run ends when the queue is empty and no consumer runs:
//!
//! ```
//! use towpath_producer_consumer::{Failure, PatternExt, ProducerConsumer};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Failure> {
//!     let halves = ProducerConsumer::items().consumers_that_send(4, |number: u64, queue| async move {
//!         if number > 1 {
//!             queue.try_send(number / 2)?; // an error if the queue is full
//!         }
//!         Ok(number)
//!     });
//!     let seen = halves.capacity(100).run([8, 10]).collect().await?;
//!     assert_eq!(seen.iter().sum::<u64>(), 8 + 4 + 2 + 1 + 10 + 5 + 2 + 1);
//!     Ok(())
//! }
//! ```
//!
//! # Two stages
//!
//! A run has two stages in its report, `producers` and `consumers`, with a limit for each stage. An item has the index of
//! the input of its producer, also if a consumer sent the item. Outputs come as jobs complete. The failure of a producer
//! stops the run as the failure of a consumer does. The items in the queue of a stopped run are dropped and counted as
//! cancelled at the consumers: `Source::kept` has only inputs whose producer was never started.
//!
//! A full queue refuses the item of a consumer at once, and returns the item. So a frontier needs a capacity for the
//! expected items, and another run for the returned items. The producers share the capacity.

#![forbid(unsafe_code)]

mod handles;

mod pattern;
mod stages;

pub use handles::{QueueSender, QueueTrySender};
pub use pattern::{ProducerConsumer, Producers};
pub use stages::{Consume, ConsumeAndSend, Consumer, Produce, WithQueue};
pub use towpath_pattern::prelude::*;
pub use towpath_pattern::{queue, queue::SendError, queue::TrySendError};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
