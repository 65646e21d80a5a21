//! `cargo xtask test`: runs all tests, models and examples. A step in which nothing ran has failed.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use duct::Expression;

use crate::artifacts;
use crate::counts::Tally;
use crate::faults;
use crate::libtest;
use crate::models;
use crate::process::{self, seconds_since};
use crate::workspace::{self, Workspace};

const EXAMPLE_LIMIT: Duration = Duration::from_secs(60);

/// The part of the name that the checks of law 8 have in common.
const ORDERINGS: &str = "::order::";

/// Build and test everything.
///
/// In this order: unit and integration tests and the conformance of every pattern, the models (as `cargo xtask
/// models`), doc tests, every example under crates/ (60 s each), and again in release the conformance tests of
/// orderings; with --long also `cargo xtask faults`. A step in which nothing ran has failed. The last line is plain: `N
/// passed, N failed`.
#[derive(clap::Args)]
#[command(after_help = crate::usage::EXIT_STATUS)]
pub struct Args {
    /// Build all programs, and run nothing
    #[arg(long, conflicts_with = "long")]
    no_run: bool,
    /// Also run the parts that take longer than five minutes (tests read `TOWPATH_LONG=1`)
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
        steps.push(("faults", |_| Ok(Tally::new(faults::count(&faults::Args::default())?, Vec::new()))));
    }
    let mut total = Tally::default();
    for (name, step) in steps {
        println!("==> {name}");
        let start = Instant::now();
        let tally = step(&tester).and_then(not_empty);
        let tally = tally.unwrap_or_else(|problem| Tally::of_failure(format!("{name}: {problem:#}")));
        println!("<== {name}: {}, {}\n", tally.counts(), seconds_since(start));
        total += tally;
    }
    if !total.failures().is_empty() {
        println!("==> failures\n\n{}\n", total.failures().join("\n\n"));
    }
    let counts = total.counts();
    println!("{counts}");
    Ok(counts.failed == 0)
}

type Step = fn(&Tester) -> Result<Tally>;

struct Tester {
    workspace: Workspace,
    long: bool,
}

impl Tester {
    /// Builds the programs of all steps, so that the steps only run the programs.
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

    /// Returns the command that builds all targets, so that a broken benchmark fails here.
    fn build_of_tests(&self) -> String {
        self.of_tested("test --no-run --all-targets")
    }

    fn build_of_examples(&self) -> String {
        self.of_tested("build --examples")
    }

    /// Returns the command that builds the orderings, for the packages of the benchmarks, so that both share the
    /// dependencies.
    fn build_of_orderings(&self) -> Result<String> {
        let conforming = self.workspace.crates_with("test", "conformance");
        ensure!(!conforming.is_empty(), "no crate under crates/ has a test target named conformance");
        let packages = workspace::options(&conforming);
        Ok(format!("test --release --no-run --test conformance {packages}"))
    }

    fn tests(&self) -> Result<Tally> {
        let build = self.build_of_tests();
        let compiled = self.cargo(&build).unchecked().run()?;
        ensure!(compiled.status.success(), "cargo {build} failed");

        // Not `--all-targets`, which would also start the benchmarks.
        let all = self.of_tested("test --no-fail-fast --lib --bins --tests --examples");
        self.tally_of(&all)
    }

    /// Returns the command for all packages but those with their own commands: the models, and the programs of the
    /// guide and of the benchmark, which have no tests.
    fn of_tested(&self, command: &str) -> String {
        let mut all = format!("{command} --workspace --exclude towpath-guide --exclude towpath-peers");
        for package in models::packages(&self.workspace) {
            all.push_str(" --exclude ");
            all.push_str(&package.name);
        }
        all
    }

    fn models(&self) -> Result<Tally> {
        Ok(models::run_all(&self.workspace, self.long)?.0)
    }

    fn doc_tests(&self) -> Result<Tally> {
        let all = self.of_tested("test --no-fail-fast --doc");
        self.tally_of(&all)
    }

    fn examples(&self) -> Result<Tally> {
        let crates = self.workspace.root.join("crates");
        let mut tally = Tally::default();
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
                tally.fail(format!("{name}: {problem}"));
            } else {
                println!("<-- {name}: ok, {}", seconds_since(start));
                tally.pass();
            }
        }
        Ok(tally)
    }

    fn orderings(&self) -> Result<Tally> {
        let mut total = Tally::default();
        for harness in artifacts::build(&self.workspace, &self.build_of_orderings()?, "test")? {
            let name = format!("{} --test conformance -- {ORDERINGS}", harness.package);
            println!("--> {name}");
            let command = self.passing_on(duct::cmd!(harness.path, ORDERINGS).dir(harness.dir));
            let tally = tally_of(&name, &command).and_then(not_empty);
            total += tally.unwrap_or_else(|problem| Tally::of_failure(format!("{name}: {problem:#}")));
        }
        Ok(total)
    }

    fn tally_of(&self, line: &str) -> Result<Tally> {
        tally_of(&format!("cargo {line}"), &self.cargo(line))
    }

    fn cargo(&self, line: &str) -> Expression {
        self.passing_on(self.workspace.cargo(line))
    }

    fn passing_on(&self, command: Expression) -> Expression {
        if self.long { command.env("TOWPATH_LONG", "1") } else { command }
    }
}

/// Runs test programs, and counts their results.
fn tally_of(name: &str, command: &Expression) -> Result<Tally> {
    let (successful, output) = process::shown(command)?;
    Ok(libtest::tally(name, successful, &output))
}

/// Refuses a step in which nothing ran.
fn not_empty(tally: Tally) -> Result<Tally> {
    ensure!(tally.counts().total() > 0, "nothing ran");
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn step_without_any_test_has_failed() {
        let problem = not_empty(Tally::default()).unwrap_err();
        assert_eq!(problem.to_string(), "nothing ran");
    }

    #[test]
    #[cfg(unix)]
    fn output_of_a_failed_test_is_kept_for_the_end() {
        let script = r"printf '\n---- a stdout ----\nleft: 1\n\nfailures:\n    a\n\ntest result: FAILED. 3 passed; 1 failed;\n'; exit 101";
        let tally = tally_of("program", &duct::cmd!("sh", "-c", script)).unwrap();
        assert_eq!(tally.failures(), ["a: left: 1"]);
    }
}
