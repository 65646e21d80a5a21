//! The soak: a sequence of runs chosen at random. No run may lose an item.
//!
//! `tests/soak.rs` of a crate is a program. `cargo xtask soak` starts the program with `soak SEED SECONDS`, or with
//! `again SEED RUN SECONDS` to repeat one run; the program prints a line of JSON for every run. Without arguments, the
//! program is a test with a few runs of a fixed seed.

mod choice;
mod course;
mod flat;
mod job;
mod particular;
mod receiver;
mod resident;
mod round;
mod seen;
mod source;
mod verdict;
mod within;

use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

use crate::environment::is_long;
use crate::panics;
use crate::subject::Subject;
use crate::testable::Tested;
use course::{Course, Until};
use particular::Particular;

const USAGE: &str = "soak SEED SECONDS | again SEED RUN SECONDS";

/// The seed and the number of runs of the test.
const TEST_SEED: u64 = 1;
const TEST_RUNS: u64 = 60;
const TEST_RUNS_LONG: u64 = 3_000;

/// The soak of the patterns of a crate: `main` of `tests/soak.rs`.
///
/// Not for the tests of a pattern alone: [`conformance!`](crate::conformance) finds most faults, in seconds.
///
/// In every run, up to three of the subjects run in a chain. The seed chooses the subjects, the settings, the jobs, the
/// source, the receiver and the stop. The manifest needs a test target `soak` with `harness = false`, since the program
/// has arguments.
///
/// # Examples
///
/// ```no_run
/// # use towpath_testkit::{PeakAlloc, Soak, Subject};
/// # use std::process::ExitCode;
/// # async fn transfer(seed: u64) -> anyhow::Result<u64> { Ok(seed) }
/// # fn soak(fanout: impl Subject, pipeline: impl Subject) -> ExitCode {
/// #[global_allocator]
/// static HEAP: PeakAlloc = PeakAlloc;
///
/// Soak::new(fanout)
///     .and(pipeline)
///     .with("transfer", |seed| transfer(seed))
///     .main(|| HEAP.current_usage())
/// # }
/// ```
#[must_use]
pub struct Soak {
    tested: Vec<Tested>,
    particular: Vec<Particular>,
}

impl Soak {
    /// Creates the soak of `subject`.
    pub fn new(subject: impl Subject) -> Self {
        Self { tested: vec![Arc::new(subject)], particular: Vec::new() }
    }

    /// Adds another subject.
    pub fn and(mut self, subject: impl Subject) -> Self {
        self.tested.push(Arc::new(subject));
        self
    }

    /// Adds work of the crate of the soak only.
    ///
    /// `work` receives a seed, runs in a task of the runtime, and returns the number of items, or the fault.
    pub fn with<Fut>(mut self, name: &str, work: impl Fn(u64) -> Fut + Send + Sync + 'static) -> Self
    where
        Fut: Future<Output = anyhow::Result<u64>> + Send + 'static,
    {
        let work = move |seed| -> Pin<Box<dyn Future<Output = _> + Send>> { Box::pin(work(seed)) };
        self.particular.push(Particular { name: name.into(), work: Arc::new(work) });
        self
    }

    /// Runs the command in the arguments of this process. `heap` returns the number of allocated bytes.
    #[must_use]
    pub fn main(self, heap: fn() -> usize) -> ExitCode {
        panics::silence();
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let chosen = match *arguments.as_slice() {
            ["soak", seed, seconds] => number("SEED", seed)
                .and_then(|seed| Ok((seed, 0, Until::Seconds(number("SECONDS", seconds)?)))),
            ["again", seed, run, seconds] => number("SEED", seed).and_then(|seed| {
                Ok((seed, number("RUN", run)?, Until::AgainFor(number("SECONDS", seconds)?)))
            }),
            _ => return self.test(heap),
        };
        let (seed, first, until) = match chosen {
            Ok(chosen) => chosen,
            Err(wrong) => {
                eprintln!("{wrong}; expected {USAGE}");
                return ExitCode::from(2);
            }
        };
        let course = self.course(seed, heap, true);
        match course.go(first, until) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        }
    }

    fn course(self, seed: u64, heap: fn() -> usize, prints: bool) -> Course {
        Course { tested: self.tested, particular: self.particular, seed, heap, prints }
    }

    fn test(self, heap: fn() -> usize) -> ExitCode {
        let runs = if is_long() { TEST_RUNS_LONG } else { TEST_RUNS };
        let name = format!("soak/nothing_is_lost [{runs} runs of seed {TEST_SEED}]");
        let trial = Trial::test(name, move || {
            let course = self.course(TEST_SEED, heap, false);
            course.go(0, Until::Runs(runs))?;
            Ok(())
        });
        libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit_code()
    }
}

fn number<N: FromStr<Err: Display>>(what: &str, text: &str) -> Result<N, String> {
    text.parse().map_err(|error| format!("{what} `{text}`: {error}"))
}
