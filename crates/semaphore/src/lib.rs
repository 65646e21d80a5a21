//! A semaphore, and a pattern under the semaphore: one job per item, started only with a permit.
//!
//! # When not to use it
//!
//! - For the limit of a single run: `towpath-fanout`, with the limit as the first argument.
//! - For permits alone, without a run: `tokio::sync::Semaphore`.
//! - For exclusive access to a value: `tokio::sync::Mutex`.
//! - For a number of jobs a second: a rate limiter. Permits limit the jobs at the same time, short or long.
//!
//! The pattern has the uses of `asyncio.Semaphore` and of Go's buffered channel of tokens: a limit of a resource
//! (connections, memory, the quota of an API), shared by several runs and by tasks that acquire permits directly.
//!
//! # Example
//!
//! ```
//! use towpath_semaphore::{PatternExt, WithPermit, Semaphore};
//!
//! # async fn get(url: &str) -> anyhow::Result<usize> { Ok(url.len()) }
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let connections = Semaphore::new(3);
//!     let pages = WithPermit::new(3, &connections, |url: &'static str| async move { get(url).await });
//!     let health = WithPermit::new(3, &connections, |host: &'static str| async move { get(host).await });
//!
//!     // Two runs and one further request: never more than three connections.
//!     let pages = pages.ordered().run(["https://a.example", "https://bc.example"]);
//!     let health = health.run(["a.example"]);
//!     let permit = connections.acquire().await?;
//!     let news = get("https://news.example").await?;
//!     drop(permit);
//!
//!     assert_eq!((pages.collect().await?, health.collect().await?, news), (vec![17, 18], vec![9], 20));
//!     assert_eq!(connections.available_permits(), 3);
//!     Ok(())
//! }
//! ```
//!
//! A client, or other shared state, is a field of a type that implements [`Job`]. Every job borrows the field, without an
//! `Arc`; a closure cannot do so. [`Job`] has two further ways to share a client, [`with_state`] and a clone for every item:
//!
//! ```
//! use towpath_semaphore::{Job, PatternExt, Semaphore, WithPermit, anyhow};
//!
//! # struct Client;
//! # impl Client { async fn get(&self, url: &str) -> anyhow::Result<usize> { Ok(url.len()) } }
//! struct Fetch {
//!     client: Client,
//! }
//!
//! impl Job<&'static str> for Fetch {
//!     type Out = usize;
//!
//!     async fn call(&self, url: &'static str) -> anyhow::Result<usize> {
//!         self.client.get(url).await
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> anyhow::Result<()> {
//!     let connections = Semaphore::new(3);
//!     let sizes = WithPermit::new(3, &connections, Fetch { client: Client }).ordered();
//!     assert_eq!(sizes.run(["https://a.example", "https://bc.example"]).collect().await?, [17, 18]);
//!     Ok(())
//! }
//! ```
//!
//! # Differences from tokio
//!
//! [`Semaphore`] has the names and the order of service of `tokio::sync::Semaphore`. The differences:
//!
//! - A clone shares the permits. tokio's semaphore is shared through an `Arc`.
//! - [`acquire_owned`](Semaphore::acquire_owned), [`acquire_many_owned`](Semaphore::acquire_many_owned) and
//!   [`try_acquire_owned`](Semaphore::try_acquire_owned) borrow the semaphore. tokio's methods take an `Arc`.
//! - [`new`](Semaphore::new) and [`add_permits`](Semaphore::add_permits) saturate at
//!   [`MAX_PERMITS`](Semaphore::MAX_PERMITS). tokio's methods panic.
//! - [`total_permits`](Semaphore::total_permits) and [`into_owned`](SemaphorePermit::into_owned) have no counterpart in tokio.
//! - [`resize`](Semaphore::resize) sets the number of permits, in both directions and exactly. tokio's `forget_permits`
//!   removes free permits only, and tokio's `forget` removes the permits of one holder: both are missing here. `resize`
//!   panics above the maximum.
//! - Permits cannot be merged, split or counted. `const_new` and `try_acquire_many_owned` are missing, too.
//! - Both errors are plain values: [`AcquireError`] can be constructed, and compared with `==`.
//!
//! # Deadlock
//!
//! A job releases the permit before the output is handed on, so two patterns under the same semaphore can be chained
//! (`a.then(b)`), even with a single permit. A *job* must not wait for a permit of the same semaphore: if all permits
//! belong to jobs that wait, no wait ends. This misuse is not detected.
//!
//! # Cost
//!
//! On two cores of a shared machine, a hundred tasks that share three permits pay about 9 ns an acquisition, where a
//! channel of tokens in Go takes 29 and `tokio::sync::Semaphore::acquire` 240: a free permit costs one atomic operation
//! to take and one to release, and a thread that loses a race backs off for a moment. The back-off passes over no
//! waiter, since no permit is free while a task waits. A wait costs as much as in tokio. A job that does nothing costs
//! about 36 ns under a semaphore, and 20 in `towpath-fanout`; a job that waits costs about 840 bytes under a semaphore,
//! and 700 in `towpath-fanout`. `cargo xtask bench` measures these figures on another machine.

#![forbid(unsafe_code)]

mod error;
mod limiter;
mod permit;
mod permits;
mod semaphore;
mod sync;
mod with_permit;

pub use towpath_pattern::prelude::*;

pub use error::{AcquireError, TryAcquireError};
pub use limiter::Weighted;
pub use permit::{OwnedSemaphorePermit, SemaphorePermit};
pub use semaphore::Semaphore;
pub use with_permit::WithPermit;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
