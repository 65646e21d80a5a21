//! The common part of the broken patterns: each pattern is a plain fan-out with one flaw.

use std::marker::PhantomData;
use std::sync::Arc;

use towpath_pattern::{Job, Order, Pattern, Run, Scope, Settings, Source};
use towpath_testkit::{Case, Subject};

/// A flaw of a pattern, in the start of a run.
pub trait Flaw: Clone + Send + Sync + 'static {
    /// The order of the outputs that the pattern claims.
    const ORDER: Order = Order::AsCompleted;

    fn start<In, J>(case: Case, job: Arc<J>, input: Source<In>, scope: Scope) -> Run<J::Out>
    where
        In: Send + 'static,
        J: Job<In>;
}

/// Returns the settings of a pattern without a flaw.
pub fn settings(case: Case, order: Order) -> Settings {
    let Case { limit, capacity, on_failure } = case;
    let mut settings = Settings::new("broken", limit).capacity(capacity).on_failure(on_failure);
    settings.order = order;
    settings
}

/// A pattern without a flaw.
#[derive(Clone)]
pub struct Sound;

impl Flaw for Sound {
    fn start<In, J>(case: Case, job: Arc<J>, input: Source<In>, scope: Scope) -> Run<J::Out>
    where
        In: Send + 'static,
        J: Job<In>,
    {
        Run::spawn(scope, input, settings(case, Self::ORDER), job)
    }
}

/// The subject with a flaw.
#[derive(Clone)]
pub struct Broken<F>(pub F);

impl<F: Flaw> Subject for Broken<F> {
    fn name(&self) -> String {
        "broken".to_owned()
    }

    fn order(&self) -> Order {
        F::ORDER
    }

    fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
    where
        In: Clone + Send + 'static,
        J: Job<In, Out: Clone>,
    {
        BrokenPattern { flaw: PhantomData::<F>, case, job: Arc::new(job) }
    }
}

struct BrokenPattern<F, J> {
    flaw: PhantomData<F>,
    case: Case,
    job: Arc<J>,
}

impl<F: Flaw, In: Send + 'static, J: Job<In>> Pattern<In> for BrokenPattern<F, J> {
    type Out = J::Out;

    fn start(&self, input: Source<In>, scope: Scope) -> Run<J::Out> {
        let Self { flaw: PhantomData, case, job } = self;
        F::start(*case, Arc::clone(job), input, scope)
    }

    fn is_one_to_one(&self) -> bool {
        true
    }
}
