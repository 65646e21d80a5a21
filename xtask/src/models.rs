//! `cargo xtask models`: runs every model in its own process with a time limit, since a deadlock in a model may abort
//! the process or never end.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};

use crate::artifacts::{self, Executable};
use crate::counts::{Counts, Tally};
use crate::marks;
use crate::process::{self, seconds_since};
use crate::workspace::{self, Package, Workspace};

const LIMIT: Duration = Duration::from_secs(60);
const LONG_LIMIT: Duration = Duration::from_secs(900);

/// Run the models: the queue, the permits and the patterns in very many schedules.
///
/// The models are the tests of the crates under xtask/models/. These crates have the shipped sources with other locks
/// and atomics: loom's, for every order of the steps of a tiny model, and shuttle's, for orders chosen by fixed seeds.
/// `cargo xtask test` runs the models too. The line before the last has the number of schedules.
#[derive(clap::Args)]
#[command(after_help = crate::usage::EXIT_STATUS)]
pub struct Args {
    /// Some ten million schedules
    #[arg(long)]
    long: bool,
    /// Write the last line into docs/reliability.md, with the commit, if all is well
    #[arg(long)]
    record: bool,
}

pub fn run(args: &Args) -> Result<bool> {
    let workspace = Workspace::load()?;
    let (tally, schedules) = run_all(&workspace, args.long)?;
    let counts = tally.counts();
    println!("{counts}");
    if args.record && counts.failed == 0 {
        let command = if args.long { "models --long" } else { "models" };
        marks::record(&workspace, command, &told(schedules, counts))?;
    }
    Ok(counts.failed == 0)
}

/// Returns the packages of models.
pub fn packages(workspace: &Workspace) -> Vec<&Package> {
    let models = workspace.root.join("xtask/models");
    workspace.packages.iter().filter(|package| package.manifest_path.starts_with(&models)).collect()
}

fn told(schedules: u64, counts: Counts) -> String {
    format!("{schedules} schedules of {} models", counts.total())
}

/// Returns the arguments of cargo for the build.
pub fn build(workspace: &Workspace) -> String {
    format!("test --no-run {}", workspace::options(&packages(workspace)))
}

/// Builds and runs all models, one for each core at a time. Prints and returns the number of schedules.
pub fn run_all(workspace: &Workspace, long: bool) -> Result<(Tally, u64)> {
    ensure!(!packages(workspace).is_empty(), "there is no package under xtask/models");
    let programs = artifacts::build(workspace, &build(workspace), "test")?;
    let mut all = Vec::new();
    for program in &programs {
        all.extend(models(program)?.into_iter().map(|model| (program, model)));
    }
    let results = all.par_iter().with_max_len(1).map(|(program, model)| {
        let name = format!("{} --test {} {model}", program.package, program.target);
        let start = Instant::now();
        let result = schedules_of(program, model, long)?.map_err(|problem| format!("{name}: {problem}"));
        match &result {
            Ok(1) => println!("{name}: ok, 1 schedule, {}", seconds_since(start)),
            Ok(schedules) => println!("{name}: ok, {schedules} schedules, {}", seconds_since(start)),
            Err(failure) => println!("{failure}"),
        }
        Ok(result)
    });
    let (mut counts, mut schedules, mut failures) = (Counts::default(), 0, Vec::new());
    for result in results.collect::<Result<Vec<_>>>()? {
        match result {
            Ok(of_model) => {
                schedules += of_model;
                counts.passed += 1;
            }
            Err(failure) => {
                failures.push(failure);
                counts.failed += 1;
            }
        }
    }
    let tally = Tally::new(counts, failures);
    println!("{}", told(schedules, tally.counts()));
    Ok((tally, schedules))
}

fn models(program: &Executable) -> Result<Vec<String>> {
    let list = duct::cmd!(&program.path, "--list").dir(&program.dir).stderr_null().read()?;
    Ok(list.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
}

/// Runs one model. Returns the number of schedules, or the problem.
fn schedules_of(program: &Executable, model: &str, long: bool) -> Result<std::result::Result<u64, String>> {
    let limit = if long { LONG_LIMIT } else { LIMIT };
    let mut command = duct::cmd!(&program.path, "--exact", model, "--nocapture").dir(&program.dir);
    if long {
        command = command.env("TOWPATH_LONG", "1");
    }
    let Some(output) = process::within(limit, &command.stderr_to_stdout().stdout_capture())? else {
        return Ok(Err(format!("not over after {} s", limit.as_secs())));
    };
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Ok(Err(format!("{}\n{}", process::ending(output.status), said.trim_end())));
    }
    let tried =
        schedules_in(&said).with_context(|| format!("{model} did not say how many schedules it tried"));
    tried.map(Ok)
}

/// Reads the line `815 schedules`. A model that fails on purpose prints further lines.
fn schedules_in(said: &str) -> Option<u64> {
    said.lines().find_map(|line| line.split_once(" schedule")?.0.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_reports_its_number_of_schedules() {
        let said = "\nrunning 1 test\n815 schedules\ntest a ... ok\n";
        assert_eq!(schedules_in(said), Some(815));
        assert_eq!(schedules_in("3 schedules, the last of which failed\n"), Some(3));
        assert_eq!(schedules_in("running 1 test\n"), None);
    }
}
