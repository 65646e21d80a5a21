//! The example of a pattern of one's own is put through the nine laws.

use towpath_fanout::Fanout;
use towpath_pattern::{Job, Order, Pattern, PatternExt, Settings};
use towpath_testkit::{Case, Conformance, Subject};

#[path = "../../pattern/examples/scatter/scatter.rs"]
mod scatter;

/// Scatter over one job, and a stage that takes its one output out of the `Vec`.
#[derive(Clone, Copy, Debug)]
struct OneJob(Order);

impl Subject for OneJob {
    fn name(&self) -> String {
        match self.0 {
            Order::AsCompleted => "scatter".to_owned(),
            Order::Ordered => "scatter ordered".to_owned(),
        }
    }

    fn order(&self) -> Order {
        self.0
    }

    fn stages(&self) -> usize {
        2
    }

    fn job_stage(&self) -> usize {
        0
    }

    fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
    where
        In: Clone + Send + 'static,
        J: Job<In, Out: Clone>,
    {
        let settings =
            Settings::new("scatter", case.limit).capacity(case.capacity).on_failure(case.on_failure);
        let settings = if self.0 == Order::Ordered { settings.ordered() } else { settings };
        let only = |mut outputs: Vec<J::Out>| async move { Ok(outputs.remove(0)) };
        let first = Fanout::new(case.limit, only).capacity(case.capacity).on_failure(case.on_failure);
        let first = if self.0 == Order::Ordered { first.ordered() } else { first };
        scatter::Scatter::new(settings, [job]).then(first)
    }
}

fn main() {
    Conformance::new(OneJob(Order::AsCompleted)).and(OneJob(Order::Ordered)).main()
}
