//! How many tests passed and failed, read from what the test programs print.

use std::fmt;
use std::ops::AddAssign;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
}

impl Counts {
    /// From `test result: ok. 3 passed; 0 failed; …`, which every test program prints.
    pub fn of_libtest(output: &str) -> Self {
        let mut counts = Self::default();
        for line in output.lines() {
            if let Some(("", result)) = line.trim().split_once("test result: ") {
                counts.add_list(result.split_once(". ").map_or("", |(_, list)| list));
            }
        }
        counts
    }

    fn add_list(&mut self, list: &str) {
        for part in list.split(';') {
            let Some((number, word)) = part.trim().split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match word {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                _ => {}
            }
        }
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: u64, failed: u64) -> Counts {
        Counts { passed, failed }
    }

    #[test]
    fn libtest_programs_add_up() {
        let output = "\
running 2 tests
test a ... ok
test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

test result: FAILED. 5 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s
";
        assert_eq!(Counts::of_libtest(output), counts(7, 3));
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(Counts::of_libtest("error: could not compile"), counts(0, 0));
    }

    #[test]
    fn last_line_is_plain() {
        assert_eq!(counts(41, 0).to_string(), "41 passed, 0 failed");
    }
}
