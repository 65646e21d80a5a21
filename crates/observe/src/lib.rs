//! Observers of runs: limits that adapt to a server, a `tracing` span for each job, and metrics.
//!
//! # When not to use it
//!
//! - For the counts of a run: [`Run::report`](towpath_pattern::Run::report). For a progress bar:
//!   [`Run::watch`](towpath_pattern::Run::watch).
//! - For a limit that is known: a literal. An adaptive limit needs some hundred jobs to find its number.
//! - For a span inside a job: `#[tracing::instrument]`. `Spans` adds the stage, the index and the outcome of the item.
//!
//! # The observers
//!
//! | observer | feature | effect |
//! |---|---|---|
//! | [`Adaptive`] | | sets a [`LiveLimit`](towpath_pattern::LiveLimit) after the latencies and the failures of the jobs |
//! | `Spans` | `tracing` | a span for each job |
//! | `Metrics` | `metrics` | jobs in flight and waiting, completed jobs by outcome, histograms of the times |
//!
//! A pattern takes an observer with its builder `observed`. A second observer is called after the first observer.
//!
//! A custom observer implements [`Observer`] and [`RunObserver`], which this crate re-exports with their arguments.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//! use towpath_fanout::{Fanout, PatternExt};
//! use towpath_observe::Adaptive;
//!
//! # async fn fetch(url: &str) -> anyhow::Result<usize> { Ok(url.len()) }
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> anyhow::Result<()> {
//! let limit = Adaptive::aimd(1..=64).latency_threshold(Duration::from_millis(200));
//! let pages = Fanout::new(limit.limit(), |url| async move { fetch(url).await }).observed(limit.clone());
//! assert_eq!(pages.run(["https://a.example"]).collect().await?, [17]);
//! # Ok(()) }
//! ```

#![forbid(unsafe_code)]

mod adaptive;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "tracing")]
mod spans;

pub use adaptive::{Adaptive, Attempt};
#[cfg(feature = "metrics")]
pub use metrics::Metrics;
#[cfg(feature = "tracing")]
pub use spans::Spans;
/// The traits of a custom observer, and the arguments of their methods.
pub use towpath_pattern::{Ended, ItemInfo, Observer, Outcome, RunInfo, RunObserver};

#[cfg(all(doctest, feature = "metrics", feature = "tracing"))]
#[doc = include_str!("../README.md")]
struct Readme;
