//! Reads the output of a test program, as the standard harness prints it.

use crate::counts::{Counts, Tally};

/// Counts the results that the test programs of `command` printed. An unsuccessful end without a failed test is one
/// failure.
pub fn tally(command: &str, successful: bool, output: &str) -> Tally {
    let counts = counts(output);
    let failures = failures(output).into_iter().map(|(test, said)| format!("{test}: {said}")).collect();
    let mut tally = Tally::new(counts, failures);
    if !successful && counts.failed == 0 {
        tally.fail(format!("{command} failed, without a failed test"));
    }
    tally
}

/// Adds up the lines `test result: ok. 3 passed; 0 failed; …`, one for each test program.
pub fn counts(output: &str) -> Counts {
    let mut counts = Counts::default();
    for line in output.lines() {
        if let Some(("", result)) = line.trim().split_once("test result: ") {
            let list = result.split_once(". ").map_or("", |(_, list)| list);
            counts += of_list(list);
        }
    }
    counts
}

fn of_list(list: &str) -> Counts {
    let mut counts = Counts::default();
    for part in list.split(';') {
        let Some((number, word)) = part.trim().split_once(' ') else {
            continue;
        };
        let Ok(number) = number.parse::<u64>() else {
            continue;
        };
        match word {
            "passed" => counts.passed = number,
            "failed" => counts.failed = number,
            _ => {}
        }
    }
    counts
}

/// Lists the name and the output of every failed test, from the blocks `---- NAME stdout ----`.
pub fn failures(output: &str) -> Vec<(&str, &str)> {
    let blocks = output.split("\n---- ").skip(1);
    blocks
        .filter_map(|block| block.split_once(" stdout ----\n"))
        .map(|(test, said)| (test, own(said)))
        .collect()
}

/// Returns the output of the test itself, without the list of names that follows the last block.
fn own(said: &str) -> &str {
    said.split_once("\nfailures:\n").map_or(said, |(own, _)| own).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_programs_add_up() {
        let output = "\
running 2 tests
test a ... ok
test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

test result: FAILED. 5 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s
";
        assert_eq!(counts(output), Counts { passed: 7, failed: 3 });
    }

    #[test]
    fn output_without_a_result_counts_nothing() {
        assert_eq!(counts("error: could not compile"), Counts::default());
        assert!(failures("error: could not compile").is_empty());
    }

    #[test]
    fn failures_of_all_programs_are_listed() {
        let output = "\
test a::b ... FAILED
test c ... FAILED

failures:

---- a::b stdout ----

thread 'a::b' panicked at x.rs:1:1:
left: 1

---- c stdout ----
Error: no such thing


failures:
    a::b
    c

test result: FAILED. 0 passed; 2 failed; 0 ignored

failures:

---- d stdout ----
of the next program

failures:
    d
";
        let expected = [
            ("a::b", "thread 'a::b' panicked at x.rs:1:1:\nleft: 1"),
            ("c", "Error: no such thing"),
            ("d", "of the next program"),
        ];
        assert_eq!(failures(output), expected);
    }

    #[test]
    fn program_that_ends_badly_counts_as_a_failure() {
        let tally = tally("cargo test", false, "test result: ok. 3 passed; 0 failed;");
        assert_eq!(tally.counts(), Counts { passed: 3, failed: 1 });
        assert_eq!(tally.failures(), ["cargo test failed, without a failed test"]);
    }

    #[test]
    fn failed_test_counts_once_and_keeps_its_output() {
        let output =
            "\n---- a stdout ----\nleft: 1\n\nfailures:\n    a\n\ntest result: FAILED. 3 passed; 1 failed;";
        let tally = tally("cargo test", false, output);
        assert_eq!(tally.counts(), Counts { passed: 3, failed: 1 });
        assert_eq!(tally.failures(), ["a: left: 1"]);
    }
}
