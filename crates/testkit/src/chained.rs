//! Two subjects in a chain: either subject has the job, and the second subject passes items on.

use towpath_pattern::{Job, Order, Pattern, PatternExt};

use crate::subject::{Case, Subject};

/// Two subjects as `first.then(next)`: either subject has the job, and the second subject passes items on.
#[derive(Clone, Debug)]
pub struct Chained<First, Next> {
    first: First,
    next: Next,
    job_first: bool,
}

impl<First: Subject, Next: Subject> Chained<First, Next> {
    /// Creates a chain with the job in `first`. `next` passes the outputs of `first` on.
    ///
    /// # Panics
    ///
    /// When only one of the two is ordered: the laws promise no order of the chain.
    #[track_caller]
    pub fn job_first(first: First, next: Next) -> Self {
        Self::new(first, next, true)
    }

    /// Creates a chain with the job in `next`. `first` passes the items on.
    ///
    /// # Panics
    ///
    /// When only one of the two is ordered: the laws promise no order of the chain.
    #[track_caller]
    pub fn job_last(first: First, next: Next) -> Self {
        Self::new(first, next, false)
    }

    #[track_caller]
    fn new(first: First, next: Next, job_first: bool) -> Self {
        let orders = (first.order(), next.order());
        assert!(orders.0 == orders.1, "chain two that are ordered, or two that are not, and not {orders:?}");
        Self { first, next, job_first }
    }
}

impl<First: Subject, Next: Subject> Subject for Chained<First, Next> {
    fn name(&self) -> String {
        let (first, next) = (self.first.name(), self.next.name());
        if self.job_first {
            format!("job in {first}, then {next}")
        } else {
            format!("{first}, then job in {next}")
        }
    }

    fn order(&self) -> Order {
        self.next.order()
    }

    fn chains_with_itself(&self) -> bool {
        false
    }

    fn stages(&self) -> usize {
        self.first.stages() + self.next.stages()
    }

    fn job_stage(&self) -> usize {
        if self.job_first { self.first.job_stage() } else { self.first.stages() + self.next.job_stage() }
    }

    fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
    where
        In: Clone + Send + 'static,
        J: Job<In, Out: Clone>,
    {
        let Self { first, next, job_first } = self;
        if *job_first {
            let pass = |output: J::Out| async move { Ok(output) };
            first.pattern(case, job).then(next.pattern(case, pass)).boxed()
        } else {
            let pass = |item: In| async move { Ok(item) };
            first.pattern(case, pass).then(next.pattern(case, job)).boxed()
        }
    }
}
