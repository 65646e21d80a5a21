//! Wrappers of a job: a time limit, retries with a budget, hedging, blocking and CPU work, the input of a failed or cancelled
//! job, and tower services.
//!
//! # When not to use it
//!
//! - For a deadline of a whole run: [`Scope::with_timeout`](towpath_pattern::Scope::with_timeout) and `run_in`.
//! - For one call outside a run: `tokio::time::timeout`, and the methods of backon.
//! - For a number of calls per second, or a weight of an item: a limiter, and no wrapper. A wrapper starts after the
//!   limiter.
//! - For a circuit breaker, a load balancer or a cache around one client: a tower service, as a job.
//! - For jobs with an effect that must not happen twice: neither `retry` nor [`hedge`](JobExt::hedge).
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//!
//! use towpath_fanout::{Fanout, PatternExt, anyhow};
//! use towpath_job::JobExt;
//! use towpath_job::backon::ExponentialBuilder;
//!
//! # async fn get(url: &str) -> anyhow::Result<usize> { Ok(url.len()) }
//! #[tokio::main]
//! async fn main() -> anyhow::Result<()> {
//!     let fetch = |url: &'static str| async move { get(url).await };
//!     let fetch = fetch.timeout(Duration::from_secs(2)).retry(ExponentialBuilder::default());
//!     let sizes = Fanout::new(8, fetch).run(["a.example", "b.example"]).collect().await?;
//!     assert_eq!(sizes, [9, 9]);
//!     Ok(())
//! }
//! ```
//!
//! # Order of the wrappers
//!
//! The calls read from the inside to the outside, and the order decides the meaning:
//!
//! | calls | meaning |
//! |---|---|
//! | `fetch.timeout(s).retry(policy)` | `s` for every attempt; an attempt that takes too long is tried again |
//! | `fetch.retry(policy).timeout(s)` | `s` for all attempts and all waits together |
//! | `fetch.hedge(d).retry(policy)` | a retry after both attempts of a hedge have failed |
//! | `fetch.retry(policy).hedge(d)` | a second series of attempts after `d` |
//! | `fetch.retry(policy).keep_input()` | the input of a job whose attempts have all failed |
//! | `fetch.timeout(s).keep_cancelled()` | the inputs of the jobs that a stop has cancelled; a timeout cancels no job |
//! | `fetch.keep_input().timeout(s)` | no input after a timeout: the inner job has not returned an error |
//! | `blocking(f).timeout(s)` | the item times out after `s`, and the closure goes on |
//!
//! # Features
//!
//! | feature | items | dependency |
//! |---|---|---|
//! | | [`timeout`](JobExt::timeout), [`hedge`](JobExt::hedge), [`keep_input`](JobExt::keep_input), [`keep_cancelled`](JobExt::keep_cancelled), [`RetryBudget`] | |
//! | `retry` | `JobExt::retry`, `Attempts`, the re-export of backon | backon |
//! | `blocking` | `blocking` | |
//! | `rayon` | `cpu` | rayon |
//! | `tower` | `service`, `ClientService` | tower-service |
//!
//! No feature is on by default.
//!
//! # Panics, stops and scopes
//!
//! The panic of a job goes through every wrapper and is the failure of the item: a panic is not retried, and a hedge does
//! not wait for the attempt next to a panic. When a run stops, the run drops the job with all wrappers, also during a wait
//! for the next attempt. Every wrapper passes the scope of the jobs to the inner job
//! ([`Job::call_in`](towpath_pattern::Job::call_in)), so the run waits for the tasks and runs of the inner job.
//!
//! A wrapper that drops the inner job early, as a time limit does, does not stop the tasks that the inner job has started
//! in the scope of the jobs. A job whose tasks end with the job starts the tasks in a
//! [child](towpath_pattern::Scope::child) of the scope: the drop of the child cancels the tasks.
//!
//! # Cost
//!
//! The size of a wrapper, in addition to the inner job, counts for every waiting item. On a 64-bit machine:
//!
//! | wrapper | bytes of a waiting job, in addition to the inner job |
//! |---|---|
//! | `timeout` | 120 |
//! | `retry` | the item, and 56; one allocation more after the first error |
//! | `hedge` | the item, and 168; the second attempt is allocated at its start |
//! | `keep_input` | the item, and 8 |
//! | `keep_cancelled` | the item, and 32 |
//! | `blocking`, `cpu` | in place of a job: two allocations, and 88 |

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod budget;
#[cfg(feature = "tower")]
mod client_service;
mod ext;
mod hedge;
mod keep_cancelled;
mod keep_input;
#[cfg(any(feature = "blocking", feature = "rayon"))]
mod offload;
#[cfg(feature = "retry")]
mod retry;
#[cfg(feature = "tower")]
mod service;
mod timeout;

/// The policies of [`JobExt::retry`].
#[cfg(feature = "retry")]
pub use backon;

pub use budget::RetryBudget;
#[cfg(feature = "tower")]
pub use client_service::ClientService;
pub use ext::JobExt;
pub use hedge::{Hedge, HedgeFailed};
pub use keep_cancelled::{CancelledInputs, KeepCancelled};
pub use keep_input::{FailureExt, Input, KeepInput};
#[cfg(feature = "blocking")]
pub use offload::blocking::{Blocking, blocking};
#[cfg(feature = "rayon")]
pub use offload::cpu::{Cpu, cpu};
#[cfg(feature = "retry")]
pub use retry::{Attempts, Retry, RetryStop};
#[cfg(feature = "tower")]
pub use service::{ServiceJob, service};
pub use timeout::Timeout;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
