//! Bounded fan-out and fan-in: one job per item, a limit of jobs at once, and a stream of the outputs.
//!
//! # When not to use it
//!
//! - For two or three futures known when the code is written: `tokio::join!` or `tokio::try_join!`.
//! - For one task: `tokio::spawn`, or [`Scope::spawn`] if the task must not outlive the caller.
//! - For computation on every core without an await: rayon.
//! - For jobs that are not `Send`: `futures::StreamExt::buffer_unordered`. These jobs run in the task that polls the
//!   stream, and make no progress between the polls.
//!
//! A fan-out has the uses of `asyncio.gather`, of `asyncio.as_completed` and of a pool of goroutines behind a channel.
//! A fan-out is bounded from the start and cancelled as a whole; no item is lost, and no panic is swallowed.
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
//! | as completed, the default | outputs as jobs complete; the first failure stops the other jobs, and the run yields the completed outputs, then the failure, then the end | outputs and failures as jobs complete |
//! | [`ordered`](Fanout::ordered) | outputs in input order; after the first failure, the run yields the completed outputs up to the first gap, then the failure, then the end | outputs and failures in input order |
//!
//! # Cost
//!
//! On two cores of a shared machine, a job that does nothing costs about 20 ns in a run with a capacity of a thousand
//! and a receiver in a task. A pool of goroutines costs 70 ns a job, and a task per job 480 ns. A waiting job costs
//! about 300 bytes, 128 bytes for its own future included. A receiver in `block_on` costs more, above all with a small
//! capacity: the thread is woken for each batch of outputs. `cargo xtask bench` measures these figures on another
//! machine.
//!
//! Workers are tasks on the threads of the runtime, about one for each thread. A waiting job is no task: its future
//! stays in the run, and any worker resumes it. So a run spawns only a few tasks, for a million quick jobs and for ten
//! thousand sleeping jobs.

#![forbid(unsafe_code)]

use std::sync::Arc;

pub use towpath_pattern::prelude::*;
use towpath_pattern::{LimitedBy, Limits, Settings, builders};

/// Applies one job to each item, with a limit of jobs at once.
///
/// A `Fanout` is a description: it can be run any number of times, also at the same time, and each run has a limit of its
/// own. Clones share the job.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_fanout::{Fanout, OnFailure, PatternExt};
///
/// let parse = Fanout::new(4, |text: &'static str| async move { Ok(text.parse::<u64>()?) });
///
/// // The outputs in input order, with a capacity of 16 items in addition to the limit.
/// let numbers = parse.clone().ordered().capacity(16).run(["1", "2", "3"]).collect().await?;
/// assert_eq!(numbers, [1, 2, 3]);
///
/// // The run goes on after a failure.
/// let lenient = parse.named("parse").on_failure(OnFailure::Continue);
/// let (outcomes, report) = lenient.run(["1", "two", "3"]).outcomes().await;
/// assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 2);
/// assert_eq!((&*report.stages[0].stage, report.last().errored), ("parse", 1));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Fanout<J, L = ()> {
    settings: Settings,
    job: Arc<J>,
    limits: L,
}

impl<J> Fanout<J> {
    /// Creates a pattern that applies `job` to each item, with at most `limit` jobs at once.
    ///
    /// The limit is a literal, a [`Limit`], or a reference to a [`LiveLimit`], which changes while the run goes on.
    /// `Limit::try_from(n)?` checks a number that may be zero.
    ///
    /// # Panics
    ///
    /// Panics at the caller's location if `limit` is the number zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_fanout::{Fanout, LiveLimit, PatternExt};
    ///
    /// let limit = LiveLimit::new(0); // the run begins with a pause
    /// let run = Fanout::new(&limit, |n: u64| async move { Ok(n * 2) }).ordered().run([1, 2, 3]);
    /// tokio::task::yield_now().await;
    /// assert_eq!(run.report().last().succeeded, 0);
    /// limit.set(8);
    /// assert_eq!(run.collect().await?, [2, 4, 6]);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    #[must_use]
    pub fn new<In>(limit: impl IntoJobLimit, job: J) -> Self
    where
        J: Job<In>,
    {
        Self { settings: Settings::new("fanout", limit), job: Arc::new(job), limits: () }
    }
}

impl<J, L> Fanout<J, L> {
    /// Adds a limiter, for example a rate, a semaphore or an order for equal keys. Every job then runs with a permit of every
    /// limiter of the pattern. See [`Limiter`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_fanout::{Fanout, PatternExt};
    /// use towpath_limit::per_key;
    ///
    /// // Eight at once, and one at a time for every user, in input order.
    /// let apply = Fanout::new(8, |(_user, event): (u32, &'static str)| async move { Ok(event) })
    ///     .capacity(100)
    ///     .limited_by(&per_key(1, |(user, _): &(u32, &'static str)| *user));
    /// let events = [(1, "login"), (2, "login"), (1, "logout")];
    /// assert_eq!(apply.run(events).collect().await?.len(), 3);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn limited_by<In, M>(self, limiter: &M) -> Fanout<J, LimitedBy<L, M>>
    where
        J: Job<In>,
        M: Limiter<In> + Clone,
    {
        let Self { settings, job, limits } = self;
        Fanout { settings, job, limits: LimitedBy::new(limits, limiter) }
    }
}

builders! {
    /// Without a [name](Self::named), the name of the stage is `fanout`.
    Fanout<J, L>: ordered
}

impl<J, L: Clone> Clone for Fanout<J, L> {
    fn clone(&self) -> Self {
        Self { settings: self.settings.clone(), job: Arc::clone(&self.job), limits: self.limits.clone() }
    }
}

// An error names the pattern and its items, and not the job.
#[diagnostic::do_not_recommend]
impl<In: Send + 'static, J: Job<In>, L: Limits<In>> Pattern<In> for Fanout<J, L> {
    type Out = J::Out;

    fn start(&self, input: Source<In>, scope: Scope) -> Run<J::Out> {
        Run::spawn_limited(scope, input, self.settings.clone(), &self.limits, Arc::clone(&self.job))
    }

    fn is_one_to_one(&self) -> bool {
        true
    }
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
