//! The numbers of passed and failed tests, and the text of every failure.

use std::fmt;
use std::ops::AddAssign;

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

/// Keeps the text of each failure for the end of the output, so that a reader need not search the whole output.
#[derive(Debug, Default)]
pub struct Tally {
    counts: Counts,
    failures: Vec<String>,
}

impl Tally {
    /// Creates a tally. `counts` already has the failures.
    pub fn new(counts: Counts, failures: Vec<String>) -> Self {
        Self { counts, failures }
    }

    /// Creates a tally of a single failure, and prints the failure.
    pub fn of_failure(failure: String) -> Self {
        let mut tally = Self::default();
        tally.fail(failure);
        tally
    }

    pub fn pass(&mut self) {
        self.counts.passed += 1;
    }

    /// Counts a failure, and prints it.
    pub fn fail(&mut self, failure: String) {
        println!("{failure}");
        self.counts.failed += 1;
        self.failures.push(failure);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_line_is_plain() {
        assert_eq!(Counts { passed: 41, failed: 0 }.to_string(), "41 passed, 0 failed");
    }
}
