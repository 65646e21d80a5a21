//! The nine laws of any two patterns of this workspace in a chain: `a.then(b)` of the patterns, and `b.then(a)` of both
//! behind `dyn Pattern`.

use fanout::fanout;
use producer_consumer::producer_consumer;
use resource::resource;
use semaphore::semaphore;
use towpath_pipeline::Pipeline;
use towpath_testkit::{Boxed, Chained};

#[path = "../../fanout/tests/subject/mod.rs"]
mod fanout;
#[path = "../../producer-consumer/tests/subject/mod.rs"]
mod producer_consumer;
#[path = "../../resource/tests/subject/mod.rs"]
mod resource;
#[path = "../../semaphore/tests/subject/mod.rs"]
mod semaphore;

towpath_testkit::subjects! {
    /// The job, and a stage that passes outputs on.
    pipeline(case, job) -> AsCompleted { stages: 2, job_stage: 0 } =>
        Pipeline::new(case.limit, job)
            .capacity(case.capacity)
            .on_failure(case.on_failure)
            .then_stage(case.limit, |output: J::Out| async move { Ok(output) })
            .capacity(case.capacity);
}

// The crate of each pattern tests the chains of the pattern with itself.
towpath_testkit::conformance! {
    fanout_then_pipeline -> AsCompleted = Chained::job_first(fanout(), pipeline());
    pipeline_then_fanout_boxed -> AsCompleted = Chained::job_last(Boxed(pipeline()), Boxed(fanout()));
    fanout_then_producer_consumer -> AsCompleted = Chained::job_first(fanout(), producer_consumer());
    producer_consumer_then_fanout_boxed -> AsCompleted =
        Chained::job_last(Boxed(producer_consumer()), Boxed(fanout()));
    pipeline_then_semaphore -> AsCompleted = Chained::job_first(pipeline(), semaphore());
    semaphore_then_pipeline_boxed -> AsCompleted = Chained::job_last(Boxed(semaphore()), Boxed(pipeline()));
    pipeline_then_resource -> AsCompleted = Chained::job_first(pipeline(), resource());
    resource_then_pipeline_boxed -> AsCompleted = Chained::job_last(Boxed(resource()), Boxed(pipeline()));
    semaphore_then_fanout -> AsCompleted = Chained::job_first(semaphore(), fanout());
    fanout_then_semaphore_boxed -> AsCompleted = Chained::job_last(Boxed(fanout()), Boxed(semaphore()));
    semaphore_then_producer_consumer -> AsCompleted = Chained::job_first(semaphore(), producer_consumer());
    producer_consumer_then_semaphore_boxed -> AsCompleted =
        Chained::job_last(Boxed(producer_consumer()), Boxed(semaphore()));
    producer_consumer_then_pipeline -> AsCompleted = Chained::job_first(producer_consumer(), pipeline());
    pipeline_then_producer_consumer_boxed -> AsCompleted =
        Chained::job_last(Boxed(pipeline()), Boxed(producer_consumer()));
    producer_consumer_then_resource -> AsCompleted = Chained::job_first(producer_consumer(), resource());
    resource_then_producer_consumer_boxed -> AsCompleted =
        Chained::job_last(Boxed(resource()), Boxed(producer_consumer()));
    resource_then_fanout -> AsCompleted = Chained::job_first(resource(), fanout());
    fanout_then_resource_boxed -> AsCompleted = Chained::job_last(Boxed(fanout()), Boxed(resource()));
    resource_then_semaphore -> AsCompleted = Chained::job_first(resource(), semaphore());
    semaphore_then_resource_boxed -> AsCompleted = Chained::job_last(Boxed(semaphore()), Boxed(resource()));
}
