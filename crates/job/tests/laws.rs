//! The nine laws of a pattern whose job is wrapped.

use std::time::Duration;

use towpath_fanout::Fanout;
use towpath_job::JobExt;
use towpath_job::backon::ConstantBuilder;

/// Longer than every check, and beyond the jump of a paused clock.
const NEVER: Duration = Duration::from_secs(1 << 30);

towpath_testkit::conformance! {
    // The wrappers have no effect here: a pattern with the wrapped job keeps the laws as with the bare job.
    wrapped(case, job) -> AsCompleted =>
        Fanout::new(
            case.limit,
            JobExt::<In>::retry(
                JobExt::<In>::hedge(JobExt::<In>::timeout(job, NEVER), NEVER),
                ConstantBuilder::new(),
            )
            // The errors get no context, because the checks compare the texts of the failures.
            .when(|_| false),
        )
        .capacity(case.capacity)
        .on_failure(case.on_failure);
}
