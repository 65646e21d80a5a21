//! Every pattern with features and limiters, as subjects of the suite.

use std::future::Future;
use std::sync::Arc;

use towpath_fanout::Fanout;
use towpath_observe::Adaptive;
use towpath_pattern::{
    IntoJobLimit, Job, JobLimit, LiveLimit, Order, Pattern, PatternExt, Run, Scope, Source, anyhow,
};
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::{ProducerConsumer, QueueSender, QueueTrySender};
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};
use towpath_testkit::{Allowed, Case, Share, Subject, while_holding};

use crate::erased_job::{ErasedJob, keeping};
use crate::features::Feature;
use crate::kinds::Kind;
use crate::observers::{Broken, Checking, Panicking};
use crate::peak::{CountedJob, Peak};

/// A pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Fanout,
    Pipeline,
    ProducerConsumer,
    Resource,
    Semaphore,
    /// Producers and consumers, with the limiters at the producers.
    LimitedProducers,
    /// A pipeline of two stages that share the limiters.
    SharedByStages,
}

impl Form {
    /// The patterns, in every order of the outputs of the pattern.
    pub const ALL: [(Self, Order); 9] = [
        (Self::Fanout, Order::AsCompleted),
        (Self::Pipeline, Order::AsCompleted),
        (Self::ProducerConsumer, Order::AsCompleted),
        (Self::Resource, Order::AsCompleted),
        (Self::Semaphore, Order::AsCompleted),
        (Self::Fanout, Order::Ordered),
        (Self::Pipeline, Order::Ordered),
        (Self::Resource, Order::Ordered),
        (Self::Semaphore, Order::Ordered),
    ];

    /// The patterns with limiters in a further place.
    pub const OF_LIMITERS: [(Self, Order); 3] = [
        (Self::LimitedProducers, Order::AsCompleted),
        (Self::SharedByStages, Order::AsCompleted),
        (Self::SharedByStages, Order::Ordered),
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Fanout => "fanout",
            Self::Pipeline => "pipeline",
            Self::ProducerConsumer => "producer_consumer",
            Self::Resource => "resource",
            Self::Semaphore => "semaphore",
            Self::LimitedProducers => "limited_producers",
            Self::SharedByStages => "shared_by_stages",
        }
    }

    pub const fn has_queue(self) -> bool {
        matches!(self, Self::ProducerConsumer | Self::LimitedProducers)
    }
}

/// A limiter or a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Limiter(Kind),
    Feature(Feature),
}

impl Part {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Limiter(kind) => kind.name(),
            Self::Feature(feature) => feature.name(),
        }
    }

    const fn allowed(self) -> Allowed {
        match self {
            Self::Limiter(kind) => kind.allowed(),
            Self::Feature(feature) => feature.allowed(),
        }
    }
}

/// A pattern with one limiter or feature, or with two.
#[derive(Clone, Debug)]
pub struct Composed {
    pub form: Form,
    pub order: Order,
    pub first: Part,
    pub second: Option<Part>,
    /// The subject is one of all subjects, and not one of a few.
    pub is_long: bool,
    /// The suite also checks the chains of the subject with itself.
    pub chains: bool,
    /// The observations of the observers.
    pub broken: Broken,
}

impl Composed {
    pub fn new((form, order): (Form, Order), first: Part, second: Option<Part>) -> Self {
        Self { form, order, first, second, is_long: false, chains: false, broken: Broken::default() }
    }

    fn parts(&self) -> impl Iterator<Item = Part> + use<> {
        [Some(self.first), self.second].into_iter().flatten()
    }

    fn features(&self) -> impl Iterator<Item = Feature> + use<> {
        self.parts().filter_map(|part| if let Part::Feature(feature) = part { Some(feature) } else { None })
    }

    fn limiters(&self) -> impl Iterator<Item = Kind> + use<> {
        self.parts().filter_map(|part| if let Part::Limiter(kind) = part { Some(kind) } else { None })
    }

    /// Returns the features of the source outside of a pattern, and behind these the features that return items to a
    /// source that was kept before.
    fn sources(&self) -> (Vec<Feature>, Vec<Feature>) {
        let mut outside: Vec<_> = self.features().collect();
        let last = outside.iter().rposition(|feature| feature.keeps_no_part()).map_or(0, |last| last + 1);
        let inside = outside.split_off(last);
        (outside, inside)
    }

    /// Returns whether the jobs need a runtime with the real clock.
    pub fn needs_threads(&self) -> bool {
        self.has(Feature::Blocking) || self.has(Feature::Cpu)
    }

    /// Returns whether every item that the first stage starts has a job.
    pub fn starts_first(&self) -> bool {
        self.job_stage() == 0 && !self.features().any(Feature::waits_before_the_job)
    }

    fn has(&self, feature: Feature) -> bool {
        self.features().any(|of| of == feature)
    }

    /// Returns the limit of the jobs, which may change at run time.
    fn limit(&self, case: Case) -> (JobLimit, Option<Adaptive>) {
        let jobs = case.limit.get();
        if self.has(Feature::Adaptive) {
            let adaptive = Adaptive::aimd(jobs.min(2)..=jobs);
            return (adaptive.limit().into_job_limit(), Some(adaptive));
        }
        if self.limiters().any(|kind| kind == Kind::Live) {
            return (LiveLimit::new(jobs).into_job_limit(), None);
        }
        (case.limit.into_job_limit(), None)
    }
}

/// Adds the policies, the observers and the order to a pattern.
macro_rules! set {
    ($composed:expr, $case:expr, $adaptive:expr, $pattern:expr) => {{
        let mut pattern = $pattern.capacity($case.capacity).on_failure($case.on_failure);
        for feature in $composed.features() {
            pattern = match feature {
                Feature::Observer => pattern.observed(Checking($composed.broken.clone())),
                Feature::PanickingObserver => pattern.observed(Panicking::default()),
                _ => pattern,
            };
        }
        match $adaptive {
            Some(adaptive) => pattern.observed(adaptive),
            None => pattern,
        }
    }};
}

macro_rules! ordered {
    ($composed:expr, $pattern:expr) => {{
        let pattern = $pattern;
        if $composed.order == Order::Ordered { pattern.ordered() } else { pattern }
    }};
}

/// Adds the limiters to a pattern, with a type for each kind of wait.
macro_rules! limited_by {
    ($pattern:expr, $limiters:expr) => {
        limited_by!($pattern, $limiters, |pattern| pattern.boxed())
    };
    ($pattern:expr, $limiters:expr, |$of:ident| $then:expr) => {{
        let pattern = $pattern;
        match $limiters {
            [] => {
                let $of = pattern;
                $then
            }
            [a] if a.is_per_item() => {
                let $of = pattern.limited_by(&a.limiter::<In, true>());
                $then
            }
            [a] => {
                let $of = pattern.limited_by(&a.limiter::<In, false>());
                $then
            }
            [a, b] => match (a.is_per_item(), b.is_per_item()) {
                (true, true) => {
                    let $of =
                        pattern.limited_by(&a.limiter::<In, true>()).limited_by(&b.limiter::<In, true>());
                    $then
                }
                (true, false) => {
                    let $of =
                        pattern.limited_by(&a.limiter::<In, true>()).limited_by(&b.limiter::<In, false>());
                    $then
                }
                (false, true) => {
                    let $of =
                        pattern.limited_by(&a.limiter::<In, false>()).limited_by(&b.limiter::<In, true>());
                    $then
                }
                (false, false) => {
                    let $of =
                        pattern.limited_by(&a.limiter::<In, false>()).limited_by(&b.limiter::<In, false>());
                    $then
                }
            },
            _ => unreachable!("two limiters at most"),
        }
    }};
}

impl Subject for Composed {
    fn name(&self) -> String {
        let order = if self.order == Order::Ordered { "_ordered" } else { "" };
        let parts: Vec<_> = self.parts().map(Part::name).collect();
        format!("{}{order}::{}", self.form.name(), parts.join("_then_"))
    }

    fn order(&self) -> Order {
        self.order
    }

    fn stages(&self) -> usize {
        let stages = if matches!(self.form, Form::Fanout | Form::Resource | Form::Semaphore) { 1 } else { 2 };
        stages + self.features().filter(|feature| feature.adds_a_stage()).count()
    }

    fn job_stage(&self) -> usize {
        let job_stage = usize::from(self.form.has_queue());
        job_stage + self.features().filter(|feature| feature.adds_a_stage()).count()
    }

    /// A single producer has the limit 1.
    fn bound_of(&self, stage: usize, case: Case) -> usize {
        if self.form == Form::ProducerConsumer && stage + 1 == self.job_stage() {
            case.capacity.saturating_add(1)
        } else {
            case.bound()
        }
    }

    fn chains_with_itself(&self) -> bool {
        self.chains
    }

    /// With `TOWPATH_LONG=1`, a pattern with a single limiter or feature plays all settings. The patterns with limiters
    /// in a further place play fewer, since their chains have four stages.
    fn share(&self) -> Share {
        let is_of_limiters = Form::OF_LIMITERS.iter().any(|(form, _)| *form == self.form);
        match (self.is_long, self.second) {
            (false, _) => Share::Small,
            (true, None) if !is_of_limiters => Share::All,
            (true, _) => Share::Large,
        }
    }

    fn allowed(&self) -> Allowed {
        let both = self.parts().map(Part::allowed).fold(Allowed::ANY, Allowed::and);
        match self.form {
            // The limiters do not limit the jobs of the consumers.
            Form::LimitedProducers => self
                .parts()
                .map(|part| match part {
                    Part::Limiter(Kind::Live) | Part::Feature(_) => part.allowed(),
                    Part::Limiter(kind) => kind.allowed().only_delay(),
                })
                .fold(Allowed::ANY, Allowed::and),
            // Two consecutive items of a stage may have equal keys. Every item has a delay in both stages.
            Form::SharedByStages => {
                both.and(both).behind_a_stage(Order::AsCompleted).shared_with_a_later_stage()
            }
            _ if self.features().any(Feature::adds_a_stage) => both.behind_a_stage(self.order),
            _ => both,
        }
    }

    fn source<In: Send + 'static>(&self, source: Source<In>) -> Source<In> {
        let (features, _) = self.sources();
        features.into_iter().fold(source, |source, feature| feature.source(source))
    }

    fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
    where
        In: Clone + Send + 'static,
        J: Job<In, Out: Clone>,
    {
        let (limit, adaptive) = self.limit(case);
        let is_live = self.limiters().any(|kind| kind == Kind::Live);
        let dial = if is_live { Some(limit.clone()) } else { None };
        let job = ErasedJob::new(Dialled { job, limit: dial, jobs: case.limit.get() });
        let job = self.features().fold(job, |job, feature| feature.wrap(job));
        let on_failure = self.features().fold(case.on_failure, |policy, feature| feature.on_failure(policy));
        let case = Case { on_failure, ..case };
        let pattern = self.stages_of(case, limit, adaptive, job);
        let pattern = self.features().fold(pattern, |pattern, feature| match feature {
            Feature::MergedRuns => MergedRuns { first: self.pass(case).boxed(), pattern }.boxed(),
            Feature::FlatMap => {
                let alone = Fanout::new(case.limit, |item: In| async move { Ok(vec![item]) });
                let alone = alone.capacity(case.capacity).on_failure(case.on_failure);
                ordered!(self, alone).then_each(pattern).boxed()
            }
            _ => pattern,
        });
        let (_, features) = self.sources();
        FromSource { pattern, features }
    }
}

impl Composed {
    fn stages_of<In, Out>(
        &self,
        case: Case,
        limit: JobLimit,
        adaptive: Option<Adaptive>,
        job: ErasedJob<In, Out>,
    ) -> Box<dyn Pattern<In, Out = Out>>
    where
        In: Clone + Send + 'static,
        Out: Clone + Send + 'static,
    {
        let limiters: Vec<_> = self.limiters().filter(|kind| *kind != Kind::Live).collect();
        match self.form {
            Form::Fanout => {
                let pattern = set!(self, case, adaptive, Fanout::new(limit, job));
                limited_by!(ordered!(self, pattern), *limiters)
            }
            Form::Pipeline => {
                let pattern = set!(self, case, adaptive, Pipeline::new(limit, job));
                limited_by!(ordered!(self, pattern), *limiters).then(self.pass(case)).boxed()
            }
            Form::SharedByStages => {
                let peak = self.peak();
                let job = CountedJob { job, peak: peak.clone() };
                let pattern = ordered!(self, set!(self, case, adaptive, Pipeline::new(limit, job)));
                let pass = move |output: Out| {
                    let counted = peak.count();
                    async move {
                        let _counted = counted;
                        Ok(output)
                    }
                };
                let pass = Fanout::new(case.limit, pass).capacity(case.capacity).on_failure(case.on_failure);
                let pass = ordered!(self, pass);
                match *limiters {
                    [] => pattern.then(pass).boxed(),
                    [kind] if kind.is_per_item() => {
                        let shared = kind.shared_limiter::<true>();
                        pattern.limited_by(&shared).then(pass.limited_by(&shared)).boxed()
                    }
                    [kind] => {
                        let shared = kind.shared_limiter::<false>();
                        pattern.limited_by(&shared).then(pass.limited_by(&shared)).boxed()
                    }
                    _ => unreachable!("one shared limiter"),
                }
            }
            Form::ProducerConsumer | Form::LimitedProducers => self.queue(case, limit, adaptive, job),
            Form::Resource => {
                let nothing = resource_fn(|| async { Ok(()) }, |(), _| async { Ok(()) });
                let pattern = WithResource::new(limit, nothing, HoldingNothing(job));
                limited_by!(ordered!(self, set!(self, case, adaptive, pattern)), *limiters)
            }
            Form::Semaphore => {
                let pattern = WithPermit::new(limit, &Semaphore::new(case.limit.get()), job);
                limited_by!(ordered!(self, set!(self, case, adaptive, pattern)), *limiters)
            }
        }
    }

    /// A stage that passes outputs on.
    fn pass<Out: Send + 'static>(&self, case: Case) -> Fanout<impl Job<Out, Out = Out> + use<Out>> {
        let pass = Fanout::new(case.limit, |output: Out| async move { Ok(output) });
        ordered!(self, pass.capacity(case.capacity).on_failure(case.on_failure))
    }

    /// The jobs at once under the limiters of the subject.
    fn peak(&self) -> Peak {
        Peak::new(self.limiters().map(Kind::most).min().unwrap_or(usize::MAX), &self.broken)
    }

    /// A single producer: several producers would send in any order, and the keys are positions in the queue. Two
    /// consecutive inputs could then have one key, and a job that waits for the next input would deadlock.
    fn queue<In, Out>(
        &self,
        case: Case,
        limit: JobLimit,
        adaptive: Option<Adaptive>,
        job: ErasedJob<In, Out>,
    ) -> Box<dyn Pattern<In, Out = Out>>
    where
        In: Clone + Send + 'static,
        Out: Clone + Send + 'static,
    {
        let limiters: Vec<_> = self.limiters().filter(|kind| *kind != Kind::Live).collect();
        let by_priority = self.has(Feature::Priority);
        let producers = ProducerConsumer::producers(1, |item: In, queue: QueueSender<In>| async move {
            queue.send(item).await.map_err(|_| anyhow::anyhow!("the queue is closed"))
        });
        if self.form == Form::LimitedProducers {
            // Several producers: no key is a position in the queue.
            let peak = self.peak();
            let producers = move |item: In, queue: QueueSender<In>| {
                let counted = peak.count();
                async move {
                    let _counted = counted;
                    queue.send(item).await.map_err(|_| anyhow::anyhow!("the queue is closed"))
                }
            };
            let producers = ProducerConsumer::producers(case.limit, producers);
            return limited_by!(producers, *limiters, |producers| {
                let pattern = set!(self, case, adaptive, producers.consumers(limit, job));
                if by_priority { pattern.by_priority(|_| 0).boxed() } else { pattern.boxed() }
            });
        }
        if self.has(Feature::Sending) {
            let job = Arc::new(job);
            let consume = move |item: In, queue: QueueTrySender<In>| {
                let job = Arc::clone(&job);
                keeping(move |ended| async move { ended.keep(job.start(item, queue.scope())).await })
            };
            let pattern = set!(self, case, adaptive, producers.consumers_that_send(limit, consume));
            let pattern = if by_priority { pattern.by_priority(|_| 0) } else { pattern };
            return limited_by!(pattern, *limiters);
        }
        let pattern = set!(self, case, adaptive, producers.consumers(limit, job));
        let pattern = if by_priority { pattern.by_priority(|_| 0) } else { pattern };
        limited_by!(pattern, *limiters)
    }
}

/// A pattern that changes its source.
struct FromSource<In, Out> {
    pattern: Box<dyn Pattern<In, Out = Out>>,
    features: Vec<Feature>,
}

impl<In: Send + 'static, Out: Send + 'static> Pattern<In> for FromSource<In, Out> {
    type Out = Out;

    fn start(&self, input: Source<In>, scope: Scope) -> Run<Out> {
        let input = self.features.iter().fold(input, |source, feature| feature.source(source));
        self.pattern.start(input, scope)
    }

    fn is_one_to_one(&self) -> bool {
        self.pattern.is_one_to_one()
    }
}

/// A pattern whose source is a merged source of a run.
struct MergedRuns<In, Out> {
    first: Box<dyn Pattern<In, Out = In>>,
    pattern: Box<dyn Pattern<In, Out = Out>>,
}

impl<In: Send + 'static, Out: Send + 'static> Pattern<In> for MergedRuns<In, Out> {
    type Out = Out;

    fn start(&self, input: Source<In>, scope: Scope) -> Run<Out> {
        let first = self.first.start(input, scope.clone());
        self.pattern.start(Source::merge([Source::new(first)]), scope)
    }

    fn is_one_to_one(&self) -> bool {
        self.pattern.is_one_to_one()
    }
}

/// A job that sets a live limit to 0, to 1, and back to the number of `jobs`: every start pauses the run.
struct Dialled<J> {
    job: J,
    /// `None` without a live limit.
    limit: Option<JobLimit>,
    jobs: usize,
}

impl<J> Dialled<J> {
    fn dial(&self) {
        if let Some(JobLimit::Live(limit)) = &self.limit {
            for jobs in [0, 1, self.jobs] {
                limit.set(jobs);
            }
        }
    }
}

impl<In: Send + 'static, J: Job<In>> Job<In> for Dialled<J> {
    type Out = J::Out;

    fn call(&self, item: In) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        self.dial();
        self.job.call(item)
    }

    fn call_in(&self, item: In, scope: &Scope) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        self.dial();
        self.job.call_in(item, scope)
    }
}

/// A job that holds a resource without a cost.
struct HoldingNothing<J>(J);

impl<In: Send + 'static, J: Job<In>> Job<(ResourceGuard<()>, In)> for HoldingNothing<J> {
    type Out = J::Out;

    fn call(
        &self,
        (held, item): (ResourceGuard<()>, In),
    ) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        while_holding(held, self.0.call(item))
    }

    fn call_in(
        &self,
        (held, item): (ResourceGuard<()>, In),
        scope: &Scope,
    ) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        while_holding(held, self.0.call_in(item, scope))
    }
}
