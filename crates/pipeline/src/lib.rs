//! A typed pipeline: each item passes through several stages, and all of them run at once.
//!
//! What coroutines with a queue between each two, or goroutines with channels, are for: every stage has its
//! own limit, order and capacity, a failure names its stage, and an item keeps its index to the end.
//!
//! # When not to use it
//!
//! - For steps none of which needs a limit of its own: one job that does them one after another, under
//!   `towpath-fanout`. It costs no hop, and as many items are at work.
//! - For stages that are other patterns: [`PatternExt::then`] puts any two behind each other, a pipeline too.
//! - For computing on every core with no await anywhere: rayon.
//! - For steps that branch, or meet again: `tokio::sync::mpsc`, and a task each in a [`Scope`].
//!
//! # Example
//!
//! ```
//! use towpath_pipeline::{PatternExt, Pipeline};
//!
//! # async fn fetch(url: &str) -> anyhow::Result<String> { Ok(url.replace("https://", "words of ")) }
//! # async fn store(words: usize) -> anyhow::Result<usize> { Ok(words) }
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let pipeline = Pipeline::new(8, |url: &'static str| async move { fetch(url).await })
//!         .ordered().capacity(32).named("fetch")
//!         .then_stage(1, |page: String| async move { Ok(page.split(' ').count()) }).named("count")
//!         .then_stage(1, |words: usize| async move { store(words).await }).named("store");
//!
//!     let stored = pipeline.run(["https://a.example", "https://b.example"]).collect().await?;
//!     assert_eq!(stored, [3, 3]);
//!     Ok(())
//! }
//! ```
//!
//! A client, or other shared state, is a field of a type that implements [`Job`]. Every job borrows the field, without an
//! `Arc`; a closure cannot do so. [`Job`] has two further ways to share a client, [`with_state`] and a clone for every item:
//!
//! ```
//! use towpath_pipeline::{Job, PatternExt, Pipeline, anyhow};
//!
//! # struct Database;
//! # impl Database { async fn insert(&self, words: usize) -> anyhow::Result<usize> { Ok(words) } }
//! struct Store {
//!     database: Database,
//! }
//!
//! impl Job<usize> for Store {
//!     type Out = usize;
//!
//!     async fn call(&self, words: usize) -> anyhow::Result<usize> {
//!         self.database.insert(words).await
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> anyhow::Result<()> {
//!     let pipeline = Pipeline::new(8, |page: &'static str| async move { Ok(page.split(' ').count()) })
//!         .ordered()
//!         .then_stage(1, Store { database: Database });
//!     assert_eq!(pipeline.run(["to path", "a b c"]).collect().await?, [2, 3]);
//!     Ok(())
//! }
//! ```
//!
//! # Settings
//!
//! | setting | what it concerns | by default |
//! |---|---|---|
//! | the limit: the first argument of [`new`](Pipeline::new) and [`then_stage`](Pipeline::then_stage) | that stage | |
//! | [`ordered`](Pipeline::ordered) | the stage before it in the sentence | outputs as they are ready |
//! | [`capacity`](Pipeline::capacity) | the stage before it | as many as its limit |
//! | [`named`](Pipeline::named) | the stage before it | `stage 1`, `stage 2`, … |
//! | [`on_failure`](Pipeline::on_failure) | the whole pipeline, wherever it stands | the first failure stops it |
//!
//! A stage takes items in the order in which the stage before it yields them, so outputs come in input order
//! when every stage is ordered or has a limit of 1.
//!
//! # Cost
//!
//! The workers of a stage take the outputs of the one before it from its queue, a batch at a time, with no task
//! between them. On two cores of a shared machine, an item that passes three stages which do nothing costs
//! about 25 ns in all where each has room for a thousand, and 180 where each has room for ten; so give a stage
//! whose jobs are quick more capacity than its limit. `cargo xtask bench` measures it on yours. A run has one
//! task for each stage, besides the workers.

#![forbid(unsafe_code)]

mod upstream;

use std::sync::Arc;

pub use towpath_pattern::prelude::*;
use towpath_pattern::{Settings, builders};

pub use upstream::Input;
use upstream::Upstream;

/// Items pass through its stages, and all of them run at once.
///
/// It has the job of its last stage, and before that the [`Input`] or the pipeline of the other stages. A
/// pipeline is a description: it can be run any number of times, also at the same time, and each run has its
/// own limits. Clones share the jobs.
#[derive(Debug)]
pub struct Pipeline<Before, J> {
    before: Before,
    /// The place of the stage, counted from one.
    place: usize,
    /// Of the last stage; how a failure is met is the pipeline's, and not looked at in a stage before.
    settings: Settings,
    job: Arc<J>,
}

impl<J> Pipeline<Input, J> {
    /// A pipeline of one stage: applies `job` to each item, with at most `limit` jobs at once.
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
        Self { before: Input, place: 1, settings: Settings::new("stage 1", limit), job: Arc::new(job) }
    }
}

impl<Before, J> Pipeline<Before, J> {
    /// One stage more: applies `job` to each output of the stage before, with at most `limit` jobs at once.
    ///
    /// # Panics
    ///
    /// When the limit is zero, at the caller's location.
    #[track_caller]
    #[must_use]
    pub fn then_stage<In, Next>(self, limit: impl IntoLimit, job: Next) -> Pipeline<Self, Next>
    where
        Before: Upstream<In>,
        J: Job<Before::Out>,
        Next: Job<J::Out>,
    {
        let place = self.place + 1;
        let settings = Settings::new(format!("stage {place}"), limit).on_failure(self.settings.on_failure);
        Pipeline { before: self, place, settings, job: Arc::new(job) }
    }
}

builders! {
    /// Each of these methods concerns the last stage so far, except [`on_failure`](Self::on_failure): that concerns
    /// every stage of the pipeline. An item that failed at one stage does not come to the next.
    Pipeline<Before, J>: ordered
}

impl<Before: Clone, J> Clone for Pipeline<Before, J> {
    fn clone(&self) -> Self {
        Self {
            before: self.before.clone(),
            place: self.place,
            settings: self.settings.clone(),
            job: Arc::clone(&self.job),
        }
    }
}

// An error names the pattern and its items, and not the job.
#[diagnostic::do_not_recommend]
impl<In, Before, J> Pattern<In> for Pipeline<Before, J>
where
    In: Send + 'static,
    Before: Upstream<In>,
    J: Job<Before::Out>,
{
    type Out = J::Out;

    fn start(&self, input: Source<In>, scope: Scope) -> Run<J::Out> {
        self.spawn(input, &scope, self.settings.on_failure)
    }
}

impl<In, Before, J> Upstream<In> for Pipeline<Before, J>
where
    In: Send + 'static,
    Before: Upstream<In>,
    J: Job<Before::Out>,
{
    type Out = J::Out;

    fn open(&self, input: Source<In>, scope: &Scope, on_failure: OnFailure) -> Source<J::Out> {
        Source::new(self.spawn(input, scope, on_failure))
    }
}

impl<Before, J> Pipeline<Before, J> {
    /// Starts all the stages, the last of which is the run's.
    #[track_caller]
    fn spawn<In>(&self, input: Source<In>, scope: &Scope, on_failure: OnFailure) -> Run<J::Out>
    where
        In: Send + 'static,
        Before: Upstream<In>,
        J: Job<Before::Out>,
    {
        let source = self.before.open(input, scope, on_failure);
        let settings = self.settings.clone().on_failure(on_failure);
        Run::spawn(scope.clone(), source, settings, Arc::clone(&self.job))
    }
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
