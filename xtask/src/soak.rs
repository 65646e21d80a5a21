//! `cargo xtask soak`: random runs for a chosen time, in which no item may be lost; with `--conformance`, repetitions
//! of the checks of the patterns.

mod chosen;
mod conformance;
mod minutely;

use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;

use crate::artifacts::{self, Executable};
use crate::marks;
use crate::process;
use crate::usage::Usage;
use crate::workspace::{self, Workspace};

use self::chosen::chosen;
use self::minutely::Minutely;

/// Run patterns with random settings for minutes, and check that nothing is lost.
///
/// The seed and the number of a run choose its sources, jobs, failures, receivers, scopes and runtimes. After each run,
/// items are counted one by one, and no job, task or item may be left; memory may not grow. A crate under crates/ takes
/// part through its test target `soak`; the crates share the time. The first failure ends the command, and the command
/// that repeats the run is printed. The last line is plain: `N runs, M items, nothing lost`.
///
/// With --conformance, no runs are chosen: the checks of the conformance suite are repeated, for faults that depend on
/// the order of threads. Repetitions take the forms of a pattern in turn (alone, in front of itself, behind itself),
/// each on all runtimes of the check, in release. By default, the checks of order and of progress are repeated, with
/// --all the checks of all laws. The first failure, or a check that hangs for two minutes, ends the repetitions; its
/// name, its output and a command that repeats the check are printed.
#[derive(clap::Args)]
#[command(after_help = crate::usage::EXIT_STATUS)]
pub struct Args {
    /// The time in minutes; 1 by default, and with --run the time of one run
    #[arg(long, value_name = "N")]
    minutes: Option<f64>,
    /// The seed of all choices; by default another seed each time, and for --conformance the usual games first
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Only this crate: its folder under crates/
    #[arg(long, value_name = "CRATE")]
    only: Option<String>,
    /// Only this run of the seed, repeated: each repetition has the same choices, but another order of threads
    #[arg(long, value_name = "K", requires = "seed", requires = "only")]
    run: Option<u64>,
    /// Write the last line into docs/reliability.md, with the commit, if all is well
    #[arg(long, conflicts_with_all = ["only", "run"])]
    record: bool,
    /// Repeat the checks of the conformance suite this number of times
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..),
          conflicts_with_all = ["minutes", "run"])]
    conformance: Option<u32>,
    /// The checks of all laws, and not only of order and of progress
    #[arg(long, requires = "conformance")]
    all: bool,
}

pub fn run(args: &Args) -> Result<bool> {
    if let Some(repetitions) = args.conformance {
        let (seed, only) = (args.seed.unwrap_or_default(), args.only.as_deref());
        let plan = conformance::Plan { repetitions, seed, all: args.all, only };
        return conformance::run(&Workspace::load()?, &plan, args.record);
    }
    let minutes = args.minutes.unwrap_or(if args.run.is_some() { 0.0 } else { 1.0 });
    if !(minutes.is_finite() && minutes >= 0.0) {
        bail!(Usage(format!("--minutes {minutes}: it must be a number of minutes, 0 or more")));
    }
    let seed = args.seed.unwrap_or_else(seed_of_now);
    let workspace = Workspace::load()?;
    let programs = programs(&workspace, args.only.as_deref())?;
    #[allow(clippy::cast_precision_loss, reason = "there are few")]
    let seconds = minutes * 60.0 / programs.len() as f64;
    eprintln!("seed {seed}, {seconds:.0} s for each of {} crates", programs.len());

    let mut total = Said::default();
    for (folder, program) in &programs {
        let soaking = Soaking { folder, program, seed, run: args.run, seconds };
        match soaking.run(&total)? {
            Ok(said) => {
                println!("{folder}: {} runs, {} items; {}", said.runs, said.items, said.memory);
                total.runs += said.runs;
                total.items += said.items;
            }
            Err(Failed { problem, run, what }) => {
                println!("{folder}: {problem}");
                println!("in run {run} of seed {seed}: {what}");
                println!("again: cargo xtask soak --seed {seed} --only {folder} --run {run} --minutes 1");
                return Ok(false);
            }
        }
    }
    let said = format!("{} runs, {} items, nothing lost", total.runs, total.items);
    println!("{said}");
    if args.record {
        marks::record(&workspace, &format!("soak --minutes {minutes} --seed {seed}"), &said)?;
    }
    Ok(true)
}

/// Returns a seed from the current time, short enough to type.
fn seed_of_now() -> u64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::from(since.subsec_micros())
}

fn programs(workspace: &Workspace, only: Option<&str>) -> Result<Vec<(String, Executable)>> {
    let soaked = chosen(workspace, "soak", only)?;
    eprintln!("building what is soaked");
    let line = format!("test --release --no-run --test soak {}", workspace::options(&soaked));
    let built = artifacts::build(workspace, &line, "test")?;
    let named = |program: Executable| {
        let package = soaked.iter().find(|package| package.name == program.package);
        package.map(|package| (package.folder(), program)).context("cargo built something else")
    };
    built.into_iter().map(named).collect()
}

/// The line that a program prints before each run, and at the end.
#[derive(Clone, Default, Deserialize)]
struct Said {
    runs: u64,
    items: u64,
    memory: String,
    run: Option<u64>,
    #[serde(default)]
    over: bool,
}

/// The line that a program prints about a failed run.
#[derive(Deserialize)]
struct Failed {
    #[serde(rename = "failed")]
    problem: String,
    run: u64,
    what: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Failed(Failed),
    Said(Said),
}

/// A running program.
struct Soaking<'a> {
    folder: &'a str,
    program: &'a Executable,
    seed: u64,
    run: Option<u64>,
    seconds: f64,
}

impl Soaking<'_> {
    /// Runs the program to its end. `before` has the numbers of the programs before.
    fn run(&self, before: &Said) -> Result<Result<Said, Failed>> {
        let Self { folder, program, seed, run, seconds } = self;
        let (seed, seconds) = (seed.to_string(), seconds.to_string());
        let args = match run {
            Some(run) => vec!["again".to_owned(), seed, run.to_string(), seconds],
            None => vec!["soak".to_owned(), seed, seconds],
        };
        let errors = tempfile::tempfile().context("no temporary file for what the program says is wrong")?;
        let command = duct::cmd(&program.path, args).dir(&program.dir).stdin_null().unchecked();
        let reader = command.env("RUST_BACKTRACE", "0").stderr_file(errors.try_clone()?).reader()?;
        let progress = Progress::new(folder, self.seconds);
        let mut last = Said::default();
        for line in BufReader::new(&reader).lines() {
            let line = line?;
            match serde_json::from_str(&line) {
                Ok(Line::Said(said)) => {
                    progress.show(before, &said);
                    last = said;
                }
                Ok(Line::Failed(failed)) => {
                    progress.bar.finish_and_clear();
                    return Ok(Err(failed));
                }
                Err(_) => bail!("{folder}: its soak printed `{line}`, which says nothing of a run"),
            }
        }
        progress.bar.finish_and_clear();
        let ended = reader.try_wait()?.context("the program closed its output and went on")?.status;
        if last.over && ended.success() {
            return Ok(Ok(last));
        }
        Ok(Err(Failed {
            problem: format!("the program ended with {}", process::ending(ended)),
            run: last.run.unwrap_or_default(),
            what: process::telling_line(&said_in(errors)?),
        }))
    }
}

fn said_in(mut file: std::fs::File) -> Result<Vec<u8>> {
    use std::io::{Read, Seek};
    let mut said = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut said)?;
    Ok(said)
}

/// A progress bar on a terminal; elsewhere a line a minute.
struct Progress {
    bar: ProgressBar,
    folder: String,
    start: Instant,
    minutely: Minutely,
}

impl Progress {
    fn new(folder: &str, seconds: f64) -> Self {
        // Draws on standard error, if standard error is a terminal.
        let bar = ProgressBar::new(Duration::from_secs_f64(seconds).as_secs());
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} s {msg}") {
            bar.set_style(style);
        }
        Self { bar, folder: folder.to_owned(), start: Instant::now(), minutely: Minutely::new() }
    }

    fn show(&self, before: &Said, said: &Said) {
        let (folder, memory) = (&self.folder, &said.memory);
        let (runs, items) = (before.runs + said.runs, before.items + said.items);
        let text = format!("{folder}: {runs} runs, {items} items, nothing lost; {memory}");
        let seconds = self.start.elapsed().as_secs();
        self.minutely.show(&format!("{seconds} s, {text}"));
        self.bar.set_position(seconds);
        self.bar.set_message(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(script: &str) -> Result<Said, Failed> {
        let dir = tempfile::tempdir().unwrap();
        let program = Executable::script(dir.path(), "soak", script);
        let soaking = Soaking { folder: "x", program: &program, seed: 7, run: None, seconds: 1.0 };
        soaking.run(&Said::default()).unwrap()
    }

    const RUN: &str = r#"echo '{"run": 5, "runs": 5, "items": 50, "memory": "flat"}'"#;

    #[test]
    #[cfg(unix)]
    fn program_that_reports_its_end_has_lost_nothing() {
        let over = r#"echo '{"over": true, "runs": 6, "items": 60, "memory": "flat"}'"#;
        let said = script(&format!("{RUN}; {over}")).unwrap_or_else(|failed| panic!("{}", failed.problem));
        assert_eq!((said.runs, said.items), (6, 60));
    }

    #[test]
    #[cfg(unix)]
    fn failed_run_is_reported_with_its_number() {
        let failed = r#"echo '{"failed": "an item was lost", "run": 6, "what": "fanout"}'; exit 1"#;
        let failed = script(&format!("{RUN}; {failed}")).err().unwrap();
        assert_eq!(
            (failed.problem.as_str(), failed.run, failed.what.as_str()),
            ("an item was lost", 6, "fanout")
        );
    }

    #[test]
    #[cfg(unix)]
    fn program_that_dies_failed_in_its_last_started_run() {
        let failed = script(&format!("{RUN}; echo 'out of luck' >&2; kill -ABRT $$")).err().unwrap();
        assert_eq!((failed.problem.as_str(), failed.run), ("the program ended with signal 6", 5));
        assert_eq!(failed.what, "out of luck");
        assert_eq!(script(RUN).err().unwrap().problem, "the program ended with exit status 0");
    }
}
