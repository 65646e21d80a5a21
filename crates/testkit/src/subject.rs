//! What is put through the laws and the benchmark: a pattern made from any job.

use towpath_pattern::{Job, Limit, OnFailure, Order, Pattern, PatternExt};

/// How a pattern is to be set up.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Jobs at once.
    pub limit: Limit,
    /// Items in a stage in addition to the limit.
    pub capacity: usize,
    /// What a failure does.
    pub on_failure: OnFailure,
}

impl Case {
    /// A case with `limit` jobs at once, the same capacity, that stops on the first failure.
    ///
    /// # Panics
    ///
    /// When `limit` is zero.
    #[must_use]
    #[track_caller]
    pub fn new(limit: usize) -> Self {
        Self { limit: Limit::new(limit), capacity: limit, on_failure: OnFailure::Stop }
    }

    /// The same with room for `items` to wait.
    #[must_use]
    pub fn capacity(self, items: usize) -> Self {
        Self { capacity: items, ..self }
    }

    /// The same, going on after a failure.
    #[must_use]
    pub fn going_on(self) -> Self {
        Self { on_failure: OnFailure::Continue, ..self }
    }

    /// The most items that may be in one stage at once.
    #[must_use]
    pub fn bound(&self) -> usize {
        self.limit.get().saturating_add(self.capacity)
    }
}

/// A pattern that can be made from any job: what a pattern crate hands to the suite and the benchmark.
pub trait Subject: Clone + Send + Sync + 'static {
    /// What it is called in the names of tests and in tables.
    fn name(&self) -> String;

    /// The order in which it yields.
    fn order(&self) -> Order;

    /// How many stages it has.
    fn stages(&self) -> usize {
        1
    }

    /// The stage that the job is in, counted from zero; the others pass items on.
    fn job_stage(&self) -> usize {
        self.stages() - 1
    }

    /// The pattern. A pattern that must clone its items, or that yields something made of the job's outputs
    /// (which a stage behind it turns back into one), can be a subject too.
    fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
    where
        In: Clone + Send + 'static,
        J: Job<In, Out: Clone>;
}

/// A subject behind `dyn Pattern`.
#[derive(Clone, Debug)]
pub struct Boxed<S>(pub S);

impl<S: Subject> Subject for Boxed<S> {
    fn name(&self) -> String {
        format!("{}, boxed", self.0.name())
    }

    fn order(&self) -> Order {
        self.0.order()
    }

    fn stages(&self) -> usize {
        self.0.stages()
    }

    fn job_stage(&self) -> usize {
        self.0.job_stage()
    }

    fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
    where
        In: Clone + Send + 'static,
        J: Job<In, Out: Clone>,
    {
        self.0.pattern(case, job).boxed()
    }
}
