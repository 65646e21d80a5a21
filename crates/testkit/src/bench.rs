//! The uniform benchmark: each workload written once, against the trait, for any pattern.
//!
//! A pattern crate's `benches/uniform.rs` is a program that `cargo xtask bench` asks what it can run
//! (`list`) and has run one workload in a process of its own (`run WORKLOAD SUBJECT ITEMS`); it answers
//! with one line of JSON.

mod process;
mod workloads;

use std::process::ExitCode;

use serde_json::json;

use crate::subject::Subject;
use workloads::{Measured, WORKLOADS, Workload};

type Measure = Box<dyn Fn(&Workload, u64) -> anyhow::Result<Measured>>;

/// The benchmark of the patterns of one crate: `main` of its `benches/uniform.rs`.
///
/// ```no_run
/// # use towpath_testkit::{Benchmark, Case, Subject};
/// # use towpath_pattern::{Job, Order, Pattern, Run, Settings, Source, Scope};
/// # use std::process::ExitCode;
/// # fn of<S: Subject>(subject: S) -> ExitCode {
/// Benchmark::of(subject).main()
/// # }
/// ```
#[must_use]
pub struct Benchmark {
    subjects: Vec<(String, Measure)>,
}

impl Benchmark {
    /// The benchmark of `subject`.
    pub fn of<S: Subject>(subject: S) -> Self {
        Self { subjects: Vec::new() }.and(subject)
    }

    /// The same, and `subject` as well.
    pub fn and<S: Subject>(mut self, subject: S) -> Self {
        let name = subject.name();
        let measure = move |workload: &Workload, items| workloads::run(&subject, workload, items);
        self.subjects.push((name, Box::new(measure)));
        self
    }

    /// Answers to the arguments of this process.
    ///
    /// Without any, as `cargo test --benches` runs it, it says how it is used and succeeds.
    #[must_use]
    pub fn main(self) -> ExitCode {
        let arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
        let arguments: Vec<String> = arguments.collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        match *arguments.as_slice() {
            [] => {
                println!("usage: list | run WORKLOAD SUBJECT ITEMS; `cargo xtask bench` runs everything");
                ExitCode::SUCCESS
            }
            ["list"] => {
                for (name, _) in &self.subjects {
                    for workload in WORKLOADS {
                        println!("{}\t{name}", workload.name);
                    }
                }
                ExitCode::SUCCESS
            }
            ["run", workload, subject, items] => match self.find(workload, subject, items) {
                Ok((measure, workload, items)) => answer(workload, measure(workload, items)),
                Err(wrong) => refuse(&wrong),
            },
            _ => refuse("expected `list` or `run WORKLOAD SUBJECT ITEMS`"),
        }
    }

    fn find(
        &self,
        workload: &str,
        subject: &str,
        items: &str,
    ) -> Result<(&Measure, &'static Workload, u64), String> {
        let known = WORKLOADS.iter().find(|known| known.name == workload);
        let known = known.ok_or_else(|| format!("no workload `{workload}` here; see `list`"))?;
        let measure = self.subjects.iter().find(|(name, _)| name == subject);
        let (_, measure) = measure.ok_or_else(|| format!("no subject `{subject}` here; see `list`"))?;
        let items = items.parse().map_err(|error| format!("items `{items}`: {error}"))?;
        Ok((measure, known, items))
    }
}

fn refuse(wrong: &str) -> ExitCode {
    eprintln!("{wrong}");
    ExitCode::from(2)
}

fn answer(workload: &Workload, measured: anyhow::Result<Measured>) -> ExitCode {
    let Measured { answer, ms, bytes_each } = match measured {
        Ok(measured) => measured,
        Err(error) => {
            eprintln!("{}: {error:#}", workload.name);
            return ExitCode::FAILURE;
        }
    };
    let mut line = json!({ "answer": answer.to_string() });
    if let Some(ms) = ms {
        line["ms"] = json!(ms);
    }
    if workload.peak
        && let Some(peak) = process::memory_kib("VmHWM:")
    {
        line["peak_kib"] = json!(peak);
    }
    if let Some(bytes) = bytes_each {
        line["bytes_each"] = json!(bytes);
    }
    println!("{line}");
    ExitCode::SUCCESS
}
