//! Jobs that hold a resource, for the laws, the soak and the benchmark: made from any job, in either order.

use towpath_resource::{Job, Resource, ResourceGuard, Scope, WithResource, resource_fn};
use towpath_testkit::{Case, while_holding};

/// The job of the suite, which holds a resource without a cost.
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

towpath_testkit::subjects! {
    /// Outputs as jobs complete.
    pub resource(case, job) -> AsCompleted => holding::<In, J>(case, job);

    /// Outputs in the order of the inputs.
    pub resource_ordered(case, job) -> Ordered => holding::<In, J>(case, job).ordered();
}
