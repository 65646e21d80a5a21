//! A chain of two subjects: one subject has the job, and the second subject passes items on.

use towpath_pattern::{Job, Order, Pattern, PatternExt, Source};

use crate::allowed::Allowed;
use crate::subject::{Case, Share, Subject};

/// Two subjects as `first.then(next)`: either `first` or `next` has the job, and the remaining subject passes items on.
///
/// Not for a subject behind itself: the suite already checks such chains
/// ([`chains_with_itself`](Subject::chains_with_itself)).
///
/// # Examples
///
/// ```
/// # towpath_testkit::subjects! {
/// #     fanout(case, job) -> AsCompleted => towpath_fanout::Fanout::new(case.limit, job)
/// #         .capacity(case.capacity).on_failure(case.on_failure);
/// #     pipeline(case, job) -> AsCompleted => towpath_pipeline::Pipeline::new(case.limit, job)
/// #         .capacity(case.capacity).on_failure(case.on_failure);
/// # }
/// use towpath_testkit::{Chained, Subject};
///
/// let first = Chained::job_first(fanout(), pipeline());
/// assert_eq!(first.name(), "job in fanout, then pipeline");
/// assert_eq!((first.stages(), first.job_stage()), (2, 0));
///
/// let last = Chained::job_last(fanout(), pipeline());
/// assert_eq!(last.name(), "fanout, then job in pipeline");
/// assert_eq!((last.stages(), last.job_stage()), (2, 1));
/// ```
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
    /// When the orders of `first` and `next` differ: the laws promise no order of the chain.
    #[track_caller]
    pub fn job_first(first: First, next: Next) -> Self {
        Self::new(first, next, true)
    }

    /// Creates a chain with the job in `next`. `first` passes the items on.
    ///
    /// # Panics
    ///
    /// When the orders of `first` and `next` differ: the laws promise no order of the chain.
    #[track_caller]
    pub fn job_last(first: First, next: Next) -> Self {
        Self::new(first, next, false)
    }

    #[track_caller]
    fn new(first: First, next: Next, job_first: bool) -> Self {
        let orders = (first.order(), next.order());
        assert!(orders.0 == orders.1, "the orders of a chain must be equal, and are {orders:?}");
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

    fn first_stages(&self) -> usize {
        self.first.first_stages()
    }

    fn share(&self) -> Share {
        self.first.share().min(self.next.share())
    }

    fn allowed(&self) -> Allowed {
        let (first, next) = (self.first.allowed(), self.next.allowed());
        let job = if self.job_first { first } else { next.behind_a_stage(self.first.order()) };
        job.delay(first.delay + next.delay)
    }

    fn job_stage(&self) -> usize {
        if self.job_first { self.first.job_stage() } else { self.first.stages() + self.next.job_stage() }
    }

    fn bound_of(&self, stage: usize, case: Case) -> usize {
        match stage.checked_sub(self.first.stages()) {
            None => self.first.bound_of(stage, case),
            Some(stage) => self.next.bound_of(stage, case),
        }
    }

    fn source<In: Send + 'static>(&self, source: Source<In>) -> Source<In> {
        self.first.source(source)
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
