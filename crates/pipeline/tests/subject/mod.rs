//! Pipelines as the suite and the benchmark see them: made from any job, of one stage and of three.

use towpath_pattern::{Job, Order, Pattern};
use towpath_pipeline::Pipeline;
use towpath_testkit::{Case, Subject};

/// One stage.
#[derive(Clone, Copy, Debug)]
pub struct OneStage;

/// A stage that passes items on, the job, and a stage that passes its outputs on.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code, reason = "the benchmark has one stage only")]
pub struct PassJobPass;

/// The same, each stage ordered.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code, reason = "the benchmark has one stage only")]
pub struct OrderedStages;

async fn pass<T>(item: T) -> anyhow::Result<T> {
    Ok(item)
}

impl Subject for OneStage {
    fn name(&self) -> String {
        "pipeline".to_owned()
    }

    fn order(&self) -> Order {
        Order::AsCompleted
    }

    fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
    where
        In: Clone + Send + 'static,
        J: Job<In, Out: Clone>,
    {
        Pipeline::new(case.limit, job).capacity(case.capacity).on_failure(case.on_failure)
    }
}

impl Subject for PassJobPass {
    fn name(&self) -> String {
        "pipeline of three".to_owned()
    }

    fn order(&self) -> Order {
        Order::AsCompleted
    }

    fn stages(&self) -> usize {
        3
    }

    fn job_stage(&self) -> usize {
        1
    }

    fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
    where
        In: Clone + Send + 'static,
        J: Job<In, Out: Clone>,
    {
        Pipeline::new(case.limit, pass::<In>)
            .capacity(case.capacity)
            .then_stage(case.limit, job)
            .capacity(case.capacity)
            .then_stage(case.limit, pass::<J::Out>)
            .capacity(case.capacity)
            .on_failure(case.on_failure)
    }
}

impl Subject for OrderedStages {
    fn name(&self) -> String {
        "pipeline of three ordered".to_owned()
    }

    fn order(&self) -> Order {
        Order::Ordered
    }

    fn stages(&self) -> usize {
        3
    }

    fn job_stage(&self) -> usize {
        1
    }

    fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
    where
        In: Clone + Send + 'static,
        J: Job<In, Out: Clone>,
    {
        Pipeline::new(case.limit, pass::<In>)
            .ordered()
            .capacity(case.capacity)
            .on_failure(case.on_failure)
            .then_stage(case.limit, job)
            .ordered()
            .capacity(case.capacity)
            .then_stage(case.limit, pass::<J::Out>)
            .ordered()
            .capacity(case.capacity)
    }
}
