//! The nine laws of a pattern from outside: the example of an author's own pattern.

use example::Scatter;
use towpath_fanout::Fanout;
use towpath_pattern::{Job, PatternExt, Settings};
use towpath_testkit::Case;

#[path = "../../pattern/examples/scatter/scatter.rs"]
mod example;

fn settings(case: Case) -> Settings {
    Settings::new("scatter", case.limit).capacity(case.capacity).on_failure(case.on_failure)
}

/// The stage behind the pattern: takes the one output of the one job out of the `Vec`.
fn only<T: Send + 'static>(case: Case) -> Fanout<impl Job<Vec<T>, Out = T>> {
    let only = |mut outputs: Vec<T>| async move { Ok(outputs.remove(0)) };
    Fanout::new(case.limit, only).capacity(case.capacity).on_failure(case.on_failure)
}

towpath_testkit::conformance! {
    scatter(case, job) -> AsCompleted { stages: 2, job_stage: 0 } =>
        Scatter::new(settings(case), [job]).then(only(case));
    scatter_ordered(case, job) -> Ordered { stages: 2, job_stage: 0 } =>
        Scatter::new(settings(case).ordered(), [job]).then(only(case).ordered());
}
