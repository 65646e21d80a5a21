//! Repetitions with small scripts in place of test programs.

use super::*;

/// A program that appends its repetitions, its seed and its filters to `log`.
fn script(dir: &tempfile::TempDir, script: &str) -> Executable {
    let log = "echo \"$TOWPATH_REPEAT times, seed $TOWPATH_SEED: $*\" >> log";
    Executable::script(dir.path(), "conformance", &format!("{log}\n{script}"))
}

const THREE: &str = "echo 'test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 80 filtered out'";

/// A script that prints a failure as libtest does.
const FAILED: &str = r"cat <<'END'

running 3 tests
test x::order::a ... ok
test x::order::b ... FAILED
test x::order::c ... FAILED

failures:

---- x::order::b stdout ----

thread 'x::order::b' (17) panicked at crates/x/tests/conformance.rs:6:1:
order: item 3 was yielded at place 2
  in repetition 7 of 9

---- x::order::c stdout ----

thread 'x::order::c' (18) panicked

failures:
    x::order::b
    x::order::c

test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 80 filtered out
END
exit 101";

fn repeated(repetitions: u32, all: bool, text: &str) -> (Repeated, String) {
    let dir = tempfile::tempdir().unwrap();
    let programs = [script(&dir, text)];
    let plan = Plan { repetitions, seed: 7, all, only: None };
    let progress = Progress::new(repetitions, programs.len());
    let repeated = repeat(&programs, &plan, Duration::from_secs(60), &progress).unwrap();
    (repeated, std::fs::read_to_string(dir.path().join("log")).unwrap())
}

#[test]
#[cfg(unix)]
fn repetitions_are_all_made_with_one_seed_a_block() {
    let (repeated, log) = repeated(150, false, THREE);
    let done = repeated.unwrap();
    assert_eq!(done, Done { repetitions: 150, checks: 3, runs: 450, programs: 1 });
    assert_eq!(done.line(), "150 repetitions of 3 checks in 1 crate: 450 runs, none failed");

    let mut blocks = log.lines();
    assert_eq!(blocks.next(), Some("1 times, seed 7: ::order:: ::progress::"));
    let second = blocks.next().unwrap();
    assert!(second.contains(" times, seed 8: "), "{log}");
    let times = |block: &str| block.split(' ').next().unwrap().parse::<u32>().unwrap();
    assert_eq!(log.lines().map(times).sum::<u32>(), 150, "{log}");
}

#[test]
#[cfg(unix)]
fn all_laws_are_repeated_without_a_filter() {
    let (_, log) = repeated(1, true, THREE);
    assert_eq!(log, "1 times, seed 7: \n");
}

#[test]
#[cfg(unix)]
fn first_failure_ends_the_repetitions_with_its_output() {
    let (repeated, log) = repeated(1000, false, FAILED);
    let (failure, done) = repeated.unwrap_err();
    assert_eq!((log.lines().count(), done.repetitions), (1, 0));
    assert_eq!(failure.test.as_deref(), Some("x::order::b"));
    assert!(failure.output.ends_with("item 3 was yielded at place 2\n  in repetition 7 of 9"), "{failure:?}");
    let text = failure.text();
    assert!(text.starts_with("towpath-x: x::order::b failed\n\nthread"), "{text}");
    let again = "again: TOWPATH_SEED=7 TOWPATH_REPEAT=1000 cargo test --release -p towpath-x --test conformance -- \
                 --exact x::order::b";
    assert!(text.ends_with(again), "{text}");
}

#[test]
#[cfg(unix)]
fn program_that_dies_has_failed() {
    let (repeated, _) = repeated(9, false, "echo 'out of luck' >&2; kill -ABRT $$");
    let (failure, _) = repeated.unwrap_err();
    assert_eq!(
        (failure.test, failure.output.as_str()),
        (None, "the program ended with signal 6: out of luck")
    );
}

#[test]
#[cfg(unix)]
fn program_that_hangs_is_killed_and_has_failed() {
    let dir = tempfile::tempdir().unwrap();
    let program = script(&dir, "exec sleep 600");
    let failure = run_block(&program, false, 1, 0, Duration::from_millis(50)).unwrap().unwrap_err();
    assert_eq!(failure.output, "hung: killed after 0 s");
}

#[test]
#[cfg(unix)]
fn program_without_a_check_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let program = script(&dir, "echo 'test result: ok. 0 passed; 0 failed; 83 filtered out'");
    let problem = run_block(&program, false, 1, 0, Duration::from_secs(60)).unwrap_err();
    assert_eq!(problem.to_string(), "towpath-x: no check ran");
}

#[test]
fn block_takes_about_five_seconds_and_is_bounded() {
    assert_eq!(next_size(1, Duration::from_millis(250)), 21);
    assert_eq!(next_size(21, Duration::from_secs(5)), 21);
    assert_eq!(next_size(1, Duration::from_micros(1)), MOST_IN_A_BLOCK);
    assert_eq!(next_size(1, Duration::from_secs(60)), 3);
}
