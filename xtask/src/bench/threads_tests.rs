//! Counts with small scripts in place of our programs.

use std::time::Duration;

use super::*;

/// A program of ours whose acquisitions and polls are shell arithmetic over `$t`, the threads, and `$n`, the items.
fn program(acquired: &str, polls: &str) -> Program {
    let script = format!(
        r#"case $1 in
        counted) printf 'noop\tsubject\nwaiting\tsubject\n' ;;
        count) t=$3 n=$5; printf '{{"answer": "%s", "acquired": %s, "contended": 0, "wakes": 0, "polls": %s, "held_ns": 50}}' \
            $((n * (n - 1) / 2)) $(({acquired})) $(({polls})) ;;
        esac"#
    );
    let mut program = Program::script(&script);
    program.ours = true;
    program
}

fn counted(program: &Program, quick: bool) -> Vec<Case<'_>> {
    let minute = Duration::from_secs(60);
    let plan = Plan { quick, rounds: 1, spread: 1, many_within: minute, limit: minute, slow: minute };
    let mut cases = cases(std::slice::from_ref(program)).unwrap();
    measure(&mut cases, &plan);
    cases
}

fn problems(cases: &[Case], quick: bool) -> Vec<String> {
    cases.iter().flat_map(|case| case.problems(quick)).collect()
}

#[test]
#[cfg(unix)]
fn count_that_grows_with_the_threads_is_named() {
    let program = program("n * t / 8", "2 * n");
    let cases = counted(&program, false);
    let wanted = ["noop", "waiting"].map(|workload| {
        format!("subject, {workload}: 8.00 lock acquisitions an item at 64 threads, and the bound is 0.47")
    });
    assert_eq!(problems(&cases, false), wanted);
}

#[test]
#[cfg(unix)]
fn count_that_stays_the_same_is_no_problem() {
    let program = program("n / 2 + t", "t == 1 ? 2 * n : 3 * n");
    assert_eq!(problems(&counted(&program, false), false), [""; 0]);
}

/// The bound applies to every number of threads, not only to the largest.
#[test]
#[cfg(unix)]
fn count_that_is_large_in_between_is_named() {
    let program = program("t == 8 ? n : 0", "n");
    let said = problems(&counted(&program, false), false);
    assert!(
        said[0].contains("1.00 lock acquisitions an item at 8 threads, and the bound is 0.10"),
        "{said:?}"
    );
}

#[test]
#[cfg(unix)]
fn quick_count_is_smaller_and_has_no_verdict() {
    let program = program("n * t", "n");
    let cases = counted(&program, true);
    assert_eq!(cases[0].medians(0).into_keys().collect::<Vec<_>>(), [1, 2, 4]);
    assert_eq!(problems(&cases, true), [""; 0]);
}

#[test]
#[cfg(unix)]
fn count_with_a_wrong_answer_has_failed() {
    let mut cases_of = Program::script(
        r#"case $1 in
        counted) printf 'noop\tsubject\n' ;;
        count) echo '{"answer": "1", "acquired": 0, "contended": 0, "wakes": 0, "polls": 0, "held_ns": 0}' ;;
        esac"#,
    );
    cases_of.ours = true;
    let cases = counted(&cases_of, true);
    let said = problems(&cases, true);
    assert_eq!(said, ["subject, noop: failed at 1 threads: wrong answer: 1, right is 4498500"]);
    assert!(threads_table::text(&cases, true).contains("FAILED"));
}

#[test]
fn unknown_workload_is_an_error() {
    let program = Program::script("echo io-10k");
    let problem = cases(std::slice::from_ref(&program)).err().unwrap();
    assert!(problem.to_string().ends_with("printed `io-10k`; a line is WORKLOAD<TAB>SUBJECT"), "{problem}");
}

/// An item locks twice at 16 threads, for 50 ns each: 100 ns, so 10 million items/s, and a job of 1.6 µs.
#[test]
#[cfg(unix)]
fn page_has_the_ends_of_the_counts_and_the_rate_of_the_lock() {
    let program = program("n * t / 8", "2 * n");
    let cases = counted(&program, false);
    let page = threads_table::markdown(&cases, &Machine { cores: 2, ..Machine::default() });
    assert!(page.starts_with("2 of 8 counts grow beyond their bound, which is 1.5 times "), "{page}");
    for line in [
        "| subject | 0.12 → **8.00** | 0.00 → 0.00 | 0.00 → 0.00 | 2.00 → 2.00 |",
        "| `noop`, subject | 2.00 | 50.0 | 100 | 10.0 million | 1.60 µs |",
        "| `waiting`, subject | 2.00 | 50.0 | 100 | 10.0 million | 1.60 µs |",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
    }
    let text = threads_table::text(&cases, false);
    assert!(text.contains("64 threads") && text.contains("! 8.00"), "{text}");
}

#[test]
fn scaling_page_has_its_marks() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(PAGE);
    marks::filled(&page, "threads", "").unwrap();
}
