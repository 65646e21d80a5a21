//! A typed pipeline: each item passes through several stages, and all stages run at once.
//!
//! # When not to use it
//!
//! - For steps without a limit of their own: one job with all steps, under `towpath-fanout`. There is no queue between the
//!   steps, and as many items are in flight.
//! - For stages that are other patterns: [`PatternExt::then`] chains any two patterns, pipelines included.
//! - For computation on every core without an await: rayon.
//! - For steps that branch or join: `tokio::sync::mpsc`, and a task per step in a [`Scope`].
//!
//! A pipeline has the uses of coroutines with queues between them, and of goroutines with channels. Each stage has a
//! limit, an order and a capacity of its own, a failure has the name of the stage, and an item keeps its index to the end.
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
//! | setting | applies to | by default |
//! |---|---|---|
//! | the limit: the first argument of [`new`](Pipeline::new) and [`then_stage`](Pipeline::then_stage) | the new stage | |
//! | [`ordered`](Pipeline::ordered) | the stage before the call | outputs as jobs complete |
//! | [`capacity`](Pipeline::capacity) | the stage before the call | as many items as the limit |
//! | [`named`](Pipeline::named) | the stage before the call | `stage 1`, `stage 2`, … |
//! | [`on_failure`](Pipeline::on_failure) | all stages, wherever the call is | the first failure, of any stage, stops all stages and is the failure of the run |
//!
//! A stage takes items in the order in which the stage before yields outputs. So the outputs of a pipeline come in input
//! order if every stage is ordered or has a limit of 1.
//!
//! # Cost
//!
//! The workers of a stage take the outputs of the stage before from the queue of that stage, a batch at a time, with no
//! task in between. On two cores of a shared machine, an item costs about 25 ns in three stages that do nothing and have a
//! capacity of a thousand. With a capacity of ten, the item costs 180 ns, so a stage with quick jobs needs more capacity
//! than its limit. `cargo xtask bench` measures these figures on another machine. A run has one task for every stage,
//! besides the workers.

#![forbid(unsafe_code)]

mod upstream;

use std::sync::Arc;

pub use towpath_pattern::prelude::*;
use towpath_pattern::{LimitedBy, Limits, Settings, builders};

use upstream::Upstream;
pub use upstream::{Each, Input};

/// Applies the jobs of several stages to every item, with all stages at work at once.
///
/// The type parameters are the [`Input`] or the pipeline of the stages before (in [`Each`] if the stage takes
/// elements), the job of the last stage, and the limiters of the last stage. A pipeline is a description: it can be run
/// any number of times, also at the same time, and every run has limits of its own. Clones share the jobs.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_pipeline::{OnFailure, PatternExt, Pipeline};
///
/// let squares = Pipeline::new(4, |text: &'static str| async move { Ok(text.parse::<u64>()?) })
///     .ordered().capacity(16).named("parse")
///     .then_stage(1, |n: u64| async move { Ok(n * n) }).named("square");
/// assert_eq!(squares.run(["1", "2", "3"]).collect().await?, [1, 4, 9]);
///
/// // The run goes on after a failure.
/// let lenient = squares.on_failure(OnFailure::Continue);
/// let (outcomes, report) = lenient.run(["1", "two", "3"]).outcomes().await;
/// assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 2);
/// assert_eq!(report.stages.iter().map(|stage| &*stage.stage).collect::<Vec<_>>(), ["parse", "square"]);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Pipeline<Before, J, L = ()> {
    before: Before,
    /// The number of the last stage, counted from one.
    number: usize,
    /// The settings of the last stage. The failure policy of the last stage applies to the whole pipeline.
    settings: Settings,
    job: Arc<J>,
    limits: L,
}

impl<J> Pipeline<Input, J> {
    /// Creates a pipeline of one stage, which applies `job` to each item, with at most `limit` jobs at once.
    ///
    /// The limit is a literal or a [`Limit`]. `Limit::try_from(n)?` checks a number that may be zero.
    ///
    /// # Panics
    ///
    /// Panics at the caller's location if `limit` is zero.
    #[track_caller]
    #[must_use]
    pub fn new<In>(limit: impl IntoJobLimit, job: J) -> Self
    where
        J: Job<In>,
    {
        Self {
            before: Input,
            number: 1,
            settings: Settings::new("stage 1", limit),
            job: Arc::new(job),
            limits: (),
        }
    }
}

impl<Before, J, L> Pipeline<Before, J, L> {
    /// Adds a stage, which applies `job` to every output of the stage before, with at most `limit` jobs at once.
    ///
    /// # Panics
    ///
    /// Panics at the caller's location if `limit` is zero.
    #[track_caller]
    #[must_use]
    pub fn then_stage<In, Next>(self, limit: impl IntoJobLimit, job: Next) -> Pipeline<Self, Next>
    where
        Before: Upstream<In>,
        J: Job<Before::Out>,
        Next: Job<J::Out>,
        L: Limits<Before::Out>,
    {
        let number = self.number + 1;
        let settings = Settings::new(format!("stage {number}"), limit).on_failure(self.settings.on_failure);
        Pipeline { before: self, number, settings, job: Arc::new(job), limits: () }
    }

    /// Adds a stage, which applies `job` to every element of every output of the stage before, with at most `limit` jobs at
    /// once. An output is an `Option`, a `Vec` or any other value that converts into an iterator: so the stage before
    /// yields no item, one item or several items for an input, as `filter_map` and `flat_map` of an iterator do.
    ///
    /// The stage before counts outputs, and the new stage counts elements. An element has the index of the first input. If
    /// both stages are ordered, the outputs of the pipeline are in the order of the elements. The [capacity](Self::capacity)
    /// of the stage before counts outputs, and the elements of an output leave it as the new stage takes them.
    ///
    /// # Panics
    ///
    /// Panics at the caller's location if `limit` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_pipeline::{PatternExt, Pipeline};
    ///
    /// let lengths = Pipeline::new(4, |line: &'static str| async move {
    ///     let words: Vec<_> = line.split_whitespace().collect();
    ///     Ok(words) // several items, or none
    /// })
    /// .ordered()
    /// .then_each_stage(4, |word: &'static str| async move {
    ///     Ok((word.len() > 2).then_some(word)) // an item, or none
    /// })
    /// .ordered()
    /// .then_each_stage(1, |word: &'static str| async move { Ok(word.len()) });
    /// assert_eq!(lengths.run(["the tow path", "", "to it"]).collect().await?, [3, 3, 4]);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    #[must_use]
    pub fn then_each_stage<In, Next>(self, limit: impl IntoJobLimit, job: Next) -> Pipeline<Each<Self>, Next>
    where
        Before: Upstream<In>,
        J: Job<Before::Out, Out: IntoIterator<Item: Send + 'static, IntoIter: Send + 'static>>,
        Next: Job<<J::Out as IntoIterator>::Item>,
        L: Limits<Before::Out>,
    {
        let number = self.number + 1;
        let settings = Settings::new(format!("stage {number}"), limit).on_failure(self.settings.on_failure);
        Pipeline { before: Each(self), number, settings, job: Arc::new(job), limits: () }
    }

    /// Adds a limiter to the last stage so far, for example a rate, a semaphore or an order for equal keys. Every job of the
    /// stage then runs with a permit of every limiter of the stage. See [`Limiter`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> anyhow::Result<()> {
    /// use towpath_limit::Rate;
    /// use towpath_pipeline::{PatternExt, Pipeline};
    ///
    /// let fetch = Pipeline::new(4, |n: u64| async move { Ok(n + 1) })
    ///     .limited_by(&Rate::per_second(20)) // the first stage
    ///     .then_stage(1, |n: u64| async move { Ok(n * n) });
    /// assert_eq!(fetch.run([1]).collect().await?, [4]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn limited_by<In, M>(self, limiter: &M) -> Pipeline<Before, J, LimitedBy<L, M>>
    where
        J: Job<In>,
        M: Limiter<In> + Clone,
    {
        let Self { before, number, settings, job, limits } = self;
        Pipeline { before, number, settings, job, limits: LimitedBy::new(limits, limiter) }
    }
}

builders! {
    /// [`on_failure`](Self::on_failure) applies to every stage of the pipeline, and the other methods apply to the last
    /// stage so far. An item that fails at a stage does not reach the next stage.
    Pipeline<Before, J, L>: ordered
}

impl<Before: Clone, J, L: Clone> Clone for Pipeline<Before, J, L> {
    fn clone(&self) -> Self {
        Self {
            before: self.before.clone(),
            number: self.number,
            settings: self.settings.clone(),
            job: Arc::clone(&self.job),
            limits: self.limits.clone(),
        }
    }
}

// An error names the pattern and its items, and not the job.
#[diagnostic::do_not_recommend]
impl<In, Before, J, L> Pattern<In> for Pipeline<Before, J, L>
where
    In: Send + 'static,
    Before: Upstream<In>,
    J: Job<Before::Out>,
    L: Limits<Before::Out>,
{
    type Out = J::Out;

    fn start(&self, input: Source<In>, scope: Scope) -> Run<J::Out> {
        self.spawn(input, &scope, self.settings.on_failure)
    }

    /// Every stage has one output for each of its items.
    fn is_one_to_one(&self) -> bool {
        self.before.is_one_to_one()
    }
}

impl<In, Before, J, L> Upstream<In> for Pipeline<Before, J, L>
where
    In: Send + 'static,
    Before: Upstream<In>,
    J: Job<Before::Out>,
    L: Limits<Before::Out>,
{
    type Out = J::Out;

    fn open(&self, input: Source<In>, scope: &Scope, on_failure: OnFailure) -> Source<J::Out> {
        Source::new(self.spawn(input, scope, on_failure))
    }

    fn is_one_to_one(&self) -> bool {
        self.before.is_one_to_one()
    }
}

impl<Before, J, L> Pipeline<Before, J, L> {
    /// Starts all stages, and returns the run of the last stage.
    #[track_caller]
    fn spawn<In>(&self, input: Source<In>, scope: &Scope, on_failure: OnFailure) -> Run<J::Out>
    where
        In: Send + 'static,
        Before: Upstream<In>,
        J: Job<Before::Out>,
        L: Limits<Before::Out>,
    {
        let source = self.before.open(input, scope, on_failure);
        let settings = self.settings.clone().on_failure(on_failure);
        Run::spawn_limited(scope.clone(), source, settings, &self.limits, Arc::clone(&self.job))
    }
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
