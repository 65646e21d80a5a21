//! Fan-out for the laws, the soak and the benchmark: made from any job, in either order.

use towpath_fanout::Fanout;

towpath_testkit::subjects! {
    /// Outputs as jobs complete.
    pub fanout(case, job) -> AsCompleted =>
        Fanout::new(case.limit, job).capacity(case.capacity).on_failure(case.on_failure);

    /// Outputs in the order of the inputs.
    pub fanout_ordered(case, job) -> Ordered =>
        Fanout::new(case.limit, job).ordered().capacity(case.capacity).on_failure(case.on_failure);
}
