//! The nine laws of a pattern from outside: the example of an author's own pattern, sound and with a flaw.

use std::collections::BTreeSet;
use std::env;
use std::process::Command;

use example::Scatter;
use towpath_fanout::Fanout;
use towpath_pattern::{Job, Limit, PatternExt, Settings};
use towpath_testkit::Case;

#[path = "../../pattern/examples/scatter/scatter.rs"]
mod example;

/// Set in a child process, whose pattern runs one job more than the limit.
const FLAW: &str = "TOWPATH_SCATTER_FLAW";

fn settings(case: Case) -> Settings {
    let Case { limit, capacity, on_failure, .. } = case;
    let flaw = usize::from(env::var_os(FLAW).is_some());
    let (limit, capacity) = (Limit::new(limit.get().saturating_add(flaw)), capacity.saturating_sub(flaw));
    Settings::new("scatter", limit).capacity(capacity).on_failure(on_failure)
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

/// The tests of the broken law fail by their names, and no test of another law does. The message has the observation,
/// the bound, the settings, the law and the subject.
#[test]
fn flaw_fails_the_tests_of_its_law_with_a_message() {
    let this = env::current_exe().expect("the path of this program");
    let run = Command::new(this).arg("scatter::").env(FLAW, "1").output().expect("this program starts");
    let output = String::from_utf8(run.stdout).expect("libtest prints text");
    let failed = output.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
    let failed: BTreeSet<_> = failed.collect();
    assert!(failed.contains("scatter::bounds::never_more_jobs_than_the_limit"), "{output}");
    let is_expected =
        |test: &str| test.starts_with("scatter::bounds::") || test.starts_with("scatter::every_law::");
    assert!(failed.iter().all(|test| is_expected(test)), "{failed:#?}");

    let heading = "---- scatter::bounds::never_more_jobs_than_the_limit stdout ----";
    let (_, message) = output.split_once(heading).expect("the test has a message");
    let message: Vec<_> = message.lines().skip_while(|line| !line.starts_with("bounds: ")).take(3).collect();
    let [observation, law, subject] = message[..] else { panic!("three lines: {message:?}") };
    for part in [" jobs ran at once, and the limit is ", "items from a source of the form", "capacity"] {
        assert!(observation.contains(part), "{observation}");
    }
    assert_eq!(
        law,
        "  the law: a stage has at most `limit` running jobs, and at most `limit + capacity` items"
    );
    assert_eq!(subject, "  the subject: scatter, on a current-thread runtime");
}
