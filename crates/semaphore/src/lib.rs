//! A semaphore, and the pattern under it: one job per item, each begun only once it holds a permit.
//!
//! What `asyncio.Semaphore` and Go's buffered channel of tokens are for: a limit that is about a thing
//! (connections, memory, an API's quota), and that several runs, and those who acquire directly, share.
//!
//! # When not to use it
//!
//! - For a limit that concerns one run only: `towpath-fanout`, which has it as its first argument.
//! - For permits alone, without any run under them: `tokio::sync::Semaphore`.
//! - For one at a time around a value: `tokio::sync::Mutex`.
//! - For so many a second: a rate limiter. A permit says how many at once, however long they take.
//!
//! # Example
//!
//! ```
//! use towpath_semaphore::{PatternExt, Permitted, Semaphore};
//!
//! # async fn get(url: &str) -> anyhow::Result<usize> { Ok(url.len()) }
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let connections = Semaphore::new(3);
//!     let pages = Permitted::new(&connections, |url: &'static str| async move { get(url).await });
//!     let health = Permitted::new(&connections, |host: &'static str| async move { get(host).await });
//!
//!     // Two runs and one request beside them: never more than three connections.
//!     let pages = pages.ordered().run(["https://a.example", "https://bc.example"]);
//!     let health = health.run(["a.example"]);
//!     let permit = connections.acquire().await?;
//!     let news = get("https://news.example").await?;
//!     drop(permit);
//!
//!     assert_eq!((pages.collect().await?, health.collect().await?, news), (vec![17, 18], vec![9], 20));
//!     assert_eq!(connections.available(), 3);
//!     Ok(())
//! }
//! ```
//!
//! # Deadlock
//!
//! A permit is released before its output is handed on, so patterns under one semaphore can follow one another
//! (`a.then(b)`), with one permit too. A *job* that waits for a permit of the semaphore it runs under may wait
//! for ever, as a task that takes a lock twice does: misuse, and nothing here detects it.
//!
//! # Cost
//!
//! On two cores of a shared machine, a hundred tasks that share three permits pay about 9 ns an acquisition,
//! where a channel of tokens in Go takes 29 and `tokio::sync::Semaphore::acquire` 240: a free permit costs one
//! atomic operation to take and one to release, and threads that want it at once give way to each other for a
//! moment. That passes nobody over, since none is free while somebody waits. To wait costs as much as in tokio.
//! A job that does nothing costs about 36 ns under a semaphore, and 20 in `towpath-fanout`; one that waits,
//! about 840 bytes, and 700 there. `cargo xtask bench` measures it on yours.

#![forbid(unsafe_code)]

mod error;
mod permit;
mod permits;
mod permitted;
mod semaphore;
mod sync;

pub use towpath_pattern::{
    Cancelled, Capacity, Cause, Counts, Failure, Indexed, IntoLimit, Job, Kept, Limit, OnFailure, Order,
    Pattern, PatternExt, Report, Run, Scope, Source, StageReport, Then, TimedOut, Yield, anyhow,
    async_channel,
};

pub use error::{Closed, TryAcquireError};
pub use permit::{OwnedPermit, Permit};
pub use permitted::Permitted;
pub use semaphore::Semaphore;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
