//! Runs the subjects of a workload in rounds, each run in a fresh process, and checks every answer.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::programs::{Program, Subject};
use super::workloads::{Unit, Workload};
use crate::process;

pub struct Plan {
    pub quick: bool,
    pub rounds: u32,
    /// The rounds of a workload with a table of its spread.
    pub spread: u32,
    /// A subject with a longer shortest run has the usual rounds, also in a table of the spread.
    pub many_within: Duration,
    /// A run that takes longer is killed.
    pub limit: Duration,
    /// A subject whose first run takes longer gets no second run.
    pub slow: Duration,
}

impl Plan {
    pub fn rounds_of(&self, workload: &Workload) -> u32 {
        if workload.has_spread() { self.spread } else { self.rounds }
    }
}

/// The results of one subject: a reading per round, or the reason for which no reading counts.
pub struct Measurements {
    pub subject: String,
    pub ours: bool,
    pub result: Result<Vec<Reading>, String>,
}

/// The line that a subject prints at the end of a run.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub struct Reading {
    answer: String,
    ms: Option<f64>,
    peak_kib: Option<f64>,
    bytes_each: Option<f64>,
    /// Percentiles (0 to 100) of the items' times, and the longest time in µs of that part of the items.
    #[serde(default)]
    pub latency: Vec<(f64, f64)>,
}

impl Reading {
    pub fn value(&self, unit: Unit) -> Option<f64> {
        match unit {
            Unit::Ms => self.ms,
            Unit::Mib => self.peak_kib.map(|kib| kib / 1024.0),
            Unit::BytesEach => self.bytes_each,
            Unit::P50 | Unit::P99 | Unit::P999 | Unit::Max => self.at(unit.percentile()?),
        }
    }

    fn at(&self, percentile: f64) -> Option<f64> {
        let point = self.latency.iter().find(|(of, _)| (of - percentile).abs() < 1e-9);
        point.map(|(_, microseconds)| *microseconds)
    }
}

/// Each round runs every subject once, in turn. A subject that failed is not run again.
pub fn measure(
    workload: &Workload,
    subjects: &[&Subject],
    plan: &Plan,
    progress: &Progress,
) -> Vec<Measurements> {
    let items = workload.items(plan.quick);
    let answer = workload.answer(items).to_string();
    let mut done: Vec<_> = subjects
        .iter()
        .map(|subject| Measurements {
            subject: subject.name.clone(),
            ours: subject.program.ours,
            result: Ok(Vec::new()),
        })
        .collect();
    let mut shortest = vec![Duration::MAX; subjects.len()];
    let rounds = plan.rounds_of(workload);

    Progress::begin(workload.name, subjects.len(), rounds);
    for round in 1..=rounds {
        for ((subject, done), shortest) in subjects.iter().zip(&mut done).zip(&mut shortest) {
            let most = if round > plan.rounds { plan.many_within.min(plan.slow) } else { plan.slow };
            let is_over = round > 1 && *shortest > most;
            if let Ok(readings) = &mut done.result
                && !is_over
            {
                progress.show(format!("{}, round {round}: {}", workload.name, subject.name));
                let start = Instant::now();
                let reading = run_once(subject, items, plan.limit);
                match reading.and_then(|reading| checked(reading, &answer, workload.units)) {
                    Ok(reading) => readings.push(reading),
                    Err(problem) => done.result = Err(problem),
                }
                *shortest = start.elapsed().min(*shortest);
            }
            progress.step();
        }
    }
    done
}

fn run_once(subject: &Subject, items: u64, limit: Duration) -> Result<Reading, String> {
    ask(subject.program, &["run", subject.workload.name, &subject.name, &items.to_string()], limit)
}

/// Starts the program with `args` for one reading.
pub fn ask(program: &Program, args: &[&str], limit: Duration) -> Result<Reading, String> {
    parse(&printed(program, args, limit)?)
}

/// Starts the program with `args`, and returns what a run that succeeds has printed.
pub fn printed(program: &Program, args: &[&str], limit: Duration) -> Result<String, String> {
    let command = program.with(args).stdout_capture().stderr_capture();
    let output = process::within(limit, &command)
        .map_err(|error| format!("cannot be started: {error}"))?
        .ok_or_else(|| format!("timed out after {} s", limit.as_secs()))?;
    if !output.status.success() {
        let (ending, line) = (process::ending(output.status), process::telling_line(&output.stderr));
        return Err(format!("crashed with {ending}: {line}"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

pub fn parse<R: DeserializeOwned>(printed: &str) -> Result<R, String> {
    if printed.trim().is_empty() {
        return Err("printed nothing".to_owned());
    }
    let start: String = printed.trim().chars().take(80).collect();
    serde_json::from_str(printed).map_err(|error| format!("printed `{start}`, which is no reading ({error})"))
}

/// The reading, if its answer is right and it has all of `units`.
pub fn checked(reading: Reading, answer: &str, units: &[Unit]) -> Result<Reading, String> {
    if reading.answer != answer {
        return Err(format!("wrong answer: {}, right is {answer}", reading.answer));
    }
    for &unit in units {
        match reading.value(unit) {
            Some(value) if !value.is_finite() || value < 0.0 => {
                return Err(format!("measured {value} {}", unit.name()));
            }
            None if !unit.is_memory() || cfg!(target_os = "linux") => {
                return Err(format!("did not measure {}", unit.name()));
            }
            _ => {}
        }
    }
    Ok(reading)
}

/// A progress bar on a terminal; elsewhere a line per workload.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub fn new(runs: u64) -> Self {
        // Draws on standard error, if standard error is a terminal.
        let bar = ProgressBar::new(runs);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} runs, {elapsed} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_secs(1));
        Self { bar }
    }

    /// Prints `what` and the numbers of subjects and rounds, if there is no bar.
    pub fn begin(what: &str, subjects: usize, rounds: u32) {
        if !std::io::stderr().is_terminal() {
            eprintln!("{what}: {subjects} subjects, rounds: {rounds}");
        }
    }

    pub fn show(&self, message: String) {
        self.bar.set_message(message);
    }

    pub fn step(&self) {
        self.bar.inc(1);
    }

    /// Hides the bar during `print`.
    pub fn aside(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
#[path = "rounds_tests.rs"]
mod tests;
