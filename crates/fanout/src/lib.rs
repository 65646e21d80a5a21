//! Bounded fan-out and fan-in: one job per item, at most so many at once, and a stream of the outputs.
//!
//! What `asyncio.gather`, `asyncio.as_completed` and a pool of goroutines behind a channel are for:
//! bounded from the start, cancelled as a whole, with nothing lost and no panic swallowed.
//!
//! # When not to use it
//!
//! - For two or three futures known when you write the code: `tokio::join!` or `tokio::try_join!`.
//! - For one task beside this one: `tokio::spawn`, or [`Scope::spawn`] if it must not outlive you.
//! - For computing on every core with no await anywhere: rayon.
//! - For jobs that must run on the task that waits for them, because they are not `Send`:
//!   `futures::StreamExt::buffer_unordered`; it makes no progress while nobody polls it.
//!
//! # Example
//!
//! ```
//! use towpath_fanout::{Fanout, PatternExt};
//!
//! # async fn fetch(url: &str) -> anyhow::Result<usize> { Ok(url.len()) }
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let urls = ["https://a.example", "https://bc.example"];
//!     let pages = Fanout::new(4, |url| async move { fetch(url).await }).ordered();
//!     let sizes = pages.run(urls).collect().await?;
//!     assert_eq!(sizes, [17, 18]);
//!     Ok(())
//! }
//! ```
//!
//! A client, or other shared state, is a field of a type that implements [`Job`]. Every job borrows the field, without an
//! `Arc`; a closure cannot do so. [`Job`] has two further ways to share a client, [`with_state`] and a clone for every item:
//!
//! ```
//! use towpath_fanout::{Fanout, Job, PatternExt, anyhow};
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
//!     let sizes = Fanout::new(4, Fetch { client: Client }).ordered();
//!     assert_eq!(sizes.run(["https://a.example", "https://bc.example"]).collect().await?, [17, 18]);
//!     Ok(())
//! }
//! ```
//!
//! # Order and failure
//!
//! | | [`OnFailure::Stop`], the default | [`OnFailure::Continue`] |
//! |---|---|---|
//! | as completed, the default | outputs as they are ready; on the first failure the other jobs are stopped, what had finished is yielded, then the failure, then the end | outputs and failures as they are ready |
//! | [`ordered`](Fanout::ordered) | outputs in input order; on the first failure the unbroken prefix of what had finished, then the failure, then the end | outputs and failures in input order |
//!
//! # Cost
//!
//! On two cores of a shared machine, a job that does nothing costs about 20 ns in a run with room for a
//! thousand outputs and taken in a task, where a pool of goroutines takes 70 and a task each 480; a waiting
//! job costs about 700 bytes. Taken in `block_on`, whose thread is woken for each portion, it costs more,
//! the more the less room there is. `cargo xtask bench` measures it on yours.
//! Jobs run as tasks on the runtime's threads: one for each job that waits and one for each thread, and after there
//! were more, up to twice as many for a while. So a million quick jobs spawn a handful of tasks, and ten thousand
//! sleeping ones ten thousand.

#![forbid(unsafe_code)]

use std::sync::Arc;

pub use towpath_pattern::prelude::*;
use towpath_pattern::{Settings, builders};

/// One job per item, at most so many at once.
///
/// A `Fanout` is a description: it can be run any number of times, also at the same time, and each run
/// has its own limit. Clones share the job.
#[derive(Debug)]
pub struct Fanout<J> {
    settings: Settings,
    job: Arc<J>,
}

impl<J> Fanout<J> {
    /// Applies `job` to each item, with at most `limit` jobs at once.
    ///
    /// The limit is a literal or a [`Limit`]; a number that is not known to be 1 or more is checked by `Limit::try_from(n)?`.
    ///
    /// # Panics
    ///
    /// When the limit is zero, at the caller's location.
    #[track_caller]
    #[must_use]
    pub fn new<In>(limit: impl IntoLimit, job: J) -> Self
    where
        J: Job<In>,
    {
        Self { settings: Settings::new("fanout", limit), job: Arc::new(job) }
    }
}

builders! {
    /// The stage is called `fanout` unless it is [named](Self::named).
    Fanout<J>: ordered
}

impl<J> Clone for Fanout<J> {
    fn clone(&self) -> Self {
        Self { settings: self.settings.clone(), job: Arc::clone(&self.job) }
    }
}

// An error names the pattern and its items, and not the job.
#[diagnostic::do_not_recommend]
impl<In: Send + 'static, J: Job<In>> Pattern<In> for Fanout<J> {
    type Out = J::Out;

    fn start(&self, input: Source<In>, scope: Scope) -> Run<J::Out> {
        Run::spawn(scope, input, self.settings.clone(), Arc::clone(&self.job))
    }
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
