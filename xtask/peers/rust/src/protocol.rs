//! The common part of all workloads: the command line, the measurements, the output.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::times::Times;

/// An implementation of a workload. The argument of `run` is the number of items.
pub struct Subject {
    workload: &'static str,
    name: &'static str,
    run: fn(u32) -> Outcome,
}

impl Subject {
    pub const fn new(workload: &'static str, name: &'static str, run: fn(u32) -> Outcome) -> Self {
        Self { workload, name, run }
    }
}

/// The line of JSON that a run prints. A workload reports only the units it has.
#[derive(Serialize)]
pub struct Outcome {
    answer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_kib: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_each: Option<f64>,
    /// Percentiles, each with the largest time in µs of that part of the items.
    #[serde(skip_serializing_if = "Option::is_none")]
    latency: Option<Vec<(f64, f64)>>,
}

impl Outcome {
    pub fn timed(answer: u64, elapsed: Duration) -> Self {
        Self {
            answer: answer.to_string(),
            ms: Some(elapsed.as_secs_f64() * 1000.0),
            peak_kib: None,
            bytes_each: None,
            latency: None,
        }
    }

    /// Adds the peak memory of this process, if the system reports the peak.
    pub fn with_peak(self) -> Self {
        Self { peak_kib: memory_kib("VmHWM"), ..self }
    }

    pub fn sized(answer: u64, bytes_each: Option<f64>) -> Self {
        Self { answer: answer.to_string(), ms: None, peak_kib: None, bytes_each, latency: None }
    }

    pub fn of_times(answer: u64, times: &Times) -> Self {
        Self { latency: Some(times.points()), ..Self::sized(answer, None) }
    }

    pub fn with_times(self, times: &Times) -> Self {
        Self { latency: Some(times.points()), ..self }
    }
}

/// Returns a memory field of `/proc/self/status`, if the system has the file and the field.
pub fn memory_kib(field: &str) -> Option<u32> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?
        .trim()
        .strip_suffix(" kB")?
        .parse()
        .ok()
}

/// Carries out the request of the command line.
pub fn main(subjects: &[Subject]) -> ExitCode {
    let args: Vec<String> = env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match answer(&args, subjects) {
        Ok(text) => match writeln!(io::stdout(), "{text}") {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(problem) => {
            eprintln!("towpath-peers: {problem:#}");
            ExitCode::from(2)
        }
    }
}

fn answer(args: &[&str], subjects: &[Subject]) -> Result<String> {
    match *args {
        ["list"] => {
            let lines: Vec<_> =
                subjects.iter().map(|subject| format!("{}\t{}", subject.workload, subject.name)).collect();
            Ok(lines.join("\n"))
        }
        ["run", workload, name, items] => {
            let items =
                items.parse().ok().filter(|&items| items > 0).with_context(|| {
                    format!("ITEMS is `{items}`, want a whole number from 1 to {}", u32::MAX)
                })?;
            let subject = subjects
                .iter()
                .find(|subject| subject.workload == workload && subject.name == name)
                .with_context(|| format!("no subject `{name}` of `{workload}`; see `towpath-peers list`"))?;
            Ok(serde_json::to_string(&(subject.run)(items))?)
        }
        _ => bail!("usage: towpath-peers list | towpath-peers run WORKLOAD SUBJECT ITEMS"),
    }
}
