//! `cargo xtask test`: everything that can be run is run, and a step in which nothing ran has failed.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use duct::Expression;

use crate::artifacts;
use crate::counts::Counts;
use crate::faults;
use crate::models;
use crate::process::{self, seconds_since};
use crate::workspace::{self, Workspace};

const EXAMPLE_LIMIT: Duration = Duration::from_secs(60);

/// The part of the name that the checks of law 8 have in common.
const ORDERINGS: &str = "::order::";

/// Build and test everything.
///
/// In this order: unit and integration tests and the conformance of every pattern, the models (as `cargo xtask
/// models`), doc tests, every example under crates/ (60 s each), and once more in release those conformance tests that
/// are about orderings; with --long also `cargo xtask faults`. A step in which nothing ran has failed. The last line is
/// plain: `N passed, N failed`.
#[derive(clap::Args)]
#[command(after_help = crate::usage::EXIT_STATUS)]
pub struct Args {
    /// Build all of it, and run nothing
    #[arg(long, conflicts_with = "long")]
    no_run: bool,
    /// Also what takes longer than five minutes (tests see it as `TOWPATH_LONG=1`)
    #[arg(long)]
    long: bool,
}

pub fn run(args: &Args) -> Result<bool> {
    let tester = Tester { workspace: Workspace::load()?, long: args.long };
    if args.no_run {
        return tester.build();
    }
    let mut steps: Vec<(&str, Step)> = vec![
        ("tests", Tester::tests),
        ("models", Tester::models),
        ("doc tests", Tester::doc_tests),
        ("examples", Tester::examples),
        ("orderings in release", Tester::orderings),
    ];
    if args.long {
        steps.push(("faults", |_| faults::count(&faults::Args::default())));
    }
    let mut total = Counts::default();
    for (name, step) in steps {
        println!("==> {name}");
        let start = Instant::now();
        let counts = step(&tester).unwrap_or_else(|problem| {
            println!("{name}: {problem:#}");
            Counts { passed: 0, failed: 1 }
        });
        println!("<== {name}: {counts}, {}\n", seconds_since(start));
        total += counts;
    }
    println!("{total}");
    Ok(total.failed == 0)
}

type Step = fn(&Tester) -> Result<Counts>;

struct Tester {
    workspace: Workspace,
    long: bool,
}

impl Tester {
    /// What the steps build, so that they only run it.
    fn build(&self) -> Result<bool> {
        let builds = [
            self.build_of_tests(),
            models::build(&self.workspace),
            self.build_of_examples(),
            self.build_of_orderings()?,
        ];
        for build in builds {
            let compiled = self.cargo(&build).unchecked().run()?;
            if !compiled.status.success() {
                println!("cargo {build} failed");
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// All targets, so that a broken benchmark shows here.
    fn build_of_tests(&self) -> String {
        self.of_tested("test --no-run --all-targets")
    }

    fn build_of_examples(&self) -> String {
        self.of_tested("build --examples")
    }

    /// Of the same packages as the benchmarks, with which it then shares what they depend on.
    fn build_of_orderings(&self) -> Result<String> {
        let conforming = self.workspace.crates_with("test", "conformance");
        ensure!(!conforming.is_empty(), "no crate under crates/ has a test target named conformance");
        let packages = workspace::options(&conforming);
        Ok(format!("test --release --no-run --test conformance {packages}"))
    }

    fn tests(&self) -> Result<Counts> {
        let build = self.build_of_tests();
        let compiled = self.cargo(&build).unchecked().run()?;
        ensure!(compiled.status.success(), "cargo {build} failed");

        // Not `--all-targets`: that would also start the benchmarks.
        let all = self.of_tested("test --no-fail-fast --lib --bins --tests --examples");
        let (ok, said) = process::shown(&self.cargo(&all))?;
        judged(ok, Counts::of_libtest(&said))
    }

    /// The command for all packages but those that have commands of their own: the models, and the programs of the
    /// guide and of the benchmark, which have no tests.
    fn of_tested(&self, command: &str) -> String {
        let mut all = format!("{command} --workspace --exclude towpath-guide --exclude towpath-peers");
        for package in models::packages(&self.workspace) {
            all.push_str(" --exclude ");
            all.push_str(&package.name);
        }
        all
    }

    fn models(&self) -> Result<Counts> {
        judged(true, models::run_all(&self.workspace, self.long)?.0)
    }

    fn doc_tests(&self) -> Result<Counts> {
        let all = self.of_tested("test --no-fail-fast --doc");
        let (ok, said) = process::shown(&self.cargo(&all))?;
        judged(ok, Counts::of_libtest(&said))
    }

    fn examples(&self) -> Result<Counts> {
        let crates = self.workspace.root.join("crates");
        let mut counts = Counts::default();
        for example in artifacts::build(&self.workspace, &self.build_of_examples(), "example")? {
            if !example.dir.starts_with(&crates) {
                continue;
            }
            let name = format!("{} --example {}", example.package, example.target);
            println!("--> {name}");
            let start = Instant::now();
            let command = self.passing_on(duct::cmd!(example.path).dir(example.dir).stdin_null());
            let problem = match process::within(EXAMPLE_LIMIT, &command)? {
                Some(output) if output.status.success() => None,
                Some(output) => Some(process::ending(output.status)),
                None => Some(format!("not over after {} s", EXAMPLE_LIMIT.as_secs())),
            };
            if let Some(problem) = problem {
                println!("{name}: {problem}");
                counts.failed += 1;
            } else {
                println!("<-- {name}: ok, {}", seconds_since(start));
                counts.passed += 1;
            }
        }
        judged(true, counts)
    }

    fn orderings(&self) -> Result<Counts> {
        let mut total = Counts::default();
        for harness in artifacts::build(&self.workspace, &self.build_of_orderings()?, "test")? {
            println!("--> {} --test conformance -- {ORDERINGS}", harness.package);
            let command = self.passing_on(duct::cmd!(harness.path, ORDERINGS).dir(harness.dir));
            let (ok, said) = process::shown(&command)?;
            total += judged(ok, Counts::of_libtest(&said)).unwrap_or_else(|problem| {
                println!("{}: {problem}", harness.package);
                Counts { passed: 0, failed: 1 }
            });
        }
        judged(true, total)
    }

    fn cargo(&self, line: &str) -> Expression {
        self.passing_on(self.workspace.cargo(line))
    }

    fn passing_on(&self, command: Expression) -> Expression {
        if self.long { command.env("TOWPATH_LONG", "1") } else { command }
    }
}

/// A program that failed without a failed test counts as one; one that ran no test at all has failed.
fn judged(ok: bool, mut counts: Counts) -> Result<Counts> {
    if !ok && counts.failed == 0 {
        counts.failed = 1;
    }
    ensure!(counts.total() > 0, "nothing ran");
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn step_without_any_test_has_failed() {
        let problem = judged(true, Counts::default()).unwrap_err();
        assert_eq!(problem.to_string(), "nothing ran");
    }

    #[test]
    fn failed_build_counts_as_a_failure() {
        let counts = judged(false, Counts { passed: 3, failed: 0 }).unwrap();
        assert_eq!(counts, Counts { passed: 3, failed: 1 });
        let counts = judged(false, Counts { passed: 3, failed: 2 }).unwrap();
        assert_eq!(counts, Counts { passed: 3, failed: 2 });
    }
}
