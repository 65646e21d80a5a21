//! The nine laws of a pattern whose job is wrapped.

use std::time::Duration;

use towpath_fanout::Fanout;
use towpath_job::JobExt;
use towpath_job::backon::ConstantBuilder;

/// Longer than every check, and beyond the jump of a paused clock.
const NEVER: Duration = Duration::from_secs(1 << 30);

towpath_testkit::conformance! {
    // The wrappers without effect: a pattern with such a job keeps the laws as with the bare job.
    wrapped(case, job) -> AsCompleted =>
        Fanout::new(
            case.limit,
            JobExt::<In>::retry(
                JobExt::<In>::hedge(JobExt::<In>::timeout(job, NEVER), NEVER),
                ConstantBuilder::new(),
            )
            // No context: the checks know the texts of the failures.
            .when(|_| false),
        )
        .capacity(case.capacity)
        .on_failure(case.on_failure);
}
