//! The subject of the checks: a pattern made from any job.

use towpath_pattern::{Job, Limit, OnFailure, Order, Pattern, PatternExt, Source};

use crate::allowed::Allowed;

/// The settings of a pattern in a check.
///
/// # Examples
///
/// ```
/// use towpath_pattern::OnFailure;
/// use towpath_testkit::Case;
///
/// let case = Case::new(4).capacity(10).going_on();
/// assert_eq!(case.limit.get(), 4);
/// assert_eq!(case.bound(), 14);
/// assert_eq!(case.on_failure, OnFailure::Continue);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The limit: jobs at once.
    pub limit: Limit,
    /// The capacity: items in a stage in addition to the limit.
    pub capacity: usize,
    /// The failure policy: stop the run, or continue.
    pub on_failure: OnFailure,
}

impl Case {
    /// Creates a case with `limit` as the limit and as the capacity, and with the failure policy to stop.
    ///
    /// # Panics
    ///
    /// When `limit` is zero.
    #[must_use]
    #[track_caller]
    pub fn new(limit: usize) -> Self {
        Self { limit: Limit::new(limit), capacity: limit, on_failure: OnFailure::Stop }
    }

    /// Sets the capacity.
    #[must_use]
    pub fn capacity(self, items: usize) -> Self {
        Self { capacity: items, ..self }
    }

    /// Sets the failure policy to continue.
    #[must_use]
    pub fn going_on(self) -> Self {
        Self { on_failure: OnFailure::Continue, ..self }
    }

    /// Returns the bound: the largest number of items in a stage.
    #[must_use]
    pub fn bound(&self) -> usize {
        self.limit.get().saturating_add(self.capacity)
    }
}

/// The part of the settings of a check that a subject plays.
///
/// # Examples
///
/// ```
/// use towpath_testkit::Share;
///
/// assert!(Share::Small < Share::Large && Share::Large < Share::All);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Share {
    /// For one of many subjects in a short run: a single setting of a group.
    Small,
    /// For one of many subjects in a long run: about a third of the settings of a group.
    Large,
    /// All settings.
    All,
}

/// A pattern made from any job.
///
/// Not for most patterns: [`conformance!`](crate::conformance) and [`subjects!`](crate::subjects) write the
/// implementation. Implement the trait if the subject needs a special name or a state.
///
/// # Examples
///
/// ```
/// use towpath_fanout::Fanout;
/// use towpath_pattern::{Job, Order, Pattern, PatternExt, Source};
/// use towpath_testkit::{Allowed, Case, Share, Subject};
///
/// #[derive(Clone)]
/// struct Ordered;
///
/// impl Subject for Ordered {
///     fn name(&self) -> String {
///         "fanout, ordered".to_owned()
///     }
///
///     fn order(&self) -> Order {
///         Order::Ordered
///     }
///
///     fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
///     where
///         In: Clone + Send + 'static,
///         J: Job<In, Out: Clone>,
///     {
///         Fanout::new(case.limit, job).ordered().capacity(case.capacity).on_failure(case.on_failure)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> anyhow::Result<()> {
/// assert_eq!(Ordered.name(), "fanout, ordered");
/// assert_eq!(Ordered.order(), Order::Ordered);
/// assert_eq!((Ordered.stages(), Ordered.first_stages(), Ordered.job_stage()), (1, 1, 0));
/// assert_eq!(Ordered.bound_of(0, Case::new(4).capacity(10)), 14);
/// assert!(Ordered.chains_with_itself());
/// assert_eq!(Ordered.allowed(), Allowed::ANY);
/// assert_eq!(Ordered.share(), Share::All);
/// let items: Vec<u32> = Ordered.source(Source::new(0..3)).collect().await?;
/// assert_eq!(items, [0, 1, 2]);
///
/// let double = Ordered.pattern(Case::new(2), |item: u32| async move { Ok(2 * item) });
/// assert_eq!(double.run(0..3).collect().await?, [0, 2, 4]);
/// # Ok(())
/// # }
/// ```
pub trait Subject: Clone + Send + Sync + 'static {
    /// Returns the name of the subject in messages.
    fn name(&self) -> String;

    /// Returns the order of the outputs.
    fn order(&self) -> Order;

    /// Returns the number of stages.
    fn stages(&self) -> usize {
        1
    }

    /// Returns the number of stages that take items from the source. The stages come first in the report.
    ///
    /// The default is one. A pattern that deals its items out to several runs, and merges the outputs of the runs, has
    /// a stage for every run. The README lists the checks with a weakened form for several stages.
    fn first_stages(&self) -> usize {
        1
    }

    /// Returns the position of the stage with the job, counted from zero. All further stages pass items on.
    fn job_stage(&self) -> usize {
        self.stages() - 1
    }

    /// Returns the bound of a stage, counted from zero: the largest number of items in the stage.
    ///
    /// The default is the bound of the case. A pattern with a limit of its own in a stage without the job returns the
    /// smaller bound.
    fn bound_of(&self, stage: usize, case: Case) -> usize {
        let _ = stage;
        case.bound()
    }

    /// Returns whether the suite also checks two chains: the subject behind itself, with the job in either half.
    ///
    /// The default is true for a subject of one or two stages. The checks of a longer chain take long and find no more.
    fn chains_with_itself(&self) -> bool {
        self.stages() <= 2
    }

    /// Returns the share of the settings, games and scenes that the checks of the subject play. The default is all of
    /// them. One of many generated subjects plays a smaller share, and different subjects play different shares.
    fn share(&self) -> Share {
        Share::All
    }

    /// Returns the jobs that the limiters of the subject allow. The default is [`Allowed::ANY`]: no limiter.
    fn allowed(&self) -> Allowed {
        Allowed::ANY
    }

    /// Returns the source of the runs: `source`, or a source of the same items in the same order around `source`. The
    /// items that a run never started return to the handle of [`kept`](Source::kept) outside the returned source.
    fn source<In: Send + 'static>(&self, source: Source<In>) -> Source<In> {
        source
    }

    /// Creates the pattern, with the settings of `case` and with `job` in the stage [`job_stage`](Self::job_stage).
    ///
    /// Items and outputs are `Clone`, since some patterns clone items. If an output of the pattern is a collection of
    /// outputs of the job, append a stage that takes the single element out.
    fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
    where
        In: Clone + Send + 'static,
        J: Job<In, Out: Clone>;
}

/// A subject behind two layers of `dyn Pattern`.
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

    fn first_stages(&self) -> usize {
        self.0.first_stages()
    }

    fn job_stage(&self) -> usize {
        self.0.job_stage()
    }

    fn bound_of(&self, stage: usize, case: Case) -> usize {
        self.0.bound_of(stage, case)
    }

    fn share(&self) -> Share {
        self.0.share()
    }

    fn allowed(&self) -> Allowed {
        self.0.allowed()
    }

    fn source<In: Send + 'static>(&self, source: Source<In>) -> Source<In> {
        self.0.source(source)
    }

    fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
    where
        In: Clone + Send + 'static,
        J: Job<In, Out: Clone>,
    {
        self.0.pattern(case, job).boxed()
    }
}
