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
//! A limiter of one's own implements [`Limiter`], for example a limit of the bytes in memory. A limiter by key combines with a
//! rate as a pair. The order of the pair: limiters by key or by weight first, then permits, then rates.
//!
//! # Example
//!
//! The engine acquires a permit for every item, reports the start of the job, and drops the permit at the end of the job. By
//! hand:
//!
//! ```
//! use towpath_limit::{Limiter, Rate, per_key};
//!
//! struct Page {
//!     host: &'static str,
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> anyhow::Result<()> {
//! // One request at a time for every host, and 20 starts per second in all.
//! let polite = (per_key(1, |page: &Page| page.host), Rate::per_second(20));
//! for host in ["a.example", "b.example", "a.example"] {
//!     let page = Page { host };
//!     let mut permit = polite.acquire(&page).await?;
//!     polite.started(&mut permit);
//!     // The job runs with the permit.
//!     drop(permit);
//! }
//! # Ok(()) }
//! ```
//!
//! # Comparison with governor
//!
//! [`Rate`] has the arithmetic of governor, the generic cell rate algorithm. The differences: a start counts when the job
//! starts, and not when it is granted; waits are served first come, first served; the rate changes while it is used; the clock
//! is the clock of tokio, so that `tokio::time::pause` moves it; idle keys are forgotten without a call of `retain_recent`.
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
