//! Patterns under a semaphore, for the laws, the soak and the benchmark: made from any job, each with a semaphore of
//! its own.

use towpath_semaphore::{Job, PatternExt, Semaphore, WithPermit};
use towpath_testkit::Case;

/// Creates a pattern under `semaphore`, with the limit of the case.
fn with_permit<In, J: Job<In>>(semaphore: &Semaphore, case: Case, job: J) -> WithPermit<J> {
    let pattern = WithPermit::new(case.limit, semaphore, job);
    pattern.capacity(case.capacity).on_failure(case.on_failure)
}

fn permits(case: Case) -> Semaphore {
    Semaphore::new(case.limit.get())
}

towpath_testkit::subjects! {
    /// Outputs as jobs complete.
    pub semaphore(case, job) -> AsCompleted => with_permit::<In, J>(&permits(case), case, job);

    /// Outputs in the order of the inputs.
    pub semaphore_ordered(case, job) -> Ordered => with_permit::<In, J>(&permits(case), case, job).ordered();

    /// Two stages under one semaphore: a stage that passes items on, and the job.
    pub two_under_one_semaphore(case, job) -> AsCompleted { stages: 2 } => {
        let shared = permits(case);
        let pass = with_permit(&shared, case, |item: In| async move { Ok(item) });
        pass.then(with_permit(&shared, case, job))
    };
}
