//! Pipelines for the laws, the soak and the benchmark: made from any job, of one stage and of three.

use towpath_pipeline::Pipeline;

async fn pass<T>(item: T) -> anyhow::Result<T> {
    Ok(item)
}

towpath_testkit::subjects! {
    /// One stage.
    pub pipeline(case, job) -> AsCompleted =>
        Pipeline::new(case.limit, job).capacity(case.capacity).on_failure(case.on_failure);

    /// A stage that passes items on, the job, and a stage that passes outputs on.
    pub pipeline_of_three(case, job) -> AsCompleted { stages: 3, job_stage: 1 } =>
        Pipeline::new(case.limit, pass::<In>)
            .capacity(case.capacity)
            .then_stage(case.limit, job)
            .capacity(case.capacity)
            .then_stage(case.limit, pass::<J::Out>)
            .capacity(case.capacity)
            .on_failure(case.on_failure);

    /// The same stages, all ordered.
    pub pipeline_of_three_ordered(case, job) -> Ordered { stages: 3, job_stage: 1 } =>
        Pipeline::new(case.limit, pass::<In>)
            .ordered()
            .capacity(case.capacity)
            .on_failure(case.on_failure)
            .then_stage(case.limit, job)
            .ordered()
            .capacity(case.capacity)
            .then_stage(case.limit, pass::<J::Out>)
            .ordered()
            .capacity(case.capacity);
}
