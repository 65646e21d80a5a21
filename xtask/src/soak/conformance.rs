//! `cargo xtask soak --conformance N`: the checks of every pattern, repeated until one fails.
//!
//! A test program repeats its checks itself (`TOWPATH_REPEAT`), since a process for each repetition of each check would
//! cost more than the check. The repetitions come in blocks of some seconds. After a block of one program, the next
//! program has its block, and every block has its own games (`TOWPATH_SEED`).

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};

use super::chosen::chosen;
use super::minutely::Minutely;
use crate::artifacts::{self, Executable};
use crate::libtest;
use crate::marks;
use crate::problems::count;
use crate::process;
use crate::workspace::{self, Workspace};

/// The laws whose checks depend most on the order of threads.
const LAWS: [&str; 2] = ["::order::", "::progress::"];

/// The aim for a block.
const BLOCK: Duration = Duration::from_secs(5);

const MOST_IN_A_BLOCK: u32 = 201;

/// The forms of a subject: alone, in front of itself, behind itself. A repetition takes one of them.
const FORMS: u32 = 3;

/// A program that takes longer for a block is killed. A check that hangs fails earlier, by the watchdog of the suite.
const LIMIT: Duration = Duration::from_secs(600);

pub struct Plan<'a> {
    pub repetitions: u32,
    /// The seed of the first block; each further block has the next seed.
    pub seed: u64,
    /// Whether the checks of all laws are made.
    pub all: bool,
    /// The folder of the only crate.
    pub only: Option<&'a str>,
}

impl Plan<'_> {
    /// The command that makes the same repetitions.
    fn command(&self) -> String {
        let all = if self.all { " --all" } else { "" };
        format!("soak --conformance {}{all} --seed {}", self.repetitions, self.seed)
    }
}

/// Builds the test programs, and repeats the checks. Returns whether all checks succeeded.
pub fn run(workspace: &Workspace, plan: &Plan, record: bool) -> Result<bool> {
    let packages = chosen(workspace, "conformance", plan.only)?;
    eprintln!("building the conformance tests");
    // The same build as the orderings of `cargo xtask test`.
    let line = format!("test --release --no-run --test conformance {}", workspace::options(&packages));
    let programs = artifacts::build(workspace, &line, "test")?;
    ensure!(!programs.is_empty(), "cargo built no conformance test");
    let progress = Progress::new(plan.repetitions, programs.len());
    let repeated = repeat(&programs, plan, LIMIT, &progress)?;
    progress.bar.finish_and_clear();
    match repeated {
        Ok(done) => {
            println!("{}", done.line());
            if record {
                marks::record_at(workspace, "conformance", &plan.command(), &done.line())?;
            }
        }
        Err((failure, done)) => {
            println!("{}", failure.text());
            println!("before: {}", done.line());
            return Ok(false);
        }
    }
    Ok(true)
}

/// The completed repetitions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Done {
    /// The repetitions of every program.
    repetitions: u32,
    /// The checks of all programs.
    checks: u64,
    runs: u64,
    programs: usize,
}

impl Done {
    /// `10000 repetitions of 96 checks in 5 crates: 960000 runs, none failed`
    fn line(self) -> String {
        let Self { repetitions, checks, runs, programs } = self;
        let repetitions = count(repetitions as usize, "repetition");
        let programs = count(programs, "crate");
        format!("{repetitions} of {checks} checks in {programs}: {runs} runs, none failed")
    }
}

/// The first failure.
#[derive(Debug, PartialEq)]
struct Failure {
    package: String,
    /// `None` if the program died without the name of a test.
    test: Option<String>,
    output: String,
    seed: u64,
}

impl Failure {
    fn text(&self) -> String {
        let Self { package, test, output, seed } = self;
        let exact = test.as_ref().map(|test| format!(" --exact {test}")).unwrap_or_default();
        let test = test.as_deref().unwrap_or("a test");
        let output = output.trim_end();
        format!(
            "{package}: {test} failed\n\n{output}\n\nagain: TOWPATH_SEED={seed} TOWPATH_REPEAT=1000 cargo test --release \
             -p {package} --test conformance --{exact}"
        )
    }
}

type Repeated = Result<Done, (Failure, Done)>;

/// Repeats the checks of all programs in turn, until all repetitions are made or a check fails.
fn repeat(programs: &[Executable], plan: &Plan, limit: Duration, progress: &Progress) -> Result<Repeated> {
    let mut done = Done { programs: programs.len(), ..Done::default() };
    let mut size = 1;
    let mut seed = plan.seed;
    while done.repetitions < plan.repetitions {
        let block = size.min(plan.repetitions - done.repetitions);
        let start = Instant::now();
        let mut checks = 0;
        for program in programs {
            progress.show(&program.package, done);
            match run_block(program, plan.all, block, seed, limit)? {
                Ok(passed) => checks += passed,
                Err(failure) => return Ok(Err((failure, done))),
            }
            progress.bar.inc(u64::from(block));
        }
        done = Done {
            repetitions: done.repetitions + block,
            checks,
            runs: done.runs + checks * u64::from(block),
            ..done
        };
        seed += 1;
        size = next_size(block, start.elapsed() / u32::try_from(programs.len())?);
    }
    Ok(Ok(done))
}

/// Returns the size of the next block, from the time of a block of one program.
fn next_size(block: u32, took: Duration) -> u32 {
    let each = took / block;
    let fitting = BLOCK.as_micros() / each.as_micros().max(1);
    // Each form has the same number of repetitions.
    u32::try_from(fitting).unwrap_or(u32::MAX).clamp(1, MOST_IN_A_BLOCK).next_multiple_of(FORMS)
}

/// Runs the program once, with `repetitions` of each check; returns the number of checks.
fn run_block(
    program: &Executable,
    all: bool,
    repetitions: u32,
    seed: u64,
    limit: Duration,
) -> Result<Result<u64, Failure>> {
    let laws: &[&str] = if all { &[] } else { &LAWS };
    let command = duct::cmd(&program.path, laws)
        .dir(&program.dir)
        .env("TOWPATH_REPEAT", repetitions.to_string())
        .env("TOWPATH_SEED", seed.to_string())
        .env("RUST_BACKTRACE", "0")
        .stdin_null()
        .stdout_capture()
        .stderr_capture();
    let failed = |test: Option<String>, output: String| {
        Ok(Err(Failure { package: program.package.clone(), test, output, seed }))
    };
    let Some(output) = process::within(limit, &command)? else {
        return failed(None, format!("hung: killed after {} s", limit.as_secs()));
    };
    let printed = String::from_utf8_lossy(&output.stdout);
    if let Some((test, message)) = libtest::failures(&printed).first() {
        return failed(Some((*test).to_owned()), (*message).to_owned());
    }
    if !output.status.success() {
        let (ending, line) = (process::ending(output.status), process::telling_line(&output.stderr));
        return failed(None, format!("the program ended with {ending}: {line}"));
    }
    let passed = libtest::counts(&printed).passed;
    ensure!(passed > 0, "{}: no check ran", program.package);
    Ok(Ok(passed))
}

/// A progress bar on a terminal; elsewhere a line a minute.
struct Progress {
    bar: ProgressBar,
    repetitions: u32,
    minutely: Minutely,
}

impl Progress {
    fn new(repetitions: u32, programs: usize) -> Self {
        // Draws on standard error, if standard error is a terminal.
        let bar = ProgressBar::new(u64::from(repetitions) * programs as u64);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent} %, {elapsed}, {eta} left; {msg}")
        {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_secs(1));
        Self { bar, repetitions, minutely: Minutely::new() }
    }

    fn show(&self, package: &str, done: Done) {
        let text = format!(
            "{package}: {} of {} repetitions, {} runs, none failed",
            done.repetitions, self.repetitions, done.runs
        );
        self.minutely.show(&text);
        self.bar.set_message(text);
    }
}

#[cfg(test)]
#[path = "conformance_tests.rs"]
mod tests;
