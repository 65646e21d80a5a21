//! The uniform benchmark: each workload written once, against the trait, for any pattern.
//!
//! A pattern crate's `benches/uniform.rs` is a program that `cargo xtask bench` asks what it can run
//! (`list`) and has run one workload in a process of its own (`run WORKLOAD SUBJECT ITEMS`); it answers
//! with one line of JSON. In the same way `growths` lists the quantities that can be made larger, and `grow
//! QUANTITY VALUE SUBJECT ITEMS` makes one as large as that. `paths` and `walk PATH ITEMS` are the same for
//! `cargo xtask bench --counts`, which counts from outside.

mod growth;
mod hash;
mod latency;
mod measured;
mod mixed;
mod paths;
pub(crate) mod process;
mod times;
mod workloads;

use std::fmt::Display;
use std::future::Future;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::rc::Rc;
use std::str::FromStr;

use serde_json::json;

use crate::subject::Subject;
use growth::QUANTITIES;
use measured::Measured;
use workloads::WORKLOADS;

const USAGE: &str = "list | run WORKLOAD SUBJECT ITEMS | growths | grow QUANTITY VALUE SUBJECT ITEMS | \
    paths | walk PATH ITEMS";

/// The benchmark of the patterns of one crate: `main` of its `benches/uniform.rs`.
///
/// ```no_run
/// # use towpath_testkit::{Benchmark, Case, Subject};
/// # use towpath_pattern::{Job, Order, Pattern, Run, Settings, Source, Scope};
/// # use std::process::ExitCode;
/// # fn of<S: Subject>(subject: S) -> ExitCode {
/// Benchmark::new(subject).main()
/// # }
/// ```
#[must_use]
pub struct Benchmark {
    tasks: Vec<Task>,
    growths: Vec<Growth>,
    paths: Vec<HotPath>,
}

/// One workload done by one subject.
struct Task {
    workload: String,
    subject: String,
    /// Whether the peak memory of the process is told.
    peak: bool,
    measure: Box<dyn Fn(u64) -> anyhow::Result<Measured>>,
}

/// One quantity that can be made larger, of one subject.
struct Growth {
    quantity: String,
    subject: String,
    measure: Box<dyn Fn(usize, u64) -> anyhow::Result<Measured>>,
}

/// One way that an item can go, whose instructions are counted.
struct HotPath {
    name: String,
    walk: Box<dyn Fn(u64) -> anyhow::Result<()>>,
}

impl Benchmark {
    /// The benchmark of `subject`.
    pub fn new<S: Subject>(subject: S) -> Self {
        Self { tasks: Vec::new(), growths: Vec::new(), paths: Vec::new() }.and(subject)
    }

    /// The same, and `subject` as well.
    pub fn and<S: Subject>(mut self, subject: S) -> Self {
        let name = subject.name();
        let of_path = subject.clone();
        let noop = move |items| paths::noop(of_path.clone(), items);
        let subject = Rc::new(subject);
        self.tasks.extend(WORKLOADS.iter().map(|workload| {
            let by = Rc::clone(&subject);
            Task {
                workload: workload.name.to_owned(),
                subject: name.clone(),
                peak: workload.peak,
                measure: Box::new(move |items| workloads::run(&*by, workload, items)),
            }
        }));
        self.growths.extend(QUANTITIES.map(|quantity| {
            let by = Rc::clone(&subject);
            Growth {
                quantity: quantity.name().to_owned(),
                subject: name.clone(),
                measure: Box::new(move |value, items| quantity.measure(&*by, value, items)),
            }
        }));
        self.path(&name, noop)
    }

    /// The same, and a workload that is about what only this crate does: `work` is done once, with so many
    /// items, in a task of the runtime, and returns the answer that every subject of the workload gives.
    pub fn with<Fut>(mut self, workload: &str, subject: &str, work: impl Fn(u64) -> Fut + 'static) -> Self
    where
        Fut: Future<Output = anyhow::Result<u64>> + Send + 'static,
    {
        self.tasks.push(Task {
            workload: workload.to_owned(),
            subject: subject.to_owned(),
            peak: false,
            measure: Box::new(move |items| workloads::run_alone(work(items))),
        });
        self
    }

    /// The same, and a quantity that only this crate's patterns have: `work` is done once, with that quantity
    /// so large and with so many items, in a task of the runtime, and returns the sum of the items, counted
    /// from 0.
    pub fn growing<Fut>(
        mut self,
        quantity: &str,
        subject: &str,
        work: impl Fn(usize, u64) -> Fut + 'static,
    ) -> Self
    where
        Fut: Future<Output = anyhow::Result<u64>> + Send + 'static,
    {
        self.growths.push(Growth {
            quantity: quantity.to_owned(),
            subject: subject.to_owned(),
            measure: Box::new(move |value, items| workloads::run_alone(work(value, items))),
        });
        self
    }

    /// The same, and a hot path that only this crate has: `work` sends so many items along it, in a task of a
    /// runtime of one thread, and returns how many there were. What it costs besides must not depend on
    /// how many there are. A subject's no-op jobs are a path already.
    pub fn path<Fut>(mut self, name: &str, work: impl Fn(u64) -> Fut + 'static) -> Self
    where
        Fut: Future<Output = anyhow::Result<u64>> + Send + 'static,
    {
        let walk = move |items| paths::walk(items, work(items));
        self.paths.push(HotPath { name: name.to_owned(), walk: Box::new(walk) });
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
                println!("usage: {USAGE}; `cargo xtask bench` runs everything");
                ExitCode::SUCCESS
            }
            ["list"] => {
                for Task { workload, subject, .. } in &self.tasks {
                    println!("{workload}\t{subject}");
                }
                ExitCode::SUCCESS
            }
            ["run", workload, subject, items] => match self.find(workload, subject, items) {
                Ok((task, items)) => answer(workload, task.peak, (task.measure)(items)),
                Err(wrong) => refuse(&wrong),
            },
            ["growths"] => {
                for Growth { quantity, subject, .. } in &self.growths {
                    println!("{quantity}\t{subject}");
                }
                ExitCode::SUCCESS
            }
            ["grow", quantity, value, subject, items] => {
                match self.find_growth(quantity, value, subject, items) {
                    Ok((growth, value, items)) => answer(quantity, true, (growth.measure)(value, items)),
                    Err(wrong) => refuse(&wrong),
                }
            }
            ["paths"] => {
                for HotPath { name, .. } in &self.paths {
                    println!("{name}");
                }
                ExitCode::SUCCESS
            }
            ["walk", path, items] => match self.find_path(path, items) {
                Ok((path, items)) => walked(path, (path.walk)(items)),
                Err(wrong) => refuse(&wrong),
            },
            _ => refuse(&format!("expected {USAGE}")),
        }
    }

    fn find(&self, workload: &str, subject: &str, items: &str) -> Result<(&Task, u64), String> {
        let task = self.tasks.iter().find(|task| task.workload == workload && task.subject == subject);
        let task = task.ok_or_else(|| format!("`{subject}` does not do `{workload}` here; see `list`"))?;
        Ok((task, number("items", items)?))
    }

    fn find_growth(
        &self,
        quantity: &str,
        value: &str,
        subject: &str,
        items: &str,
    ) -> Result<(&Growth, usize, u64), String> {
        let growth = self.growths.iter().find(|g| g.quantity == quantity && g.subject == subject);
        let growth =
            growth.ok_or_else(|| format!("`{subject}` has no `{quantity}` to grow here; see `growths`"))?;
        let value: NonZeroUsize = number(quantity, value)?;
        Ok((growth, value.get(), number("items", items)?))
    }

    fn find_path(&self, path: &str, items: &str) -> Result<(&HotPath, u64), String> {
        let found = self.paths.iter().find(|known| known.name == path);
        let found = found.ok_or_else(|| format!("there is no path `{path}` here; see `paths`"))?;
        Ok((found, number("items", items)?))
    }
}

fn number<N: FromStr<Err: Display>>(what: &str, text: &str) -> Result<N, String> {
    text.parse().map_err(|error| format!("{what} `{text}`: {error}"))
}

fn refuse(wrong: &str) -> ExitCode {
    eprintln!("{wrong}");
    ExitCode::from(2)
}

fn walked(path: &HotPath, outcome: anyhow::Result<()>) -> ExitCode {
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    eprintln!("{}: {error:#}", path.name);
    ExitCode::FAILURE
}

/// `peak`: whether the peak memory of the process is told.
fn answer(about: &str, peak: bool, measured: anyhow::Result<Measured>) -> ExitCode {
    let Measured { answer, ms, bytes_each, latency } = match measured {
        Ok(measured) => measured,
        Err(error) => {
            eprintln!("{about}: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let mut line = json!({ "answer": answer.to_string() });
    if let Some(ms) = ms {
        line["ms"] = json!(ms);
    }
    if peak && let Some(peak) = process::memory_kib("VmHWM:") {
        line["peak_kib"] = json!(peak);
    }
    if let Some(bytes) = bytes_each {
        line["bytes_each"] = json!(bytes);
    }
    if !latency.is_empty() {
        line["latency"] = json!(latency);
    }
    println!("{line}");
    ExitCode::SUCCESS
}
