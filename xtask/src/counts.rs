//! How many tests passed and failed, and the text of every failure.

use std::fmt;
use std::ops::AddAssign;

use crate::libtest;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
}

impl Counts {
    pub fn total(self) -> u64 {
        self.passed + self.failed
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// Keeps the text of each failure for the end, where it is found without a search through the whole output.
#[derive(Debug, Default)]
pub struct Tally {
    counts: Counts,
    failures: Vec<String>,
}

impl Tally {
    pub fn pass(&mut self) {
        self.counts.passed += 1;
    }

    /// Counts a failure, and prints it.
    pub fn fail(&mut self, failure: String) {
        println!("{failure}");
        self.counts.failed += 1;
        self.failures.push(failure);
    }

    /// Adds what test programs printed. An unsuccessful end without a failed test counts as one.
    pub fn add_libtest(&mut self, command: &str, successful: bool, output: &str) {
        let counts = libtest::counts(output);
        let failures = libtest::failures(output);
        self.counts += counts;
        self.failures.extend(failures.into_iter().map(|(test, said)| format!("{test}: {said}")));
        if !successful && counts.failed == 0 {
            self.fail(format!("{command} failed, without a failed test"));
        }
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    pub fn failures(&self) -> &[String] {
        &self.failures
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.counts += other.counts;
        self.failures.extend(other.failures);
    }
}

impl From<Counts> for Tally {
    fn from(counts: Counts) -> Self {
        Self { counts, failures: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_line_is_plain() {
        assert_eq!(Counts { passed: 41, failed: 0 }.to_string(), "41 passed, 0 failed");
    }

    #[test]
    fn program_that_ends_badly_counts_as_a_failure() {
        let output = "test result: ok. 3 passed; 0 failed;";
        let mut tally = Tally::default();
        tally.add_libtest("cargo test", false, output);
        assert_eq!(tally.counts(), Counts { passed: 3, failed: 1 });
        assert_eq!(tally.failures(), ["cargo test failed, without a failed test"]);
    }

    #[test]
    fn failed_test_counts_once_and_keeps_its_output() {
        let output =
            "\n---- a stdout ----\nleft: 1\n\nfailures:\n    a\n\ntest result: FAILED. 3 passed; 1 failed;";
        let mut tally = Tally::default();
        tally.add_libtest("cargo test", false, output);
        assert_eq!(tally.counts(), Counts { passed: 3, failed: 1 });
        assert_eq!(tally.failures(), ["a: left: 1"]);
    }
}
