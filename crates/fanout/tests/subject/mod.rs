//! Fan-out as the suite and the benchmark see it: made from any job, in either order.

use towpath_fanout::Fanout;
use towpath_pattern::{Job, Order, Pattern};
use towpath_testkit::{Case, Subject};

/// Outputs as they are ready.
#[derive(Clone, Copy, Debug)]
pub struct AsCompleted;

/// Outputs in the order of the inputs.
#[derive(Clone, Copy, Debug)]
pub struct Ordered;

fn fanout<In, J: Job<In>>(case: Case, job: J) -> Fanout<J> {
    Fanout::new(case.limit, job).capacity(case.capacity).on_failure(case.on_failure)
}

impl Subject for AsCompleted {
    fn name(&self) -> String {
        "fanout".to_owned()
    }

    fn order(&self) -> Order {
        Order::AsCompleted
    }

    fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
    where
        In: Clone + Send + 'static,
        J: Job<In, Out: Clone>,
    {
        fanout::<In, J>(case, job)
    }
}

impl Subject for Ordered {
    fn name(&self) -> String {
        "fanout ordered".to_owned()
    }

    fn order(&self) -> Order {
        Order::Ordered
    }

    fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
    where
        In: Clone + Send + 'static,
        J: Job<In, Out: Clone>,
    {
        fanout::<In, J>(case, job).ordered()
    }
}
