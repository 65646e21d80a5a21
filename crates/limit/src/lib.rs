//! Limits for the jobs of a run, in addition to their number: a rate, a rate for each key, and an order for equal keys.
//!
//! # When not to use it
//!
//! - For a number of jobs at once: the limit of the pattern, for example the first argument of `Fanout::new`.
//! - For a number of jobs at once that several runs share, or for weights: `towpath-semaphore`.
//! - For a number of jobs at once that changes while the run goes on: `LiveLimit` of `towpath-pattern`.
//! - To refuse work above a limit, as a server does: governor or tower. The limiters of this crate delay a job.
//! - For a limit that several processes share: a service. The budgets of this crate are in memory.
//!
//! # The limiters
//!
//! | limiter | limits | an item waits |
//! |---|---|---|
//! | [`Rate`] | the starts per time | in its slot |
//! | [`Rate::per_key`] | the starts per time of equal keys | without a slot; items with different keys pass |
//! | [`per_key`] | the jobs at once with equal keys, in input order | the same |
//! | a pair `(A, B)` | both | without a slot, if either does |
//!
//! The semaphore of `towpath-semaphore` is a limiter, too: a permit for each item, or
//! `semaphore.weighted(|item| cost)`. A custom limiter implements [`Limiter`] in twenty lines: the folder
//! `examples/memory` has a limit of the bytes in memory.
//!
//! # Example
//!
//! Every pattern takes any number of limiters, by reference:
//!
//! ```
//! use towpath_fanout::{Fanout, PatternExt};
//! use towpath_limit::{Rate, per_key};
//!
//! struct Page {
//!     host: &'static str,
//! }
//!
//! # async fn fetch(page: Page) -> anyhow::Result<usize> { Ok(page.host.len()) }
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> anyhow::Result<()> {
//! // 50 requests at once, two to a host, 20 starts per second for each host, and 100 in all.
//! let host = |page: &Page| page.host;
//! let crawl = Fanout::new(50, |page: Page| async move { fetch(page).await })
//!     .capacity(1_000)
//!     .limited_by(&per_key(2, host))
//!     .limited_by(&Rate::per_second(20).per_key(host))
//!     .limited_by(&Rate::per_second(100));
//!
//! let pages = ["a.example", "b.example", "a.example"].map(|host| Page { host });
//! assert_eq!(crawl.run(pages).collect().await?, [9, 9, 9]);
//! # Ok(()) }
//! ```
//!
//! # Rules
//!
//! - **The capacity is the look-ahead.** An item that waits without a slot has a place in the stage, and the places are the limit
//!   plus the capacity. If the items of a frequent key fill the stage, all other keys stop. The default capacity is the limit,
//!   which shows little of the gain.
//! - **The order of the limiters**: by key first, then weights, then permits, then rates. An item holds the permits of the
//!   earlier limiters during the wait for a later limiter, and a granted start that is not used yet occupies the rate.
//! - **Two runs with the same two limiters** name the limiters in the same order. In opposite orders, the runs deadlock.
//! - **A job may wait for the job of a later item**, unless the later item needs the permit of this job.
//!
//! A limit inside the job is no replacement. The job waits in its slot, so the items of a single slow host fill all slots, and a
//! crawler of 25 hosts takes the time of the hosts one after another. In addition, all these jobs have started: a stopped run
//! cannot return the items. A fair lock for each key inside the job does not keep the order either, because the jobs reach the
//! lock in any order.
//!
//! # Comparison with governor
//!
//! [`Rate`] has the arithmetic of governor, the generic cell rate algorithm. The differences: a start counts when the
//! job starts, and not when the start is granted; waits are served first come, first served; the rate can change during
//! its use; the clock is the clock of tokio, so that `tokio::time::pause` moves it; idle keys are forgotten without a
//! call of `retain_recent`.
//!
//! # Cost
//!
//! A limiter has one lock, and a limiter by key has a lock for its keys and a lock for each key. No function, hash, comparison or
//! drop of a key, and no waker, runs under a lock. An item without a wait takes no timer; of the items that wait for a rate, the
//! first alone has a timer.

#![forbid(unsafe_code)]

mod gate;
mod meter;
mod pacer;
mod per_key;
mod quota;
mod rate;
mod rate_per_key;
mod sync;
mod table;

pub use towpath_pattern::{IntoLimit, Limit, Limiter};

pub use per_key::{KeyPermit, PerKey, per_key};
pub use quota::InvalidRate;
pub use rate::{Rate, RatePermit};
pub use rate_per_key::{KeyRatePermit, RatePerKey};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
