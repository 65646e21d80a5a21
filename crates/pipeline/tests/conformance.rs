//! The nine laws of pipelines.

mod subject;

towpath_testkit::conformance! {
    pipeline -> AsCompleted = subject::pipeline();
    pipeline_of_three -> AsCompleted = subject::pipeline_of_three();
    pipeline_of_three_ordered -> Ordered = subject::pipeline_of_three_ordered();
}
