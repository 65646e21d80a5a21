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

/// Runs tests of this program in a child process with the flaw, and returns the output.
fn flawed(tests: &[&str], seed: Option<&str>) -> String {
    let mut command = Command::new(env::current_exe().expect("the path of this program"));
    command.args(tests).env(FLAW, "1").env("RUST_BACKTRACE", "0").env_remove("TOWPATH_LONG");
    match seed {
        Some(seed) => command.env("TOWPATH_SEED", seed),
        None => command.env_remove("TOWPATH_SEED"),
    };
    let run = command.output().expect("this program starts");
    String::from_utf8(run.stdout).expect("libtest prints text")
}

/// Returns the lines of the message of the check of jobs at once.
fn message(output: &str) -> Vec<&str> {
    let heading = "---- scatter::bounds::never_more_jobs_than_the_limit stdout ----";
    let (_, message) = output.split_once(heading).expect("the test has a message");
    message.lines().skip_while(|line| !line.starts_with("bounds: ")).take(3).collect()
}

/// The tests of the broken law fail by their names, and no test of a further law does. The message has the observation,
/// the bound, the settings, the law and the subject.
#[test]
fn flaw_fails_the_tests_of_its_law_with_a_message() {
    let output = flawed(&["scatter::"], None);
    let failed = output.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
    let failed: BTreeSet<_> = failed.collect();
    assert!(failed.contains("scatter::bounds::never_more_jobs_than_the_limit"), "{output}");
    let of_the_law =
        |test: &&str| test.starts_with("scatter::bounds::") || test.starts_with("scatter::every_law::");
    assert!(failed.iter().all(of_the_law), "{failed:#?}");

    let message = message(&output);
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

/// With a seed, the message ends with the seed, and the same seed finds the same game again.
#[test]
fn seed_in_the_message_plays_the_same_game_again() {
    let check = ["--exact", "scatter::bounds::never_more_jobs_than_the_limit"];
    let (first, again) = (flawed(&check, Some("7")), flawed(&check, Some("7")));
    assert!(message(&first)[0].ends_with(", with TOWPATH_SEED=7)"), "{first}");
    assert_eq!(message(&first), message(&again));
    assert!(flawed(&check, Some("seven")).contains("TOWPATH_SEED is `seven`, and must be a whole number"));
}
