//! Jobs that hold a resource, as the suite and the benchmark see them: made from any job, in either order.

use towpath_pattern::{Job, Order, Pattern, Scope};
use towpath_resource::{Resource, ResourceGuard, WithResource, resource_fn};
use towpath_testkit::{Case, Subject, while_holding};

/// Outputs as they are ready.
#[derive(Clone, Copy, Debug)]
pub struct AsCompleted;

/// Outputs in the order of the inputs.
#[derive(Clone, Copy, Debug)]
pub struct Ordered;

/// The job of the suite, while it holds a resource that costs nothing.
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

fn holding<In: Send + 'static, J: Job<In>>(
    case: Case,
    job: J,
) -> WithResource<impl Resource<State = ()>, HoldingNothing<J>> {
    let nothing = resource_fn(|| async { Ok(()) }, |(), _| async { Ok(()) });
    WithResource::new(case.limit, nothing, HoldingNothing(job))
        .capacity(case.capacity)
        .on_failure(case.on_failure)
}

impl Subject for AsCompleted {
    fn name(&self) -> String {
        "resource".to_owned()
    }

    fn order(&self) -> Order {
        Order::AsCompleted
    }

    fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
    where
        In: Clone + Send + 'static,
        J: Job<In, Out: Clone>,
    {
        holding::<In, J>(case, job)
    }
}

impl Subject for Ordered {
    fn name(&self) -> String {
        "resource ordered".to_owned()
    }

    fn order(&self) -> Order {
        Order::Ordered
    }

    fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
    where
        In: Clone + Send + 'static,
        J: Job<In, Out: Clone>,
    {
        holding::<In, J>(case, job).ordered()
    }
}
